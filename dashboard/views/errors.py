"""Errors: where the model is wrong, for whom, and which labels may be wrong instead."""

import streamlit as st

from dashboard import controls, errors_data, errors_notes, errors_queue, errors_tables
from dashboard.charts import show, show_clickable
from dashboard.errors_data import SplitErrors
from dashboard.errors_link import pick_cell, pick_slice
from dashboard.markup import heading, notice, reads, shown, table, write
from dashboard.rows import show_rows
from dashboard.state import Selection
from dnr_core.errors import DnRError
from dnr_core.figures.build import errors as errors_figures
from dnr_core.figures.rows import audit as audit_rows


def page() -> None:
    """The whole page, from the selection to the pictures."""
    chosen = controls.open_page("Errors", "Where the model is wrong, for whom, and which labels may be wrong instead.")
    if chosen.run is None:
        if not chosen.messages:
            notice(errors_data.NO_RUN, kind="info")
        return
    errors_queue.choices(chosen)
    try:
        with st.spinner("Looking through this split …", show_time=True):
            errors = errors_data.split_errors(chosen)
    except DnRError as error:
        notice(str(error))
        return
    if errors is None:
        notice(errors_data.NO_LABELS.format(split=chosen.errors.split), kind="info")
        return
    if chosen.errors.split == "train":
        notice(errors_data.LEARNT, kind="info")
    review(chosen, errors)


def review(chosen: Selection, errors: SplitErrors) -> None:
    """The matrix beside the list, the utterance in focus and what people note about it; below them the measures."""
    try:
        notes = errors_data.notes_by_utterance(chosen)
    except DnRError as error:
        notice(str(error))
        notes = {}
    left, right = st.columns([1, 1.15], gap="medium")
    with left:
        heading("Confusions", "Gold in rows, predicted in columns.", term="confusion")
        spec = errors_figures.confusion(
            errors.found, chosen.errors.cells, at=errors.cell_in_focus, cell=chosen.errors.cell
        )
        show_clickable(spec, "confusions", lambda point: pick_cell(errors.found.emotions, errors_queue.cell_of(point)))
    with right:
        with st.spinner("Listing …", show_time=True):
            listed = errors_data.listed(chosen, errors, notes)
        errors_queue.show_queue(chosen, errors, listed, notes)
    utterance = chosen.corpus.utterance(errors_data.focus_row(chosen))
    heading(
        f"In focus: {utterance.speaker}, turn {utterance.turn} of {utterance.dialogue_id}", errors_queue.told(errors)
    )
    write(errors_notes.TYPED.format(text=shown(utterance.text)))
    errors_notes.show_notes(chosen, utterance, notes)
    measures(chosen, errors)
    errors_notes.show_files(chosen, notes)


def measures(chosen: Selection, errors: SplitErrors) -> None:
    """Slices, calibration, and errors that follow the conversation."""
    left, right = st.columns([1.15, 1], gap="medium")
    with left:
        heading("Slices", errors_tables.ABOUT_SLICES, term=errors_data.SLICES)
        picture = errors_tables.slice_table(errors, chosen.errors.slice)
        slices = errors.audit.slices
        show_rows("slice_rows", picture, lambda place: pick_slice(slices[place].group, slices[place].name))
        reads(audit_rows.slice_reading(errors.audit))
    with right:
        heading("Calibration", errors_data.ABOUT_CALIBRATION, term=("calibration", "ECE", "bootstrap interval"))
        show(errors_figures.reliability(errors.audit), "reliability")
    heading("Do errors follow the conversation?", audit_rows.ABOUT_KINDS, term=errors_data.KINDS)
    table(audit_rows.KIND_HEADER, audit_rows.kind_rows(errors.audit))
    reads(audit_rows.kind_reading(errors.audit))


page()
