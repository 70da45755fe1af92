"""A table of words on paper: rules above and under its head, words that wrap, numbers at the right of their column."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Circle

from dnr_core.figures.paper.panel import Panel
from dnr_core.figures.paper.pen import INK, RULE, SOFT, Pen
from dnr_core.figures.spec import FigureSpec
from dnr_core.figures.table import has_dots, is_number, written

ENOUGH = 0.28
"""The share of the width that the widest column of words keeps at least, the others being broken if need be."""


class Table(Panel):
    """All columns of the data under their names; the widest column of words takes what is left of the width."""

    full, stretch = True, 1.0

    def __init__(self, spec: FigureSpec, pen: Pen) -> None:
        super().__init__(spec, pen)
        data = spec.data
        self.numbers = [is_number(data[name]) for name in data.columns]
        self.heads = [pen.shown(name) for name in data.columns]
        self.columns = [list(map(pen.shown, written(data[name]))) for name in data.columns]
        self.dotted = [has_dots(spec, name) for name in data.columns]
        self.groups = dict(zip(data.columns, (data[name].map(str).tolist() for name in data.columns), strict=True))

    def fit(self, width: float) -> None:
        """Give each column its width and break the words that are wider."""
        pen, self.between = self.pen, 0.9 * self.pen.size
        self.dot = 0.85 * pen.size
        natural = [
            max(map(pen.wide, [head, *cells]), default=0.0) + (self.dot if dot else 0.0)
            for head, cells, dot in zip(self.heads, self.columns, self.dotted, strict=True)
        ]
        longest = [
            max((pen.wide(word) for cell in (head, *cells) for word in cell.split()), default=0.0)
            + (self.dot if dot else 0.0)
            for head, cells, dot in zip(self.heads, self.columns, self.dotted, strict=True)
        ]
        self.widths, self.cramped = shared(natural, longest, width - self.between * (len(natural) - 1))
        self.head_words = [pen.fitted(h, w, lines=3) for h, w in zip(self.heads, self.widths, strict=True)]
        self.words = [
            ["\n".join(pen.broken(text, wide - (self.dot if dot else 0.0) + 0.01)) for text in cells]
            for cells, wide, dot in zip(self.columns, self.widths, self.dotted, strict=True)
        ]
        self.pad = 0.3 * pen.size
        self.head_high = max(map(pen.high, self.head_words), default=0.0) + 2 * self.pad
        lines = zip(*self.words, strict=True)
        self.high = [max(map(pen.high, line)) + self.pad for line in lines]
        self.body = self.least = self.head_high + sum(self.high) + 2 * self.pad
        self.bottom = 0.0

    def paint(self, axes: Axes, width: float, height: float) -> None:
        """Draw from the top; one unit of the axes is a point."""
        self.bare(axes)
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        lefts = [sum(self.widths[:place]) + self.between * place for place in range(len(self.widths))]
        rules = [0.4, self.head_high, self.head_high + sum(self.high) + self.pad]
        for place, thick in zip(rules, (0.9, 0.5, 0.9), strict=True):
            axes.hlines([place], 0, width, color=INK, linewidth=self.pen.line(thick), label="rule", clip_on=False)
        for place, words in enumerate(self.head_words):
            self.cell(axes, place, lefts[place], self.pad, words, color=SOFT, label=f"head {place}")
        top = self.head_high + self.pad
        for row, high in enumerate(self.high):
            if row:
                axes.hlines([top - self.pad / 2], 0, width, color=RULE, linewidth=self.pen.line(0.4), label="rule")
            for place, cells in enumerate(self.words):
                left = lefts[place]
                if self.dotted[place]:
                    self.draw_dot(axes, left, top, self.groups[self.spec.data.columns[place]][row])
                    left += self.dot
                self.cell(axes, place, left, top, cells[row], label=f"cell {place} {row}")
            top += high

    def cell(self, axes: Axes, place: int, left: float, top: float, words: str, **look: Any) -> None:
        """One cell, its first line at the top of the row."""
        at_right = self.numbers[place]
        x = left + self.widths[place] if at_right else left
        base = top + 0.92 * self.pen.size
        self.pen.write(axes, x, base, words, ha="right" if at_right else "left", va="baseline", **look)

    def draw_dot(self, axes: Axes, left: float, top: float, group: str) -> None:
        """The dot of a word."""
        colour = self.spec.colours.get(group)
        if colour is not None:
            at = (left + 0.3 * self.pen.size, top + 0.62 * self.pen.size)
            axes.add_patch(Circle(at, 0.27 * self.pen.size, facecolor=self.pen.ink(colour), linewidth=0, label=group))


def shared(natural: list[float], words: list[float], room: float) -> tuple[list[float], bool]:
    """Widths that fill the room, and whether a word has to be broken: the widest column gives way, then the others.

    `natural`: the widths of the longest cells, `words`: those of the longest words.
    """
    widest = max(range(len(natural)), key=natural.__getitem__)
    for others in (natural, words):
        left = room - sum(one for place, one in enumerate(others) if place != widest)
        if left >= min(natural[widest], max(words[widest], ENOUGH * room)):
            return [left if place == widest else one for place, one in enumerate(others)], False
    scale = room / sum(words)
    return [one * scale for one in words], True
