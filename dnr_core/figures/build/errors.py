"""Figures of the audit of errors, and the sentences that read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dnr_core.figures.build import confusions
from dnr_core.figures.spec import FigureSpec
from dnr_core.types import Predictions


def confusion(
    found: Predictions, cells: str, *, at: tuple[int, int] | None = None, cell: tuple[int, int] | None = None
) -> FigureSpec:
    """Gold × predicted as squares that can be clicked; the chosen cell and that of the focus, `at`, are framed.

    `cells`: counts, or shares of the row.
    """
    names = found.emotions
    counts, of_gold = confusions.counted(found.gold, found.predicted, len(names))
    frame = pd.DataFrame(
        [
            {
                "gold": names[i], "predicted": names[j], "count": int(counts[i, j]), "share": of_gold[i, j],
                "label": ("• " if (i, j) == at else "")
                + (f"{counts[i, j]:,}" if cells == "counts" else f"{100 * of_gold[i, j]:.0f} %"),
                "frame": "focus" if (i, j) == at else "chosen" if (i, j) == cell else "",
                "what": f"gold {names[i]}, predicted {names[j]}",
                "many": f"{counts[i, j]:,} of {counts[i].sum():,} ({100 * of_gold[i, j]:.0f} %)",
            }
            for i in range(len(names)) for j in range(len(names))
        ]
    )  # fmt: skip
    return FigureSpec(
        "squares", frame, x="predicted", y="gold", colour="share", text="label", hover=("what", "many"),
        x_label="predicted", y_label="gold", caption=confusion_reading(counts, names, cell is not None, at is not None),
        height=84 + 46 * len(names) + confusions.room_for(names),
    )  # fmt: skip


def confusion_reading(counts: np.ndarray, names: tuple[str, ...], chosen: bool, focused: bool) -> str:
    """The most frequent confusion, and what the frames mean."""
    most = confusions.most_frequent(counts, names)
    frames = " Framed green: the chosen cell." if chosen else ""
    frames += " Framed orange, with a dot: the cell of the utterance in focus." if focused else ""
    return f"{most} n = {counts.sum():,}; shade: share of the row. Click a cell to list its utterances.{frames}"


def reliability(audit: Any) -> FigureSpec:
    """Accuracy over confidence by bins of confidence. `audit`: the engine's ErrorAudit."""
    found = audit.calibration
    there = np.flatnonzero(found.n)
    low_high = np.where(np.isnan(found.accuracy_interval), found.accuracy[:, None], found.accuracy_interval)
    frame = pd.DataFrame({
        "confidence": found.confidence[there],
        "accuracy": found.accuracy[there],
        "low": low_high[there, 0],
        "high": low_high[there, 1],
        "label": [f"{found.n[b]:,}" for b in there],
        "what": [f"says {found.confidence[b]:.2f}, right in {found.accuracy[b]:.2f}" for b in there],
        "many": [f"n = {found.n[b]:,}, 95 % {low_high[b, 0]:.2f}–{low_high[b, 1]:.2f}" for b in there],
    })  # fmt: skip
    return FigureSpec(
        "reliability", frame, x="confidence", y="accuracy", low="low", high="high", text="label",
        hover=("what", "many"), x_label="confidence: probability of the predicted emotion", y_label="share right",
        caption=reliability_reading(audit), height=330,
    )  # fmt: skip


def reliability_reading(audit: Any) -> str:
    """Calibration error with its interval, in which direction, and what a temperature would do."""
    found = audit.calibration
    count = found.n.sum()
    gap = float(np.nansum(found.n * (found.confidence - found.accuracy)) / count)
    way = (
        "surer than it is right"
        if gap > 0.01
        else "less sure than it is right"
        if gap < -0.01
        else "about as sure as right"
    )
    line = (
        f"Below the dotted line the model is too sure; numbers: utterances in a bin. Expected calibration error "
        f"{with_interval(found)} (n = {count:,}; 0 is perfect): on average it is {way} ({abs(gap):.3f})."
    )
    if audit.temperature is None:
        return f"{line} The temperature that would fit cannot be told because dev has no labels."
    scaled = with_interval(audit.scaled)
    return f"{line} Dividing the logits by T = {audit.temperature:.2f}, fitted on dev, gives {scaled}."


def with_interval(found: Any) -> str:
    """A calibration error with its interval."""
    if found.interval is None:
        return f"{found.error:.3f}"
    return f"{found.error:.3f} ({found.interval[0]:.3f}–{found.interval[1]:.3f})"
