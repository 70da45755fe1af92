"""What a method says of its own workings (its signals): of the utterance in focus, and on average over a split."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.charts import show
from dashboard.glossary import BY_WORD
from dashboard.markup import dot, heading, reads, shown, table
from dashboard.state import Selection, engine
from dnr_core.figures.spec import FigureSpec, group_colour, group_pattern
from dnr_core.types import MODALITIES, SignalValues

Column = tuple[str, np.ndarray]
"""A name in words, and one number an utterance, NaN where it is not defined."""
ABOUT_MEANS = "Means over the turns in which each is defined; these are readings of the model, not proven causes."


def has_signals(chosen: Selection) -> bool:
    """Whether the method of the run has signals."""
    return chosen.run is not None and "signals" in chosen.run.supports


def signals_of(chosen: Selection, split: str) -> SignalValues:
    """The signals of a split: stored, or computed now like its predictions. Raises DnRError."""
    assert chosen.run is not None
    with st.spinner("Reading the signals of this split …", show_time=True):
        return engine().signals(chosen.run.info.name, chosen.corpus_name, split)


def in_words(name: str) -> str:
    """`odd_one_out` → `odd one out`."""
    return name.replace("_", " ")


def terms_of(found: SignalValues) -> list[str]:
    """The words of the glossary that its signals are."""
    return ["signals", *(word for name in found.values if (word := in_words(name)) in BY_WORD)]


def is_index(values: np.ndarray) -> bool:
    """Whether a signal names a modality (−1: none) instead of measuring something."""
    return np.issubdtype(values.dtype, np.integer)


def show_turn(chosen: Selection) -> None:
    """The signals of the turn in focus; nothing where the method has none. Raises DnRError."""
    if not has_signals(chosen):
        return
    assert chosen.run is not None
    corpus, split = chosen.corpus, chosen.corpus.split_of[chosen.dialogue]
    found = signals_of(chosen, split)
    row = int(np.searchsorted(corpus.rows(split), corpus.dialogue_rows[chosen.dialogue][chosen.turn]))
    heading(
        f"What {chosen.run.info.method} says of itself", "Signals of the method for this turn.", term=terms_of(found)
    )
    for name, values in found.values.items():
        if values.ndim == 2:
            heading(in_words(name).capitalize(), found.descriptions[name])
            if np.isnan(values[row]).all():
                reads("Nothing was measured in this turn.")
            else:
                show(modality_bars(values[row]), f"signal_{name}")
    numbers = [name for name, values in found.values.items() if values.ndim == 1]
    table(["signal", "value"], [[about(found, name), one_value(found.values[name][row])] for name in numbers])


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


def modality_bars(values: np.ndarray) -> FigureSpec:
    """One bar a modality that was measured, in its colour and pattern."""
    there = [(modality, float(value)) for modality, value in zip(MODALITIES, values, strict=True) if value == value]
    frame = pd.DataFrame({
        "modality": [modality for modality, _ in there],
        "value": [value for _, value in there],
        "label": [f"{value:.2f}" for _, value in there],
    })  # fmt: skip
    absent = [modality for modality in MODALITIES if modality not in set(frame["modality"])]
    leads, most = max(there, key=lambda pair: pair[1])
    return FigureSpec(
        "bars", frame, x="value", y="modality", colour="modality", text="label",
        colours={modality: group_colour(modality) for modality in MODALITIES},
        patterns={modality: group_pattern(modality) for modality in MODALITIES}, height=30 + 24 * len(there),
        caption=f"{leads.capitalize()} has most ({most:.2f})"
        + (f"; not measured: {', '.join(absent)}." if absent else "."),
    )  # fmt: skip


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


def show_split(chosen: Selection, split: str) -> None:
    """The mean of every signal over a split, by gold emotion; nothing where the method has none. Raises DnRError."""
    if not has_signals(chosen):
        return
    assert chosen.run is not None
    found = signals_of(chosen, split)
    given, gold = columns(found), chosen.corpus.labels[chosen.corpus.rows(split)]
    heading(f"What {chosen.run.info.method} says of itself on {split}", ABOUT_MEANS, term=terms_of(found))
    table(["gold emotion", *(name for name, _ in given), "n"], mean_rows(given, gold, chosen.corpus.emotions))
    for name, text in found.descriptions.items():
        counted = " Shown: the share of turns in which it is this modality." if is_index(found.values[name]) else ""
        reads(f"{in_words(name).capitalize()}: {text}{counted}")
