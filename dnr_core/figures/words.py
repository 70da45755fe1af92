"""Numbers and names as figures and their captions say them."""

from __future__ import annotations

from dnr_core.figures.spec import readable


def signed(value: float, digits: int = 2) -> str:
    """`+0.12` or `−0.12` with a real minus, `0.00` without a sign."""
    written = f"{value:+.{digits}f}"
    return written.replace("-", "−") if float(written) else written[1:]


def points(value: float, digits: int = 1) -> str:
    """A difference of scores (0 to 1) in points, signed."""
    return signed(100 * value, digits)


def spelt(interval: tuple[float, float]) -> str:
    """An interval of a difference in points: `−0.4 to 2.9`."""
    return " to ".join(points(end).removeprefix("+") for end in interval)


def percent(share: float) -> str:
    """`0.8604` → `86.0 %`."""
    return f"{100 * share:.1f} %"


def p_value(p: float) -> str:
    """`p = 0.012`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def listed(players: tuple[str, ...]) -> str:
    """Parts in words, joined by commas."""
    return ", ".join(map(readable, players))
