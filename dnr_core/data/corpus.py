"""The on-disk corpus: dialogues, their labels and their raw features, written atomically and read back checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from dnr_core.data.checks import COLUMNS, check_corpus
from dnr_core.data.files import check_replaceable, file_sha256, replacing_folder
from dnr_core.errors import DataError, UsageError
from dnr_core.types import MODALITIES, SPLITS, Dialogue, Utterance

FORMAT_VERSION = 1
TEXT_COLUMNS = (
    "utterance_id",
    "dialogue_id",
    "split",
    "speaker",
    "text",
    "emotion",
    "media",
    "faults",
    "truth_family",
    "truth_sources",
)
"""String columns of utterances.parquet; an empty string means absent (emotion: unlabelled)."""
NUMBER_COLUMNS = {"turn": np.int64, "start_s": np.float64, "end_s": np.float64}


@dataclass(frozen=True)
class Corpus:
    """Dialogues with raw features, in dialogue order.

    - `utterances`: N rows with COLUMNS; rows of a dialogue are contiguous and ordered by `turn` (0, 1, …).
    - `features`: per modality (N, d) float32, raw units; NaN = not measured; width 0 where the release has none.
    - `present`: (N, 3) bool in the order of MODALITIES: was the modality measured for this utterance?
    - `feature_names`: per modality, d names.
    - `sources`: files it came from, `{"name", "sha256"}` each; `split_provenance`: where the split is from.
    """

    name: str
    emotions: tuple[str, ...]
    feature_names: dict[str, tuple[str, ...]]
    utterances: pd.DataFrame
    features: dict[str, np.ndarray]
    present: np.ndarray
    split_provenance: str
    sources: tuple[dict[str, str], ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    stored_hash: str | None = None

    def __post_init__(self) -> None:
        check_corpus(self)

    def __len__(self) -> int:
        return len(self.utterances)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the rows, features and emotions (hex): two corpora are the same when it agrees."""
        return self.stored_hash or content_hash(self)

    @property
    def widths(self) -> dict[str, int]:
        """Feature width per modality."""
        return {modality: self.features[modality].shape[1] for modality in MODALITIES}

    @cached_property
    def imputed(self) -> dict[str, np.ndarray]:
        """Per modality (N, d) bool: cells that a model must fill in because a measured row lacks them."""
        return {
            modality: np.isnan(self.features[modality]) & self.present[:, [position]]
            for position, modality in enumerate(MODALITIES)
        }

    @cached_property
    def labels(self) -> np.ndarray:
        """Class index per utterance (N,) int64, −1 where unlabelled."""
        index = {emotion: position for position, emotion in enumerate(self.emotions)}
        return np.array([index.get(emotion, -1) for emotion in self.utterances["emotion"]], dtype=np.int64)

    @cached_property
    def dialogue_rows(self) -> dict[str, np.ndarray]:
        """Row numbers of each dialogue, in corpus order."""
        ids = self.utterances["dialogue_id"].to_numpy(dtype=object)
        starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]]) if len(ids) else np.array([], dtype=int)
        ends = np.r_[starts[1:], len(ids)] if len(ids) else starts
        return {str(ids[start]): np.arange(start, end) for start, end in zip(starts, ends, strict=True)}

    @cached_property
    def dialogue_places(self) -> np.ndarray:
        """The place of each utterance's dialogue among the sorted ids (N,): groups and sorts as the ids do, quickly."""
        place = {dialogue: number for number, dialogue in enumerate(sorted(self.dialogue_rows))}
        lengths = [len(rows) for rows in self.dialogue_rows.values()]
        return np.repeat([place[dialogue] for dialogue in self.dialogue_rows], lengths)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row number of each utterance id."""
        return {str(utterance): row for row, utterance in enumerate(self.utterances["utterance_id"])}

    @cached_property
    def split_of(self) -> dict[str, str]:
        """The split of each dialogue."""
        splits = self.utterances["split"].to_numpy(dtype=object)
        return {dialogue: str(splits[rows[0]]) for dialogue, rows in self.dialogue_rows.items()}

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The splits that it has, in the order of SPLITS."""
        there = set(self.split_of.values())
        return tuple(split for split in SPLITS if split in there)

    def dialogue_ids(self, split: str | None = None) -> list[str]:
        """Ids of the dialogues of a split (or all), in corpus order."""
        return [dialogue for dialogue, of in self.split_of.items() if split in (None, of)]

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of a split, in corpus order. Raises UsageError where the corpus has no such split."""
        if split not in self._split_rows:
            expected = f"one of {', '.join(self.splits)}"
            raise UsageError(f"corpus {self.name} has no split", got=repr(split), expected=expected)
        return self._split_rows[split]

    @cached_property
    def _split_rows(self) -> dict[str, np.ndarray]:
        splits = self.utterances["split"].to_numpy(dtype=object)
        return {split: np.flatnonzero(splits == split) for split in self.splits}

    def dialogue(self, dialogue_id: str) -> Dialogue:
        """One dialogue. Raises UsageError for an unknown id."""
        rows = self.dialogue_rows.get(dialogue_id)
        if rows is None:
            raise UsageError(f"corpus {self.name} has no dialogue {dialogue_id!r}", do="choose one from the list")
        return Dialogue(dialogue_id, self.split_of[dialogue_id], tuple(self.utterance(int(row)) for row in rows))

    def utterance(self, row: int) -> Utterance:
        """The utterance in row `row`."""
        record = {name: cells[row] for name, cells in self._cells.items()}
        return Utterance(
            utterance_id=record["utterance_id"],
            dialogue_id=record["dialogue_id"],
            turn=int(record["turn"]),
            split=record["split"],
            speaker=record["speaker"],
            text=record["text"],
            emotion=record["emotion"] or None,
            present=tuple(bool(flag) for flag in self.present[row]),  # type: ignore[arg-type]
            start_s=None if np.isnan(record["start_s"]) else float(record["start_s"]),
            end_s=None if np.isnan(record["end_s"]) else float(record["end_s"]),
            media=record["media"] or None,
            faults=tuple(filter(None, record["faults"].split(";"))),
            truth_family=record["truth_family"] or None,
            truth_sources=record["truth_sources"] or None,
        )

    @cached_property
    def _cells(self) -> dict[str, np.ndarray]:
        return {name: self.utterances[name].to_numpy(dtype=object) for name in COLUMNS}

    def save(self, folder: Path | str, *, overwrite: bool = False) -> Path:
        """Write `corpus.json`, `utterances.parquet` and `features.safetensors`; half a corpus never shows.

        Raises DnRError where the folder exists (unless `overwrite`) or cannot be written.
        """
        folder = Path(folder)
        if overwrite:
            check_replaceable(folder, holds="corpus.json")
        with replacing_folder(folder, overwrite=overwrite) as temporary:
            self.utterances.to_parquet(temporary / "utterances.parquet", index=False)
            tensors = {modality: np.ascontiguousarray(self.features[modality]) for modality in MODALITIES}
            tensors |= {f"{modality}_imputed": self.imputed[modality] for modality in MODALITIES}
            save_file(tensors | {"present": self.present}, temporary / "features.safetensors")
            header = {
                "format_version": FORMAT_VERSION,
                "name": self.name,
                "emotions": list(self.emotions),
                "feature_names": {modality: list(names) for modality, names in self.feature_names.items()},
                "split_provenance": self.split_provenance,
                "sources": list(self.sources),
                "notes": self.notes,
                "hash": self.hash,
                "counts": {"utterances": len(self), "dialogues": len(self.dialogue_rows)},
                "files": {
                    name: file_sha256(temporary / name) for name in ("utterances.parquet", "features.safetensors")
                },
            }
            (temporary / "corpus.json").write_text(json.dumps(header, indent=1, ensure_ascii=False), encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: Path | str) -> Corpus:
        """Read a corpus folder. Raises DataError where it is missing, damaged or of an unknown format version."""
        folder = Path(folder)
        header = read_header(folder)
        for name, expected in header["files"].items():
            if not (folder / name).is_file():
                raise DataError(f"corpus {folder} is incomplete", got=f"no {name}", do="prepare it again")
            if file_sha256(folder / name) != expected:
                raise DataError(f"corpus file {folder / name} was changed or damaged", do="prepare it again")
        try:
            tensors = load_file(folder / "features.safetensors")
            utterances = with_objects(pd.read_parquet(folder / "utterances.parquet"))
        except (OSError, ValueError, SafetensorError) as error:
            raise DataError(f"corpus {folder} cannot be read", got=error, do="prepare it again") from error
        return cls(
            name=header["name"],
            emotions=tuple(header["emotions"]),
            feature_names={modality: tuple(names) for modality, names in header["feature_names"].items()},
            utterances=utterances,
            features={modality: tensors[modality] for modality in MODALITIES},
            present=tensors["present"].astype(bool),
            split_provenance=header["split_provenance"],
            sources=tuple(header["sources"]),
            notes=header["notes"],
            stored_hash=header["hash"],
        )


def with_objects(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with their texts as Python strings, which are read far more often than they are loaded."""
    return frame.astype({name: object for name in TEXT_COLUMNS if name in frame})


