"""A map of points on screen: WebGL, one colour and symbol a group, the id of each point in its customdata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from dnr_core.figures.screen.drawing import literal, literals
from dnr_core.figures.spec import QUIET, FigureSpec

SHADES = [[0, "#B4500A"], [0.5, "#C9CDD2"], [1, "#2F6F9F"]]
FOCUS = {"symbol": "circle-open", "size": 19, "color": "#D55E00", "line": {"width": 3}}
SIZES = ((3000, 7), (20_000, 5), (60_000, 4))


def scatter(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Points (columns `key`, `focus`, `picked`) of a group, or of a number, in two dimensions of one scale."""
    data, colour = spec.data, spec.colour or spec.y
    if is_numeric_dtype(data[colour]):
        traces = [points(spec, data, "", shaded(data[colour], spec.text or ""))]
    else:
        groups = dict(iter(data.groupby(colour, sort=False)))
        order = [name for name in spec.colours if name in groups]
        looks = {name: {"color": spec.colours[name], "symbol": spec.patterns.get(name, "circle")} for name in order}
        traces = [points(spec, groups[name], name, looks[name]) for name in order]
    traces.append(focus_ring(spec, data[data["focus"]]))
    axis = {"showticklabels": False, "fixedrange": False, "ticks": ""}
    layout = {
        "xaxis": axis,
        "yaxis": axis | {"scaleanchor": "x"},
        "dragmode": "lasso",
        "modebar": {"orientation": "v"},
        "legend": {"itemsizing": "constant"},
        "showlegend": len(traces) > 2,
    }
    return traces, layout


def points(spec: FigureSpec, rows: pd.DataFrame, name: str, look: dict[str, Any]) -> dict[str, Any]:
    """One trace; where any point of the figure is picked, the others are grey from the start."""
    size = next((size for most, size in SIZES if len(spec.data) <= most), 3)
    about = "%{fullData.name}" if name else f"{literal(spec.text)} %{{marker.color:.3f}}"
    trace: dict[str, Any] = {
        "type": "scattergl",
        "mode": "markers",
        "name": literal(name),
        "x": rows[spec.x].to_numpy(np.float32),
        "y": rows[spec.y].to_numpy(np.float32),
        "customdata": np.array(literals(rows["key"]), dtype=object),  # plotly looks into each element of a list
        "marker": {"size": size, "opacity": 0.85, "line": {"width": 0}} | look,
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 0.18, "color": QUIET}},
        "hovertemplate": f"%{{customdata}}<br>{about}<extra></extra>",
    }
    if spec.data["picked"].any():
        trace["selectedpoints"] = np.flatnonzero(rows["picked"]).tolist()
    return trace


def shaded(values: pd.Series, title: str) -> dict[str, Any]:
    """The look of points of a number from 0 to 1."""
    bar = {"title": {"text": literal(title)}, "thickness": 12, "len": 0.5}
    numbers = values.to_numpy(np.float32)
    return {"color": numbers, "colorscale": SHADES, "cmin": 0, "cmax": 1, "showscale": True, "colorbar": bar}


def focus_ring(spec: FigureSpec, rows: pd.DataFrame) -> dict[str, Any]:
    """A ring around the point in focus, which is not to be picked itself."""
    return {
        "type": "scattergl",
        "mode": "markers",
        "name": "in focus",
        "x": rows[spec.x].tolist(),
        "y": rows[spec.y].tolist(),
        "marker": FOCUS,
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1, "color": FOCUS["color"]}},
        "hoverinfo": "skip",
        "showlegend": len(rows) > 0,
    }
