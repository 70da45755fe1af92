"""The scores of a run as tiles and rows of HTML cells, and the sentence that reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnr_core.figures.rows.markup import dot, score_cell, shown
from dnr_core.figures.spec import emotion_colours


def headline(scores: dict[str, Any], split: str) -> list[tuple[str, str, str]]:
    """The three scores with their intervals."""
    names = {"weighted_f1": "Weighted F1", "accuracy": "Accuracy", "macro_f1": "Macro F1"}
    tiles = []
    for name, label in names.items():
        interval = scores["interval"].get(name)
        under = f"95 % {interval[0]:.3f}–{interval[1]:.3f} · " if interval else ""
        value = "–" if scores[name] is None else f"{scores[name]:.3f}"
        tiles.append((f"{label}, {split}", value, f"{under}n = {scores['n']:,}"))
    return tiles


def class_rows(scores: dict[str, Any], intervals: dict[str, np.ndarray]) -> list[list[str]]:
    """One row of HTML cells a class."""
    colours = emotion_colours(tuple(scores["per_class"]))
    rows = []
    for place, (name, entry) in enumerate(scores["per_class"].items()):
        cells = [f"{dot(colours[name])}{shown(name)}"]
        for score in ("precision", "recall", "f1"):
            cells.append(score_cell(entry[score], intervals[score][place]) if entry["n"] else "–")
        cells.append(f"{entry['n']:,}")
        rows.append(cells)
    return rows


def class_reading(scores: dict[str, Any]) -> str:
    """One sentence that reads the per-class table."""
    seen = {name: entry["f1"] for name, entry in scores["per_class"].items() if entry["n"]}
    if not seen:
        return "No class occurs in this split."
    best, worst = max(seen, key=seen.__getitem__), min(seen, key=seen.__getitem__)
    return f"Best recognised: {best} (F1 {seen[best]:.3f}); worst: {worst} ({seen[worst]:.3f})."
