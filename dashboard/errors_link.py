"""What the Errors page adds to the address: split, list, cell of the matrix, slice, and what its cells show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard.words import select_word, short, unless

ERROR_LINK = ("split", "queue", "cell", "slice", "cells")
QUEUES = {"errors": "errors", "cell": "cell", "slice": "slice", "suspects": "suspect labels", "noted": "noted"}
CELLS = {"counts": "counts", "shares": "share of the row"}


@dataclass(frozen=True)
class ErrorChoice:
    """Which utterances are listed: `queue` of QUEUES in `split` (None: the corpus has none).

    `cell`: class numbers (gold, predicted), `cell_name` as the address has it; `slice`: as `slice_name` writes it; None
    where none is chosen. `cells`: what the cells of the matrix show, of CELLS.
    """

    split: str | None
    queue: str
    cell: tuple[int, int] | None
    slice: str | None
    cells: str
    cell_name: str | None

    def link(self) -> dict[str, list[str]]:
        """What goes into the address: nothing for what is at its default."""
        return {
            "split": unless(self.split, None) if st.session_state.get("split") else [],
            "queue": unless(self.queue, next(iter(QUEUES))),
            "cell": unless(self.cell_name, None),
            "slice": unless(self.slice, None),
            "cells": unless(self.cells, next(iter(CELLS))),
        }


def cell_name(emotions: tuple[str, ...], cell: tuple[int, int]) -> str:
    """A cell in the address, such as `sad as neutral`."""
    return f"{emotions[cell[0]]} as {emotions[cell[1]]}"


def slice_name(group: str, name: str) -> str:
    """A slice in the address, such as `speaker: Ross`."""
    return f"{group}: {name}"


def select_errors(corpus: Any, messages: list[str], taken: set[str]) -> ErrorChoice:
    """The choice of this rerun; what does not exist is replaced, and reported where the reader asked for it."""
    queue, cells = select_word("queue", tuple(QUEUES), messages), select_word("cells", tuple(CELLS), messages)
    split = select_split(corpus, messages, reported="split" in taken)
    cell = select_cell(corpus, messages, reported="cell" in taken)
    name = None if cell is None else cell_name(corpus.emotions, cell)
    return ErrorChoice(split, queue, cell, st.session_state.get("slice"), cells, name)


def select_split(corpus: Any, messages: list[str], *, reported: bool) -> str | None:
    """The split whose errors are shown; test, else the last there is, where nothing was chosen."""
    wanted = st.session_state.get("split")
    there = () if corpus is None else corpus.splits
    if wanted is not None and wanted not in there:
        if reported and there:
            messages.append(f"Unknown split {short(wanted)}: expected one of {', '.join(there)}.")
        wanted = st.session_state.split = None
    return wanted or (there or (None,))[-1]


def select_cell(corpus: Any, messages: list[str], *, reported: bool) -> tuple[int, int] | None:
    """The cell of the matrix that was clicked."""
    wanted = st.session_state.get("cell")
    if wanted is None or corpus is None:
        return None
    places = range(len(corpus.emotions))
    known = {cell_name(corpus.emotions, (gold, said)): (gold, said) for gold in places for said in places}
    if wanted not in known:
        if reported:
            messages.append(f"Unknown cell {short(wanted)}: expected a pair such as {short(next(iter(known)))}.")
        st.session_state.cell = None
    return known.get(wanted)


def pick_cell(emotions: tuple[str, ...], cell: tuple[int, int]) -> None:
    """List the utterances of a cell."""
    st.session_state.update(cell=cell_name(emotions, cell), queue="cell")


def pick_slice(group: str, name: str) -> None:
    """List the utterances of a slice."""
    st.session_state.update(slice=slice_name(group, name), queue="slice")
