"""Imports pickled releases: COSMIC lists, MMGCN and DialogueRNN tuples, and DnR dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dnr_core.data.pickle_layouts import PickleParts, recognise
from dnr_core.data.release import SENTIMENTS, Release, mend_pickled_text, number_names, to_float32
from dnr_core.data.unpickle import hint, load_pickle
from dnr_core.errors import DataError, UsageError
from dnr_core.types import MODALITIES


def read_pickle(path: Path, *, target: str, emotions: Sequence[str] | None) -> Release:
    """The release in a pickle; dialogues in the order of the file, those of no split left out.

    Label numbers get the names of `emotions` where their counts agree, else the release's own. Raises DataError where
    the layout is unknown, a dialogue is empty or its parts differ in length; UsageError where `emotions` do not fit.
    """
    content = load_pickle(path)
    try:
        return _read(recognise(content, path), path, target=target, emotions=emotions)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        raise DataError(f"{path.name} has parts of the wrong form", got=f"{type(error).__name__}: {error}") from error


def _read(parts: PickleParts, path: Path, *, target: str, emotions: Sequence[str] | None) -> Release:
    splits = _splits(parts)
    left_out = len(parts.labels) - len(splits)
    labels, names = (parts.labels, parts.emotions) if target == "emotion" else (parts.sentiments, SENTIMENTS)
    if not labels:
        raise DataError(f"{path.name} has no {target} labels", do="leave out --target")
    lengths = _lengths(parts, splits)
    codes = [_code(code, key) for key in splits for code in _of(labels, key, lengths[key], "labels")]
    named = _name_codes(codes, names=names, emotions=emotions)
    columns, rules = _columns(parts, lengths)
    features = {name: _features(parts.features[name], lengths, modality=name) for name in MODALITIES}
    if left_out:
        rules.append(f"{left_out} dialogues that stand in no split were left out")
    return Release(
        layout=parts.layout,
        files=(path,),
        columns=columns,
        labels=["" if code < 0 else named[code] for code in codes],
        label_order=named,
        splits={str(key): split for key, split in splits.items()},
        split_from="the lists of the release",
        features=features,
        feature_names={name: number_names(name, values.shape[1]) for name, values in features.items()},
        rules=(*parts.rules, *rules),
    )


def _splits(parts: PickleParts) -> dict[Any, str]:
    """Dialogue key → split ('' where the release lists none at all), in the order of the labels."""
    if not parts.labels:
        raise DataError("the release holds no dialogue", expected="at least one")
    listed: dict[Any, str] = {}
    for split, keys in parts.split_ids.items():
        for key in keys:
            if key not in parts.labels:
                raise DataError(f"the {split} list names dialogue {str(key)!r}, which the release does not hold")
            if listed.setdefault(key, split) != split:
                raise DataError(f"dialogue {str(key)!r} stands in two splits", got=f"{listed[key]} and {split}")
    return {key: listed.get(key, "") for key in parts.labels if key in listed or not listed}


def _lengths(parts: PickleParts, keys: Mapping[Any, str]) -> dict[Any, int]:
    """Utterances per dialogue. Raises DataError for an empty one."""
    lengths = {}
    for key in keys:
        lengths[key] = _entries(parts.labels[key])
        if not lengths[key]:
            raise DataError(f"dialogue {str(key)!r} is empty", expected="one utterance or more", do="drop it")
    return lengths


def _of(part: Mapping[Any, Any], key: Any, length: int, what: str) -> Sequence[Any]:
    """A dialogue's entries of one part. Raises DataError unless there is one for each utterance."""
    turns = part.get(key)
    given = _entries(turns)
    if given != length:
        raise DataError(
            f"dialogue {str(key)!r}: {what} do not match", got=given, expected=f"{length}, one an utterance"
        )
    return turns  # type: ignore[return-value]


def _entries(turns: Any) -> int:
    """Length of a list or array of utterances, 0 for anything else."""
    return len(turns) if isinstance(turns, (list, tuple)) or (isinstance(turns, np.ndarray) and turns.ndim) else 0


def _code(value: Any, key: Any) -> int:
    if isinstance(value, (int, np.integer)) or (isinstance(value, (float, np.floating)) and float(value).is_integer()):
        return int(value)
    raise DataError(f"dialogue {str(key)!r} has a label that is no whole number", got=hint(value))


