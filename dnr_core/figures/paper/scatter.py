"""Maps of points on paper: one scale for both directions, names at the middle of the groups, many points as pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from pandas.api.types import is_numeric_dtype

from dnr_core.figures.paper.panel import Panel, Scale
from dnr_core.figures.paper.pen import INK, LEADING, LINE, Pen
from dnr_core.figures.spec import FigureSpec

SHAPES = {
    "circle": "o", "diamond": "D", "square": "s", "triangle-up": "^", "cross": "P", "x": "X", "triangle-down": "v",
    "pentagon": "p", "star": "*", "hexagram": "h",
}  # fmt: skip
SHADES, GREYS = ("#B4500A", "#C9CDD2", "#2F6F9F"), ("#E2E2E2", "#202020")
FOCUS = "#D55E00"
REST = "#DADADA"
"""Points that are not picked where others are."""
NAMED = 12
"""So many groups have their names on the map, more a legend."""
AS_PIXELS = 5000


class Scatter(Panel):
    """Points of groups, or of a number from 0 to 1."""

    def __init__(self, spec: FigureSpec, pen: Pen) -> None:
        super().__init__(spec, pen)
        self.group = spec.colour or spec.y
        self.numbers = is_numeric_dtype(spec.data[self.group])
        found = set() if self.numbers else set(map(str, spec.data[self.group]))
        self.groups = [name for name in spec.colours if name in found]
        self.groups += sorted(found - set(self.groups))
        self.looks = pen.looks(self.groups, spec.colours, {}, light=(0.12, 0.7))
        self.left = self.beside(0.0)
        if self.numbers:
            steps = tuple(to_hex(self.shades()(place / 31)) for place in range(32))
            self.scale = Scale(pen.shown(spec.text or ""), ("0", "1"), steps)
        elif len(self.groups) > NAMED:
            self.legend(self.groups, self.looks, "marker")

    def shades(self) -> LinearSegmentedColormap:
        """The colours of a number from 0 to 1."""
        ends = GREYS if self.pen.grey else SHADES
        return LinearSegmentedColormap.from_list("shades", list(ends))

    def fit(self, width: float) -> None:
        """As high as the points are spread, within bounds."""
        spec, pen = self.spec, self.pen
        across, up = (max(float(np.ptp(spec.data[name])), 1e-9) if len(spec.data) else 1.0 for name in (spec.x, spec.y))
        self.body = min(float(np.clip(up / across, 0.55, 1.0)) * width, 36 * pen.size)
        self.least = 14 * pen.size
        self.bottom = self.under(width, 0.0)

    def paint(self, axes: Axes, width: float, height: float) -> None:
        """Draw the points that are not picked, then the picked, the ring around the focus, the names."""
        spec, pen, data = self.spec, self.pen, self.spec.data
        self.bare(axes)
        self.limit(axes, width, height)
        for spine in axes.spines.values():
            spine.set(visible=True, color=LINE, linewidth=self.pen.line(0.5))
        any_picked = bool(data["picked"].any()) if "picked" in data else False
        size = self.point_size(width, height)
        parts = [(data[~data["picked"]], True), (data[data["picked"]], False)] if any_picked else [(data, False)]
        for rows, rest in parts:
            self.points(axes, rows, size, rest=rest)
        if "focus" in data and data["focus"].any():
            rows = data[data["focus"]]
            axes.plot(
                rows[spec.x], rows[spec.y], marker="o", markersize=1.3 * pen.size, markerfacecolor="none",
                markeredgecolor=pen.ink(FOCUS) if not pen.grey else INK, markeredgewidth=0.2 * pen.size,
                linestyle="none", label="in focus", zorder=5,
            )  # fmt: skip
        if not self.numbers and len(self.groups) <= NAMED:
            self.name_groups(axes, data[data["picked"]] if any_picked else data, width, height)
        self.name_axes(axes, width, height)

    def limit(self, axes: Axes, width: float, height: float) -> None:
        """Ends of the axes so that a step is as long in both directions."""
        middles, spans = [], []
        for name in (self.spec.x, self.spec.y):
            values = self.spec.data[name].to_numpy(float)
            ends = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
            middles.append(sum(ends) / 2)
            spans.append((ends[1] - ends[0]) or 1.0)
        room = 2.4 * self.pen.size
        step = max(spans[0] / (width - room), spans[1] / (height - room))
        axes.set_xlim(middles[0] - step * width / 2, middles[0] + step * width / 2)
        axes.set_ylim(middles[1] - step * height / 2, middles[1] + step * height / 2)

    def point_size(self, width: float, height: float) -> float:
        """The width of a point: a fixed share of the area is covered, within bounds."""
        share = np.sqrt(0.25 * width * height / max(len(self.spec.data), 1))
        return float(np.clip(share, 0.12 * self.pen.size, 0.6 * self.pen.size))

    def points(self, axes: Axes, rows: pd.DataFrame, size: float, *, rest: bool) -> None:
        """One collection a group, in the order of the colours."""
        spec = self.spec
        look: dict[str, Any] = {
            "s": size**2, "linewidths": 0, "rasterized": len(spec.data) > AS_PIXELS, "zorder": 1 if rest else 2,
        }  # fmt: skip
        if self.numbers:
            values = rows[self.group].to_numpy(float)
            colours = {"c": REST} if rest else {"c": values, "cmap": self.shades(), "vmin": 0, "vmax": 1}
            axes.scatter(rows[spec.x], rows[spec.y], label="", **look, **colours)
            return
        groups = rows[self.group].map(str)
        for name in self.groups:
            own = rows[groups == name]
            if not len(own):
                continue
            shape = spec.patterns.get(name, "circle")
            colour = REST if rest else self.looks[name].colour
            face: dict[str, Any] = {"c": colour}
            if shape.endswith("-open"):
                face = {"facecolors": "none", "edgecolors": colour, "linewidths": 0.25 * size}
            marker = SHAPES.get(shape.removesuffix("-open"), "o")
            axes.scatter(own[spec.x], own[spec.y], label=name, marker=marker, **look | face)

    def name_groups(self, axes: Axes, data: pd.DataFrame, width: float, height: float) -> None:
        """The name of each group at the median of its points, moved apart from the others."""
        pen, spec = self.pen, self.spec
        groups = data[self.group].map(str)
        to_points = axes.transData + axes.transAxes.inverted() + Affine2D().scale(width, height)
        boxes = []
        for name in self.groups:
            own = data.loc[groups == name]
            if len(own):
                middle = to_points.transform((float(own[spec.x].median()), float(own[spec.y].median())))
                words = pen.cut(pen.shown(name), 0.5 * width)
                boxes.append((name, words, middle, (pen.wide(words), LEADING * pen.size)))
        places = apart(np.array([m for *_, m, _ in boxes]), np.array([s for *_, s in boxes]), width, height)
        for (name, words, _, (wide, _)), (x, y) in zip(boxes, places, strict=True):
            at = Affine2D().translate(x - wide / 2, y - 0.36 * pen.size).scale(1 / width, 1 / height) + axes.transAxes
            path = TextPath((0, 0), words, prop=pen.font())
            halo = PathPatch(path, facecolor="#FFFFFF", edgecolor="#FFFFFF", linewidth=0.34 * pen.size, transform=at)
            halo.set(joinstyle="round", label="halo", zorder=6, clip_on=False)
            axes.add_patch(halo)
            pen.write(
                axes, (x - wide / 2) / width, (y - 0.36 * pen.size) / height, words, transform=axes.transAxes,
                ha="left", va="baseline", zorder=7, color=INK, label=name,
            )  # fmt: skip


def apart(middles: np.ndarray, sizes: np.ndarray, width: float, height: float) -> np.ndarray:
    """Boxes with these middles (N, 2) and sizes (N, 2) moved until no two overlap and all lie within."""
    places, pad = middles.astype(float).copy(), 1.5
    if not len(places):
        return places
    half, end = sizes / 2 + pad / 2, np.array([width, height])
    for _ in range(400):
        moved = False
        places = np.clip(places, half, end - half)
        for one in range(len(places)):
            for other in range(one):
                gap = places[one] - places[other]
                over = half[one] + half[other] - np.abs(gap)
                if (over > 1e-6).all():
                    axis = int(over.argmin())
                    side = 1.0 if gap[axis] >= 0 else -1.0
                    places[one, axis] += side * (over[axis] / 2 + 0.05)
                    places[other, axis] -= side * (over[axis] / 2 + 0.05)
                    moved = True
        if not moved:
            break
    return np.clip(places, half, end - half)
