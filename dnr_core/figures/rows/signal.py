"""The signals of a method as rows of HTML cells: of one turn, and on average over a split."""

from __future__ import annotations

import numpy as np

from dnr_core.figures.rows.markup import dot, shown
from dnr_core.figures.spec import group_colour
from dnr_core.types import MODALITIES, SignalValues

Column = tuple[str, np.ndarray]
"""A name in words, and one number an utterance, NaN where it is not defined."""


def in_words(name: str) -> str:
    """`odd_one_out` → `odd one out`."""
    return name.replace("_", " ")


def is_index(values: np.ndarray) -> bool:
    """Whether a signal names a modality (−1: none) instead of measuring something."""
    return np.issubdtype(values.dtype, np.integer)


def about(found: SignalValues, name: str) -> str:
    """A signal's name and what it is, as an HTML cell that may wrap."""
    return (
        f'{shown(in_words(name))}<div style="white-space:normal"><small>{shown(found.descriptions[name])}</small></div>'
    )


def one_value(value: np.generic) -> str:
    """A signal of one turn as an HTML cell."""
    if is_index(np.asarray(value)):
        return named(int(value))
    return "–" if np.isnan(value) else f"{value:.3f}"


def named(index: int) -> str:
    """The modality with this number as an HTML cell."""
    return "none" if index < 0 else f"{dot(group_colour(MODALITIES[index]))}{shown(MODALITIES[index])}"


def columns(found: SignalValues) -> list[Column]:
    """The signals as numbers that can be averaged: each modality its own column, an index as how often it is named."""
    made: list[Column] = []
    for name, values in found.values.items():
        if values.ndim == 2:
            made += [(f"{in_words(name)}: {one}", values[:, place]) for place, one in enumerate(MODALITIES)]
        elif is_index(values):
            made += [
                (f"{in_words(name)}: {one}", (values == place).astype(float)) for place, one in enumerate(MODALITIES)
            ]
        else:
            made.append((in_words(name), values.astype(float)))
    return [(name, numbers) for name, numbers in made if not np.isnan(numbers).all()]


def mean_rows(given: list[Column], gold: np.ndarray, emotions: tuple[str, ...]) -> list[list[str]]:
    """HTML cells: the mean of every column over all turns and over those of each emotion; `gold` (N,), −1: no label."""
    groups = [("all turns", np.ones(len(gold), dtype=bool))]
    groups += [(name, gold == place) for place, name in enumerate(emotions) if (gold == place).any()]
    return [
        [shown(name), *(mean_cell(numbers[rows]) for _, numbers in given), f"{int(rows.sum()):,}"]
        for name, rows in groups
    ]


def mean_cell(numbers: np.ndarray) -> str:
    """The mean over the turns where it is defined, with their number where these are not all."""
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return "–"
    return f"{known.mean():.3f}" + ("" if len(known) == len(numbers) else f" <small>n = {len(known):,}</small>")
