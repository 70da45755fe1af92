"""The figures and tables of the Overview page, from what a run says of itself and what the Engine measures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard.markup import dot, score_cell, shown
from dashboard.state import Selection, engine, shelf
from dnr_core.figures.spec import ACCENT, QUIET, FigureSpec, emotion_colours
from dnr_core.types import SPLITS, Predictions, RunSummary, split_player

WELCOME = (
    "You are looking at the demo: invented dialogues in which the source of every emotion is known because it was "
    "planted. "
    "Open Dialogue, press E to step to an error, switch a part off and watch the predictions move. "
    "Your own data: `python -m dnr_core prepare SOURCE --out data/NAME`, then "
    "`python -m dnr_core train --corpus data/NAME`."
)
NO_RUN = (
    "Scores cannot be shown because no checkpoint is chosen: choose one at the left, or train one with "
    "`python -m dnr_core train --corpus {corpus}`. The dialogues can be read."
)


def key_of(chosen: Selection, split: str, what: str) -> tuple[str, ...]:
    """What a derived result depends on."""
    assert chosen.run is not None
    return (what, engine().header(chosen.run.info.name).manifest_hash, chosen.corpus.hash, split)


def measured(chosen: Selection, split: str, what: str) -> Any:
    """A result of the Engine for a split, kept for the next rerun: evaluate, class_intervals or truth_agreement."""
    assert chosen.run is not None
    run, corpus = chosen.run.info.name, chosen.corpus_name
    return shelf().get(key_of(chosen, split, what), lambda: getattr(engine(), what)(run, corpus, split))


def shown_split(corpus: Any) -> str:
    """The split that scores are reported on: test, else the last there is."""
    there = set(corpus.split_of.values())
    return next(name for name in reversed(SPLITS) if name in there)


def split_sizes(corpus: Any) -> str:
    """`train 3,360 · dev 480 · test 960`, and how many of all have no label."""
    counts, unlabelled = corpus.utterances["split"].value_counts(), int((corpus.labels < 0).sum())
    sizes = " · ".join(f"{name} {int(counts[name]):,}" for name in SPLITS if name in counts)
    return sizes + (f", {unlabelled:,} of them without a label" if unlabelled else "")


def facts(chosen: Selection) -> str:
    """What the model is, in one line."""
    run, corpus = chosen.run, chosen.corpus
    assert run is not None
    info = run.info
    versions = engine().header(info.name).manifest.get("versions", {})
    same = (
        "this corpus" if info.corpus_hash == corpus.hash else f"{info.corpus_name}, another corpus than the one shown"
    )
    words = [
        f"{info.method} + {info.backbone}" if info.backbone else str(info.method),
        parts_in_words(run),
        f"{len(run.emotions)} emotions",
        f"{run.config.get('parameters', 0):,} parameters",
        f"trained on {same}" + training_cost(run.metrics),
        f"{run.metrics.get('epochs') or len(run.history)} epochs",
        f"preset {run.config['run'].get('preset', '–')}",
        f"seed {info.seed}",
        f"torch {versions.get('torch', '–')}",
    ]
    return " · ".join(words)


def parts_in_words(run: RunSummary) -> str:
    """`9 parts of text, audio, visual`, or that its parts are whole modalities."""
    names = ", ".join(run.modalities)
    whole = {split_player(player)[0] for player in run.players} == {"modality"}
    return f"parts: {names}, each a whole modality" if whole else f"{len(run.players)} parts of {names}"


def training_cost(metrics: dict[str, Any]) -> str:
    """` in 120 s on cpu, 1 thread`, as far as the run says it; the last device where a run was resumed."""
    seconds, device, threads = (metrics.get(name) for name in ("train_seconds", "device", "threads"))
    words = f" in {seconds:,.0f} s" if seconds else ""
    words += f" on {device}" if device else ""
    return words + (f", {threads} thread{'s' if threads > 1 else ''}" if device == "cpu" and threads else "")


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


def confusion_figure(found: Predictions) -> FigureSpec:
    """Counts of gold × predicted, shaded by the share of the gold class."""
    known, names = found.gold >= 0, found.emotions
    gold, predicted = found.gold[known], found.predicted[known]
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (gold, predicted), 1)
    of_gold = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    frame = pd.DataFrame(
        [(names[i], names[j], int(counts[i, j]), of_gold[i, j]) for i in range(len(names)) for j in range(len(names))],
        columns=["gold", "predicted", "count", "share"],
    )
    off = counts - np.diag(np.diag(counts))
    row, column = np.unravel_index(int(off.argmax()), off.shape)
    caption = (
        f"Most frequent confusion: {names[row]} taken for {names[column]} "
        f"({off[row, column]} of {counts[row].sum()}; n = {counts.sum():,}, shade = share of the row)."
        if off.any()
        else f"No labelled turn is confused (n = {counts.sum():,})."
    )
    upright = max(0, max(map(len, names)) - 9)  # long names stand upright under the cells
    return FigureSpec(
        "matrix", frame, x="predicted", y="gold", colour="share", text="count", x_label="predicted", y_label="gold",
        caption=caption, height=70 + 34 * len(names) + 7 * min(upright, 30),
    )  # fmt: skip


def training_figure(history: list[dict[str, Any]]) -> FigureSpec:
    """Weighted F1 on dev over all epochs, one line a stage."""
    frame = pd.DataFrame([
        {"epoch": place + 1, "dev weighted F1": record.get("dev_weighted_f1"), "stage": record.get("stage", "train")}
        for place, record in enumerate(history)
    ])  # fmt: skip
    stages = list(dict.fromkeys(frame["stage"]))
    best = {stage: frame[frame["stage"] == stage]["dev weighted F1"].max() for stage in stages}
    said = ", ".join(f"{stage} {best[stage]:.3f}" for stage in stages)
    return FigureSpec(
        "lines", frame, x="epoch", y="dev weighted F1", colour="stage", x_label="epoch", y_label="weighted F1 on dev",
        colours=dict(zip(stages, (QUIET, ACCENT, "#D55E00", "#009E73"), strict=False)), height=250,
        caption=f"Best on dev by stage: {said}. The weights of the best epoch are kept; test is not looked at.",
    )  # fmt: skip


def loss_figure(history: list[dict[str, Any]]) -> FigureSpec:
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
