"""The words of a turn with what each adds: in the sentence, and as bars. `found`: the engine's Attribution of words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard.markup import shown
from dnr_core.figures.attribution import reading
from dnr_core.figures.spec import ACCENT, QUIET, FigureSpec
from dnr_core.figures.words import signed

FOR, AGAINST, OTHERS = "for it", "against it", "all other words"
COLOURS = {FOR: ACCENT, AGAINST: "#B4500A", OTHERS: QUIET}
PATTERNS = {FOR: "", AGAINST: "/", OTHERS: "x"}
MOST = 40
"""So many words have a bar of their own."""
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


def bars(found: Any) -> FigureSpec:
    """What each word adds, in the order of the sentence; of a long one the MOST largest, then the sum of the others."""
    own = np.sort(np.argsort(-np.abs(found.values), kind="stable")[:MOST])
    rows = [(f"{place + 1} · {short(found.names[place])}", float(found.values[place])) for place in own]
    groups = [FOR if value >= 0 else AGAINST for _, value in rows]
    if len(own) < len(found.values):
        rows.append((f"{len(found.values) - len(own)} other words", float(np.delete(found.values, own).sum())))
        groups.append(OTHERS)
    frame = pd.DataFrame(rows, columns=["item", "value"]).assign(group=groups)
    frame["label"] = [signed(value) for value in frame["value"]]
    frame["says"] = frame["item"] + ": " + [signed(value, 3) for value in frame["value"]]
    return FigureSpec(
        "bars", frame, x="value", y="item", colour="group", text="label", hover=("says",), colours=COLOURS,
        patterns=PATTERNS, caption=reading(found), height=40 + 24 * len(frame),
    )  # fmt: skip


def short(word: str) -> str:
    """A word cut to what fits beside a bar."""
    return word if len(word) <= 24 else f"{word[:23]}…"
