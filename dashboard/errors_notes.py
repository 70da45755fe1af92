"""Notes and tags on the utterance in focus, and all of a corpus as a file: written at once, one row each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard.errors_data import notes_by_utterance, tags_in_use
from dashboard.markup import heading, notice, reads, shown, write
from dashboard.state import Selection, engine
from dnr_core.errors import DnRError
from dnr_core.types import Utterance

TYPED = '<div style="white-space:pre-wrap;overflow-wrap:anywhere">{text}</div>'
"""A text with its line breaks."""


def attempt(action: Callable[..., Any], *values: Any) -> Any:
    """Do it; where it fails, keep the line for the page that is drawn next, and what was typed stays."""
    try:
        return action(*values)
    except DnRError as error:
        st.session_state.notes_problem = str(error)
        return None


def show_notes_of(chosen: Selection, utterance: Utterance) -> None:
    """The tags and notes of one utterance on a page that reads no others."""
    try:
        notes = notes_by_utterance(chosen)
    except DnRError as error:
        notice(str(error))
        return
    heading("Notes and tags of this turn", "Kept on this machine; the Errors page lists all, and saves them.")
    show_notes(chosen, utterance, notes)


def show_notes(chosen: Selection, utterance: Utterance, notes: dict[str, list[Any]]) -> None:
    """The tags and notes of one utterance, and the places to add to them."""
    problem = st.session_state.pop("notes_problem", None)
    if problem:
        notice(problem)
    entries = notes.get(utterance.utterance_id, [])
    left, right = st.columns([1.15, 1], gap="medium")
    with left:
        tag_pills(chosen, utterance, entries, tags_in_use(notes))
    with right:
        note_field(chosen, utterance)
        for entry in (one for one in entries if one.kind == "note"):
            note_row(entry)


def tag_pills(chosen: Selection, utterance: Utterance, entries: list[Any], names: list[str]) -> None:
    """Tags to switch on and off, one more of the reader's own, and a key that sets the last one again."""
    state, corpus, name = st.session_state, chosen.corpus_name, utterance.utterance_id
    own = {entry.text: entry.id for entry in entries if entry.kind == "tag"}

    def toggle(tag: str) -> None:
        if tag in own:
            attempt(engine().remove_note, own[tag])
        else:
            state.last_tag = tag
            attempt(engine().add_tag, corpus, name, tag)

    def pills_changed() -> None:
        for tag in set(state.pick_tags) ^ set(own):
            toggle(tag)

    def other_given() -> None:
        if state.other_tag.strip() and state.other_tag.strip() not in own:
            toggle(state.other_tag.strip())
        if "notes_problem" not in state:
            state.other_tag = ""

    state.pick_tags = [tag for tag in names if tag in own]
    st.pills(
        "Tags", names, selection_mode="multi", key="pick_tags", on_change=pills_changed, wrap=True, format_func=plain
    )
    columns = st.columns([1, 1.2], vertical_alignment="bottom")
    columns[0].text_input("A tag of your own", key="other_tag", on_change=other_given, max_chars=60)
    last = state.get("last_tag", names[0])
    columns[1].button(f"tag: {plain(last)}", key="queue_t", shortcut="t", on_click=toggle, args=(last,),
                      help="Sets the last tag again, or takes it away")  # fmt: skip


def plain(text: str) -> str:
    """A text as the label of a button, which reads Markdown: its signs escaped."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()#+-.!|~$:<>" else sign for sign in text)


def note_field(chosen: Selection, utterance: Utterance) -> None:
    """Where a note is written; a half-written one stays with its utterance."""
    state, key = st.session_state, f"note_{utterance.utterance_id}"

    def save() -> None:
        if state[key].strip() and attempt(
            lambda: engine().add_note(chosen.corpus_name, utterance.utterance_id, state[key])
        ):
            state[key] = ""

    st.text_area(
        "Note", key=key, height=80, max_chars=5000, placeholder="What is going on here?", persist_state="session"
    )
    st.button("Save note", key="save_note", on_click=save)


def note_row(entry: Any) -> None:
    """A note as it was typed, when it was written, and a way to take it back."""
    left, right = st.columns([5, 1], vertical_alignment="center")
    with left:
        written = entry.created[:16].replace("T", " ")
        write(f"{TYPED.format(text=shown(entry.text))}<small>{shown(written)} UTC</small>")
    right.button("Delete", key=f"delete_{entry.id}", on_click=attempt, args=(engine().remove_note, entry.id))


def show_files(chosen: Selection, notes: dict[str, list[Any]]) -> None:
    """All notes of the corpus as CSV and JSON, and back."""
    state, count = st.session_state, sum(map(len, notes.values()))

    def imported() -> None:
        for file in state.notes_file or []:
            done = attempt(engine().import_notes, file.name, file.getvalue())
            if done is not None:
                state.notes_said = f"{file.name}: {done.added:,} added, {done.known:,} were there already."

    heading("Notes and tags of this corpus", f"{count:,} entries, kept in {engine().notebook.path}.")
    columns = st.columns([1, 1, 3], vertical_alignment="top")
    for column, form in zip(columns, ("csv", "json"), strict=False):
        column.download_button(
            f"Save as {form.upper()}", engine().export_notes(chosen.corpus_name, form) if count else "",
            file_name=f"notes-{chosen.corpus_name}.{form}", disabled=not count, key=f"notes_{form}", on_click="ignore",
        )  # fmt: skip
    columns[2].file_uploader(
        "Add notes from such a file", type=["csv", "json"], key="notes_file", on_change=imported,
        accept_multiple_files=True,
    )  # fmt: skip
    if said := state.pop("notes_said", None):
        reads(said)
