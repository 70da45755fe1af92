"""A table of words on screen, and how a table's cells are written wherever it is drawn."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from dnr_core.figures.drawing import literal
from dnr_core.figures.spec import FigureSpec

ROW, MOST_DECIMALS = 26, 6


def table(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All columns under their names, numbers at the right, words of `colours` with a dot."""
    data = spec.data
    columns = []
    for name in data.columns:
        dots = spec.colours if has_dots(spec, name) else {}
        columns.append([dot(dots.get(word)) + literal(word) for word in written(data[name])])
    align = ["right" if is_number(data[name]) else "left" for name in data.columns]
    longest = [max(map(len, [str(name), *written(data[name])])) for name in data.columns]
    trace = {
        "type": "table",
        "columnwidth": [min(max(one, 6), 60) for one in longest],
        "header": {"values": [literal(name) for name in data.columns], "align": align, "height": ROW},
        "cells": {"values": columns, "align": align, "height": ROW},
    }
    return [trace], {}


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


def dot(colour: str | None) -> str:
    """A dot in plotly's markup, nothing without a colour."""
    return "" if colour is None else f'<span style="color:{colour}">●</span> '
