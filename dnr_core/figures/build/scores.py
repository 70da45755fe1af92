"""Figures of how well a run predicts and how it was trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dnr_core.figures.build import confusions
from dnr_core.figures.spec import ACCENT, QUIET, FigureSpec, emotion_colours
from dnr_core.types import Predictions


def confusion(found: Predictions) -> FigureSpec:
    """Counts of gold × predicted, shaded by the share of the gold class."""
    names = found.emotions
    counts, of_gold = confusions.counted(found.gold, found.predicted, len(names))
    frame = pd.DataFrame(
        [(names[i], names[j], int(counts[i, j]), of_gold[i, j]) for i in range(len(names)) for j in range(len(names))],
        columns=["gold", "predicted", "count", "share"],
    )
    return FigureSpec(
        "matrix", frame, x="predicted", y="gold", colour="share", text="count", x_label="predicted", y_label="gold",
        caption=f"{confusions.most_frequent(counts, names)} n = {counts.sum():,}; shade: share of the row.",
        height=70 + 34 * len(names) + confusions.room_for(names),
    )  # fmt: skip


def training(history: list[dict[str, Any]]) -> FigureSpec:
    """Weighted F1 on dev over all epochs, one line a stage."""
    frame = pd.DataFrame([
        {"epoch": place + 1, "dev weighted F1": record.get("dev_weighted_f1"), "stage": record.get("stage", "train")}
        for place, record in enumerate(history)
    ])  # fmt: skip
    stages = list(dict.fromkeys(frame["stage"]))
    best: dict[str, float] = {}
    for record in history:
        if (score := record.get("dev_weighted_f1")) is not None:
            stage = record.get("stage", "train")
            best[stage] = max(score, best.get(stage, score))
    said = ", ".join(f"{stage} {best[stage]:.3f}" for stage in stages if stage in best)
    caption = f"Best on dev by stage: {said}." if said else "No weighted F1 was measured on dev: it has no labels."
    return FigureSpec(
        "lines", frame, x="epoch", y="dev weighted F1", colour="stage", x_label="epoch", y_label="weighted F1 on dev",
        colours=dict(zip(stages, (QUIET, ACCENT, "#D55E00", "#009E73"), strict=False)), height=250,
        caption=f"{caption} The weights of the best epoch are kept; test is not looked at.",
    )  # fmt: skip


def losses(history: list[dict[str, Any]]) -> FigureSpec:
    """Loss on dev and the task loss in training over all epochs."""
    records = []
    for place, record in enumerate(history):
        for name, label in (("train_task", "train"), ("dev_loss", "dev")):
            if record.get(name) is not None:
                records.append({"epoch": place + 1, "loss": record[name], "on": label})
    frame = pd.DataFrame(records, columns=["epoch", "loss", "on"])
    ends = {label: rows["loss"].iloc[-1] for label, rows in frame.groupby("on")}
    said = ", ".join(f"{label} {value:.3f}" for label, value in ends.items())
    return FigureSpec(
        "lines", frame, x="epoch", y="loss", colour="on", x_label="epoch", y_label="cross-entropy",
        colours={"train": QUIET, "dev": ACCENT}, height=250,
        caption=f"Cross-entropy at the last epoch: {said}; a dev line that rises while train falls shows overfitting.",
    )  # fmt: skip


def classes(found: dict[str, Any], intervals: dict[str, np.ndarray]) -> FigureSpec:
    """F1 of every emotion that occurs, with its interval. `found`: the engine's evaluate, `intervals` by score."""
    there = [(place, name, entry) for place, (name, entry) in enumerate(found["per_class"].items()) if entry["n"]]
    frame = pd.DataFrame({
        "emotion": [f"{name} (n = {entry['n']:,})" for _, name, entry in there],
        "f1": [entry["f1"] for _, _, entry in there],
        "precision": [entry["precision"] for _, _, entry in there],
        "recall": [entry["recall"] for _, _, entry in there],
        "low": [float(intervals["f1"][place][0]) for place, _, _ in there],
        "high": [float(intervals["f1"][place][1]) for place, _, _ in there],
        "group": [name for _, name, _ in there],
        "label": [f"{entry['f1']:.3f}" for _, _, entry in there],
    })  # fmt: skip
    best, worst = frame["f1"].idxmax(), frame["f1"].idxmin()
    return FigureSpec(
        "bars", frame, x="f1", y="emotion", colour="group", text="label", low="low", high="high",
        colours=emotion_colours(tuple(found["per_class"])), x_label="F1", height=60 + 26 * len(frame),
        caption=(
            f"Best recognised: {frame['group'][best]} (F1 {frame['f1'][best]:.3f}); worst: {frame['group'][worst]} "
            f"({frame['f1'][worst]:.3f}); 95 % intervals over dialogues."
        ),
    )  # fmt: skip
