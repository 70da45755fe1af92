"""The figures and tables of the Overview page, from what a run says of itself and what the Engine measures."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.state import Selection, engine, shelf
from dnr_core.figures.rows import about

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


def facts(chosen: Selection) -> str:
    """What the model is, in one line."""
    assert chosen.run is not None
    versions = engine().header(chosen.run.info.name).manifest.get("versions", {})
    return about.facts(chosen.run, chosen.corpus, versions)


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
