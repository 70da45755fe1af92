"""How the cells of a table are written, wherever it is drawn."""

from __future__ import annotations

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from dnr_core.figures.spec import FigureSpec

MOST_DECIMALS = 6


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers."""
    return is_numeric_dtype(column) and not is_bool_dtype(column)


def written(column: pd.Series) -> list[str]:
    """The cells of a column as words: numbers with the decimals that the longest needs; nothing where none is known."""
    if not is_number(column):
        return ["" if value is None or value != value else str(value) for value in column]
    known = [float(value) for value in column if value == value]
    decimals = next((n for n in range(MOST_DECIMALS) if all(round(one, n) == one for one in known)), MOST_DECIMALS)
    return ["" if value != value else f"{value:.{decimals}f}".replace("-", "−") for value in column]


def has_dots(spec: FigureSpec, name: str) -> bool:
    """Whether the words of a column have dots: the column `colour`, and others that hold nothing but such words."""
    if spec.colour is None or not spec.colours:
        return False
    words = set(written(spec.data[name])) - {""}
    return name == spec.colour or (bool(words) and words <= set(spec.colours))
