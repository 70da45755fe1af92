"""How things look on paper: sizes, greys, hatches and dashes, the width of words, and how they are broken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.transforms import ScaledTranslation, Transform

from dnr_core.figures.paper.fonts import Fonts, width_of
from dnr_core.figures.spec import ACCENT, FAMILY_COLOURS, MODALITY_COLOURS

INK, SOFT, RULE, LINE = "#1A1A1A", "#5C5C5C", "#E1E1E1", "#8E8E8E"
"""Words; quiet words; the lines of a grid; the line at zero."""
LEADING = 1.22
"""From line to line, in font sizes."""
MIDDLE, TOP, BOTTOM = 0.365, 0.86, 0.24
"""From the middle, the top and the bottom of a line to its baseline, in font sizes."""
SMALLEST = 5.0
"""Points below which nothing is written."""
FIXED = (list(FAMILY_COLOURS), list(MODALITY_COLOURS))
HATCHES = ("", "/", ".", "x", "\\", "+", "-", "|")
"""plotly's patterns; matplotlib has the same, the denser the more often a sign is repeated."""
DASHES = ("solid", (0, (4, 1.6)), (0, (1, 1.4)), (0, (5, 1.4, 1, 1.4)), (0, (2.4, 1.2)), (0, (7, 1.6, 1, 1.6, 1, 1.6)))
MARKERS = ("o", "D", "s", "^", "P", "X", "v", "p", "*", "h")
BREAKS = re.compile(r"(?<=[\s+/,;:_-])(?<!= )(?![·=])")

HALVES = ((1.0, r"(?<=[·:,;])\s|\s(?=\()"), (1.2, r"(?<![=·])\s(?![=·])"), (1.4, r"(?<=[+/_-])"))
"""Where a name is broken into two lines, with how much wider than its best a line may be for it."""


@dataclass(frozen=True)
class Look:
    """How one group is told from the others."""

    colour: str
    hatch: str
    over: str
    """The colour of the hatch."""
    dash: Any
    marker: str


