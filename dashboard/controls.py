"""The controls that several pages share: what is looked at, which parts are off, where to step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import guide
from dashboard.dialogue_data import SplitSteps, following, split_steps
from dashboard.markup import STYLE, notice, title
from dashboard.state import NO_RUN, SCOPES, Selection, corpora, engine, go_to, runs, select
from dnr_core.types import FAMILIES, split_player

WHOLE_FAMILY = "all"
NO_CORPUS = (
    "There is no corpus yet: add one on the Data page, or write one with `python -m dnr_core demo` or "
    "`python -m dnr_core prepare`."
)
REMOVED = {"mean": "its mean", "zero": "zero", "donor": "from other turns"}


def open_page(name: str, explanation: str, *, without_corpus: bool = False) -> Selection:
    """Style, title, selection, sidebar pickers and messages: the start of every page.

    It is its end, too, where there is no corpus, unless the page does `without_corpus`.
    """
    st.html(STYLE)
    title(name, explanation)
    guide.notice_visit()
    chosen = select()
    with st.sidebar:
        corpus_picker()
        run_picker()
        st.html(
            '<div class="dnr dnr-quiet">The address bar holds everything you see: copy it to share this view.</div>'
        )
        guide.guide_button()
    if chosen.messages:
        notice(" ".join(chosen.messages))
    if chosen.corpus is None:
        if not chosen.messages:
            notice(NO_CORPUS)
        if not without_corpus:
            st.stop()
    guide.show_guide(chosen, name)
    return chosen


def corpus_picker() -> None:
    """All corpora; one that cannot be read says so when it is chosen."""
    known = {info.name: info for info in corpora(str(engine().data))}
    if not known:
        return

    def changed() -> None:
        st.session_state.update(
            corpus=st.session_state.pick_corpus, checkpoint=None, against=None, dialogue=None, turn=0, off=[]
        )

    st.session_state.pick_corpus = st.session_state.corpus
    st.selectbox(
        "Corpus", list(known), key="pick_corpus", on_change=changed,
        format_func=lambda name: f"⚠ {name}" if known[name].problem else f"{name} · {known[name].utterances:,} turns",
    )  # fmt: skip


def run_picker() -> None:
    """All checkpoints; one that is damaged or missing says so when it is chosen."""
    known = {info.name: info for info in runs(str(engine().checkpoints))}

    def changed() -> None:
        st.session_state.update(checkpoint=st.session_state.pick_checkpoint)

    def label(name: str) -> str:
        if name == NO_RUN:
            return "none: read only"
        return f"⚠ {name}" if name in known and known[name].problem else name

    st.session_state.pick_checkpoint = st.session_state.checkpoint
    st.selectbox("Checkpoint", [*known, NO_RUN], key="pick_checkpoint", on_change=changed, format_func=label)


def dialogue_picker(chosen: Selection) -> SplitSteps:
    """Split, filter and dialogue; returns where one can step in the split."""
    corpus, state = chosen.corpus, st.session_state
    split = corpus.split_of[chosen.dialogue]
    steps = split_steps(chosen, split)

    def split_changed() -> None:
        go_to(corpus.dialogue_ids(state.pick_split)[0], 0)

    def filter_changed() -> None:
        state.listed = "errors" if state.pick_errors_only else "all"

    columns = st.columns([1.5, 1.2, 3.3], vertical_alignment="bottom")
    state.pick_split = split
    columns[0].segmented_control("Split", corpus.splits, key="pick_split", on_change=split_changed, required=True)
    state.pick_errors_only = chosen.listed == "errors" and bool(steps.wrong_in)
    columns[1].toggle(
        "only with errors", key="pick_errors_only", on_change=filter_changed, disabled=not steps.wrong_in,
        help="List only dialogues in which the model is wrong at least once.",
    )  # fmt: skip
    listed = listed_dialogues(chosen, split, steps)

    def dialogue_changed() -> None:
        go_to(state.pick_dialogue, 0)

    def label(name: str) -> str:
        wrong = f" · {steps.wrong_in.get(name, 0)} wrong" if chosen.run and steps.wrong_in else ""
        return f"{name} · {len(corpus.dialogue_rows[name])} turns{wrong}"

    state.pick_dialogue = chosen.dialogue
    columns[2].selectbox(
        f"Dialogue ({len(listed)} listed, type to search)", listed, key="pick_dialogue", on_change=dialogue_changed,
        format_func=label,
    )  # fmt: skip
    return steps


def listed_dialogues(chosen: Selection, split: str, steps: SplitSteps) -> list[str]:
    """The dialogues of the picker; the one being read is always among them, and all where no error is known."""
    everyone = chosen.corpus.dialogue_ids(split)
    if chosen.listed == "all" or not steps.wrong_in:
        return everyone
    return [name for name in everyone if name in steps.wrong_in or name == chosen.dialogue]


def step_buttons(chosen: Selection, steps: SplitSteps) -> None:
    """Previous and next turn, error, emotion shift and dialogue, each with its key."""
    corpus, dialogue, turn = chosen.corpus, chosen.dialogue, chosen.turn
    rows = corpus.dialogue_rows[dialogue]
    listed = listed_dialogues(chosen, corpus.split_of[dialogue], steps)
    place, last = listed.index(dialogue), len(rows) - 1

    def to_row(row: int | None) -> tuple[str, int] | None:
        return None if row is None else (corpus.utterance(row).dialogue_id, corpus.utterance(row).turn)

    here = int(rows[turn])
    buttons: Sequence[tuple[str, str, tuple[str | None, int] | None, str]] = (
        ("previous turn", "ArrowLeft", (dialogue, turn - 1) if turn else None, "The turn before"),
        ("next turn", "ArrowRight", (dialogue, turn + 1) if turn < last else None, "The next turn"),
        ("next error", "e", to_row(following(steps.errors, here)), "The next wrong prediction in this split"),
        ("next shift", "s", to_row(following(steps.shifts, here)),
         "The next turn whose gold emotion differs from the same speaker's turn before"),
        ("previous dialogue", "p", (listed[place - 1], 0) if place else None, "The dialogue before in the list"),
        ("next dialogue", "n", (listed[place + 1], 0) if place + 1 < len(listed) else None, "The next dialogue"),
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        for label, key, target, explanation in buttons:
            st.button(
                label, key=f"step_{key}", shortcut=key, disabled=target is None, help=explanation, on_click=go_to,
                args=target or (dialogue, turn),
            )  # fmt: skip


def part_switches(chosen: Selection, players: tuple[str, ...]) -> None:
    """Switch off single parts, families and whole modalities, and say where."""
    families = tuple(dict.fromkeys(split_player(player)[0] for player in players))
    for family in [name for name in FAMILIES if name in families] + [name for name in families if name not in FAMILIES]:
        family_switch(chosen.off, family, [player for player in players if split_player(player)[0] == family])
    if families != ("modality",):
        modality_switch(chosen.off, players)
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    scope_switch(left)
    right.button("Reset", disabled=not chosen.off, on_click=lambda: st.session_state.update(off=[]), width="stretch")


def family_switch(off: frozenset[str], family: str, members: list[str]) -> None:
    """One row of switches: the parts of a family, and the whole of it."""
    state, key = st.session_state, f"pick_off_{family}"
    whole = [WHOLE_FAMILY] if len(members) > 1 and family != "modality" else []

    def changed() -> None:
        picked, was_whole = set(state[key]), set(members) <= off
        if WHOLE_FAMILY in picked and not was_whole:
            picked |= set(members)
        elif WHOLE_FAMILY not in picked and was_whole and set(members) <= picked:
            picked = set()
        state.off = sorted((off - set(members)) | (picked & set(members)))

    state[key] = [name for name in members if name in off] + (whole if set(members) <= off else [])
    st.pills(
        family, [*members, *whole], selection_mode="multi", key=key, on_change=changed, wrap=True,
        format_func=lambda name: name if name == WHOLE_FAMILY else "+".join(split_player(name)[1]),
    )  # fmt: skip


def modality_switch(off: frozenset[str], players: tuple[str, ...]) -> None:
    """Switch off everything that a modality takes part in."""
    state, key = st.session_state, "pick_off_whole"
    parts = {
        name: frozenset(player for player in players if name in split_player(player)[1])
        for name in dict.fromkeys(source for player in players for source in split_player(player)[1])
    }

    def changed() -> None:
        now, before = set(state[key]), {name for name, own in parts.items() if own <= off}
        state.off = sorted(
            (off | set().union(*(parts[name] for name in now - before)))
            - set().union(*(parts[name] for name in before - now))
        )

    state[key] = [name for name, own in parts.items() if own <= off]
    st.pills(
        "modality", list(parts), selection_mode="multi", key=key, on_change=changed, wrap=True,
        help="Switches off every part that this modality takes part in: its unique part, and all pairs with it.",
    )  # fmt: skip


def scope_switch(where: DeltaGenerator) -> None:
    """Where a part is off: in every turn of the dialogue, or in the turn in focus."""
    state = st.session_state

    def changed() -> None:
        state.scope = state.pick_scope

    state.pick_scope = state.scope
    where.segmented_control(
        "off in", list(SCOPES), key="pick_scope", on_change=changed, format_func=SCOPES.get, required=True,
        help="Every turn: the part is off in the whole dialogue. "
        "This turn only: in the turn in focus; the other turns can still change, because they hear it as context.",
    )  # fmt: skip


def emotion_picker(where: DeltaGenerator, chosen: Selection, predicted: str, gold: str | None = None) -> None:
    """Which emotion is explained: the predicted one, or one by name, of which the `gold` one says so."""
    state = st.session_state

    def changed() -> None:
        state.emotion = state.pick_emotion or None

    def label(name: str) -> str:
        return (f"{name} (gold)" if name == gold else name) or f"the predicted one ({predicted})"

    state.pick_emotion = chosen.emotion or ""
    where.selectbox(
        "Emotion to explain", ["", *chosen.corpus.emotions], key="pick_emotion", on_change=changed, format_func=label
    )


def value_settings(chosen: Selection, predicted: str) -> None:
    """Which emotion is explained, where a part is off, and what stands for it."""
    state = st.session_state
    columns = st.columns([1.6, 1.4, 2.0], vertical_alignment="bottom")

    def removal_changed() -> None:
        state.removal = state.pick_removal

    emotion_picker(columns[0], chosen, predicted)
    state.pick_removal = chosen.removal
    scope_switch(columns[1])
    columns[2].segmented_control(
        "a part that is off is", list(REMOVED), key="pick_removal", on_change=removal_changed,
        format_func=REMOVED.get, required=True,
        help="Mean: the part's mean over the training data. Zero: a vector of zeros. Others: the parts of five "
        "training utterances in turn, and the mean of what the model then says.",
    )  # fmt: skip


def turn_of(point: Sequence[object]) -> int:
    """The turn that a clicked point of a figure belongs to."""
    return int(np.asarray(point[0]).item())
