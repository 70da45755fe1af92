"""Gold × predicted: counts, the most frequent confusion in words, and the room that the names need."""

from __future__ import annotations

import numpy as np


def counted(gold: np.ndarray, predicted: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts (C, C), rows gold, columns predicted, of the labelled turns (`gold` (N,), −1: no label), and their shares
    of the row.
    """
    known = gold >= 0
    flat = np.bincount(gold[known] * classes + predicted[known], minlength=classes * classes)
    counts = flat.reshape(classes, classes)
    return counts, counts / np.maximum(counts.sum(1, keepdims=True), 1)


def most_frequent(counts: np.ndarray, names: tuple[str, ...]) -> str:
    """`Most frequent confusion: sad taken for neutral (12 of 80).`, or that there is none."""
    off = counts - np.diag(np.diag(counts))
    if not off.any():
        return "No labelled turn is confused."
    row, column = np.unravel_index(int(off.argmax()), off.shape)
    of = f"{off[row, column]:,} of {counts[row].sum():,}"
    return f"Most frequent confusion: {names[row]} taken for {names[column]} ({of})."


def room_for(names: tuple[str, ...]) -> int:
    """Pixels under the cells: long names stand upright there."""
    return 7 * min(max(0, max(map(len, names)) - 9), 30)
