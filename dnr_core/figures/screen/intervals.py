"""Draws differences with their intervals: which of them leave zero out?"""

from __future__ import annotations

from typing import Any

from dnr_core.figures.screen.drawing import GRID, NAMES, literal, literals
from dnr_core.figures.spec import ACCENT, QUIET, FigureSpec


def intervals(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """One point a row of data with its interval, filled where the interval leaves zero out."""
    traces = [point(spec, row) for row in spec.data.to_dict("records")]
    ends = [0.0, *spec.data[spec.low], *spec.data[spec.high]]
    pad = 0.06 * (max(ends) - min(ends) or 1.0)
    layout = {
        "xaxis": {
            "zeroline": True,
            "zerolinecolor": QUIET,
            "zerolinewidth": 2,
            "showgrid": True,
            "gridcolor": GRID,
            "range": [min(ends) - pad, max(ends) + pad],
        },
        "yaxis": NAMES | {"categoryorder": "array", "categoryarray": literals(spec.data[spec.y])[::-1]},
        "showlegend": False,
    }
    return traces, layout


def point(spec: FigureSpec, row: dict[Any, Any]) -> dict[str, Any]:
    """One point: its colour is that of its group, a ring where zero is possible."""
    x, low, high = (float(row[column]) for column in (spec.x, spec.low, spec.high))
    colour = spec.colours.get(str(row[spec.colour]), ACCENT)
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": literal(row[spec.y]),
        "x": [x],
        "y": literals([row[spec.y]]),
        "text": literals([row[spec.text]]) if spec.text else None,
        "textposition": "top center",
        "textfont": {"size": 11},
        "marker": {
            "symbol": "circle-open" if low <= 0 <= high else "circle",
            "size": 10,
            "color": colour,
            "line": {"width": 2.5, "color": colour},
        },
        "error_x": {"array": [high - x], "arrayminus": [x - low], "thickness": 1.5, "color": QUIET},
        "hovertemplate": f"%{{y}}: %{{x:+.3f}} ({low:+.3f} to {high:+.3f})<extra></extra>",
        "cliponaxis": False,
    }
