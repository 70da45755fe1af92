"""The fonts of a figure on paper: DejaVu, and for a letter that it lacks the first installed font that has it."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from unicodedata import category

from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.textpath import text_to_path

BOX = "□"
"""Stands for a letter that no installed font has."""
SANS, SERIF = "DejaVu Sans", "DejaVu Serif"
LAST = "Last Resort"
"""matplotlib brings this family along: it has every letter, drawn as a frame."""
NAMED = 5
"""So many texts with letters that no font has are named, the others counted."""


class Fonts:
    """The families a figure needs, in the order in which they are asked for a letter; it grows with `shown`."""

    def __init__(self, *, serif: bool) -> None:
        self.families = [SERIF, SANS] if serif else [SANS]
        self.missing: dict[str, int] = {}

    def shown(self, text: object) -> str:
        """The text as it can be set: white space as one blank, `□` for a letter that no font has (see `said`)."""
        found = " ".join(str(text).split())
        if found.isascii() and found.isprintable():
            return found
        letters = [self.letter(letter) for letter in found]
        if lost := letters.count(None):
            self.missing[found] = lost
        return "".join(BOX if letter is None else letter for letter in letters)

    def letter(self, letter: str) -> str | None:
        """The letter, nothing in place of a sign that only steers others, None where no font has it."""
        if any(has(family, letter) for family in self.families):
            return letter
        if is_selector(letter):
            return ""
        if (family := family_with(letter)) is None:
            return None
        self.families.append(family)
        return letter

    def said(self) -> tuple[str, ...]:
        """One sentence a text that could not be set as it is."""
        named = list(self.missing.items())
        said = [
            f"{lost} character{'s' if lost > 1 else ''} of “{text}” "
            f"{'have' if lost > 1 else 'has'} no font here: shown as {BOX}"
            for text, lost in named[:NAMED]
        ]
        if left := named[NAMED:]:
            said.append(f"{sum(lost for _, lost in left)} characters of {len(left)} more texts are shown as {BOX} too")
        return tuple(said)


def is_selector(letter: str) -> bool:
    """Whether a sign only says how its neighbour is drawn: joiners, marks of direction, variants of emoji."""
    return category(letter) == "Cf" or 0xFE00 <= ord(letter) <= 0xFE0F


@cache
def has(family: str, letter: str) -> bool:
    """Whether the regular font of a family has the letter."""
    return ord(letter) in characters(fontManager.findfont(FontProperties(family=[family])))


@cache
def characters(path: str) -> frozenset[int]:
    """The letters of a font file; none where it cannot be read."""
    try:
        return frozenset(get_font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@cache
def family_with(letter: str) -> str | None:
    """The first installed family, by file name, whose regular TrueType font has the letter."""
    return next((family for family in installed() if has(family, letter)), None)


@cache
def installed() -> tuple[str, ...]:
    """The families of all upright TrueType files, in the order of their file names."""
    entries = [one for one in fontManager.ttflist if Path(one.fname).suffix.lower() == ".ttf" and one.style == "normal"]
    regular = sorted(entries, key=lambda one: (one.weight != 400, Path(one.fname).name))
    return tuple(dict.fromkeys(one.name for one in regular if not one.name.startswith(LAST)))


@lru_cache(100_000)
def width_of(text: str, families: tuple[str, ...]) -> float:
    """How wide a line is in these families, in units of its font size."""
    if not text:
        return 0.0
    return text_to_path.get_text_width_height_descent(text, FontProperties(family=list(families), size=1.0), False)[0]
