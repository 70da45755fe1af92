"""Imports the MELD release: `train_sent_emo.csv`, `dev_sent_emo.csv`, `test_sent_emo.csv`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dnr_core.data.csv_text import need_columns, number_column, read_csv
from dnr_core.data.release import MELD_EMOTIONS, SENTIMENTS, Release, mend_text, no_features
from dnr_core.errors import DataError, UsageError
from dnr_core.types import MODALITIES, SPLITS

FILE_NAME = re.compile(r"(train|dev|test)_sent_emo\.csv")
LABEL_COLUMNS = {"emotion": ("Emotion", MELD_EMOTIONS), "sentiment": ("Sentiment", SENTIMENTS)}
CLOCK = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[,.](\d{1,3}))?")


def read_meld(paths: Sequence[Path], *, target: str) -> Release:
    """The given files of the release, text only; a dialogue's split is its file's.

    Ids restart in each file, so they get its split as a prefix: `train_dia0`, `train_dia0_utt0`. Raises DataError for
    a missing column, a repeated id or an unknown label, UsageError for two files of one split.
    """
    files: dict[str, Path] = {}
    for path in paths:
        split = path.name.split("_")[0]
        if split in files:
            raise UsageError(f"two files for split {split}", got=f"{files[split]} and {path}", expected="one")
        files[split] = path
    ordered = [(split, files[split]) for split in SPLITS if split in files]
    columns: dict[str, list[Any]] = {}
    labels: list[str] = []
    unreadable = 0
    for split, path in ordered:
        frame = _sorted(path, target=target)
        part = _columns(frame, split)
        labels += frame[LABEL_COLUMNS[target][0]].str.lower().tolist()
        unreadable += int(np.isnan([*part["start_s"], *part["end_s"]]).sum())
        columns = {name: columns.get(name, []) + values for name, values in part.items()}
    return Release(
        layout="meld_csv",
        files=tuple(path for _, path in ordered),
        columns=columns,
        labels=labels,
        label_order=LABEL_COLUMNS[target][1],
        splits={dialogue: dialogue.split("_")[0] for dialogue in columns["dialogue_id"]},
        split_from="the file that a dialogue stands in",
        draws_dev=False,
        features=no_features(len(labels)),
        feature_names=dict.fromkeys(MODALITIES, ()),
        rules=(f"{unreadable} times that are no hh:mm:ss,mmm were left out",) if unreadable else (),
    )


def _sorted(path: Path, *, target: str) -> pd.DataFrame:
    """The table with numeric ids, dialogues by first appearance and utterances by id."""
    frame = read_csv(path)
    needed = ("Utterance", "Speaker", LABEL_COLUMNS[target][0], "Dialogue_ID", "Utterance_ID")
    need_columns(frame, needed, file=path.name)
    for column in ("Dialogue_ID", "Utterance_ID"):
        numbers = number_column(frame, column, file=path.name)
        wrong = np.flatnonzero(numbers != np.floor(numbers))
        if len(wrong):
            raise DataError(
                f"{path.name} row {wrong[0] + 1} has no whole {column}", got=repr(frame[column].iloc[wrong[0]])
            )
        frame[column] = numbers.astype(np.int64)
    order = np.lexsort((frame["Utterance_ID"], pd.factorize(frame["Dialogue_ID"])[0]))
    return frame.iloc[order]


def _columns(frame: pd.DataFrame, split: str) -> dict[str, list[Any]]:
    dialogues = [f"{split}_dia{number}" for number in frame["Dialogue_ID"]]
    columns: dict[str, list[Any]] = {
        "utterance_id": [f"{name}_utt{number}" for name, number in zip(dialogues, frame["Utterance_ID"], strict=True)],
        "dialogue_id": dialogues,
        "turn": frame.groupby("Dialogue_ID", sort=False).cumcount().tolist(),
        "speaker": [mend_text(name) for name in frame["Speaker"]],
        "text": [mend_text(text) for text in frame["Utterance"]],
    }
    for name, source in (("start_s", "StartTime"), ("end_s", "EndTime")):
        columns[name] = [seconds(cell) for cell in frame[source]] if source in frame else [np.nan] * len(frame)
    return columns


def seconds(clock: str) -> float:
    """`'00:20:57,256'` → 1257.256; NaN where it is no such time."""
    match = CLOCK.fullmatch(clock)
    if match is None:
        return float("nan")
    hours, minutes, whole, thousandths = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(whole) + float(f"0.{thousandths or 0}")
