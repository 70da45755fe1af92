"""What a figure shows, taken from plotly's JSON or from matplotlib's artists, in the form of `figure_marks`."""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from html import unescape
from typing import Any

import numpy as np
from figure_marks import KINDS, Numbers, assert_same, data_numbers
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from dnr_core.figures.screen import BESIDE
from dnr_core.figures.screen.squares import PALE
from dnr_core.figures.spec import ACCENT

__all__ = ["Numbers", "assert_same", "data_numbers", "paper_numbers", "screen_numbers"]

# from plotly's JSON


def screen_numbers(figure: Any) -> Numbers:
    """What a plotly figure shows."""
    drawn = json.loads(figure.to_json())
    traces, layout = drawn["data"], drawn["layout"]
    kind = kind_on_screen(traces)
    labels = (unescape(layout.get(axis, {}).get("title", {}).get("text", "")) for axis in ("xaxis", "yaxis"))
    return Numbers(kind, *labels, marks=globals()[f"screen_{kind}"](traces, layout))


def kind_on_screen(traces: list[dict[str, Any]]) -> str:
    first, last = traces[0], traces[-1]
    if first["type"] == "bar":
        return "bars" if first.get("orientation") == "h" else "columns"
    if first["type"] in ("heatmap", "scattergl", "table"):
        return {"heatmap": "cells", "scattergl": "scatter"}.get(first["type"], "table")
    if last.get("error_y"):
        return "reliability"
    if first.get("error_x"):
        return "intervals"
    if first.get("marker", {}).get("symbol") == "square":
        return "strip" if "opacity" not in first["marker"] else "cells"
    return "lines"


def listed(values: Any) -> list[Any]:
    """A list that plotly may have written as bytes."""
    if isinstance(values, dict) and "bdata" in values:
        return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"]).tolist()
    return list(values) if values is not None else []


def words(values: Any, count: int) -> list[str | None]:
    return [unescape(str(one)) for one in values] if values is not None else [None] * count


def ends(errors: dict[str, Any] | None, values: list[float]) -> list[tuple[float | None, float | None]]:
    if not errors:
        return [(None, None)] * len(values)
    below, above = listed(errors["arrayminus"]), listed(errors["array"])
    return [(value - down, value + up) for value, down, up in zip(values, below, above, strict=True)]


def screen_bars(traces: Any, layout: Any) -> list[tuple[Any, ...]]:
    rows, found = layout["yaxis"]["categoryarray"][::-1], []
    for trace in traces:
        x = listed(trace["x"])
        lows, texts = ends(trace.get("error_x"), x), words(trace.get("text"), len(x))
        for row, value, (low, high), text in zip(trace["y"], x, lows, texts, strict=True):
            name = unescape(row).removesuffix(f"{BESIDE}{text}" if trace.get("textposition") == "none" else "")
            found.append((rows.index(row), name, unescape(trace["name"]), value, low, high, text))
    return [one[1:] for one in sorted(found, key=lambda one: one[0])]


def screen_columns(traces: Any, layout: Any) -> list[tuple[Any, ...]]:
    return [
        (unescape(trace["name"]), x, y)
        for trace in traces
        for x, y in zip(listed(trace["x"]), listed(trace["y"]), strict=True)
    ]


def screen_lines(traces: Any, layout: Any) -> list[tuple[Any, ...]]:
    return [(name, x, float("nan") if y is None else y) for name, x, y in screen_columns(traces, layout)]


def screen_cells(traces: Any, layout: Any) -> list[tuple[Any, ...]]:
    if traces[0]["type"] == "scatter":
        return square_cells(traces[0], layout)
    heat, texts = traces[0], {}
    for trace in traces[1:]:
        for x, y, text in zip(trace["x"], trace["y"], trace["text"], strict=True):
            texts[y, x] = unescape(str(text))
    return [
        (unescape(y), unescape(x), value, texts.get((y, x)))
        for y, line in zip(heat["y"], heat["z"], strict=True)
        for x, value in zip(heat["x"], line, strict=True)
        if value is not None
    ]


def square_cells(trace: Any, layout: Any) -> list[tuple[Any, ...]]:
    """The share of a square is read back from its colour."""
    pale, dark = (np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) for colour in (PALE, ACCENT))
    found = []
    for x, y, text, colour in zip(trace["x"], trace["y"], trace["text"], trace["marker"]["color"], strict=True):
        value = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
        found.append((unescape(y), unescape(x), float((value - pale) @ (dark - pale) / ((dark - pale) @ (dark - pale))),
                      unescape(text)))  # fmt: skip
    rows, columns = (list(map(unescape, layout[axis]["categoryarray"])) for axis in ("yaxis", "xaxis"))
    return sorted(found, key=lambda one: (rows.index(one[0]), columns.index(one[1])))


