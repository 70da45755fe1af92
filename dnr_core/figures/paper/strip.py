"""Strips on paper: a coloured square for every turn, in rows over a common axis."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from dnr_core.figures.paper.panel import FEWEST, Rows
from dnr_core.figures.paper.pen import INK, LEADING, SMALLEST, Pen
from dnr_core.figures.screen.drawing import readable_on
from dnr_core.figures.spec import FigureSpec


class Strip(Rows):
    """Squares in rows over a common x; what is written in is told as far as it has room."""

    row_high, stretch = 1.7, 1.8

    def __init__(self, spec: FigureSpec, pen: Pen) -> None:
        super().__init__(spec, pen)
        found = list(dict.fromkeys(map(str, spec.data[spec.colour])))
        names = [name for name in spec.colours if name in found] + [name for name in found if name not in spec.colours]
        self.looks = pen.looks(names, spec.colours, {})
        self.legend(names, self.looks, "patch")
        self.right = 0.5 * pen.size
        self.texts = [pen.shown(text) for text in spec.data[spec.text]] if spec.text else []

    @property
    def own_span(self) -> tuple[float, float] | None:
        """From before the first to behind the last turn."""
        return -0.7, max(float(self.spec.data[self.spec.x].max()), FEWEST) + 0.7

    def fit(self, width: float) -> None:
        """As high as the rows are; where what is written in has room, the squares need no hatches."""
        super().fit(width)
        low, high = self.span or self.own_span or (0.0, 1.0)
        self.side = 0.9 * width / (high - low)
        if self.text_size(0.92 * self.side, self.inside * self.pen.size)[0] >= SMALLEST:
            self.looks = {name: replace(look, hatch="") for name, look in self.looks.items()}
            self.legend(list(self.looks), self.looks, "patch")

    @property
    def inside(self) -> float:
        """The height of a square without its edge, in font sizes."""
        return 0.85 * self.row_high

    def paint(self, axes: Axes, width: float, height: float) -> None:
        """Draw square by square."""
        spec = self.spec
        self.bare(axes)
        low, high = self.span or self.own_span or (0.0, 1.0)
        self.number_x(axes, low, high, width, height, whole=True)
        cell, unit, where = width / (high - low), height / self.units, self.place()
        side, tall = 1 - min(0.1, 0.8 / cell), self.row_high - 1.2 / unit
        x, y = spec.data[spec.x].to_numpy(float), [where[str(row)] for row in spec.data[spec.y]]
        groups = spec.data[spec.colour].map(str).tolist()
        for at, row, group in zip(x, y, groups, strict=True):
            look = self.looks[group]
            box = Rectangle((at - side / 2, row - tall / 2), side, tall, facecolor=look.colour, linewidth=0)
            box.set(hatch=look.hatch, hatchcolor=look.over, label=group)
            axes.add_patch(box)
        self.write_in(
            axes, list(zip(x, y, groups, self.texts, strict=False)), 0.92 * self.side, self.inside * self.pen.size
        )
        if spec.mark is not None:
            frame = Rectangle(
                (spec.mark - 0.5, 0), 1, self.units, facecolor="none", edgecolor=INK, linewidth=self.pen.line(1.0)
            )
            frame.set(label="mark", clip_on=False, zorder=4)
            axes.add_patch(frame)
        self.name_axis(axes, width)
        self.name_axes(axes, width, height)

    def text_size(self, wide: float, high: float) -> tuple[float, int]:
        """The size and direction of what is written into squares of this size: lying, else standing."""
        widest = max((self.pen.wide(text, 1.0) for text in self.texts), default=0.0) or 1.0
        lying = min(self.pen.size, wide / widest, high / LEADING)
        standing = min(self.pen.size, high / widest, wide / LEADING)
        return (lying, 0) if lying >= SMALLEST or lying >= standing else (standing, 90)

    def write_in(self, axes: Axes, cells: list[tuple[float, float, str, str]], wide: float, high: float) -> None:
        """Write into the squares what has room, else only the sign of what is wrong."""
        size, rotation = self.text_size(wide, high)
        for x, y, group, text in cells:
            filled = self.looks[group].colour
            if size < SMALLEST:
                self.sign(axes, x, y, text, wide, filled)
                continue
            self.pen.write(
                axes, x, y, text, size=size, rotation=rotation, ha="center", label="cell",
                color=self.pen.ink(readable_on(filled)),
            )  # fmt: skip

    def sign(self, axes: Axes, x: float, y: float, text: str, wide: float, filled: str) -> None:
        """A small cross where the text says that something is wrong."""
        if text.startswith("✗"):
            axes.plot(
                [x], [y], marker="x", markersize=max(min(wide, 0.6 * self.pen.size), 1.6), label="wrong",
                markeredgewidth=0.6, color=self.pen.ink(readable_on(filled)), linestyle="none", zorder=3,
            )  # fmt: skip
