"""Dialogue: read a conversation, switch parts of the model off, and see every prediction move."""

import streamlit as st

from dashboard import controls, errors_notes, focus, signals
from dashboard.charts import show, show_clickable
from dashboard.chat import show_chat, truth_terms
from dashboard.dialogue_data import dialogue_numbers, failed_parts
from dashboard.markup import heading, notice, reads, write
from dashboard.state import Selection, go_to
from dnr_core.figures.build import dialogue as dialogue_figures
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.rows.turns import clock, legend, truth

SWITCHED = ("part", "unique", "redundant", "synergistic", "removal", "scope")
VALUES = ("Shapley value", "part", "modality", "logit", "decisive", "completeness")


def page() -> None:
    """The whole page, from the selection to the pictures."""
    chosen = controls.open_page(
        "Dialogue", "Read a conversation, switch parts of the model off, and see every prediction move."
    )
    steps = controls.dialogue_picker(chosen)
    controls.step_buttons(chosen, steps)
    with st.spinner("Computing this dialogue …", show_time=True):
        numbers = dialogue_numbers(chosen)
    if numbers.problem:
        notice(numbers.problem, kind="info" if chosen.run is None else "problem")
    write(focus.emotion_legend(numbers))
    spec = dialogue_figures.timeline(numbers, chosen.turn)
    if len(spec.data):
        show_clickable(spec, "timeline", lambda point: go_to(chosen.dialogue, controls.turn_of(point)))
    left, right = st.columns([1.45, 1], gap="medium")
    with left:
        if numbers.values is not None:
            write(legend(numbers))
        show_chat(numbers, chosen.turn, lambda turn: go_to(chosen.dialogue, turn))
        errors_notes.show_notes_of(chosen, numbers.dialogue.utterances[chosen.turn])
    with right:
        side(chosen, numbers)


def side(chosen: Selection, numbers: DialogueNumbers) -> None:
    """Switches, what they did, and the utterance in focus."""
    utterance = numbers.dialogue.utterances[chosen.turn]
    if numbers.values is not None:
        heading("Switch parts off", "Off: replaced by its mean over the training data.", term=SWITCHED)
        controls.part_switches(chosen, numbers.values.players)
        if numbers.after is not None:
            reads(dialogue_figures.effect(numbers))
    when = "" if utterance.start_s is None else f" · {clock(utterance.start_s)}"
    planted = f" · planted: {truth(utterance)}" if utterance.truth_family else ""
    about = f"{utterance.utterance_id}{planted}"
    heading(f"Turn {chosen.turn} · {utterance.speaker}{when}", about, term=truth_terms(utterance))
    focus.media(utterance.media)
    if numbers.before is not None:
        focus.probabilities(numbers, chosen.turn)
    if numbers.values is not None:
        explained(chosen, numbers)
    if numbers.before is not None:
        signals.show_turn(chosen)
        focus.offered(chosen)


def explained(chosen: Selection, numbers: DialogueNumbers) -> None:
    """What the model used: whether a part is decisive, all parts, the smallest sets."""
    label = numbers.emotions[int(numbers.predicted[chosen.turn])]
    heading(f"What made it “{label}”", dialogue_figures.about_values(numbers.values.players), term=VALUES)
    reads(dialogue_figures.claim(numbers, chosen.turn, failed_parts(chosen)))
    show(dialogue_figures.parts(numbers, chosen.turn), "parts")
    if numbers.sets is not None:
        reads(dialogue_figures.sets_reading(numbers.sets[chosen.turn], label))


page()
