"""Lays panels out on a page of an exact size: one under the other, their axes in one line, nothing over the edge."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dnr_core.figures.paper.bars import Bars, Columns
from dnr_core.figures.paper.cells import Cells, SignedCells
from dnr_core.figures.paper.lines import Intervals, Lines, Reliability
from dnr_core.figures.paper.panel import Entry, Panel
from dnr_core.figures.paper.pen import Pen
from dnr_core.figures.paper.scatter import Scatter
from dnr_core.figures.paper.strip import Strip
from dnr_core.figures.paper.table import Table
from dnr_core.figures.spec import FigureSpec

PANELS: dict[str, type[Panel]] = {
    "bars": Bars,
    "lines": Lines,
    "matrix": Cells,
    "signed_matrix": SignedCells,
    "strip": Strip,
    "squares": Cells,
    "reliability": Reliability,
    "scatter": Scatter,
    "intervals": Intervals,
    "columns": Columns,
    "table": Table,
}
"""How each kind of figure is drawn on paper."""
EDGE = 1.5
"""Points left free around all."""


HANDLES = {"patch": 1.0, "line": 1.8, "marker": 0.8}
"""How wide what stands before the words of a legend is, in font sizes."""
KeyRow = list[tuple[float, Entry]]
"""A row of a legend: its entries with their places from the left."""


class Page:
    """Panels measured for a page of this width (points) and font size."""

    def __init__(self, specs: Sequence[FigureSpec], pen: Pen, *, titled: bool) -> None:
        self.pen, self.titled = pen, titled
        self.panels = [PANELS[spec.kind](spec, pen) for spec in specs]
        self.share_turns()
        inner = pen.page - 2 * EDGE
        with_axes = [panel for panel in self.panels if not panel.full]
        self.left = max((panel.left for panel in with_axes), default=0.0)
        self.right = max((panel.right for panel in with_axes), default=0.0)
        self.axes_wide = inner - self.left - self.right
        for panel in self.panels:
            panel.left, panel.right = (0.0, 0.0) if panel.full else (self.left, self.right)
            panel.fit(inner if panel.full else self.axes_wide)
        self.titles = [pen.fitted(panel.title, inner, lines=3) if titled else "" for panel in self.panels]
        self.keys = [self.key_rows(panel, inner) for panel in self.panels]
        self.heads = [self.head(place) for place in range(len(self.panels))]

    def share_turns(self) -> None:
        """Panels over turns have one axis; of neighbours only the last names it."""
        shared = [panel for panel in self.panels if panel.spec.x == "turn" and panel.own_span is not None]
        spans = [panel.own_span for panel in shared if panel.own_span]
        for panel in shared:
            panel.span = (min(low for low, _ in spans), max(high for _, high in spans))
        for upper, lower in zip(self.panels, self.panels[1:], strict=False):
            if upper in shared and lower in shared:
                upper.shows_x = False
                if not lower.x_label:
                    lower.x_label = upper.x_label

    def key_rows(self, panel: Panel, inner: float) -> list[KeyRow]:
        """The entries of a legend in rows, from where the axes begin if one row is enough."""
        pen = self.pen
        handle = (HANDLES[panel.entries[0].handle] + 0.4) * pen.size if panel.entries else 0.0
        entries = [Entry(pen.cut(entry.label, inner - handle), entry.handle, entry.look) for entry in panel.entries]
        wide, between = [handle + pen.wide(entry.label) for entry in entries], 1.0 * pen.size
        whole = sum(wide) + between * (len(wide) - 1)
        if whole <= inner:
            left = panel.left if panel.left + whole <= inner else max(0.0, inner - whole) if panel.left else 0.0
            places = [left + sum(wide[:place]) + between * place for place in range(len(wide))]
            return [list(zip(places, entries, strict=True))] if entries else []
        column = max(wide) + between
        count = max(1, int((inner + between) // column))
        lines = [entries[start : start + count] for start in range(0, len(entries), count)]
        return [[(place * column, entry) for place, entry in enumerate(line)] for line in lines]

    def head(self, place: int) -> float:
        """The height over the axes of a panel: title and legend."""
        pen, panel = self.pen, self.panels[place]
        title = pen.high(self.titles[place]) + 0.3 * pen.size if self.titles[place] else 0.0
        rows = len(self.keys[place]) + (1 if panel.scale else 0)
        return title + rows * 1.35 * pen.size + (0.35 * pen.size if rows else 0.0)

    def gap(self, place: int) -> float:
        """The room between a panel and the one above it."""
        if place == 0:
            return 0.0
        return (1.3 if self.panels[place - 1].shows_x else 0.6) * self.pen.size

    @property
    def cramped(self) -> bool:
        """Whether a panel would be better off with smaller words."""
        return any(panel.cramped for panel in self.panels)

    @property
    def fixed(self) -> float:
        """What is not axes."""
        rest = sum(head + panel.bottom for head, panel in zip(self.heads, self.panels, strict=True))
        return rest + sum(map(self.gap, range(len(self.panels)))) + 2 * EDGE + 0.6 * self.pen.size

    @property
    def liked(self) -> float:
        """The height at which nothing is pressed or stretched."""
        return self.fixed + sum(panel.body for panel in self.panels)

    @property
    def least(self) -> float:
        """The height under which something would overlap."""
        return self.fixed + sum(panel.least for panel in self.panels)

    def bodies(self, height: float) -> list[float]:
        """The heights of the axes on a page of this height."""
        spare = height - self.liked
        if spare < 0:
            soft = sum(panel.body - panel.least for panel in self.panels) or 1.0
            return [panel.body + spare * (panel.body - panel.least) / soft for panel in self.panels]
        found = [panel.body for panel in self.panels]
        for _ in found:
            elastic = [place for place, panel in enumerate(self.panels) if found[place] < panel.stretch * panel.body]
            whole = sum(found[place] for place in elastic)
            for place in elastic:
                most = self.panels[place].stretch * self.panels[place].body
                found[place] = min(found[place] * (1 + spare / whole), most)
            spare = height - self.fixed - sum(found)
        return found

    def paint(self, height: float) -> Figure:
        """The figure, `height` points high."""
        figure = Figure(figsize=(self.pen.page / 72, height / 72), dpi=72, facecolor="#FFFFFF")
        top = height - EDGE - 0.3 * self.pen.size
        for place, (panel, body) in enumerate(zip(self.panels, self.bodies(height), strict=True)):
            top -= self.gap(place) + self.heads[place]
            if self.heads[place]:
                self.paint_head(figure, place, top, height)
            wide = self.pen.page - 2 * EDGE if panel.full else self.axes_wide
            axes = figure.add_axes(
                ((EDGE + panel.left) / self.pen.page, (top - body) / height, wide / self.pen.page, body / height),
                label=panel.spec.kind,
            )
            panel.paint(axes, wide, body)
            top -= body + panel.bottom
        return figure

    def paint_head(self, figure: Figure, place: int, bottom: float, height: float) -> None:
        """Title, then legend; one unit of these axes is a point."""
        pen, panel, high = self.pen, self.panels[place], self.heads[place]
        axes = figure.add_axes(
            (EDGE / pen.page, bottom / height, 1 - 2 * EDGE / pen.page, high / height), label="head", frameon=False
        )
        axes.set(xlim=(0, pen.page - 2 * EDGE), ylim=(high, 0), xticks=[], yticks=[])
        top = 0.0
        if title := self.titles[place]:
            pen.write(axes, 0, 0, title, va="top", label="title")
            top = pen.high(title) + 0.3 * pen.size
        for row in self.keys[place]:
            for at, entry in row:
                self.paint_entry(axes, at, top + 0.62 * pen.size, entry)
            top += 1.35 * pen.size
        if panel.scale:
            self.paint_scale(axes, panel, top + 0.62 * pen.size)

    def paint_entry(self, axes: Axes, left: float, middle: float, entry: Entry) -> None:
        """One entry of a legend."""
        pen, look = self.pen, entry.look
        wide, high = HANDLES[entry.handle] * pen.size, 0.72 * pen.size
        if entry.handle == "patch":
            box = Rectangle((left, middle - high / 2), wide, high, facecolor=look.colour, linewidth=0)
            box.set(hatch=look.hatch, hatchcolor=look.over, label="swatch")
            axes.add_patch(box)
        elif entry.handle == "line":
            axes.plot(
                [left, left + wide], [middle] * 2, color=look.colour, linestyle=look.dash, linewidth=0.16 * pen.size,
                label="swatch",
            )  # fmt: skip
        else:
            axes.plot(
                [left + wide / 2], [middle], linestyle="none", marker=look.marker, markersize=0.6 * pen.size,
                color=look.colour, markeredgewidth=0, label="swatch",
            )  # fmt: skip
        pen.write(axes, left + wide + 0.4 * pen.size, middle, entry.label, label="entry")

    def paint_scale(self, axes: Axes, panel: Panel, middle: float) -> None:
        """The legend of a number: what it is, its ends, the colours between them."""
        pen, scale = self.pen, panel.scale
        assert scale is not None
        strip, high = min(7 * pen.size, pen.page / 4), 0.72 * pen.size
        whole = strip + sum(pen.wide(words) + 0.6 * pen.size for words in (scale.label, *scale.ends) if words)
        at = max(0.0, min(panel.left, pen.page - 2 * EDGE - whole))
        for words in (scale.label, scale.ends[0]):
            if words:
                pen.write(axes, at, middle, words, label="scale")
                at += pen.wide(words) + 0.6 * pen.size
        step = strip / len(scale.colours)
        for colour in scale.colours:
            box = Rectangle(
                (at, middle - high / 2), step, high, facecolor=colour, edgecolor=colour, linewidth=self.pen.line(0.2)
            )
            axes.add_patch(box)
            at += step
        pen.write(axes, at + 0.6 * pen.size, middle, scale.ends[1], label="scale")
