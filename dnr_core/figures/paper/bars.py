"""Bars on paper: horizontal ones with names beside them, and vertical ones over turns."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from dnr_core.figures.paper.panel import FEWEST, WIDEST, Panel, Rows
from dnr_core.figures.paper.pen import INK, LEADING, SOFT, Pen, names_of
from dnr_core.figures.paper.ticks import number, ticks_up
from dnr_core.figures.spec import FigureSpec

THICK = 0.92
"""How thick a horizontal bar is, in font sizes."""
MOST_TEXT = 0.6
"""The share of the room for bars that texts at their ends may take; longer ones stand in a column."""


class Bars(Rows):
    """Signed bars around a zero line, stacked where a name has several; `text` at their ends, whiskers where known."""

    stretch = 2.0

    def __init__(self, spec: FigureSpec, pen: Pen) -> None:
        super().__init__(spec, pen)
        self.group = spec.colour or spec.y
        self.groups = names_of(spec.data[self.group])
        self.looks = pen.looks(self.groups, spec.colours, spec.patterns)
        if spec.colour is None:
            self.looks = {name: pen.looks([name], spec.colours, {})[name] for name in self.groups}
        pairs = zip(spec.data[self.group].map(str), spec.data[spec.y].map(str), strict=True)
        if any(group.casefold() not in name.casefold() for group, name in pairs):
            self.legend(self.groups, self.looks, "patch")
        self.right = 0.5 * pen.size
        self.bars = self.stacked()
        self.at_side = self.column_wide() > 0.0
        if self.at_side:
            self.right = self.column_wide() + pen.size

    def column_wide(self) -> float:
        """The width of a column for the texts at the right; 0 where they have room at the ends of the bars."""
        pen = self.pen
        wide = [(self.points_left(bar), pen.wide(bar["text"])) for bar in self.bars]
        sides = [max((one for left, one in wide if left is side), default=0.0) for side in (True, False)]
        if sum(sides) <= MOST_TEXT * (pen.page - self.left):
            return 0.0
        return min(max(sides), WIDEST * pen.page)

    def paint(self, axes: Axes, width: float, height: float) -> None:
        """Draw the bars group by group."""
        spec, bars = self.spec, self.bars
        self.bare(axes)
        low, high = self.ends(bars, width)
        self.grid(axes, vertical=[one for one in self.number_x(axes, low, high, width, height) if one])
        for group in self.groups:
            look, own = self.looks[group], [bar for bar in bars if bar["group"] == group]
            axes.barh(
                [bar["place"] for bar in own], [bar["value"] for bar in own], left=[bar["base"] for bar in own],
                height=THICK, color=look.colour, hatch=look.hatch, hatchcolor=look.over, linewidth=0, label=group,
                zorder=2,
            )  # fmt: skip
        if spec.low and spec.high:
            axes.hlines(
                [bar["place"] for bar in bars], [bar["low"] for bar in bars], [bar["high"] for bar in bars],
                color=INK, linewidth=self.pen.line(0.8), zorder=4, label="interval",
            )  # fmt: skip
        self.write_texts(axes, width, (high - low) / width)
        self.zero(axes, "x")
        self.name_axis(axes, width)
        self.name_axes(axes, width, height)

    def write_texts(self, axes: Axes, width: float, step: float) -> None:
        """What is written at the bars: at their ends, or in a column at the right; `step`: of the axis, a point."""
        pen, beside = self.pen, axes.get_yaxis_transform()
        for bar in self.bars:
            if self.at_side:
                words = pen.cut(bar["text"], self.right - 0.5 * pen.size)
                pen.write(
                    axes, 1 + self.right / width, bar["place"], words, ha="right", transform=beside, label="value"
                )
            elif bar["text"]:
                side, align = (-1, "right") if self.points_left(bar) else (1, "left")
                x = bar["tip"] + side * 0.3 * pen.size * step
                pen.write(axes, x, bar["place"], bar["text"], ha=align, label="value")

    def stacked(self) -> list[dict[str, Any]]:
        """Where each bar begins, and where what is written at it begins."""
        spec, found, reach = self.spec, [], {}
        where = self.place()
        for row in spec.data.to_dict("records"):
            name, value = str(row[spec.y]), float(row[spec.x])
            side = (name, value < 0)
            base = reach.get(side, 0.0)
            reach[side] = base + (value if value == value else 0.0)
            ends = (float(row[spec.low]), float(row[spec.high])) if spec.low and spec.high else (value, value)
            tip = min(reach[side], *ends) if value < 0 else max(reach[side], *ends)
            found.append({
                "group": str(row[self.group]), "place": where[name], "value": value, "base": base, "low": ends[0],
                "high": ends[1], "tip": tip, "text": self.pen.shown(row[spec.text]) if spec.text else "",
            })  # fmt: skip
        return found

    @staticmethod
    def points_left(bar: dict[str, Any]) -> bool:
        """Whether a bar is negative."""
        return bar["value"] < 0

    def ends(self, bars: list[dict[str, Any]], width: float) -> tuple[float, float]:
        """The ends of the axis between which all bars, whiskers and words at their ends have room."""
        pad = 0.4 * self.pen.size
        reach = [(bar["low"], -pad) for bar in bars] + [(bar["high"], pad) for bar in bars] + [(0.0, 0.0)]
        for bar in bars:
            side = -1 if self.points_left(bar) else 1
            wide = self.pen.wide(bar["text"]) + 0.45 * self.pen.size if bar["text"] and not self.at_side else 0.0
            reach += [(bar["tip"], side * wide), (bar["base"] + bar["value"], 0.0)]
        return fitting(reach, width)


def fitting(reach: list[tuple[float, float]], width: float) -> tuple[float, float]:
    """The ends of an axis of this width so that each (number, points beyond it) lies within."""
    reach = [(at, beyond) for at, beyond in reach if at == at]
    spread = max(abs(at) for at, _ in reach) or 1.0

    def sides(scale: float) -> tuple[float, float]:
        return min(at * scale + beyond for at, beyond in reach), max(at * scale + beyond for at, beyond in reach)

    little, much = 0.0, width / spread
    for _ in range(60):
        middle = (little + much) / 2
        left, right = sides(middle)
        little, much = (middle, much) if right - left <= width else (little, middle)
    scale = max(little, 1e-3 * width / spread)
    left, right = sides(scale)
    return left / scale, left / scale + width / scale if right - left < width else right / scale


class Columns(Panel):
    """Vertical signed bars over numbers, stacked where an x has several."""

    def __init__(self, spec: FigureSpec, pen: Pen) -> None:
        super().__init__(spec, pen)
        self.groups = names_of(spec.data[spec.colour]) if spec.colour else [""]
        self.looks = pen.looks(self.groups, spec.colours, spec.patterns)
        if len(self.groups) > 1:
            self.legend(self.groups, self.looks, "patch")
        self.bars = self.stacked()
        tips = [0.0, *(base + value for _, _, base, value in self.bars if value == value)]
        pad = 0.05 * ((max(tips) - min(tips)) or 1.0)
        self.low, self.high = min(tips) - (pad if min(tips) < 0 else 0.0), max(tips) + (pad if max(tips) > 0 else 0.0)
        if self.low == self.high:
            self.low, self.high = -1.0, 1.0
        self.left = self.beside(max(map(pen.wide, map(number, ticks_up(pen, self.low, self.high, 9 * pen.size)))))
        self.right = 0.5 * pen.size

    def stacked(self) -> list[tuple[str, float, float, float]]:
        """(group, x, base, value) of each bar."""
        spec, reach, found = self.spec, {}, []
        for row in spec.data.to_dict("records"):
            x, value = float(row[spec.x]), float(row[spec.y])
            base = reach.get((x, value < 0), 0.0)
            reach[x, value < 0] = base + (value if value == value else 0.0)
            found.append((str(row[spec.colour]) if spec.colour else "", x, base, value))
        return found

    @property
    def own_span(self) -> tuple[float, float] | None:
        """From before the first to behind the last turn."""
        return -0.7, max(float(self.spec.data[self.spec.x].max()), FEWEST) + 0.7

    def fit(self, width: float) -> None:
        """A flat panel."""
        pen = self.pen
        self.body = min(0.38 * width, 9 * pen.size + 0.06 * width)
        self.least = 4 * pen.size
        self.bottom = self.under(width, LEADING * pen.size)

    def paint(self, axes: Axes, width: float, height: float) -> None:
        """Draw the bars group by group."""
        self.bare(axes)
        low, high = self.span or self.own_span or (0.0, 1.0)
        self.number_x(axes, low, high, width, height, whole=True)
        places = self.number_y(axes, self.low, self.high, width, height)
        self.grid(axes, horizontal=[place for place in places if place])
        self.mark(axes)
        for group in self.groups:
            look = self.looks[group]
            own = [(x, base, value) for name, x, base, value in self.bars if name == group]
            axes.bar(
                [x for x, _, _ in own], [value for *_, value in own], bottom=[base for _, base, _ in own], width=0.75,
                color=look.colour, hatch=look.hatch, hatchcolor=look.over, linewidth=0, label=group, zorder=2,
            )  # fmt: skip
        axes.axhline(0, color=SOFT, linewidth=self.pen.line(0.6), zorder=3)
        self.name_axes(axes, width, height)