def read_header(folder: Path) -> dict[str, Any]:
    """`corpus.json` of a corpus folder. Raises DataError where it is missing, damaged or of another version."""
    path = folder / "corpus.json"
    if not path.is_file():
        raise DataError(
            f"no corpus at {folder}",
            expected="a folder with corpus.json",
            do="write one with `python -m dnr_core prepare SOURCE --out FOLDER` or `python -m dnr_core demo`",
        )
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
        version = header["format_version"]
        required = ("name", "emotions", "feature_names", "split_provenance", "sources", "notes", "hash", "files")
        missing = [key for key in required if key not in header]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged", got=repr(error), do="prepare the corpus again") from error
    if version != FORMAT_VERSION:
        raise DataError(f"{path} has an unknown format version", got=version, expected=FORMAT_VERSION)
    if missing:
        raise DataError(f"{path} is damaged", got=f"no {missing[0]!r}", do="prepare the corpus again")
    return header


def make_utterances(columns: dict[str, Any]) -> pd.DataFrame:
    """A frame with COLUMNS in order and one type each: missing columns are filled (empty string, NaN)."""
    length = len(columns["utterance_id"])
    frame: dict[str, Any] = {}
    for name in COLUMNS:
        given = columns.get(name)
        if name in TEXT_COLUMNS:
            values = [""] * length if given is None else ["" if value is None else str(value) for value in given]
            frame[name] = pd.Series(values, dtype=object)
        else:
            kind = NUMBER_COLUMNS[name]
            frame[name] = np.full(length, np.nan) if given is None else np.asarray(given, dtype=kind)
    return pd.DataFrame(frame)


def content_hash(corpus: Corpus) -> str:
    """SHA-256 (hex) over emotions, feature names, utterance rows and raw features."""
    digest = hashlib.sha256()
    names = {modality: list(corpus.feature_names[modality]) for modality in MODALITIES}
    digest.update(json.dumps([list(corpus.emotions), names], ensure_ascii=False).encode())
    rows = corpus.utterances.drop(columns="media").loc[:, [column for column in COLUMNS if column != "media"]]
    digest.update(rows.to_csv(index=False, lineterminator="\n").encode())
    for modality in MODALITIES:
        digest.update(np.ascontiguousarray(corpus.features[modality], dtype="<f4").tobytes())
    digest.update(np.ascontiguousarray(corpus.present, dtype=np.uint8).tobytes())
    return digest.hexdigest()
