"""Vertical signed bars over numbers, such as the turns of a dialogue."""

from __future__ import annotations

from typing import Any

from dnr_core.figures.screen.drawing import GRID, bar_marker, literal, literals, mark_line
from dnr_core.figures.spec import QUIET, FigureSpec


def columns(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Vertical bars around a zero line, stacked at one x; a trace a group, named by the legend; customdata: x."""
    groups = spec.data.groupby(spec.colour, sort=False) if spec.colour else [("", spec.data)]
    traces = [
        {
            "type": "bar",
            "name": literal(name),
            "x": rows[spec.x].tolist(),
            "y": rows[spec.y].tolist(),
            "customdata": [[x, *literals(said)] for x, *said in rows[[spec.x, *spec.hover]].to_numpy(object).tolist()],
            "marker": bar_marker(spec, name),
            "selected": {"marker": {"opacity": 1}},
            "unselected": {"marker": {"opacity": 1}},
            "hovertemplate": "<br>".join(f"%{{customdata[{place}]}}" for place in range(1, len(spec.hover) + 1))
            + "<extra></extra>",
        }
        for name, rows in groups
    ]
    layout: dict[str, Any] = {
        "xaxis": {"range": [-0.7, max(float(spec.data[spec.x].max()), 9) + 0.7]},
        "yaxis": {"zeroline": True, "zerolinecolor": QUIET, "showgrid": True, "gridcolor": GRID},
        "barmode": "relative",
        "bargap": 0.25,
        "showlegend": len(traces) > 1,
    }
    if spec.mark is not None:
        layout["shapes"] = [mark_line(spec.mark)]
    return traces, layout
