"""The contract of a corpus, checked whenever one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dnr_core.errors import DataError
from dnr_core.types import MODALITIES, SPLITS

if TYPE_CHECKING:
    from dnr_core.data.corpus import Corpus

COLUMNS = (
    "utterance_id",
    "dialogue_id",
    "turn",
    "split",
    "speaker",
    "text",
    "emotion",
    "start_s",
    "end_s",
    "media",
    "faults",
    "truth_family",
    "truth_sources",
)


def check_corpus(corpus: Corpus) -> None:
    """Raise DataError where a corpus breaks its contract (see Corpus)."""
    frame = corpus.utterances
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        raise DataError(f"corpus {corpus.name} lacks a column", got=f"no {missing[0]!r}")
    if not len(frame):
        raise DataError(f"corpus {corpus.name} has no utterance")
    duplicate = frame.loc[frame["utterance_id"].duplicated(), "utterance_id"].tolist()
    if duplicate:
        raise DataError(
            "duplicate utterance id", got=repr(duplicate[0]), expected="each id once", do="rename or drop the copy"
        )
    unknown = sorted(set(frame["emotion"]) - set(corpus.emotions) - {""})
    if unknown:
        row = int(np.flatnonzero(frame["emotion"].to_numpy(dtype=object) == unknown[0])[0])
        raise DataError(
            f"unknown emotion in utterance {frame['utterance_id'].iloc[row]!r}",
            got=repr(unknown[0]),
            expected="one of " + ", ".join(corpus.emotions),
            do="name the label set with --emotions",
        )
    strange = sorted(set(frame["split"]) - set(SPLITS))
    if strange:
        raise DataError("unknown split", got=repr(strange[0]), expected="one of " + ", ".join(SPLITS))
    check_order(frame)
    check_features(corpus)


def check_order(frame: pd.DataFrame) -> None:
    """Raise DataError unless each dialogue is one contiguous block of one split, turns 0, 1, …"""
    ids = frame["dialogue_id"].to_numpy(dtype=object)
    starts = np.r_[True, ids[1:] != ids[:-1]]
    if len(set(ids)) != int(starts.sum()):
        raise DataError("rows of a dialogue are not contiguous", do="sort the table by dialogue and turn")
    block = np.cumsum(starts) - 1
    position = np.arange(len(ids)) - np.flatnonzero(starts)[block]
    wrong = np.flatnonzero(frame["turn"].to_numpy() != position)
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"turn out of order in dialogue {ids[row]!r}",
            got=f"turn {frame['turn'].iloc[row]} in place {position[row]}",
            expected="turns 0, 1, 2, … in order",
        )
    splits = frame["split"].to_numpy(dtype=object)
    mixed = np.flatnonzero(splits != splits[np.flatnonzero(starts)[block]])
    if len(mixed):
        raise DataError(f"dialogue {ids[mixed[0]]!r} stands in two splits", expected="one split a dialogue")


def check_features(corpus: Corpus) -> None:
    """Raise DataError where features, names or presence do not fit the rows, or a feature was never measured."""
    rows = len(corpus.utterances)
    train = corpus.utterances["split"].to_numpy(dtype=object) == "train"
    if corpus.present.shape != (rows, len(MODALITIES)):
        raise DataError("`present` has the wrong shape", got=corpus.present.shape, expected=(rows, len(MODALITIES)))
    for position, modality in enumerate(MODALITIES):
        values, names = corpus.features[modality], corpus.feature_names[modality]
        if values.ndim != 2 or len(values) != rows:
            raise DataError(f"{modality} rows do not match the utterances", got=len(values), expected=rows)
        if len(names) != values.shape[1]:
            raise DataError(f"{modality} feature names do not match", got=len(names), expected=values.shape[1])
        measured = corpus.present[:, position]
        if np.isinf(values[measured]).any():
            row, column = np.argwhere(np.isinf(values) & measured[:, None])[0]
            raise DataError(
                f"infinite {modality} feature {names[column]!r}",
                got=f"utterance {corpus.utterances['utterance_id'].iloc[row]!r}",
                expected="finite numbers, or empty where not measured",
            )
        learnable = measured & train
        if values.shape[1] and learnable.any():
            dead = np.flatnonzero(np.isnan(values[learnable]).all(axis=0))
            if len(dead):
                raise DataError(
                    f"{modality} feature {names[dead[0]]!r} is empty in every train row",
                    do="drop the column, or mark the modality as not measured",
                )
