"""Reads a CSV as text cells: nothing is guessed, and an utterance that says `NA` stays one."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dnr_core.errors import DataError

NOT_MEASURED = frozenset({"", "nan", "na", "n/a", "none", "null"})
BLANKS = " \t\r\n"
"""Not all of Unicode's: `\x85` is an ellipsis in cp1252, and counts as a blank there."""


def read_csv(path: Path) -> pd.DataFrame:
    """Every cell as a string without surrounding blanks ('' where empty); UTF-8, or latin-1 where it is not UTF-8.

    Raises DataError where the file cannot be read, has no row, or repeats a column.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read", got=error.strerror or error) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin1")
    try:
        cells = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, header=None, skip_blank_lines=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(
            f"{path.name} is not a readable CSV", got=error, expected="a header and equally long rows"
        ) from error
    cells = cells.fillna("").map(lambda cell: cell.strip(BLANKS))
    frame = cells.iloc[1:].reset_index(drop=True)
    frame.columns = pd.Index(cells.iloc[0])
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise DataError(f"{path.name} has a column twice", got=repr(repeated[0]), do="rename or drop one")
    if not len(frame):
        raise DataError(f"{path.name} has no row", expected="a header and one row an utterance")
    return frame


def need_columns(frame: pd.DataFrame, columns: Iterable[str], *, file: str) -> None:
    """Raise DataError naming the first of `columns` that the table lacks."""
    missing = [column for column in columns if column not in frame]
    if missing:
        there = ", ".join(str(column) for column in frame.columns[:12])
        raise DataError(
            f"{file} lacks the column {missing[0]!r}", got=there, do="add it, or rename the one that holds it"
        )


def need_filled(frame: pd.DataFrame, columns: Iterable[str], *, file: str) -> None:
    """Raise DataError naming the first row where one of `columns` is empty."""
    for column in columns:
        empty = np.flatnonzero((frame[column] == "").to_numpy())
        if len(empty):
            raise DataError(f"{file} row {empty[0] + 1} has no {column}", do="fill it in, or drop the row")


def parse_numbers(cells: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """float64 (N,), NaN where a cell is empty or no number; and (N,) bool: neither empty nor a number."""
    text = pd.Series(list(cells), dtype=object)
    numbers: np.ndarray = np.asarray(pd.to_numeric(text, errors="coerce"), dtype=np.float64)
    empty = text.str.lower().isin(NOT_MEASURED).to_numpy(dtype=bool)
    return numbers, np.isnan(numbers) & ~empty


def number_column(frame: pd.DataFrame, column: str, *, file: str) -> np.ndarray:
    """A column as float64 (N,), NaN where empty. Raises DataError naming the first cell that is no number."""
    numbers, wrong = parse_numbers(frame[column].tolist())
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{file} row {row + 1}, column {column!r}",
            got=repr(frame[column].iloc[row]),
            expected="a number, or nothing where not measured",
        )
    return numbers
