"""Recognises which of the published pickle layouts an object has, and gives its parts their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dnr_core.data.release import IEMOCAP_EMOTIONS, MELD_EMOTIONS
from dnr_core.errors import DataError
from dnr_core.types import MODALITIES

HEAD = ("ids", "speakers", "labels")
ROBERTA = ("text", "roberta2", "roberta3", "roberta4")
SEQUENCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cosmic", ("speakers", "labels", "sentences", "train", "test", "dev")),
    ("cosmic", ("speakers", "labels", "sentiments", "sentences", "train", "test", "dev")),
    ("cosmic_roberta", ("speakers", "labels", *ROBERTA, "sentences", "train", "test", "dev")),
    ("cosmic_roberta", ("speakers", "labels", "sentiments", *ROBERTA, "sentences", "train", "test", "dev")),
    ("mmgcn", (*HEAD, "text", "audio", "visual", "sentences", "train", "test")),
    ("mmgcn", (*HEAD, "text", "audio", "visual", "sentences", "train", "test", "extra")),
    ("dialogue_rnn", (*HEAD, "text", "audio", "sentences", "train", "test", "extra")),
    ("mmgcn_roberta", (*HEAD, *ROBERTA, "audio", "visual", "sentences", "train", "test")),
    ("mmgcn_roberta", (*HEAD, *ROBERTA, "audio", "visual", "sentences", "train", "test", "extra")),
)
"""Layouts that are a list or tuple, by the names of their parts (`extra`: sentiment labels, or empty)."""
SPLIT_PARTS = ("train", "dev", "test")
ACCEPTED = (
    "a list (speakers, labels[, sentiment], sentences, train, test, valid ids), a 9- or 10-tuple (ids, speakers, "
    "labels, text, audio, visual, sentences, trainVid, testVid[, …]), or a dict with trainVid, testVid, "
    "speaker or speakers, label, text, audio, visual, sentence"
)


@dataclass(frozen=True)
class PickleParts:
    """A pickled release by named parts; each mapping goes from dialogue key to a list with one entry an utterance.

    `emotions` are the names behind the label numbers; `features` per modality, empty where the release has none;
    `split_ids` holds dialogue keys per split.
    """

    layout: str
    emotions: tuple[str, ...]
    speakers: Mapping[Any, Any]
    labels: Mapping[Any, Any]
    features: dict[str, Mapping[Any, Any]]
    split_ids: dict[str, list[Any]]
    sentiments: Mapping[Any, Any] = field(default_factory=dict)
    sentences: Mapping[Any, Any] = field(default_factory=dict)
    ids: Mapping[Any, Any] = field(default_factory=dict)
    rules: tuple[str, ...] = ()


def recognise(content: Any, path: Path) -> PickleParts:
    """Name the parts of a pickled release. Raises DataError, saying what was found, for any other object."""
    if isinstance(content, Mapping):
        parts = _from_dict(content)
    elif isinstance(content, (list, tuple)):
        parts = _from_sequence(content)
    else:
        parts = None
    if parts is None:
        raise DataError(f"{path.name} is no release that can be read", got=_outline(content), expected=ACCEPTED)
    return parts


def _from_dict(content: Mapping[Any, Any]) -> PickleParts | None:
    speakers = "speakers" if "speakers" in content else "speaker"
    if not all(_is_mapping(content.get(key)) for key in (speakers, "label")):
        return None
    if not all(_is_ids(content.get(key)) for key in ("trainVid", "testVid")):
        return None
    split_keys = {"train": "trainVid", "dev": "devVid", "test": "testVid"}
    return PickleParts(
        layout="dnr",
        emotions=MELD_EMOTIONS if speakers == "speakers" else IEMOCAP_EMOTIONS,
        speakers=content[speakers],
        labels=content["label"],
        features={name: _mapping(content.get(name)) for name in MODALITIES},
        split_ids={split: _ids(content.get(key, ())) for split, key in split_keys.items()},
        sentences=_mapping(content.get("sentence")),
    )


def _from_sequence(content: list[Any] | tuple[Any, ...]) -> PickleParts | None:
    for layout, names in SEQUENCES:
        if len(names) == len(content):
            parts = dict(zip(names, content, strict=True))
            if all(_fits(name, part) for name, part in parts.items()):
                return _name_parts(layout, parts)
    return None


def _name_parts(layout: str, parts: dict[str, Any]) -> PickleParts:
    return PickleParts(
        layout=layout,
        emotions=IEMOCAP_EMOTIONS if _has_named_speakers(parts["speakers"]) else MELD_EMOTIONS,
        speakers=parts["speakers"],
        labels=parts["labels"],
        features={name: _mapping(parts.get(name)) for name in MODALITIES},
        split_ids={split: _ids(parts.get(split, ())) for split in SPLIT_PARTS},
        sentiments=_mapping(parts.get("sentiments", parts.get("extra"))),
        sentences=parts["sentences"],
        ids=_mapping(parts.get("ids")),
        rules=("text features are the first of the release's four RoBERTa sets",) if "roberta2" in parts else (),
    )


def _fits(name: str, part: Any) -> bool:
    return name == "extra" or (_is_ids(part) if name in SPLIT_PARTS else _is_mapping(part))


def _has_named_speakers(speakers: Mapping[Any, Any]) -> bool:
    """Are speakers given as words (M, F), not as numbers?"""
    first = next((turns[0] for turns in speakers.values() if len(turns)), "")
    return isinstance(first, (str, bytes))


def _is_mapping(part: Any) -> bool:
    return isinstance(part, Mapping)


def _is_ids(part: Any) -> bool:
    return isinstance(part, (list, tuple, set, frozenset, np.ndarray))


def _mapping(part: Any) -> Mapping[Any, Any]:
    return part if isinstance(part, Mapping) else {}


def _ids(part: Any) -> list[Any]:
    return part.tolist() if isinstance(part, np.ndarray) else list(part)


def _outline(content: Any) -> str:
    """The type of an object and of its parts, on one line."""
    kind = type(content).__name__
    if isinstance(content, Mapping):
        return f"a dict with the keys {', '.join(str(key)[:24] for key in list(content)[:8]) or '(none)'}"
    if isinstance(content, (list, tuple)):
        return f"a {kind} of {len(content)} ({', '.join(type(part).__name__ for part in content[:12])})"
    return f"a {kind}"
