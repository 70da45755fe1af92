"""The tables of the Attribution page, and the bars in its chat. `found`: the engine's Attribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dashboard.attribution_data import BASELINES, METHODS
from dashboard.markup import shown
from dnr_core.figures.attribution import TURN_COLOURS
from dnr_core.figures.words import signed

EXACTNESS = ("error of the sum", "tolerance", "met", "f(x)", "f(baseline)", "baseline", "steps or samples", "seconds")
ABOUT_CHECKS = (
    "Infidelity: 0 is exact, 1 as wrong as claiming nothing. Agreement: rank correlation over {count:,} items; methods "
    "that take long are left out. With random layers the rank correlation should fall towards 0."
)


def exactness(found: Any) -> list[list[str]]:
    """One row of HTML cells: by how much the values miss what they must sum to, and what they were computed with."""
    met = {None: "not promised by this method", True: "✓ yes", False: '<b style="color:#E5484D">✗ no: do not trust</b>'}
    return [[
        signed(found.completeness_error, 4), "–" if found.within_tolerance is None else f"{found.tolerance:.4f}",
        met[found.within_tolerance], signed(found.total, 3), signed(found.baseline_total, 3),
        shown(BASELINES[found.baseline]), "–" if found.n_steps is None else f"{found.n_steps:,}",
        f"{found.seconds:.2f}",
    ]]  # fmt: skip


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


def checks(tested: Any) -> list[list[str]]:
    """What was tested beside the curves, as rows of HTML cells: test, number."""
    share = "–" if tested.infidelity.share is None else f"{tested.infidelity.share:.3f}"
    rows = [["infidelity", share]]
    rows += [[f"agrees with {shown(METHODS[name])}", correlation(value)] for name, value in tested.agreement.items()]
    return rows + [
        [f"top {100 * step.share:.0f} % of layers random", correlation(step.rank_correlation)]
        for step in tested.randomised
    ]


def correlation(value: float | None) -> str:
    """A correlation, a dash where it is not defined."""
    return "–" if value is None else signed(value)