def _name_codes(codes: Sequence[int], *, names: tuple[str, ...], emotions: Sequence[str] | None) -> tuple[str, ...]:
    """The names behind the label numbers; negative numbers are unlabelled."""
    count = max(codes) + 1
    if emotions and len(emotions) == count:
        return tuple(emotions)
    if emotions and not set(emotions) <= set(names):
        raise UsageError(
            "--emotions does not fit the labels",
            got=f"{len(emotions)} names",
            expected=f"{count}, for labels 0–{count - 1}",
        )
    if count > len(names):
        raise DataError(
            "labels exceed the release's own names",
            got=f"label {count - 1}",
            expected=f"0–{len(names) - 1} ({', '.join(names)})",
            do=f"give {count} names with --emotions",
        )
    return names


def _columns(parts: PickleParts, lengths: dict[Any, int]) -> tuple[dict[str, list[Any]], list[str]]:
    """Ids, turns, speakers and text, and what was changed for them."""
    columns: dict[str, list[Any]] = {"utterance_id": [], "dialogue_id": [], "turn": [], "speaker": [], "text": []}
    for key, length in lengths.items():
        columns["dialogue_id"] += [str(key)] * length
        columns["turn"] += range(length)
        columns["speaker"] += [_speaker(value, key) for value in _of(parts.speakers, key, length, "speakers")]
        sentences = _of(parts.sentences, key, length, "sentences") if parts.sentences else [""] * length
        columns["text"] += [mend_pickled_text(_word(sentence)) for sentence in sentences]
        if parts.ids:
            columns["utterance_id"] += [_word(name) for name in _of(parts.ids, key, length, "utterance ids")]
    numbered = [f"{name}_utt{turn}" for name, turn in zip(columns["dialogue_id"], columns["turn"], strict=True)]
    if not parts.ids:
        return columns | {"utterance_id": numbered}, []
    if all(name.isdigit() for name in columns["utterance_id"]):
        return columns | {"utterance_id": numbered}, ["utterance ids that only count became <dialogue_id>_utt<turn>"]
    return columns, []


def _word(value: Any) -> str:
    """An id or a sentence as text. Raises TypeError for anything but a word or a number."""
    if isinstance(value, bytes):
        return value.decode("latin1")
    if not isinstance(value, (str, int, float, np.number)):
        raise TypeError(f"a {type(value).__name__} where text belongs")
    return str(value)


def _speaker(value: Any, key: Any) -> str:
    """A name as it is; a number or a one-hot row as `speaker_<n>`."""
    if isinstance(value, (str, bytes)):
        return mend_pickled_text(_word(value))
    if isinstance(value, (int, np.integer)):
        return f"speaker_{value}"
    return f"speaker_{int(np.argmax(_vector(value, key, modality='speaker')))}"


def _features(part: Mapping[Any, Any], lengths: dict[Any, int], *, modality: str) -> np.ndarray:
    """Features (N, d) float32; width 0 where the release lacks the modality."""
    if not part:
        return np.zeros((sum(lengths.values()), 0), dtype=np.float32)
    rows: list[np.ndarray] = []
    for key, length in lengths.items():
        for vector in _of(part, key, length, f"{modality} features"):
            rows.append(_vector(vector, key, modality=modality))
            if len(rows[-1]) != len(rows[0]):
                what = f"dialogue {str(key)!r} has {modality} features of another width"
                raise DataError(what, got=len(rows[-1]), expected=len(rows[0]))
    return to_float32(np.stack(rows))  # (N, d)


def _vector(value: Any, key: Any, *, modality: str) -> np.ndarray:
    """One utterance's features (d,). Lists are checked entry by entry: nested ones could grow without bound."""
    if isinstance(value, (list, tuple)) and all(isinstance(number, (int, float, np.number)) for number in value):
        return np.asarray(value, dtype=np.float64)
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "fiub":
        return np.asarray(value)
    raise DataError(
        f"dialogue {str(key)!r} has {modality} features of the wrong form",
        got=f"{type(value).__name__} of shape {getattr(value, 'shape', '?')}",
        expected="a vector of numbers an utterance",
    )
