"""Matrices on paper: cells in rows and columns with their numbers written in."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.patches import Rectangle

from dnr_core.figures.paper.panel import WIDEST, Rows, Scale
from dnr_core.figures.paper.pen import LEADING, SMALLEST, Pen, lightness
from dnr_core.figures.paper.ticks import number
from dnr_core.figures.screen.drawing import readable_on
from dnr_core.figures.spec import ACCENT, FigureSpec

PALE, BELOW, ZERO = "#F5F8FA", "#B4500A", "#EEF1F4"
FRAMES = {"chosen": ("#009E73", "solid"), "focus": ("#D55E00", (0, (2, 1)))}
GREYS = ("#FAFAFA", "#2A2A2A")
TALLEST = 0.33
"""Names under a matrix take so much of the page's width in height at most; half as much more in one line."""
CLOSE = 1.06
"""From line to line of names that stand."""
ROOMY = 0.8
"""Numbers smaller than this share of the words are given more room if there is some."""


class Cells(Rows):
    """A heat map with its numbers written in; where they have no room a scale stands over it."""

    signed, stretch = False, 3.0

    def __init__(self, spec: FigureSpec, pen: Pen) -> None:
        super().__init__(spec, pen)
        data = spec.data
        self.columns = list(dict.fromkeys(map(str, data[spec.x])))
        where = {name: place for place, name in enumerate(self.columns)}
        rows = {name: place for place, name in enumerate(self.rows)}
        self.cells = [
            (rows[str(row)], where[str(column)], float(value), "" if text is None else pen.shown(text))
            for row, column, value, text in zip(
                data[spec.y], data[spec.x], data[spec.colour], data[spec.text or spec.colour], strict=True
            )
        ]
        largest = float(data[spec.colour].abs().max())
        self.reach = (spec.reach or (largest if largest > 0 else 1.0)) if self.signed else 1.0
        self.right = 0.3 * pen.size
        self.make_room()

    def make_room(self) -> None:
        """Break the names of the rows where the numbers would else be too small."""
        pen, page = self.pen, self.pen.page
        rooms = [(WIDEST * page, 1), (WIDEST * page, 2), (0.3 * page, 2), (0.22 * page, 2)]
        sizes = []
        rooms = [(room - (LEADING * pen.size if self.y_label else 0.0), lines) for room, lines in rooms]
        for place, (room, lines) in enumerate(rooms):
            if place != 1 and self.has_cuts(room, lines):
                sizes.append(0.0)
                continue
            self.name_rows(room, lines)
            sizes.append(self.number_size(page - self.left - self.right - 4))
            if sizes[-1] >= ROOMY * pen.size:
                return
        best = sizes.index(max(sizes)) if max(sizes) >= SMALLEST else 1
        self.name_rows(*rooms[best])

    def has_cuts(self, room: float, lines: int) -> bool:
        """Whether a name of a row would not be whole in this width."""
        return any(self.pen.whole(self.pen.shown(row), room, lines=lines) is None for row in self.rows)

    def number_size(self, width: float) -> float:
        """How large the numbers can be in cells of axes of this width."""
        widest = max((self.pen.wide(text, 1.0) for *_, text in self.cells), default=1.0) or 1.0
        return min(self.pen.size, 0.9 * width / max(len(self.columns), 1) / widest)

    @property
    def least_value(self) -> float:
        """The number at the low end of the colours."""
        return -self.reach if self.signed else 0.0

    def colours(self) -> LinearSegmentedColormap:
        """The colours from the low to the high end."""
        if self.pen.grey:
            ends = [GREYS[1], GREYS[0], GREYS[1]] if self.signed else list(GREYS)
        else:
            ends = [BELOW, ZERO, ACCENT] if self.signed else [PALE, ACCENT]
        return LinearSegmentedColormap.from_list("cells", ends)

    def fit(self, width: float) -> None:
        """Choose how large the numbers are and how the names of the columns stand."""
        pen = self.pen
        cell = width / max(len(self.columns), 1)
        self.size = self.number_size(width)
        self.written = self.size >= SMALLEST
        colours, ends = self.colours(), (self.least_value, self.reach)
        if not self.written:
            steps = tuple(to_hex(colours(place / 31)) for place in range(32))
            self.scale = Scale("", (number(round(ends[0], 3)), number(round(ends[1], 3))), steps)
        self.name_columns(cell)
        stretch = min(max(0.5 * cell / (self.row_high * pen.size), 1.0), 1.7)
        self.body = self.units * pen.size * stretch
        self.least = 0.92 * self.units * pen.size
        self.bottom = self.under(width, self.names_high)

    def name_columns(self, cell: float) -> None:
        """Names of columns lie where they fit in two lines without a cut, else they stand."""
        pen = self.pen
        shown = [pen.shown(name) for name in self.columns]
        lying = [words for name in shown if (words := pen.whole(name, cell - 0.5 * pen.size, lines=3))]
        self.standing = len(lying) < len(shown)
        if not self.standing:
            self.column_words, self.names_high = lying, max(map(pen.high, lying), default=0.0)
            return
        lines, limit = (2, TALLEST) if cell >= 2 * CLOSE * pen.size else (1, 1.5 * TALLEST)
        self.column_words = pen.names(shown, limit * pen.page, lines=1)
        if lines > 1 and max(map(pen.wide, shown)) > 0.5 * limit * pen.page:
            halves = [pen.whole(pen.halved(name) or name, limit * pen.page) for name in shown]
            fitted = pen.names(shown, limit * pen.page)
            self.column_words = [one or other for one, other in zip(halves, fitted, strict=True)]
        self.names_high = max(map(pen.wide, self.column_words))

    def paint(self, axes: Axes, width: float, height: float) -> None:
        """Draw the cells, then the numbers."""
        pen = self.pen
        self.bare(axes)
        values = np.full((len(self.rows), len(self.columns)), np.nan)
        for row, column, value, _ in self.cells:
            values[row, column] = value
        edges = [0.0, *self.edges()]
        mesh = axes.pcolormesh(
            np.arange(len(self.columns) + 1), edges, np.ma.masked_invalid(values), cmap=self.colours(),
            vmin=self.least_value, vmax=self.reach, edgecolors="#FFFFFF", linewidth=self.pen.line(0.7), label="cells",
        )  # fmt: skip
        size = min(self.size, 0.8 * height / self.units * self.row_high / LEADING)
        for row, column, value, text in self.cells:
            filled = "#FFFFFF" if np.isnan(value) else to_hex(mesh.cmap(mesh.norm(value)))
            if pen.grey and value < 0:
                self.hatched(axes, column, edges[row], edges[row + 1], filled)
            if self.written and text:
                pen.write(
                    axes, column + 0.5, self.centres[row], text, size=size, ha="center",
                    color=self.pen.ink(readable_on(filled)), label="cell",
                )  # fmt: skip
        self.frame(axes, edges)
        axes.set_xlim(0, len(self.columns))
        places = [place + 0.5 for place in range(len(self.columns))]
        if self.standing:
            for place, words in zip(places, self.column_words, strict=True):
                at = (place / len(places), -pen.gap / height)
                look = {"ha": "right", "rotation": 90, "leading": CLOSE, "label": f"x {place}"}
                pen.write(axes, *at, words, transform=axes.transAxes, **look)
        else:
            self.name_x(axes, places, self.column_words, width, height)
        self.name_axis(axes, width)
        self.name_axes(axes, width, height)

    def edges(self) -> list[float]:
        """The lower edge of each row."""
        ends, last = [], 0.0
        for centre in self.centres:
            last = 2 * centre - last
            ends.append(last)
        return ends

    def hatched(self, axes: Axes, column: int, top: float, end: float, filled: str) -> None:
        """Lines over a cell below zero, which grey does not tell from one above."""
        over = to_hex((min(lightness(filled) + 0.3, 1) if lightness(filled) < 0.5 else lightness(filled) - 0.22,) * 3)
        box = Rectangle((column + 0.03, top), 0.94, end - top, facecolor="none", linewidth=0, label="below zero")
        box.set(hatch=self.pen.dense("/"), hatchcolor=over)
        axes.add_patch(box)

    def frame(self, axes: Axes, edges: list[float]) -> None:
        """Frames around the cells whose column `frame` names one."""
        if "frame" not in self.spec.data:
            return
        for (row, column, *_), name in zip(self.cells, self.spec.data["frame"], strict=True):
            if name in FRAMES:
                colour, dash = FRAMES[name]
                size = (0.94, edges[row + 1] - edges[row] - 0.06)
                look = {"edgecolor": self.pen.ink(colour), "linestyle": dash, "linewidth": 1.3, "label": "frame"}
                axes.add_patch(Rectangle((column + 0.03, edges[row] + 0.03), *size, facecolor="none", **look))


class SignedCells(Cells):
    """The same around zero, in two colours; a cell without a number is left out."""

    signed = True
