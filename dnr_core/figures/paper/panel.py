"""What a panel of a page is: the room it asks for beside, under and over its axes, and its entries in the legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes

from dnr_core.figures.paper.pen import LEADING, LINE, RULE, SOFT, Look, Pen
from dnr_core.figures.paper.ticks import number, ticks_along, ticks_up
from dnr_core.figures.spec import FigureSpec

FEWEST = 4
"""An axis of turns ends here at least."""
WIDEST = 0.4
"""Names beside an axis take so much of the page at most."""


@dataclass(frozen=True)
class Entry:
    """One entry of a legend: a swatch, a line or a marker and what it means."""

    label: str
    handle: Literal["patch", "line", "marker"]
    look: Look


@dataclass(frozen=True)
class Scale:
    """The legend of a number: colours from the low end to the high end."""

    label: str
    ends: tuple[str, str]
    colours: tuple[str, ...]


class Panel:
    """One figure on a page, lengths in points.

    `left` and `right` are known at once; `fit`, given the width of the axes, sets `body` (the height it likes), `least`
    (the height it needs) and `bottom`; `paint` draws.
    """

    full = False
    """Whether it takes the whole width of the page and has no axes of its own."""
    stretch = 1e9
    """By how much more than `body` it can be drawn high."""
    cramped = False
    """Whether smaller words would be better: some have no room."""

    def __init__(self, spec: FigureSpec, pen: Pen) -> None:
        self.spec, self.pen = spec, pen
        self.left = self.right = self.body = self.least = self.bottom = 0.0
        self.entries: list[Entry] = []
        self.scale: Scale | None = None
        self.title, self.x_label, self.y_label = (pen.shown(one) for one in (spec.title, spec.x_label, spec.y_label))
        self.span: tuple[float, float] | None = None
        self.shows_x = True

    def fit(self, width: float) -> None:
        """Set the heights for axes of this width."""
        raise NotImplementedError

    def paint(self, axes: Axes, width: float, height: float) -> None:
        """Draw into axes of this size."""
        raise NotImplementedError

    @property
    def own_span(self) -> tuple[float, float] | None:
        """The ends of an axis of turns, None where x is something else."""
        return None

    def legend(self, names: Sequence[str], looks: dict[str, Look], handle: Any) -> None:
        """Give the groups entries of the legend."""
        self.entries = [Entry(self.pen.shown(name), handle, looks[name]) for name in names]

    def beside(self, names_wide: float) -> float:
        """The room left of the axes: names or numbers, and the label of the axis."""
        label = LEADING * self.pen.size if self.y_label else 0.0
        return label + names_wide + (self.pen.gap if names_wide else 0.0)

    def under(self, width: float, ticks_high: float) -> float:
        """The room under the axes: names or numbers, and the label of the axis."""
        if not self.shows_x:
            return 0.0
        self.x_words = self.pen.fitted(self.x_label, width + self.left + self.right)
        return (
            (self.pen.gap + ticks_high if ticks_high else 0.0)
            + (self.pen.high(self.x_words) + 0.25 * self.pen.size if self.x_label else 0.0)
        )  # fmt: skip

    def bare(self, axes: Axes) -> None:
        """Axes without frame and ticks."""
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_axisbelow(True)
        axes.set_xticks([])
        axes.set_yticks([])

    def name_x(self, axes: Axes, places: Sequence[float], words: Sequence[str], width: float, height: float) -> None:
        """Words under places of the horizontal axis."""
        low, high = axes.get_xlim()
        for place, said in zip(places, words, strict=True):
            at = ((place - low) / (high - low), -self.pen.gap / height)
            self.pen.write(axes, *at, said, ha="center", va="top", transform=axes.transAxes, label=f"x {place}")

    def name_y(self, axes: Axes, places: Sequence[float], words: Sequence[str], width: float) -> None:
        """Words beside places of the vertical axis."""
        beside = axes.get_yaxis_transform()
        for place, said in zip(places, words, strict=True):
            self.pen.write(axes, -self.pen.gap / width, place, said, ha="right", transform=beside, label=f"y {place}")

    def name_axes(self, axes: Axes, width: float, height: float) -> None:
        """The labels of both axes, at the edges of the room that was kept for them."""
        pen, whole = self.pen, axes.transAxes
        if self.x_label and self.shows_x:
            half = pen.wide(self.x_words) / 2
            middle = min(max(width / 2, half - self.left), width + self.right - half)
            at = (middle / width, -self.bottom / height)
            pen.write(axes, *at, self.x_words, ha="center", va="bottom", transform=whole, label="x_label")
        if self.y_label:
            words = pen.fitted(self.y_label, height, lines=1)
            at = (-self.left / width, 0.5)
            pen.write(axes, *at, words, rotation=90, ha="center", va="top", transform=whole, label="y_label")

    def number_x(
        self, axes: Axes, low: float, high: float, width: float, height: float, *, whole: bool = False
    ) -> list[float]:
        """Numbers under a horizontal axis; those that would leave the page are left out."""
        axes.set_xlim(low, high)
        if not self.shows_x:
            return []
        found = []
        for place in ticks_along(self.pen, low, high, width, whole=whole):
            at, half = (place - low) / (high - low) * width, self.pen.wide(number(place)) / 2
            if at - half >= -self.left and at + half <= width + self.right:
                found.append(place)
        self.name_x(axes, found, list(map(number, found)), width, height)
        return found

    def number_y(self, axes: Axes, low: float, high: float, width: float, height: float) -> list[float]:
        """Numbers beside a vertical axis."""
        axes.set_ylim(low, high)
        found = ticks_up(self.pen, low, high, height)
        self.name_y(axes, found, list(map(number, found)), width)
        return found

    def grid(self, axes: Axes, *, vertical: Sequence[float] = (), horizontal: Sequence[float] = ()) -> None:
        """Thin lines behind the data."""
        for place in vertical:
            axes.axvline(place, color=RULE, linewidth=self.pen.line(0.5), zorder=0, label="grid")
        for place in horizontal:
            axes.axhline(place, color=RULE, linewidth=self.pen.line(0.5), zorder=0, label="grid")

    def mark(self, axes: Axes) -> None:
        """A thin dotted vertical line at `mark`."""
        if self.spec.mark is not None:
            look = {"color": SOFT, "linewidth": self.pen.line(0.8), "linestyle": (0, (1, 1.6))}
            axes.axvline(self.spec.mark, zorder=1.5, label="mark", **look)

    def zero(self, axes: Axes, side: Literal["x", "y"]) -> None:
        """The line at zero."""
        (axes.axvline if side == "x" else axes.axhline)(
            0, color=LINE, linewidth=self.pen.line(0.8), zorder=3, label="grid"
        )  # fmt: skip


class Rows(Panel):
    """A panel with one row a name, the first on top; names take up to three lines and the rows as much height."""

    row_high = 1.45
    """The height of a row of one line, in font sizes."""

    def __init__(self, spec: FigureSpec, pen: Pen) -> None:
        super().__init__(spec, pen)
        self.rows = list(dict.fromkeys(map(str, spec.data[spec.y])))
        room = WIDEST * pen.page - (LEADING * pen.size if self.y_label else 0.0)
        self.name_rows(room)

    def name_rows(self, room: float, lines: int = 2) -> None:
        """Break the names of the rows to this width."""
        pen = self.pen
        self.words = pen.names(list(map(pen.shown, self.rows)), room, lines=lines)
        high = [max(self.row_high, (words.count("\n") + 1) * LEADING + 0.3) for words in self.words]
        ends = [sum(high[: place + 1]) for place in range(len(high))]
        self.units = ends[-1] if ends else 1.0
        self.centres = [end - one / 2 for end, one in zip(ends, high, strict=True)]
        self.left = self.beside(max((pen.wide(words) for words in self.words), default=0.0))

    def fit(self, width: float) -> None:
        """As high as the rows are; rows of names can be pressed a little."""
        self.body = self.units * self.pen.size
        self.least = 0.86 * self.body
        self.bottom = self.under(width, LEADING * self.pen.size)

    def name_axis(self, axes: Axes, width: float) -> None:
        """The names of the rows left of them."""
        axes.set_ylim(self.units, 0)
        self.name_y(axes, self.centres, self.words, width)

    def place(self) -> dict[str, float]:
        """Where each row is."""
        return dict(zip(self.rows, self.centres, strict=True))
