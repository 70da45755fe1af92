"""What a method says of its own workings (its signals): of the utterance in focus, and on average over a split."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts import show
from dashboard.glossary import BY_WORD
from dashboard.markup import heading, reads, table
from dashboard.state import Selection, engine
from dnr_core.figures.build.signals import modality_bars
from dnr_core.figures.rows.signal import about, columns, in_words, is_index, mean_rows, one_value
from dnr_core.types import SignalValues

ABOUT_MEANS = "Means over the turns in which each is defined; these are readings of the model, not proven causes."


def has_signals(chosen: Selection) -> bool:
    """Whether the method of the run has signals."""
    return chosen.run is not None and "signals" in chosen.run.supports


def signals_of(chosen: Selection, split: str) -> SignalValues:
    """The signals of a split: stored, or computed now like its predictions. Raises DnRError."""
    assert chosen.run is not None
    with st.spinner("Reading the signals of this split …", show_time=True):
        return engine().signals(chosen.run.info.name, chosen.corpus_name, split)


def terms_of(found: SignalValues) -> list[str]:
    """The words of the glossary that its signals are."""
    return ["signals", *(word for name in found.values if (word := in_words(name)) in BY_WORD)]


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
