"""Draws a FigureSpec on screen with plotly; fonts and background are left to the page's theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnr_core.figures.screen.columns import columns
from dnr_core.figures.screen.drawing import GRID, NAMES, bar_marker, literal, literals, mark_line, readable_on
from dnr_core.figures.screen.intervals import intervals
from dnr_core.figures.screen.scatter import scatter
from dnr_core.figures.screen.squares import reliability, squares
from dnr_core.figures.screen.table import table
from dnr_core.figures.spec import ACCENT, QUIET, FigureSpec

if TYPE_CHECKING:
    import plotly.graph_objects as go

BESIDE = "   "
"""Between the name of a bar with an interval and its text, which at the end of the bar would cover the interval."""
ZERO, BELOW = "#E4E9EE", "#B4500A"
CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "displayModeBar": False,
    "responsive": True,
}
"""plotly offers to send data to its cloud unless told otherwise; nothing leaves the machine."""
MAP_CONFIG = CONFIG | {
    "displayModeBar": True,
    "scrollZoom": True,
    "modeBarButtons": [["lasso2d", "select2d", "zoom2d", "pan2d", "resetScale2d"]],
}
"""A map of points: its buttons stay visible, because what can be done with it is said nowhere else."""


def render(spec: FigureSpec) -> go.Figure:
    """The plotly figure of a spec; what is drawn are the numbers of `spec.data`, unrounded."""
    import plotly.graph_objects as go  # not quick: the first page has something to read before

    traces, layout = KINDS[spec.kind](spec)
    axes = {"showgrid": False, "zeroline": False, "fixedrange": True}
    base = {
        "height": spec.height,
        "margin": {"l": 4, "r": 8, "t": 8, "b": 4},
        "dragmode": False,
        "xaxis": axes | axis_title(spec.x_label),
        "yaxis": axes | axis_title(spec.y_label),
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0, "title": {"text": ""}},
    }
    for name, given in layout.items():
        base[name] = base.get(name, {}) | given if isinstance(given, dict) else given
    return go.Figure({"data": traces, "layout": base})


def axis_title(label: str) -> dict[str, Any]:
    """What an axis says; without a label no room is kept for one."""
    return {"automargin": True} | ({"title": {"text": label}} if label else {})


def bars(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Horizontal bars, signed around a zero line, one trace a group so that the legend names it."""
    data, group, between = spec.data, spec.colour or spec.y, bool(spec.low and spec.high)
    if between and spec.text:
        data = data.assign(**{spec.y: data[spec.y].map(str) + BESIDE + data[spec.text].map(str)})
    traces = []
    for name, rows in data.groupby(group, sort=False):
        trace: dict[str, Any] = {
            "type": "bar",
            "orientation": "h",
            "name": literal(name),
            "x": rows[spec.x].tolist(),
            "y": literals(rows[spec.y]),
            "marker": bar_marker(spec, name),
            "hovertemplate": "%{y}: %{x:+.3f}<extra></extra>",
        }
        if spec.hover:
            trace["customdata"] = [literals(said) for said in rows[list(spec.hover)].to_numpy(object).tolist()]
            said = "<br>".join(f"%{{customdata[{place}]}}" for place in range(len(spec.hover)))
            trace["hovertemplate"] = f"{said}: %{{x:+.3f}}<extra></extra>"
        if spec.text:
            trace |= {
                "text": literals(rows[spec.text]),
                "textposition": "none" if between else "outside",
                "cliponaxis": False,
            }
        if between:
            above, below = rows[spec.high] - rows[spec.x], rows[spec.x] - rows[spec.low]
            trace["error_x"] = {"array": above.tolist(), "arrayminus": below.tolist(), "thickness": 1, "color": QUIET}
        traces.append(trace)
    order = literals(dict.fromkeys(data[spec.y]))
    reach = [min(0.0, float(data[spec.x].min())), max(0.0, float(data[spec.x].max()))]
    pad = 0.24 * (reach[1] - reach[0] or 1.0)
    span = [reach[0] - (pad if reach[0] < 0 else 0), reach[1] + (pad if reach[1] > 0 else 0)]
    layout = {
        "xaxis": {"zeroline": True, "zerolinecolor": QUIET, "showgrid": True, "gridcolor": GRID, "range": span},
        "yaxis": NAMES | {"categoryorder": "array", "categoryarray": order[::-1]},
        "barmode": "relative",
        "bargap": 0.25,
        "showlegend": False,
    }
    return traces, layout


def lines(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """One line per value of the colour column, with the interval of a series left to the caption."""
    dashes = ("solid", "dash", "dot", "dashdot")
    groups = spec.data.groupby(spec.colour, sort=False) if spec.colour else [("", spec.data)]
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": literal(name),
            "x": rows[spec.x].tolist(),
            "y": rows[spec.y].tolist(),
            "line": {"color": spec.colours.get(str(name), ACCENT), "width": 2, "dash": dashes[place % 4]},
            "hovertemplate": "%{fullData.name}: %{y:.3f}<extra></extra>",
        }
        for place, (name, rows) in enumerate(groups)
    ]
    shown = {"showgrid": True, "gridcolor": GRID}
    layout = {"yaxis": shown, "hovermode": "x unified", "showlegend": len(traces) > 1}
    if spec.mark is not None:
        layout["shapes"] = [mark_line(spec.mark)]
    return traces, layout