def screen_strip(traces: Any, layout: Any) -> list[tuple[Any, ...]]:
    (trace,) = traces
    shown = trace.get("text") if "text" in trace["mode"] else None
    x, colours = listed(trace["x"]), trace["marker"]["color"]
    rows = zip(trace["y"], x, colours, words(shown, len(x)), strict=True)
    return [(unescape(y), at, colour.lower(), text) for y, at, colour, text in rows]


def screen_reliability(traces: Any, layout: Any) -> list[tuple[Any, ...]]:
    points = traces[1]
    y = listed(points["y"])
    rows = zip(listed(points["x"]), y, ends(points["error_y"], y), words(points["text"], len(y)), strict=True)
    return [(x, value, low, high, text) for x, value, (low, high), text in rows]


def screen_intervals(traces: Any, layout: Any) -> list[tuple[Any, ...]]:
    found = []
    for trace in traces:
        (x,), (text,) = listed(trace["x"]), words(trace.get("text"), 1)
        ((low, high),) = ends(trace["error_x"], [x])
        ring = "ring" if trace["marker"]["symbol"].endswith("-open") else "dot"
        found.append((unescape(trace["y"][0]), x, low, high, ring, trace["marker"]["color"].lower(), text))
    rows = [unescape(name) for name in layout["yaxis"]["categoryarray"][::-1]]
    return sorted(found, key=lambda one: rows.index(one[0]))


def screen_scatter(traces: Any, layout: Any) -> list[tuple[Any, ...]]:
    found = []
    for trace in traces:
        x, y, shade = listed(trace["x"]), listed(trace["y"]), trace["marker"].get("color")
        numbers = listed(shade) if not isinstance(shade, str) else [None] * len(x)
        found += [(unescape(trace["name"]), *one) for one in zip(x, y, numbers, strict=True)]
    return sorted(found, key=lambda one: (one[0], np.float32(one[1])))


def screen_table(traces: Any, layout: Any) -> list[tuple[Any, ...]]:
    (trace,) = traces
    names, columns = trace["header"]["values"], trace["cells"]["values"]
    return [
        (unescape(name), row, unescape(word.rpartition("</span>")[2].strip()))
        for name, column in zip(names, columns, strict=True)
        for row, word in enumerate(column)
    ]


# from matplotlib's artists


def paper_numbers(figure: Figure) -> list[Numbers]:
    """What each panel of a figure on paper shows."""
    found = []
    for axes in figure.axes:
        if (label := axes.get_label()) in ("head", ""):
            continue
        kind = KINDS.get(str(label), str(label))
        said = spoken(axes)
        marks = globals()[f"paper_{kind}"](axes, said)
        found.append(Numbers(kind, "".join(said["x_label"]), "".join(said["y_label"]), marks))
    return found


def spoken(axes: Axes) -> dict[str, list[str]]:
    """The lines of each thing that is written."""
    found: dict[str, list[str]] = defaultdict(list)
    for text in axes.texts:
        found[str(text.get_label())].append(text.get_text())
    return found


def named(said: dict[str, list[str]], side: str) -> dict[float, str]:
    """Place → name at an axis."""
    found = {float(label[2:]): "".join(lines) for label, lines in said.items() if label.startswith(f"{side} ")}
    return dict(sorted(found.items()))


def label_of(artist: Any) -> str:
    """The label of an artist; matplotlib numbers those that have none."""
    return re.sub(r"^_(child|container)\d+$", "", str(artist.get_label()))


def nearest(names: dict[float, str], place: float) -> str:
    return names[min(names, key=lambda one: abs(one - place))]


def segments(axes: Axes) -> list[np.ndarray]:
    """The intervals, in the order of the data."""
    lines = [one for one in axes.collections if isinstance(one, LineCollection) and one.get_label() == "interval"]
    return [segment for one in lines for segment in one.get_segments()]


def paper_bars(axes: Axes, said: dict[str, list[str]]) -> list[tuple[Any, ...]]:
    names, found = named(said, "y"), []
    texts = defaultdict(list)
    for text in axes.texts:
        if text.get_label() == "value":
            texts[nearest(names, text.get_position()[1])].append(text.get_text())
    whiskers = defaultdict(list)
    for segment in segments(axes):
        whiskers[nearest(names, segment[0, 1])].append((segment[0, 0], segment[1, 0]))
    places = {name: place for place, name in names.items()}
    for container in axes.containers:
        for bar in container:
            row = nearest(names, bar.get_y() + bar.get_height() / 2)
            low, high = whiskers[row].pop(0) if whiskers[row] else (None, None)
            text = texts[row].pop(0) if texts[row] else None
            found.append((row, container.get_label(), bar.get_width(), low, high, text))
    return sorted(found, key=lambda one: places[one[0]])