class Pen:
    """What all panels of a figure are drawn with; lengths are points."""

    def __init__(self, *, size: float, page: float, serif: bool, grey: bool) -> None:
        self.size, self.page, self.grey = size, page, grey
        self.fonts = Fonts(serif=serif)
        self.gap = 0.45 * size

    def shown(self, text: object) -> str:
        """The text with the letters that can be set."""
        return self.fonts.shown(text)

    def wide(self, text: str, size: float | None = None) -> float:
        """The width of the widest line of a text that went through `shown`."""
        families = tuple(self.fonts.families)
        return max((width_of(line, families) for line in text.split("\n")), default=0.0) * (size or self.size)

    def high(self, text: str, size: float | None = None) -> float:
        """The height of all its lines."""
        return (text.count("\n") + 1) * LEADING * (size or self.size)

    def fitted(self, text: str, width: float, *, lines: int = 2, tail: float = 0.0, size: float | None = None) -> str:
        """A text in so many lines of this width at most; where it is longer, `…` stands for what is left out.

        `tail`: the share of the last line that the end of the text takes behind the `…`.
        """
        if (found := self.whole(text, width, lines=min(lines, 2), size=size)) is not None:
            return found
        made = self.broken(text, width, size)
        if len(made) > lines:
            made = [*made[: lines - 1], "".join(made[lines - 1 :])]
        return "\n".join(self.cut(line.strip(), width, size, tail) for line in made)

    def names(self, texts: Sequence[str], width: float, *, lines: int = 2) -> list[str]:
        """Each text fitted; where several would be cut to the same words, with their ends, which tell them apart."""
        found = [self.fitted(text, width, lines=lines) for text in texts]
        for tail in (0.4, 0.7, 0.9):
            if len(set(found)) < len(set(texts)):
                twice = {words for words in found if found.count(words) > 1}
                found = [
                    self.fitted(text, width, lines=lines, tail=tail) if words in twice else words
                    for text, words in zip(texts, found, strict=True)
                ]
        return found

    def whole(self, text: str, width: float, *, lines: int = 2, size: float | None = None) -> str | None:
        """The text in so many lines at most with every word whole; None where it is wider."""
        whole = self.wide(text, size)
        if whole <= width:
            return text
        if whole > lines * width:
            return None
        halves = self.halved(text, size)
        if halves and self.wide(halves, size) <= width:
            return halves
        pieces = [piece.strip() for piece in BREAKS.split(text)]
        if lines < 3 or any(self.wide(piece, size) > width for piece in pieces):
            return None
        made = [line.strip() for line in self.broken(text, width, size)]
        return "\n".join(made) if len(made) <= lines else None

    def halved(self, text: str, size: float | None = None) -> str | None:
        """The text in two lines, the wider as narrow as can be; rather after a sign with a blank than within a word."""
        found = []
        for cost, sign in HALVES:
            pieces = [one.span() for one in re.finditer(sign, text)]
            halves = [(text[:start].rstrip(), text[end:].lstrip()) for start, end in pieces]
            found += [(cost * self.wide(f"{one}\n{two}", size), f"{one}\n{two}") for one, two in halves if one and two]
        return min(found)[1] if found else None

    def broken(self, text: str, width: float, size: float | None = None) -> list[str]:
        """The lines of a text, broken after blanks and signs, a word that is too long anywhere."""
        lines = [""]
        for piece in BREAKS.split(text):
            if self.wide((lines[-1] + piece).rstrip(), size) <= width:
                lines[-1] += piece
                continue
            if lines[-1]:
                lines.append("")
            while self.wide(piece.rstrip(), size) > width and len(piece) > 1:
                head = self.longest(piece, width, size)
                lines[-1:] = [piece[:head], ""]
                piece = piece[head:]
            lines[-1] += piece
        return [line for line in lines if line.strip()] or [""]

    def longest(self, text: str, width: float, size: float | None, tail: str = "") -> int:
        """How many letters, one at least, fit in this width with a tail behind them."""
        low, high = 1, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.wide(text[:middle] + tail, size) <= width else (low, middle - 1)
        return low

    def cut(self, text: str, width: float, size: float | None = None, tail: float = 0.0) -> str:
        """A line no wider than this; `…` for what is left out at its end, or before its last `tail` (a share)."""
        if self.wide(text, size) <= width:
            return text
        room = tail * (width - self.wide(text[:1] + "…", size))
        end = text[len(text) - self.longest(text[::-1], room, size) :].lstrip() if tail else ""
        return text[: self.longest(text, width, size, "…" + end)].rstrip() + "…" + end

    def font(self, size: float | None = None) -> FontProperties:
        """The font of a text of this size."""
        return FontProperties(family=list(self.fonts.families), size=size or self.size)

    def line(self, width: float) -> float:
        """The width of a line that is so wide in a paper, wider where words are larger."""
        return width * self.size / 8

    def write(
        self,
        axes: Axes,
        x: float,
        y: float,
        words: str,
        *,
        size: float | None = None,
        va: Literal["middle", "top", "bottom", "baseline"] = "middle",
        rotation: Literal[0, 90] = 0,
        leading: float = LEADING,
        transform: Transform | None = None,
        **more: Any,
    ) -> None:
        """Literal words at a place, a text a line; all on one line stand on one baseline, whatever their letters."""
        size, lines = size or self.size, words.split("\n")
        step, last = leading * size, len(lines) - 1
        first = {"middle": last * step / 2 - MIDDLE * size, "top": -TOP * size, "baseline": 0.0}
        first["bottom"] = last * step + BOTTOM * size
        look = {"color": INK, "parse_math": False, "clip_on": False, "rotation_mode": "anchor"} | more
        look["fontfeatures"] = ("-liga",)  # a letter is a letter, to search for and to copy
        figure = axes.get_figure(root=True)
        assert figure is not None
        for place, line in enumerate(lines):
            down = (first[va] - place * step) / 72
            shift = (0.0, down) if rotation == 0 else (-down, 0.0)
            where = (transform or axes.transData) + ScaledTranslation(*shift, figure.dpi_scale_trans)
            axes.text(
                x, y, line, fontproperties=self.font(size), va="baseline", rotation=rotation, transform=where, **look
            )  # fmt: skip

    def looks(
        self,
        names: Sequence[str],
        colours: dict[str, str],
        patterns: dict[str, str],
        *,
        light: tuple[float, float] = (0.25, 0.85),
    ) -> dict[str, Look]:
        """How each group is drawn; in grey by lightness between these, and by hatches of which no two are the same."""
        own = [patterns.get(name, "") for name in names]
        if self.grey and len(set(own)) < len(own):
            own = [HATCHES[place % len(HATCHES)] for place in range(len(names))]
        shades = [self.ink(colours.get(name, ACCENT)) for name in names]
        if self.grey:
            shades = greys(names, colours, *light)
        over = ["#333333" if self.grey and lightness(shade) > 0.62 else "#FFFFFF" for shade in shades]
        return {
            name: Look(
                shade, self.dense(hatch), over[place], DASHES[place % len(DASHES)], MARKERS[place % len(MARKERS)]
            )
            for place, (name, shade, hatch) in enumerate(zip(names, shades, own, strict=True))
        }  # fmt: skip

    def dense(self, hatch: str) -> str:
        """A hatch with its lines as far apart as suits the words."""
        return hatch * max(1, round((24 if hatch == "." else 32) / self.size))

    def ink(self, colour: str) -> str:
        """A colour, as light as it is where the figure is grey."""
        return to_hex((lightness(colour),) * 3) if self.grey else to_hex(colour)


def lightness(colour: str) -> float:
    """How light a colour looks, from 0 to 1 (its luma)."""
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def greys(names: Sequence[str], colours: dict[str, str], dark: float, light: float) -> list[str]:
    """A grey a name, one apart from the other; families and modalities have the same one in every figure of theirs."""
    order = next((known for known in FIXED if set(names) <= set(known)), None)
    if order is None:
        known = [*FIXED[0], *FIXED[1], *colours]
        order = sorted(names, key=lambda name: known.index(name) if name in known else len(known))
    reach = max(len(order) - 1, 1)
    return [to_hex((dark + (light - dark) * order.index(name) / reach,) * 3) for name in names]


def names_of(values: Iterable[object]) -> list[str]:
    """The different values as words, in the order of their first appearance."""
    return list(dict.fromkeys(map(str, values)))
