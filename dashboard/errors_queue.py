"""The list of utterances under review on the Errors page: its rows, and stepping through it by button and key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from dashboard.chat import more, window
from dashboard.errors_data import Listed, SplitErrors, steps
from dashboard.errors_link import CELLS, QUEUES
from dashboard.markup import dot, notice, reads, shown
from dashboard.rows import show_rows
from dashboard.state import Selection, go_to
from dnr_core.figures.spec import emotion_colours

DIALOGUE_PAGE = "views/dialogue.py"


def choices(chosen: Selection) -> None:
    """Split, and whether cells show counts or shares."""
    state = st.session_state

    def split_changed() -> None:
        state.split = state.pick_errors_split

    def cells_changed() -> None:
        state.cells = state.pick_cells

    columns = st.columns([1.2, 1.2, 3], vertical_alignment="bottom")
    state.pick_errors_split, state.pick_cells = chosen.errors.split, chosen.errors.cells
    columns[0].segmented_control(
        "Split", chosen.corpus.splits, key="pick_errors_split", on_change=split_changed, required=True
    )
    columns[1].segmented_control(
        "Cells show", list(CELLS), key="pick_cells", on_change=cells_changed, format_func=CELLS.get, required=True
    )


def show_queue(chosen: Selection, errors: SplitErrors, shown_list: Listed, notes: dict[str, list[Any]]) -> None:
    """What is listed, the steps through it, and its rows."""
    state = st.session_state

    def queue_changed() -> None:
        state.queue = state.pick_queue

    state.pick_queue = chosen.errors.queue
    st.segmented_control(
        "List", list(QUEUES), key="pick_queue", on_change=queue_changed, format_func=QUEUES.get, required=True
    )
    if shown_list.problem:
        notice(shown_list.problem)
    move = mover(chosen, errors)
    step_buttons(errors, shown_list, move)
    reads(place_in_list(errors, shown_list))
    show_rows("queue_rows", rows_html(chosen, errors, shown_list, notes), lambda place: move(shown_list.place[place]))


def cell_of(point: Sequence[object]) -> tuple[int, int]:
    """Gold and predicted class of a clicked cell, whose customdata start with its column and row."""
    column, row = (int(np.asarray(number).item()) for number in point[:2])
    return row, column


def told(errors: SplitErrors) -> str:
    """What is predicted of the utterance in focus, with which probability, and its label."""
    if errors.focus is None:
        return "in another split"
    found, place = errors.found, errors.focus
    said, gold = int(errors.predicted[place]), int(found.gold[place])
    label = f"gold {found.emotions[gold]}" if gold >= 0 else "no label"
    return f"predicted {found.emotions[said]} ({errors.confidence(place):.2f}), {label}"


def mover(chosen: Selection, errors: SplitErrors) -> Callable[[int], None]:
    """Puts the utterance at a place of the split into focus."""

    def move(place: int) -> None:
        utterance = chosen.corpus.utterance(int(errors.found.row[place]))
        go_to(utterance.dialogue_id, utterance.turn)

    return move


def step_buttons(errors: SplitErrors, shown_list: Listed, move: Callable[[int], None]) -> None:
    """Previous, next, next error, and to the Dialogue page, each with its key."""
    before, after, error = steps(errors, shown_list)
    buttons = (
        ("previous", "k", before, "The one before in this list"),
        ("next", "j", after, "The next one in this list"),
        ("next error", "e", error, "The next wrong prediction in this list"),
    )
    with st.container(horizontal=True, gap="small"):
        for label, key, target, explanation in buttons:
            st.button(
                label, key=f"queue_{key}", shortcut=key, disabled=target is None, help=explanation, on_click=move,
                args=(target,),
            )  # fmt: skip
        if st.button("open in Dialogue", key="queue_o", shortcut="o", help="The utterance in focus, in its dialogue"):
            st.switch_page(DIALOGUE_PAGE)


def place_in_list(errors: SplitErrors, shown_list: Listed) -> str:
    """What is listed, and where the focus is in it."""
    here = shown_list.position(errors.focus)
    if not len(shown_list.place):
        return shown_list.note
    where = "the utterance in focus is not in this list" if here is None else f"in focus: number {here + 1:,}"
    return f"{shown_list.note.rstrip('.')}; {where}."


def rows_html(chosen: Selection, errors: SplitErrors, shown_list: Listed, notes: dict[str, list[Any]]) -> str:
    """The rows around the focus as HTML; all data is escaped."""
    count = len(shown_list.place)
    if not count:
        return '<div class="empty">Nothing is listed.</div>'
    here = shown_list.position(errors.focus)
    span = window(count, here or 0)
    rows = [row_html(chosen, errors, shown_list, number, number == here, notes) for number in span]
    if span.start:
        rows.insert(0, more(span.start - 1, f"↑ {span.start:,} before"))
    if span.stop < count:
        rows.append(more(span.stop, f"↓ {count - span.stop:,} more"))
    return f'<div role="list">{"".join(rows)}</div>'


def row_html(
    chosen: Selection, errors: SplitErrors, shown_list: Listed, number: int, focused: bool, notes: dict[str, list[Any]]
) -> str:
    """One utterance: where it is, what was said, predicted against gold, and what people noted."""
    place = int(shown_list.place[number])
    utterance = chosen.corpus.utterance(int(errors.found.row[place]))
    entries = notes.get(utterance.utterance_id, ())
    badges = "".join(f'<i class="badge">{shown(entry.text)}</i>' for entry in entries if entry.kind == "tag")
    written = sum(entry.kind == "note" for entry in entries)
    if written:
        badges += f'<i class="badge">{written} note{"s" if written > 1 else ""}</i>'
    return (
        f'<div class="row{" focus" if focused else ""}" data-turn="{number}" role="listitem" tabindex="0"'
        f"{' aria-current=true' if focused else ''}><div>"
        f'<div class="meta"><b>{shown(utterance.speaker)}</b> {shown(utterance.dialogue_id)} · turn {utterance.turn}'
        f'{badges}</div><div class="text"><bdi>{shown(utterance.text) or "<em>no text</em>"}</bdi></div></div>'
        f"{verdict(errors, place, None if shown_list.suggested is None else int(shown_list.suggested[number]))}</div>"
    )


def verdict(errors: SplitErrors, place: int, suggested: int | None) -> str:
    """Predicted against gold by sign and words, and what the label might be instead."""
    found = errors.found
    colours, gold, said = emotion_colours(found.emotions), int(found.gold[place]), int(errors.predicted[place])
    name, chance = found.emotions[said], errors.confidence(place)
    mark, style = ("✓", "hit") if gold == said else ("✗", "miss") if gold >= 0 else ("·", "open")
    told = f"gold {shown(found.emotions[gold])}" if gold >= 0 else "no label"
    label = "" if suggested is None else f" <small>· perhaps {shown(found.emotions[suggested])}</small>"
    return (
        f'<div><div class="says"><b class="{style}">{mark}</b>{dot(colours[name])}{shown(name)} {chance:.2f}</div>'
        f'<div class="says"><b></b><small>{told}</small>{label}</div></div>'
    )
