"""Draws figures for a paper with matplotlib: the exact width of a column, fonts embedded, the same bytes each time."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from dnr_core.errors import DnRError, UsageError, one_of
from dnr_core.figures.paper.page import Page
from dnr_core.figures.paper.pen import SMALLEST, Pen
from dnr_core.figures.spec import FigureSpec


@dataclass(frozen=True)
class Preset:
    """A page: inches, points; without a height it is as high as its content, `tallest` at most."""

    width: float
    font_size: float
    tallest: float
    height: float | None = None


PRESETS = {
    "wacv": Preset(3.25, 8, 8.8),
    "ieee1": Preset(3.5, 8, 9.2),
    "ieee2": Preset(7.16, 8, 9.2),
    "acl1": Preset(3.03, 8, 9.6),
    "acl2": Preset(6.3, 8, 9.6),
    "slide": Preset(10.0, 16, 5.6, 5.6),
    "poster": Preset(16.0, 24, 30.0),
}
"""The widths of the columns of conferences, a slide, and a column of a poster."""
FORMATS = ("pdf", "svg", "png", "eps")
WIDTHS, HEIGHTS, FONT_SIZES, DPI = (1.0, 40.0), (0.5, 60.0), (5.0, 60.0), (50, 1200)
SHRINK = 0.94
MOST_DPI = {"pdf": 400, "svg": 300, "eps": 200}
"""Of points that are pixels in a file of lines."""
METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "eps": {"Creator": "matplotlib"},
}
DRAWING = threading.RLock()
"""matplotlib's settings are those of the process: one figure at a time."""


@dataclass(frozen=True)
class PaperStyle:
    """How a figure goes on paper; None: as the preset says. Inches and points."""

    preset: str = "acl1"
    width: float | None = None
    height: float | None = None
    font_size: float | None = None
    serif: bool = False
    grey: bool = False
    title: bool = False

    def page(self) -> Preset:
        """The preset with what was asked for. Raises DnRError where that is out of range."""
        if self.preset not in PRESETS:
            raise one_of("preset of figures", self.preset, PRESETS)
        preset = PRESETS[self.preset]
        for name, value, (low, high), unit in (
            ("width", self.width, WIDTHS, "inches"),
            ("height", self.height, HEIGHTS, "inches"),
            ("font size", self.font_size, FONT_SIZES, "points"),
        ):
            if value is not None and not low <= value <= high:
                raise UsageError(
                    f"{name} of a figure", got=f"{value:g}", expected=f"{low:g} to {high:g} {unit}",
                    do="leave it out to take that of the preset",
                )  # fmt: skip
        return Preset(
            self.width or preset.width,
            self.font_size or preset.font_size,
            preset.tallest,
            self.height or (preset.height if self.width is None else None),
        )


@dataclass(frozen=True)
class Drawn:
    """A figure as a file: its size on paper, and what had to be shown otherwise, a sentence each."""

    content: bytes
    width_in: float
    height_in: float
    substitutions: tuple[str, ...]


SETTINGS: dict[str, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "text.hinting": "no_hinting",
    "text.hinting_factor": 1,
    "axes.unicode_minus": True,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "ps.useafm": False,
    "pdf.compression": 6,
    "svg.hashsalt": "dnr",
    "hatch.linewidth": 0.6,
    "path.simplify": True,
    "axes.linewidth": 0.5,
}


def settings(*, text_as_paths: bool = False) -> Any:
    """matplotlib's own defaults with ours, whatever the machine's matplotlibrc says."""
    own = {
        name: value
        for name, value in matplotlib.rcParamsDefault.items()
        if not name.startswith(("backend", "interactive"))
    }
    return matplotlib.rc_context(own | SETTINGS | {"svg.fonttype": "path" if text_as_paths else "none"})


def draw(panels: Sequence[FigureSpec], style: PaperStyle) -> Figure:
    """The panels one under the other, those over turns with one axis. Raises DnRError where they have no room."""
    with DRAWING, settings():
        return drawn(panels, style)[0]


def drawn(panels: Sequence[FigureSpec], style: PaperStyle) -> tuple[Figure, tuple[str, ...]]:
    """The figure, and what had to be shown otherwise."""
    asked = style.page()
    page, said = fitting(panels, style, asked)
    height = asked.height * 72 if asked.height else min(page.liked, asked.tallest * 72)
    with matplotlib.rc_context({"hatch.linewidth": page.pen.line(0.6)}):
        figure = page.paint(height)
    return figure, page.pen.fonts.said() + said


def fitting(panels: Sequence[FigureSpec], style: PaperStyle, asked: Preset) -> tuple[Page, tuple[str, ...]]:
    """The panels laid out with the largest font, not above that asked for, with which all of them have room."""
    if not panels:
        raise DnRError("a figure without panels", do="give one at least")
    for spec in panels:
        if spec.data.empty:
            raise DnRError("a figure without data", got=f"no rows for {spec.kind}", do="choose what has some")
    room, size = 72 * (asked.height or asked.tallest), asked.font_size
    while True:
        pen = Pen(size=size, page=72 * asked.width, serif=style.serif, grey=style.grey)
        page = Page(panels, pen, titled=style.title)
        if page.least <= room and page.axes_wide >= 8 * size and not (page.cramped and size > SMALLEST):
            said = f"text is set in {size:.1f} points instead of {asked.font_size:g}: more has no room"
            return page, (said,) if size < asked.font_size else ()
        if size <= SMALLEST:
            break
        size = max(size * SHRINK, SMALLEST)
    if page.axes_wide < 8 * size:
        raise UsageError(
            "width of a figure", got=f"{asked.width:g} inches", expected="room for the names and what they name",
            do="make it wider",
        )  # fmt: skip
    raise UsageError(
        "height of a figure", got=f"{room / 72:g} inches", expected=f"{page.least / 72:.1f} or more at this width",
        do="make it higher or wider, or draw fewer rows",
    )  # fmt: skip


def check_form(form: str, dpi: int) -> None:
    """Raise UsageError where a figure cannot be saved in this form, or with so many dots an inch."""
    if form not in FORMATS:
        raise one_of("form of a figure", form, FORMATS)
    if not DPI[0] <= dpi <= DPI[1]:
        raise UsageError("dots per inch of a figure", got=dpi, expected=f"{DPI[0]} to {DPI[1]}")


def save(
    panels: Sequence[FigureSpec], style: PaperStyle, form: str, *, dpi: int = 300, text_as_paths: bool = False
) -> Drawn:
    """The figure as a file of this form, byte for byte the same for the same input. Raises DnRError."""
    check_form(form, dpi)
    with DRAWING, settings(text_as_paths=text_as_paths):
        figure, said = drawn(panels, style)
        stream = io.BytesIO()
        figure.savefig(stream, format=form, dpi=min(dpi, MOST_DPI.get(form, dpi)), metadata=METADATA[form])
    content = stream.getvalue()
    if form == "eps":
        content = re.sub(rb"%%CreationDate: .*\n", b"", content, count=1)
    width, height = figure.get_size_inches()
    return Drawn(content, float(width), float(height), said)
