"""What all drawings on screen share: literal text, axes of names, colours that can be read on each other."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from dnr_core.figures.spec import ACCENT, QUIET, FigureSpec

GRID = "rgba(128,128,128,0.18)"
NAMES = {"type": "category", "dtick": 1}
"""An axis of names, each of them written: plotly would take 1, 2 or 2020-01 for numbers and dates, and skip some."""


def literal(text: object) -> str:
    """A text from data so that plotly shows it as it was typed: its labels and hover boxes read tags and entities."""
    return escape(str(text), quote=False)


def literals(texts: Iterable[object]) -> list[str]:
    """`literal` of each; quick where there is nothing to escape, because a map has many points."""
    found = [str(text) for text in texts]
    together = "".join(found)
    return [literal(text) for text in found] if any(sign in together for sign in "&<>") else found


def readable_on(colour: str) -> str:
    """Dark or white, whichever is easier to read on this colour (by its luma)."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#16181d" if 0.299 * red + 0.587 * green + 0.114 * blue > 125 else "#FFFFFF"


def bar_marker(spec: FigureSpec, name: object) -> dict[str, Any]:
    """The colour and pattern of the bars of a group."""
    pattern = {
        "shape": spec.patterns.get(str(name), ""), "fgcolor": "rgba(255,255,255,.8)", "fillmode": "overlay", "size": 6,
    }  # fmt: skip
    return {"color": spec.colours.get(str(name), ACCENT), "pattern": pattern}


def mark_line(x: float) -> dict[str, Any]:
    """A thin dotted vertical line at x."""
    line = {"color": QUIET, "width": 1, "dash": "dot"}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line}
