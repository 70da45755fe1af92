"""Where an axis on paper has its ticks, and how numbers stand there."""

from __future__ import annotations

from matplotlib.ticker import MaxNLocator

from dnr_core.figures.paper.pen import Pen


def number(value: float) -> str:
    """A number at an axis, with a true minus."""
    return f"{round(value, 10):g}".replace("-", "−")


def ticks(low: float, high: float, *, most: int, whole: bool = False) -> list[float]:
    """Round numbers between two ends, about so many."""
    places = MaxNLocator(nbins=max(most, 1), steps=[1, 2, 2.5, 5, 10], integer=whole).tick_values(low, high)
    slack = 1e-9 * (high - low)
    return [float(place) + 0.0 for place in places if low - slack <= place <= high + slack]


def ticks_along(pen: Pen, low: float, high: float, length: float, *, whole: bool = False) -> list[float]:
    """As many ticks along a horizontal axis of this length as leave room between their labels; whole numbers more."""
    for most in range(12 if whole else 6, 1, -1):
        found = ticks(low, high, most=most, whole=whole)
        if len(found) < 2:
            continue
        step = (found[1] - found[0]) / (high - low) * length
        if step >= max(pen.wide(number(one)) for one in found) + 1.2 * pen.size:
            return found
    return ticks(low, high, most=1, whole=whole)[:1]


def ticks_up(pen: Pen, low: float, high: float, length: float) -> list[float]:
    """As many ticks along a vertical axis of this length as leave room, five at most."""
    for most in range(5, 0, -1):
        found = ticks(low, high, most=most)
        if len(found) < 2 or (found[1] - found[0]) / (high - low) * length >= 1.5 * pen.size:
            return found
    return []