def paper_columns(axes: Axes, said: dict[str, list[str]]) -> list[tuple[Any, ...]]:
    return [
        (label_of(container), bar.get_x() + bar.get_width() / 2, bar.get_height())
        for container in axes.containers
        for bar in container
    ]


def paper_lines(axes: Axes, said: dict[str, list[str]]) -> list[tuple[Any, ...]]:
    drawn = [line for line in axes.lines if line.get_label() not in ("mark", "grid")]
    return [(label_of(line), x, y) for line in drawn for x, y in zip(*line.get_data(orig=True), strict=True)]


def paper_cells(axes: Axes, said: dict[str, list[str]]) -> list[tuple[Any, ...]]:
    rows, columns = list(named(said, "y").values()), list(named(said, "x").values())
    (mesh,) = [one for one in axes.collections if isinstance(one, QuadMesh)]
    values = np.ma.filled(np.ma.asarray(mesh.get_array()).reshape(len(rows), len(columns)), np.nan)
    places = list(named(said, "y"))
    texts = {
        (min(range(len(rows)), key=lambda one: abs(places[one] - text.get_position()[1])), int(text.get_position()[0])):
        text.get_text()
        for text in axes.texts if text.get_label() == "cell"
    }  # fmt: skip
    return [
        (rows[i], columns[j], float(values[i, j]), texts[i, j] if texts else None)
        for i in range(len(rows))
        for j in range(len(columns))
        if values[i, j] == values[i, j]
    ]


def paper_strip(axes: Axes, said: dict[str, list[str]]) -> list[tuple[Any, ...]]:
    names = named(said, "y")
    texts = {text.get_position(): text.get_text() for text in axes.texts if text.get_label() == "cell"}
    found = []
    for box in axes.patches:
        if box.get_label() != "mark":
            x, y = box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2
            text = next((said for (a, b), said in texts.items() if abs(a - x) + abs(b - y) < 1e-6), None)
            found.append((nearest(names, y), round(x, 9), to_hex(box.get_facecolor()), text))
    return found


def paper_reliability(axes: Axes, said: dict[str, list[str]]) -> list[tuple[Any, ...]]:
    (points,) = [line for line in axes.lines if line.get_label() == "points"]
    rows = zip(*points.get_data(orig=True), segments(axes), said["value"], strict=True)
    return [(x, y, segment[0, 1], segment[1, 1], text) for x, y, segment, text in rows]


def paper_intervals(axes: Axes, said: dict[str, list[str]]) -> list[tuple[Any, ...]]:
    names = named(said, "y")
    texts = said["value"] or [None] * len(names)
    lines = [line for line in axes.lines if line.get_label() == "interval"]
    dots = [line for line in axes.lines if line.get_marker() != "None"]
    found = []
    for line, dot, text in zip(lines, dots, texts, strict=True):
        (low, high), (x,), (y,) = line.get_xdata(), dot.get_xdata(), dot.get_ydata()
        ring = "ring" if to_hex(dot.get_markerfacecolor()) == "#ffffff" else "dot"
        found.append((nearest(names, y), x, low, high, ring, to_hex(dot.get_markeredgecolor()), text))
    return sorted(found, key=lambda one: list(names.values()).index(one[0]))


def paper_scatter(axes: Axes, said: dict[str, list[str]]) -> list[tuple[Any, ...]]:
    found = []
    for part in axes.collections:
        if isinstance(part, PathCollection):
            shades = part.get_array()
            values = [None] * len(part.get_offsets()) if shades is None else shades.tolist()
            name = label_of(part)
            found += [(name, x, y, value) for (x, y), value in zip(part.get_offsets().tolist(), values, strict=True)]
    for line in axes.lines:
        found += [("in focus", x, y, None) for x, y in zip(*line.get_data(orig=True), strict=True)]
    return sorted(found, key=lambda one: (one[0], np.float32(one[1])))


def paper_table(axes: Axes, said: dict[str, list[str]]) -> list[tuple[Any, ...]]:
    heads = ["".join(lines) for label, lines in said.items() if label.startswith("head ")]
    found = []
    for label, lines in said.items():
        if label.startswith("cell "):
            column, row = map(int, label.split()[1:])
            found.append((column, heads[column], row, "".join(lines)))
    return [one[1:] for one in sorted(found, key=lambda one: (one[0], one[2]))]
