"""The numbers of the Attribution page, and its controls; what takes long waits until it is asked for."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.attribution_link import methods_of, views_of
from dashboard.components_data import asked
from dashboard.controls import emotion_picker
from dashboard.markup import notice
from dashboard.state import Selection, engine
from dnr_core.errors import DnRError
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.rows.attribution import BASELINES, METHODS
from dnr_core.types import REMOVALS, AttributionOptions

WORDS = "words"
AT_ONCE = 100
"""What sends at most this many copies of the dialogue through the model is computed without asking."""
NO_RUN = "Attributions cannot be shown because no checkpoint is chosen: choose one at the left."
ONE_TURN = "Which turn mattered cannot be shown because this dialogue has one turn only."
NO_WORDS = "No word can be given a value because this turn has no words."
NO_PARTS = "Parts are not offered because method {method} has none that can be switched off."
VIEWS = {"features": "features", "turns": "turns", "modalities": "modalities", "components": "parts", "words": "words"}
PADDING = "padding"


def settings(chosen: Selection, numbers: DialogueNumbers) -> None:
    """What values are given to, by which method, for which emotion, against which baseline."""
    state, choice, gold = st.session_state, chosen.attributed, int(numbers.gold[chosen.turn])

    def changed() -> None:
        state.update(over=state.pick_over, method=state.pick_method)
        if state.pick_baseline in REMOVALS:
            state.baseline = state.pick_baseline

    state.pick_over, state.pick_method = choice.over, choice.method
    state.pick_baseline = PADDING if choice.over == WORDS else choice.baseline
    columns = [*st.columns(2, vertical_alignment="bottom"), *st.columns(2, vertical_alignment="bottom")]
    columns[0].segmented_control(
        "Values of", list(views_of(chosen.run)), key="pick_over", on_change=changed, format_func=VIEWS.get,
        required=True, help="Named features of this turn, whole turns, whole modalities, parts of the model, or the "
        "words of this turn.",
    )  # fmt: skip
    columns[2].selectbox(
        "Method", methods_of(choice.over), key="pick_method", on_change=changed, format_func=METHODS.get
    )
    name = numbers.emotions[gold] if gold >= 0 else None
    emotion_picker(columns[3], chosen, numbers.emotions[int(numbers.predicted[chosen.turn])], name)
    columns[1].segmented_control(
        "Baseline", [PADDING] if choice.over == WORDS else list(REMOVALS), key="pick_baseline", on_change=changed,
        format_func=BASELINES.get, required=True,
        help="What stands for a value that is taken away: its mean over training, zero, or that of a training turn "
        "drawn at random; of a word the encoder's token for no word. Every attribution is a comparison with its "
        "baseline.",
    )  # fmt: skip


def question(chosen: Selection, numbers: DialogueNumbers) -> tuple[tuple[str, str, str], AttributionOptions]:
    """What the engine is asked: (run, corpus, utterance) and its options."""
    assert chosen.run is not None
    choice, predicted = chosen.attributed, numbers.emotions[int(numbers.predicted[chosen.turn])]
    key = (chosen.run.info.name, str(chosen.corpus_name), numbers.dialogue.utterances[chosen.turn].utterance_id)
    return key, {
        "method": choice.method, "target": chosen.emotion or predicted,
        "baseline": None if choice.over == WORDS else choice.baseline, "over": choice.over,
    }  # fmt: skip


def no_word_values(chosen: Selection, numbers: DialogueNumbers) -> str | None:
    """Why the words of the turn in focus get no values, in one sentence; None where they can."""
    assert chosen.run is not None
    spoken = numbers.dialogue.utterances[chosen.turn].text.strip()
    return engine().word_values_problem(chosen.run.info.name, str(chosen.corpus_name)) or (None if spoken else NO_WORDS)


def attribution(chosen: Selection, numbers: DialogueNumbers) -> Any:
    """The engine's Attribution of the turn in focus: kept, quick, or asked for; None: not yet, or a notice says why."""
    if chosen.attributed.over == "turns" and len(numbers.gold) == 1:
        notice(ONE_TURN, kind="info")
        return None
    key, options = question(chosen, numbers)
    words = chosen.attributed.over == WORDS
    try:
        if words and (why := no_word_values(chosen, numbers)):
            notice(why, kind="info")
            return None
        found = engine().kept_attribution(*key, **options)
        if found is not None:
            return found
        choice = chosen.attributed
        many = engine().attribution_passes(*key, method=choice.method, over=choice.over)
        label = f"Compute {METHODS[choice.method]} ({many:,} passes through the {'encoder and ' if words else ''}model)"
        place = st.empty()
        if (words or many > AT_ONCE) and not place.button(label, key="ask_attribution"):
            return None
        place.empty()
        with st.spinner("Attributing …", show_time=True):
            return engine().attribution(*key, **options)
    except DnRError as error:
        notice(str(error))
        return None


def check(chosen: Selection, numbers: DialogueNumbers) -> Any:
    """The engine's AttributionCheck of the attribution shown: kept, or on request; None: not yet."""
    key, options = question(chosen, numbers)
    return engine().kept_attribution_check(*key, **options) or asked(
        "Test this attribution", "ask_check",
        lambda progress: engine().attribution_check(*key, progress=progress, **options),
    )  # fmt: skip
