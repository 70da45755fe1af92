"""Lines and points with intervals on paper."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from dnr_core.figures.paper.panel import Panel, Rows
from dnr_core.figures.paper.pen import INK, LEADING, LINE, SOFT, Pen, names_of
from dnr_core.figures.paper.ticks import number, ticks_up
from dnr_core.figures.spec import ACCENT, FigureSpec


class Lines(Panel):
    """One line a group, told apart by colour and dashes."""

    def __init__(self, spec: FigureSpec, pen: Pen) -> None:
        super().__init__(spec, pen)
        self.groups = names_of(spec.data[spec.colour]) if spec.colour else [""]
        self.looks = pen.looks(self.groups, spec.colours, {}, light=(0.1, 0.65))
        if len(self.groups) > 1:
            self.legend(self.groups, self.looks, "line")
        y = spec.data[spec.y].astype(float)
        low, high = (float(y.min()), float(y.max())) if y.notna().any() else (0.0, 1.0)
        pad = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
        self.low, self.high = low - pad, high + pad
        self.left = self.beside(max(map(pen.wide, map(number, ticks_up(pen, self.low, self.high, 12 * pen.size)))))
        self.right = pen.wide(number(float(spec.data[spec.x].max()))) / 2 + 0.2 * pen.size

    @property
    def own_span(self) -> tuple[float, float] | None:
        """From the first to the last x."""
        x = self.spec.data[self.spec.x].astype(float)
        pad = 0.015 * float(x.max() - x.min()) or 0.5
        return float(x.min()) - pad, float(x.max()) + pad

    def fit(self, width: float) -> None:
        """About three to five."""
        pen = self.pen
        self.body = min(0.6 * width, 16 * pen.size + 0.12 * width)
        self.least = 5 * pen.size
        self.bottom = self.under(width, LEADING * pen.size)

    def paint(self, axes: Axes, width: float, height: float) -> None:
        """Draw the lines in the order of the data."""
        spec, pen = self.spec, self.pen
        self.bare(axes)
        low, high = self.span or self.own_span or (0.0, 1.0)
        whole = bool((spec.data[spec.x] % 1 == 0).all())
        self.number_x(axes, low, high, width, height, whole=whole)
        places = self.number_y(axes, self.low, self.high, width, height)
        self.grid(axes, horizontal=places)
        self.mark(axes)
        for group in self.groups:
            rows = spec.data.loc[spec.data[spec.colour].map(str) == group] if spec.colour else spec.data
            x, y, look = rows[spec.x].to_numpy(float), rows[spec.y].to_numpy(float), self.looks[group]
            alone = np.isfinite(y).sum() < 2
            axes.plot(
                x, y, color=look.colour, linestyle=look.dash, linewidth=0.16 * pen.size, label=group, zorder=2,
                marker=look.marker if alone else None, markersize=0.5 * pen.size, solid_capstyle="round",
            )  # fmt: skip
        axes.spines["bottom"].set(visible=True, color=LINE, linewidth=self.pen.line(0.8))
        self.name_axes(axes, width, height)


class Reliability(Panel):
    """Points with intervals against the diagonal; `text` (how many) beside each."""

    def __init__(self, spec: FigureSpec, pen: Pen) -> None:
        super().__init__(spec, pen)
        self.left = self.beside(pen.wide("0.75"))
        self.right = 0.5 * pen.size

    def fit(self, width: float) -> None:
        """Square in a column."""
        pen = self.pen
        self.body = min(0.9 * width, 26 * pen.size)
        self.least = 10 * pen.size
        self.bottom = self.under(width, LEADING * pen.size)

    def paint(self, axes: Axes, width: float, height: float) -> None:
        """Draw the diagonal and the points."""
        spec, pen, data = self.spec, self.pen, self.spec.data
        self.bare(axes)
        vertical = self.number_x(axes, 0, 1.06, width, height)
        places = self.number_y(axes, 0, 1.06, width, height)
        self.grid(axes, vertical=vertical, horizontal=places)
        axes.plot(
            [0, 1],
            [0, 1],
            color=SOFT,
            linewidth=self.pen.line(0.8),
            linestyle=(0, (1, 1.6)),
            label="diagonal",
            zorder=1,
        )
        axes.vlines(
            data[spec.x],
            data[spec.low],
            data[spec.high],
            color=INK,
            linewidth=self.pen.line(0.8),
            label="interval",
            zorder=2,
        )
        axes.plot(
            data[spec.x], data[spec.y], linestyle="none", marker="o", markersize=0.55 * pen.size, label="points",
            color=pen.ink(ACCENT), markeredgewidth=0, zorder=3,
        )  # fmt: skip
        if spec.text:
            self.number_points(axes, width, height)
        self.name_axes(axes, width, height)

    def number_points(self, axes: Axes, width: float, height: float) -> None:
        """Write how many each point stands for beside it, over no other point, interval or number if there is room."""
        spec, pen = self.spec, self.pen
        x, y, low, high = (spec.data[name].to_numpy(float) / 1.06 for name in (spec.x, spec.y, spec.low, spec.high))
        x, y, low, high = x * width, y * height, low * height, high * height
        dot = 0.3 * pen.size
        taken = [(one - 0.6, bottom, one + 0.6, top) for one, bottom, top in zip(x, low, high, strict=True)]
        taken += [(one - dot, at - dot, one + dot, at + dot) for one, at in zip(x, y, strict=True)]
        for place, text in enumerate(map(pen.shown, spec.data[spec.text])):
            box = beside((x[place], y[place]), (pen.wide(text), pen.size), 0.45 * pen.size, taken, (width, height))
            taken.append(box)
            pen.write(
                axes, box[0] / width, (box[1] + box[3]) / 2 / height, text, color=SOFT,
                transform=axes.transAxes, label="value",
            )  # fmt: skip


Box = tuple[float, float, float, float]


def beside(
    at: tuple[float, float], size: tuple[float, float], gap: float, taken: list[Box], ends: tuple[float, float]
) -> Box:
    """A box (left, bottom, right, top) beside a point that covers none of `taken` and lies within; else the first."""
    found = []
    for up in (-0.7, 0.7, 0.0, -1.7, 1.7, -2.7, 2.7, -3.7, 3.7):
        for side in (1, -1):
            left = at[0] + gap if side > 0 else at[0] - gap - size[0]
            bottom = at[1] + up * size[1] - size[1] / 2
            found.append((left, bottom, left + size[0], bottom + size[1]))
    inside = [one for one in found if min(one) >= 0 and one[2] <= ends[0] and one[3] <= ends[1]] or found
    free = (one for one in inside if not any(overlap(one, other) for other in taken))
    return next(free, inside[0])


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share more than an edge."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


class Intervals(Rows):
    """One point a row with its interval, a ring where the interval holds zero; `text` in a column at the right."""

    stretch = 2.0

    def __init__(self, spec: FigureSpec, pen: Pen) -> None:
        super().__init__(spec, pen)
        self.groups = names_of(spec.data[spec.colour]) if spec.colour else []
        self.looks = pen.looks(self.groups, spec.colours, {}, light=(0.2, 0.7))
        self.texts = [pen.shown(text) for text in spec.data[spec.text]] if spec.text else []
        self.right = max(map(pen.wide, self.texts), default=0.0) + 0.5 * pen.size
        pairs = zip(spec.data[spec.colour].map(str), spec.data[spec.y].map(str), strict=True) if spec.colour else ()
        if any(group.casefold() not in name.casefold() for group, name in pairs):
            self.legend(self.groups, self.looks, "marker")
        elif pen.grey:
            self.looks = {name: pen.looks([name], {}, {})[name] for name in self.groups}

    def paint(self, axes: Axes, width: float, height: float) -> None:
        """Draw row by row."""
        spec, pen, data = self.spec, self.pen, self.spec.data
        self.bare(axes)
        ends = [0.0, *data[spec.low], *data[spec.high]]
        pad = 0.06 * (max(ends) - min(ends) or 1.0)
        self.grid(
            axes, vertical=[one for one in self.number_x(axes, min(ends) - pad, max(ends) + pad, width, height) if one]
        )
        self.zero(axes, "x")
        where, dashed = self.place(), self.pen.grey
        for place, row in enumerate(data.to_dict("records")):
            x, low, high = (float(row[column]) for column in (spec.x, spec.low, spec.high))
            look = self.looks[str(row[spec.colour])] if spec.colour else pen.looks([""], {}, {})[""]
            at = where[str(row[spec.y])]
            axes.plot([low, high], [at, at], color=INK, linewidth=self.pen.line(0.8), label="interval", zorder=3)
            axes.plot(
                [x], [at], marker=look.marker if dashed and self.entries else "o", markersize=0.62 * pen.size,
                markerfacecolor="#FFFFFF" if low <= 0 <= high else look.colour, markeredgecolor=look.colour,
                markeredgewidth=0.15 * pen.size, linestyle="none", label=str(row[spec.y]), zorder=4,
            )  # fmt: skip
            if self.texts:
                pen.write(
                    axes, 1 + self.right / width, at, self.texts[place], ha="right",
                    transform=axes.get_yaxis_transform(), label="value",
                )  # fmt: skip
        self.name_axis(axes, width)
        self.name_axes(axes, width, height)
