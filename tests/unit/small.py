"""Small planted corpora and short configurations for the tests of training and of the disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dnr_core.config import RunConfig, preset
from dnr_core.data.corpus import Corpus, make_utterances
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.model.batch import Batch, TensorCorpus
from dnr_core.training.loop import Trained, build_model
from dnr_core.types import MODALITIES

WIDTHS = {"text": 12, "audio": 8, "visual": 10}


def small_corpus(dialogues: int = 24, **options: Any) -> Corpus:
    """A planted corpus with narrow features."""
    config = PlantedConfig(dialogues=dialogues, utterances_per_dialogue=6, widths=WIDTHS, **options)
    return generate(config, name="small")


def with_gaps() -> Corpus:
    """Four of them; of the first some utterances are without audio, one has text alone, one nothing."""
    made = small_corpus(4)
    present = made.present.copy()
    present[1:3, 1] = False
    present[3, 1:] = False
    present[4] = False
    return replace(made, present=present, stored_hash=None)


def first_dialogue(corpus: Corpus) -> Batch:
    """The first six turns of the first dialogue of a corpus, alone."""
    return TensorCorpus(corpus).batch(next(iter(corpus.dialogue_rows.values()))[None, :6])


def short(method: str = "dnr", backbone: str = "mmgcn", *, epochs: int = 3, **update: Any) -> RunConfig:
    """A narrow preset with a few epochs in every stage and patience for all of them."""
    config = preset(method, backbone)
    stages = {
        name: stage.model_copy(update={"epochs": epochs, "patience": epochs}) for name, stage in config.stages.items()
    }
    return config.model_copy(update={"width": 16, "stages": stages} | update)


def changed(corpus: Corpus, rows: np.ndarray, modality: str, values: np.ndarray) -> Corpus:
    """The corpus with other features of one modality in some rows."""
    features = {**corpus.features, modality: corpus.features[modality].copy()}
    features[modality][rows] = values
    return replace(corpus, features=features, stored_hash=None)


def relabelled(corpus: Corpus, rows: np.ndarray, emotions: Any) -> Corpus:
    """The corpus with other emotions in some rows."""
    emotion = corpus.utterances["emotion"].to_numpy(dtype=object).copy()
    emotion[rows] = emotions
    return replace(corpus, utterances=corpus.utterances.assign(emotion=emotion), stored_hash=None)


def handmade(lengths: dict[str, tuple[int, ...]], *, emotions: tuple[str, ...] = ("happy", "sad")) -> Corpus:
    """Dialogues of these lengths by split; labels, speakers and features by row number."""
    names = [(split, f"{split}{i}", turns) for split, group in lengths.items() for i, turns in enumerate(group)]
    rows = [(split, name, turn) for split, name, turns in names for turn in range(turns)]
    count = len(rows)
    columns = {
        "utterance_id": [f"{name}_utt{turn}" for _, name, turn in rows],
        "dialogue_id": [name for _, name, _ in rows],
        "turn": [turn for _, _, turn in rows],
        "split": [split for split, _, _ in rows],
        "speaker": ["AB"[turn % 2] for _, _, turn in rows],
        "text": [f"line {row}" for row in range(count)],
        "emotion": [emotions[row % len(emotions)] for row in range(count)],
    }
    features = {name: (np.arange(count * 2).reshape(count, 2) % 7).astype(np.float32) for name in MODALITIES}
    return Corpus(
        name="handmade",
        emotions=emotions,
        feature_names={name: (f"{name}_x", f"{name}_y") for name in MODALITIES},
        utterances=make_utterances(columns),
        features=features,
        present=np.ones((count, 3), dtype=bool),
        split_provenance="by hand",
    )


def untrained(corpus: Corpus, config: RunConfig) -> Trained:
    """A model that was built for a corpus and never trained."""
    return Trained(build_model(corpus, config).eval(), [{"stage": "train", "epoch": 1}], 0.5)


def listed(folder: Path) -> list[str]:
    """The names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def files_below(folder: Path) -> list[str]:
    """Every file and folder below, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
