"""What every importer hands over: one release as rows and arrays, before labels, splits and faults are settled."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dnr_core.types import MODALITIES

IEMOCAP_EMOTIONS = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
MELD_EMOTIONS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
SENTIMENTS = ("neutral", "positive", "negative")
TARGETS = ("emotion", "sentiment")
C1_CONTROL = re.compile("[\x80-\x9f]")


@dataclass(frozen=True)
class Release:
    """One release as read, N rows in dialogue order, turns 0, 1, … in each dialogue.

    - `columns`: lists of length N, named as in corpus.COLUMNS (no emotion, split, media, faults).
    - `labels`: N names, '' = unlabelled; `label_order`: the release's own label set, or None where it names none.
    - `splits`: per dialogue id the split that the release states, or ''; `split_from`: where it states it;
      `draws_dev`: may dev dialogues be drawn from train where there are none?
    - `features` (N, d) float32 and `feature_names` per modality; `declared_faults`: N words per modality, '' = none.
    - `rules`: what was done to the rows, one sentence each.
    """

    layout: str
    files: tuple[Path, ...]
    columns: dict[str, list[Any]]
    labels: list[str]
    label_order: tuple[str, ...] | None
    splits: dict[str, str]
    split_from: str
    draws_dev: bool = True
    features: dict[str, np.ndarray] = field(default_factory=dict)
    feature_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    declared_faults: dict[str, list[str]] = field(default_factory=dict)
    rules: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


def no_features(rows: int) -> dict[str, np.ndarray]:
    """Arrays of width 0 for every modality, (rows, 0)."""
    return {modality: np.zeros((rows, 0), dtype=np.float32) for modality in MODALITIES}


def to_float32(values: np.ndarray) -> np.ndarray:
    """float32 of the same shape; what is too large becomes infinite, which is reported later."""
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float32)


def number_names(stem: str, width: int) -> tuple[str, ...]:
    """`('text', 2)` → `('text_000', 'text_001')`."""
    return tuple(f"{stem}_{position:03d}" for position in range(width))


def mend_text(text: str) -> str:
    """Map C1 control characters, which are cp1252 read as latin-1, to what they stand for (`\\x92` is ’)."""
    return C1_CONTROL.sub(lambda match: _from_cp1252(match[0]), text)


def mend_pickled_text(text: str) -> str:
    """`mend_text`, after undoing UTF-8 that was read as latin-1, as byte strings of Python 2 pickles are."""
    try:
        repaired = text.encode("latin1").decode("utf-8")
    except UnicodeError:
        return mend_text(text)
    return mend_text(repaired)


def _from_cp1252(character: str) -> str:
    try:
        return character.encode("latin1").decode("cp1252")
    except UnicodeDecodeError:  # five of the 32 have no meaning in cp1252
        return character
