"""Drawings of the audit of errors: a matrix whose cells can be clicked, and a reliability diagram."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnr_core.figures.screen.drawing import GRID, NAMES, literals, readable_on
from dnr_core.figures.spec import ACCENT, QUIET, FigureSpec

PALE, FRAMES = "#E4E9EE", {"": ("rgba(0,0,0,0)", 0), "chosen": ("#009E73", 4), "focus": ("#D55E00", 4)}
"""The shade of 0, opaque so that numbers are read on either theme; colour and width of the frames."""
SIZE = 38


def squares(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A matrix of markers: a click on a heat map selects nothing. customdata: column number, row number, hover text."""
    data = spec.data
    columns, rows = (list(dict.fromkeys(data[name].tolist())) for name in (spec.x, spec.y))
    filled = [between(PALE, ACCENT, share) for share in data[spec.colour]]
    frames = [FRAMES[name] for name in data["frame"]]
    places = zip(data[spec.x].map(columns.index), data[spec.y].map(rows.index), strict=True)
    trace = {
        "type": "scatter",
        "mode": "markers+text",
        "x": literals(data[spec.x]),
        "y": literals(data[spec.y]),
        "text": literals(data[spec.text]),
        "textfont": {"color": [readable_on(colour) for colour in filled], "size": 12},
        "customdata": [
            [int(column), int(row), *literals(shown)]
            for (column, row), shown in zip(places, data[list(spec.hover)].to_numpy(dtype=object), strict=True)
        ],
        "marker": {
            "symbol": "square",
            "size": SIZE,
            "opacity": 1,
            "color": filled,
            "line": {"color": [colour for colour, _ in frames], "width": [width for _, width in frames]},
        },
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1}},
        "cliponaxis": False,
        "hovertemplate": "<br>".join(f"%{{customdata[{place + 2}]}}" for place in range(len(spec.hover)))
        + "<extra></extra>",
    }
    layout = {
        "xaxis": NAMES | {"categoryarray": literals(columns), "range": [-0.6, len(columns) - 0.4]},
        "yaxis": NAMES | {"categoryarray": literals(rows), "range": [len(rows) - 0.4, -0.6]},
        "showlegend": False,
    }
    return [trace], layout


def between(pale: str, dark: str, share: float) -> str:
    """The colour at a share of the way from `pale` to `dark`."""
    ends = np.array([[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in (pale, dark)])
    return "#" + "".join(f"{round(value):02X}" for value in ends[0] + share * (ends[1] - ends[0]))


def reliability(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Points with intervals against the diagonal, where probabilities would be taken at their word."""
    data = spec.data
    above, below = data[spec.high] - data[spec.y], data[spec.y] - data[spec.low]
    points = {
        "type": "scatter",
        "mode": "markers+text",
        "x": data[spec.x].tolist(),
        "y": data[spec.y].tolist(),
        "text": literals(data[spec.text]),
        "textposition": "bottom right",
        "textfont": {"size": 10},
        "marker": {"color": ACCENT, "size": 9},
        "error_y": {"array": above.tolist(), "arrayminus": below.tolist(), "thickness": 1.2, "color": QUIET},
        "customdata": [literals(shown) for shown in data[list(spec.hover)].to_numpy(dtype=object)],
        "hovertemplate": "<br>".join(f"%{{customdata[{place}]}}" for place in range(len(spec.hover)))
        + "<extra></extra>",
        "cliponaxis": False,
    }
    diagonal = {
        "type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "hoverinfo": "skip",
        "line": {"color": QUIET, "width": 1, "dash": "dot"},
    }  # fmt: skip
    axis = {"range": [0, 1.06], "dtick": 0.2, "showgrid": True, "gridcolor": GRID}
    return [diagonal, points], {"xaxis": axis, "yaxis": axis, "showlegend": False}
