"""The figure of what changes from one run to another, and the sentence that reads it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dnr_core.figures.spec import FigureSpec, emotion_colours
from dnr_core.figures.words import points, spelt


def class_changes(found: Any) -> FigureSpec | None:
    """The change of the F1 of each emotion that occurs, with its interval; None where there is no interval."""
    there = {name: change for name, change in found.per_class.items() if found.support[name]}
    if any(change.interval is None for change in there.values()):
        return None
    frame = pd.DataFrame({
        "label": [f"{name} (n = {found.support[name]:,})" for name in there],
        "emotion": list(there),
        "points": [100 * change.difference for change in there.values()],
        "low": [100 * change.interval[0] for change in there.values()],
        "high": [100 * change.interval[1] for change in there.values()],
        "written": [points(change.difference) for change in there.values()],
    })  # fmt: skip
    return FigureSpec(
        "intervals", frame, x="points", y="label", colour="emotion", text="written", low="low", high="high",
        colours=emotion_colours(tuple(found.per_class)), x_label="change of F1 from A to B, points",
        caption=class_reading(there), height=70 + 40 * len(there),
    )  # fmt: skip


def class_reading(there: dict[str, Any]) -> str:
    """Which emotion changes most, and how many intervals leave zero out."""
    most = max(there, key=lambda name: abs(there[name].difference))
    told = sum(not change.interval[0] <= 0 <= change.interval[1] for change in there.values())
    return (
        f"Most changed: {most} ({points(there[most].difference)} points, {spelt(there[most].interval)}). "
        f"{told} of {len(there)} intervals leave 0 out (filled; not corrected for looking at {len(there)} emotions)."
    )
