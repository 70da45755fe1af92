"""The figures and tables of the Overview page, from what a run says of itself and what the Engine measures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import confusions
from dashboard.markup import dot, score_cell, shown
from dashboard.state import Selection, engine, shelf
from dnr_core.figures.spec import ACCENT, QUIET, FigureSpec, emotion_colours
from dnr_core.types import SPLITS, Predictions, RunSummary, split_player

TERMS = ("part", "unique", "redundant", "synergistic", "modality")
SCORES = ("weighted F1", "accuracy", "bootstrap interval")
ABOUT_CLASSES = "On {split}; small: 95 % intervals, from drawing whole dialogues with replacement."
WELCOME = (
    "You are looking at the demo: invented dialogues in which the source of every emotion is known because it was "
    "planted. Your own data: add them on the Data page, or with `python -m dnr_core prepare SOURCE --out data/NAME`, "
    "then train a model on them."
)
NO_RUN = (
    "Scores cannot be shown because no checkpoint is chosen: choose one at the left, or train one with "
    "`python -m dnr_core train --corpus {corpus}`. The dialogues can be read."
)

NOT_TRAINABLE = (
    "Scores cannot be shown because no checkpoint is chosen, and none can be trained on this corpus: {why}. The "
    "dialogues can be read."
)
NO_FEATURES = "it has text only (prepared with `--embed minilm` it gets features)"
NO_LABELS = "its train split has no labels"


def no_run(chosen: Selection) -> str:
    """Why there are no scores without a checkpoint, and how to come by one."""
    if why := not_trainable(chosen.corpus):
        return NOT_TRAINABLE.format(why=why)
    return NO_RUN.format(corpus=engine().data / str(chosen.corpus_name))


def not_trainable(corpus: Any) -> str | None:
    """Why no model can be trained on a corpus, where it is so."""
    if not any(corpus.widths.values()):
        return NO_FEATURES
    train = corpus.rows("train") if "train" in corpus.splits else np.array([], dtype=int)
    return None if (corpus.labels[train] >= 0).any() else NO_LABELS


def key_of(chosen: Selection, split: str, what: str) -> tuple[str, ...]:
    """What a derived result depends on."""
    assert chosen.run is not None
    return (what, engine().header(chosen.run.info.name).manifest_hash, chosen.corpus.hash, split)


def measured(chosen: Selection, split: str, what: str) -> Any:
    """A result of the Engine for a split, kept for the next rerun: evaluate, class_intervals or truth_agreement."""
    assert chosen.run is not None
    run, corpus = chosen.run.info.name, chosen.corpus_name
    return shelf().get(key_of(chosen, split, what), lambda: getattr(engine(), what)(run, corpus, split))


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


def training_figure(history: list[dict[str, Any]]) -> FigureSpec:
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
