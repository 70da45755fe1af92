"""The bars in the chat of the Attribution page. `found`: the engine's Attribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dnr_core.figures.build.attribution import TURN_COLOURS
from dnr_core.figures.words import signed


def turn_bar(found: Any) -> Callable[[int], str]:
    """The bar of a turn in the chat: right of the line for the emotion, left of it against it, its number beside it."""
    up, down = max(float(found.values.max()), 0.0), max(-float(found.values.min()), 0.0)
    whole = max(up + down, 1e-9)
    zero = 100 * down / whole

    def bar(turn: int) -> str:
        value, kind = float(found.values[turn]), found.kinds[turn]
        share = 100 * abs(value) / max(up if value > 0 else down, 1e-9)
        piece = f'<i class="seg" style="width:{share:.2f}%;--c:{TURN_COLOURS[kind]}"></i>' if abs(value) > 0 else ""
        left, right = ("", piece) if value > 0 else (piece, "")
        return (
            f'<div class="bar" title="{kind}: {signed(value, 3)}"><span class="left" style="width:{zero:.2f}%">{left}'
            f'</span><span class="right" style="width:{100 - zero:.2f}%">{right}</span></div>'
            f'<div class="says"><small>{kind} {signed(value)}</small></div>'
        )

    return bar
