"""Imports the table form: `utterances.csv` with named feature columns and `<modality>_*.npy` beside it."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dnr_core.data.csv_text import need_columns, need_filled, number_column, parse_numbers, read_csv
from dnr_core.data.release import Release, mend_text, number_names, to_float32
from dnr_core.data.splits import read_split
from dnr_core.errors import DataError, DnRError
from dnr_core.types import MODALITIES

TABLE_NAME = "utterances.csv"
NEEDED = ("utterance_id", "dialogue_id", "speaker", "text")
TIMES = ("start_s", "end_s")
TRUTH = ("truth_family", "truth_sources")
TEMPLATE_COLUMNS = (
    "utterance_id",
    "dialogue_id",
    "split",
    "turn",
    "speaker",
    "text",
    "emotion",
    "sentiment",
    *TIMES,
    "audio_duration_s",
    "audio_fault",
    "visual_AU12_lip_corner_puller",
    "visual_fault",
)
ARRAY_NAME = re.compile(rf"({'|'.join(MODALITIES)})(?:_.*)?\.npy")


def write_template(path: Path) -> Path:
    """Write a table with the header of the table form and no row (into `path`, or into it where it is a folder).

    Raises DnRError where the file exists or cannot be written.
    """
    file = path if path.suffix == ".csv" else path / TABLE_NAME
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(TEMPLATE_COLUMNS)
    except FileExistsError as error:
        raise DnRError(f"{file} exists", do="choose another place for the template") from error
    except OSError as error:
        raise DnRError(f"cannot write {file}", got=error.strerror or error) from error
    return file


def read_table(path: Path, *, target: str) -> Release:
    """The table at `path` with the arrays of its folder.

    Raises DataError for a missing column, an empty id, a cell that is no number, or arrays of another length.
    """
    frame = read_csv(path)
    need_columns(frame, (*NEEDED, target), file=path.name)
    need_filled(frame, ("utterance_id", "dialogue_id"), file=path.name)
    order, turns, rules = _dialogue_order(frame, file=path.name)
    arrays = sorted(file for file in path.parent.glob("*.npy") if ARRAY_NAME.fullmatch(file.name))
    features, names, ignored = _features(frame, arrays, file=path.name)
    if ignored:
        rules.append(f"columns that hold no number are no features: {', '.join(ignored)}")
    frame = frame.iloc[order]
    columns = {name: frame[name].tolist() for name in ("utterance_id", "dialogue_id", *TRUTH) if name in frame}
    columns |= {name: [mend_text(cell) for cell in frame[name]] for name in ("speaker", "text")}
    columns |= {name: list(number_column(frame, name, file=path.name)) for name in TIMES if name in frame}
    return Release(
        layout="table",
        files=(path, *arrays),
        columns=columns | {"turn": turns},
        labels=frame[target].tolist(),
        label_order=None,
        splits=_splits(frame),
        split_from=f"the split column of {path.name}",
        features={modality: values[order] for modality, values in features.items()},
        feature_names=names,
        declared_faults={
            modality: frame[f"{modality}_fault"].tolist() for modality in MODALITIES if f"{modality}_fault" in frame
        },
        rules=tuple(rules),
    )


def _dialogue_order(frame: pd.DataFrame, *, file: str) -> tuple[np.ndarray, list[int], list[str]]:
    """Row order (dialogues by first appearance, then turn), turns 0, 1, …, and what was changed for that."""
    dialogue = pd.factorize(frame["dialogue_id"])[0]
    stated = number_column(frame, "turn", file=file) if "turn" in frame else np.arange(len(frame), dtype=float)
    wrong = np.flatnonzero(stated != np.floor(stated))  # NaN is unequal to itself
    if len(wrong):
        raise DataError(f"{file} row {wrong[0] + 1} has no whole turn", got=repr(frame["turn"].iloc[wrong[0]]))
    order = np.lexsort((stated, dialogue))
    group, turn = dialogue[order], stated[order]
    twice = np.flatnonzero((group[1:] == group[:-1]) & (turn[1:] == turn[:-1]))
    if len(twice):
        row = order[twice[0] + 1]
        name = frame["dialogue_id"].iloc[row]
        raise DataError(
            f"{file} row {row + 1}: dialogue {name!r} has turn {stated[row]:g} twice", expected="each turn once"
        )
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    turns = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    rules = []
    if (order != np.arange(len(order))).any():
        rules.append("rows were sorted: dialogues by first appearance, then turns")
    if "turn" in frame and (turn != turns).any():
        rules.append(f"turns were renumbered 0, 1, … in {len(set(group[turn != turns]))} dialogues")
    return order, turns.tolist(), rules


def _splits(frame: pd.DataFrame) -> dict[str, str]:
    """The split of each dialogue, '' where the table has none. Raises DataError for two in one dialogue, or a gap."""
    if "split" not in frame:
        return dict.fromkeys(frame["dialogue_id"], "")
    splits: dict[str, str] = {}
    for dialogue, word in zip(frame["dialogue_id"], frame["split"], strict=True):
        split = read_split(word)
        if splits.setdefault(dialogue, split) != split:
            raise DataError(f"dialogue {dialogue!r} stands in two splits", expected="one split a dialogue")
    unnamed = [dialogue for dialogue, split in splits.items() if not split]
    if unnamed and len(unnamed) < len(splits):
        raise DataError(f"dialogue {unnamed[0]!r} has no split", expected="a split for each dialogue, or for none")
    return splits


def _features(
    frame: pd.DataFrame, arrays: Sequence[Path], *, file: str
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]], list[str]]:
    """Features (N, d) float32 and names per modality (arrays first, then columns), and the columns left out."""
    features, names, ignored = {}, {}, []
    for modality in MODALITIES:
        parts, titles = [np.zeros((len(frame), 0), dtype=np.float32)], []
        for path in arrays:
            if path.name.startswith(modality):
                parts.append(_read_array(path, rows=len(frame), table=file))
                titles += number_names(path.stem, parts[-1].shape[1])
        for column in frame.columns:
            if not column.startswith(f"{modality}_") or column == f"{modality}_fault":
                continue
            if not _is_numeric(frame[column].tolist()):
                ignored.append(column)
                continue
            parts.append(to_float32(number_column(frame, column, file=file))[:, None])
            titles.append(column)
        features[modality] = np.concatenate(parts, axis=1)  # (N, d)
        names[modality] = tuple(titles)
    return features, names, ignored


def _is_numeric(cells: Sequence[str]) -> bool:
    """Are most of the filled cells numbers? (A column with one typing error is numeric, and the error is named.)"""
    numbers, wrong = parse_numbers(cells)
    return wrong.sum() <= np.isfinite(numbers).sum()


def _read_array(path: Path, *, rows: int, table: str) -> np.ndarray:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:  # a header may state any size
        raise DataError(f"{path.name} is not a readable array", got=error, expected="a .npy file of numbers") from error
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "fiub":
        raise DataError(f"{path.name} has the wrong form", got=values, expected="numbers of shape (N, d)")
    if len(values) != rows:
        raise DataError(
            f"{path.name} does not match {table}", got=f"{len(values)} rows", expected=f"{rows}, one an utterance"
        )
    return to_float32(values)
