"""The words of a turn with what each adds, in the sentence. `found`: the engine's Attribution of words."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.markup import shown
from dnr_core.figures.words import signed

ABOUT = (
    "Through the text encoder, summed over the pieces of each word. The baseline is the same sentence with [PAD] in "
    "place of every word; all other turns stay. Shaded and underlined in full: for it; dashed: against it."
)


def sentence(found: Any) -> str:
    """The words as HTML, each shaded by the size of its value."""
    shares = found.values / max(float(np.abs(found.values).max()), 1e-9)
    words = " ".join(map(word_html, found.names, shares, found.values))
    return f'<p style="font-size:1.1em;line-height:1.9;margin:.2em 0"><bdi dir="auto">{words}</bdi></p>'


def word_html(name: str, share: float, value: float) -> str:
    """One word; colour and line say for or against, the tooltip how much."""
    colour, line = ("47,111,159", "solid") if value >= 0 else ("180,80,10", "dashed")
    style = f"background:rgba({colour},{0.5 * abs(share):.2f});border-bottom:2px {line} rgba({colour},{abs(share):.2f})"
    return f'<span style="{style};overflow-wrap:anywhere" title="{signed(value, 3)}">{shown(name)}</span>'
