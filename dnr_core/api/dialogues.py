"""Dialogues of a request as arrays, from JSON or safetensors, and as what models read: batches or a corpus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dnr_core.api.errors import ApiError
from dnr_core.data.corpus import Corpus, make_utterances
from dnr_core.training.checkpoint import RunHeader
from dnr_core.types import MODALITIES

if TYPE_CHECKING:
    from dnr_core.model.batch import Batch


@dataclass(frozen=True)
class Dialogues:
    """D dialogues with N turns in all, one after the other.

    `ids` (D,) as given; `lengths` (D,) turns; `features` per modality (N, d) float32, raw units, NaN = cell not
    measured; `present` (N, 3) bool in the order of MODALITIES; `speakers` (N,) names.
    """

    ids: tuple[str, ...]
    lengths: tuple[int, ...]
    features: dict[str, np.ndarray]
    present: np.ndarray
    speakers: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.present)

    @cached_property
    def starts(self) -> np.ndarray:
        """The first row of each dialogue, and N; (D + 1,)."""
        return np.concatenate([[0], np.cumsum(self.lengths, dtype=np.int64)])

    @cached_property
    def speaker_index(self) -> np.ndarray:
        """Per turn the speaker's index by first appearance in the dialogue, (N,) int64."""
        index = np.zeros(len(self), dtype=np.int64)
        for start, length in zip(self.starts, self.lengths, strict=False):
            seen: dict[str, int] = {}
            for row in range(start, start + length):
                index[row] = seen.setdefault(self.speakers[row], len(seen))
        return index


def dialogues_of(given: Any) -> Dialogues:
    """The dialogues of a checked JSON body (`bodies.Bodies`). Raises ApiError 422: numbers beyond 32 bits."""
    turns = [turn for dialogue in given.dialogues for turn in dialogue.utterances]
    present = np.zeros((len(turns), len(MODALITIES)), dtype=bool)
    features = {}
    for column, modality in enumerate(MODALITIES):
        rows = [getattr(turn, modality) for turn in turns]
        there = np.array([bool(row) for row in rows])
        width = next((len(row) for row in rows if row), 0)
        values = np.zeros((len(turns), width), dtype=np.float32)
        if width:
            with np.errstate(over="ignore"):
                values[there] = np.array([row for row in rows if row], dtype=np.float64)
        there[there] = ~np.isnan(values[there]).all(axis=1)  # nothing but null: not measured
        features[modality], present[:, column] = values, there
    made = Dialogues(
        tuple(dialogue.dialogue_id for dialogue in given.dialogues),
        tuple(len(dialogue.utterances) for dialogue in given.dialogues),
        features,
        present,
        tuple(turn.speaker for turn in turns),
    )
    check_finite(made, missing_cells=True)
    return made


def check_finite(dialogues: Dialogues, *, missing_cells: bool) -> None:
    """Raise ApiError 422, with the place, for what is no finite float32 (or NaN, where cells may be missing)."""
    for column, modality in enumerate(MODALITIES):
        values = dialogues.features[modality]
        bad = (np.isinf(values) if missing_cells else ~np.isfinite(values)) & dialogues.present[:, [column]]
        if bad.any():
            row, cell = (int(place) for place in np.argwhere(bad)[0])
            dialogue = int(np.searchsorted(dialogues.starts, row, side="right")) - 1
            where = f"dialogues.{dialogue}.utterances.{row - dialogues.starts[dialogue]}.{modality}.{cell}"
            raise ApiError(422, f"no finite number at {where}", expected="a finite 32-bit number", where=where)


def with_widths(dialogues: Dialogues, widths: dict[str, int]) -> Dialogues:
    """The same with zeros of the width of the run where no turn has a modality. Raises ApiError 422: another width."""
    features = dict(dialogues.features)
    for column, modality in enumerate(MODALITIES):
        if not dialogues.present[:, column].any():
            features[modality] = np.zeros((len(dialogues), widths[modality]), dtype=np.float32)
        elif features[modality].shape[1] != widths[modality]:
            got = f"{features[modality].shape[1]} {modality} features"
            raise ApiError(422, "the features do not fit the run", got=got, expected=widths[modality], where=modality)
    return Dialogues(dialogues.ids, dialogues.lengths, features, dialogues.present, dialogues.speakers)


def batch_of(parts: list[tuple[Dialogues, int]]) -> Batch:
    """Some dialogues (request, place in it) as a padded batch. Needs torch."""
    import torch

    from dnr_core.model.batch import Batch

    lengths = [dialogues.lengths[place] for dialogues, place in parts]
    shape = (len(parts), max(lengths))
    mask, speaker = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=np.int64)
    present = np.zeros((*shape, len(MODALITIES)), dtype=bool)
    features = {
        name: np.zeros((*shape, values.shape[1]), dtype=np.float32) for name, values in parts[0][0].features.items()
    }
    for row, ((dialogues, place), length) in enumerate(zip(parts, lengths, strict=True)):
        turns = slice(int(dialogues.starts[place]), int(dialogues.starts[place]) + length)
        mask[row, :length], speaker[row, :length] = True, dialogues.speaker_index[turns]
        present[row, :length] = dialogues.present[turns]
        for name, values in features.items():
            values[row, :length] = dialogues.features[name][turns]
    return Batch(
        **{name: torch.from_numpy(values) for name, values in features.items()},
        present=torch.from_numpy(present),
        speaker=torch.from_numpy(speaker),
        label=torch.full(shape, -1, dtype=torch.int64),
        mask=torch.from_numpy(mask),
    )


def corpus_of(dialogues: Dialogues, header: RunHeader) -> Corpus:
    """The dialogues as the split `test` of a corpus, unlabelled, ids `0`, `1`, … and `0:0`, `0:1`, …"""
    turns = [(number, turn) for number, length in enumerate(dialogues.lengths) for turn in range(length)]
    columns = {
        "utterance_id": [f"{number}:{turn}" for number, turn in turns],
        "dialogue_id": [str(number) for number, _ in turns],
        "turn": [turn for _, turn in turns],
        "split": ["test"] * len(turns),
        "speaker": dialogues.speakers,
    }
    names = header.config["feature_names"]
    return Corpus(
        name="request",
        emotions=header.emotions,
        feature_names={name: tuple(names[name]) for name in MODALITIES},
        utterances=make_utterances(columns),
        features=dialogues.features,
        present=dialogues.present,
        split_provenance="a request",
        stored_hash="request",
    )


def with_means(corpus: Corpus, means: dict[str, np.ndarray]) -> Corpus:
    """The corpus and, as its split `train`, one utterance with the train means (d,) of the modalities of the run."""
    more = make_utterances({"utterance_id": ["means"], "dialogue_id": ["means"], "turn": [0], "split": ["train"]})
    rows = {
        name: means.get(name, np.zeros(corpus.widths[name], dtype=np.float32))[None].astype(np.float32)
        for name in MODALITIES
    }
    return replace(
        corpus,
        utterances=pd.concat([corpus.utterances, more], ignore_index=True),
        features={name: np.concatenate([corpus.features[name], rows[name]]) for name in MODALITIES},
        present=np.concatenate([corpus.present, np.array([[name in means for name in MODALITIES]])]),
    )