def matrix(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A heat map of shares, from 0 to 1."""
    hover = f"{spec.y_label} %{{y}}<br>{spec.x_label} %{{x}}<br>%{{z:.0%}} of the row<extra></extra>"
    return cells(spec, [[0, "rgba(47,111,159,0.04)"], [1, ACCENT]], (0.0, 1.0), hover, pale={}, dark_from=0.5)


def signed_matrix(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A heat map of numbers around 0: blue above, orange below; opaque, so that numbers are read on either theme."""
    reach = spec.reach or float(spec.data[spec.colour].abs().max()) or 1.0
    hover = "%{y}<br>%{x}<br>%{z:+.3f}<extra></extra>"
    written = {"textfont": {"color": "#16181d"}}
    return cells(spec, [[0, BELOW], [0.5, ZERO], [1, ACCENT]], (-reach, reach), hover, pale=written, dark_from=0.6)


def cells(
    spec: FigureSpec,
    scale: list[list[Any]],
    ends: tuple[float, float],
    hover: str,
    *,
    pale: dict[str, Any],
    dark_from: float,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A heat map with its numbers written in; columns and rows keep the order of the data.

    The numbers are two traces of their own: white on cells beyond the share `dark_from` of the end, and in the font
    `pale` (empty: the colour of the theme) on others.
    """
    data, written = spec.data, spec.text or spec.colour
    columns, rows = (list(dict.fromkeys(data[name].tolist())) for name in (spec.x, spec.y))
    shade = data.pivot(index=spec.y, columns=spec.x, values=spec.colour).loc[rows, columns].astype(object)
    heat = {
        "type": "heatmap",
        "x": literals(columns),
        "y": literals(rows),
        "z": shade.where(shade.notna(), None).to_numpy().tolist(),
        "colorscale": scale,
        "zmin": ends[0],
        "zmax": ends[1],
        "showscale": False,
        "hoverongaps": False,
        "xgap": 2,
        "ygap": 2,
        "hovertemplate": hover,
    }
    dark = data[spec.colour].abs() > dark_from * ends[1]
    texts = [
        {
            "type": "scatter",
            "mode": "text",
            "x": literals(part[spec.x]),
            "y": literals(part[spec.y]),
            "text": literals(part[written]),
            "hoverinfo": "skip",
            "showlegend": False,
        }
        | font
        for part, font in ((data[dark], {"textfont": {"color": "#FFFFFF"}}), (data[~dark], pale))
    ]
    return [heat, *texts], {"yaxis": NAMES | {"autorange": "reversed"}, "xaxis": NAMES | {"side": "bottom"}}


def strip(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Squares in rows over a common x; `text` stands inside, the focused x is framed. Row index is in customdata."""
    data = spec.data
    wide = data[spec.x].nunique() <= 40
    columns = [spec.x, *spec.hover]
    filled = [spec.colours.get(value, QUIET) for value in data[spec.colour]]
    written = [readable_on(colour) for colour in filled]
    sizes = [8 if len(str(text)) > 3 else 10 for text in data[spec.text]] if spec.text else 10
    trace = {
        "type": "scatter",
        "mode": "markers+text" if spec.text and wide else "markers",
        "x": data[spec.x].tolist(),
        "y": literals(data[spec.y]),
        "text": literals(data[spec.text]) if spec.text else None,
        "textfont": {"size": sizes, "color": written},
        "customdata": [[x, *literals(shown)] for x, *shown in data[columns].to_numpy(dtype=object).tolist()],
        "marker": {
            "symbol": "square",
            "size": 26 if wide else 9,
            "color": filled,
            "line": {"width": 0},
        },
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1}},
        "hovertemplate": "<br>".join(f"%{{customdata[{place}]}}" for place in range(1, len(columns)))
        + "<extra></extra>",
    }
    rows = literals(dict.fromkeys(data[spec.y]))
    last = float(data[spec.x].max())
    layout: dict[str, Any] = {
        "xaxis": {"range": [-0.7, max(last, 9) + 0.7], "dtick": 1 if wide else None},
        "yaxis": NAMES | {"categoryorder": "array", "categoryarray": rows[::-1], "range": [-0.6, len(rows) - 0.4]},
        "showlegend": False,
    }
    if spec.mark is not None:
        frame = {"color": ACCENT, "width": 1.5}
        box = {"x0": spec.mark - 0.48, "x1": spec.mark + 0.48, "yref": "paper", "y0": 0, "y1": 1}
        layout["shapes"] = [{"type": "rect", "line": frame, "fillcolor": "rgba(47,111,159,0.08)"} | box]
    return [trace], layout


KINDS = {
    "bars": bars,
    "lines": lines,
    "matrix": matrix,
    "signed_matrix": signed_matrix,
    "strip": strip,
    "squares": squares,
    "reliability": reliability,
    "scatter": scatter,
    "intervals": intervals,
    "columns": columns,
    "table": table,
}
"""How each kind of figure is drawn."""
