"""What if: change one turn, its words, features, parts or context, and see what the model says then."""

from typing import Any

import streamlit as st

from dashboard import controls, focus, whatif_controls, whatif_edits, whatif_figures
from dashboard.charts import show
from dashboard.dialogue_data import predicted_dialogue
from dashboard.markup import heading, notice, reads, table, write
from dashboard.state import Selection, engine
from dnr_core.errors import DnRError
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.serve import Edit

NO_RUN = "Nothing can be tried out because no checkpoint is chosen: choose one at the left."
SESSION = "Changes stay while you look at other pages; the address holds the turn, not the changes."
TALL = 420  # height of the table of turns, in pixels, where it would be higher


def page() -> None:
    """The whole page, from the selection to the pictures."""
    chosen = controls.open_page("What if", "Change one turn and see what the model says then, of every turn.")
    controls.step_buttons(chosen, controls.dialogue_picker(chosen))
    numbers = predicted_dialogue(chosen, NO_RUN)
    if not focus.opened_turn(chosen, numbers):
        return
    made = whatif_edits.draft(chosen)
    left, right = st.columns([1, 1], gap="large")
    with left:
        edits(chosen, numbers, made)
    with right:
        found = effect(chosen, numbers, made)
    if found is not None:
        dialogue(numbers, found)


def edits(chosen: Selection, numbers: DialogueNumbers, made: whatif_edits.Draft) -> None:
    """Everything that can be changed about this turn."""
    edit = whatif_edits.without_parts(chosen, made)
    whatif_controls.words(chosen, made)
    whatif_controls.features(chosen, numbers, made, edit)
    whatif_controls.parts(chosen, made, edit)
    whatif_controls.missing(chosen, made)
    whatif_controls.context(chosen, made)


def effect(chosen: Selection, numbers: DialogueNumbers, made: whatif_edits.Draft) -> Any:
    """What all changes together did to this turn; None where nothing is changed, or cannot be."""
    edit, found = Edit(), None
    try:
        with st.spinner("Asking the model …", show_time=True):
            edit = whatif_edits.in_force(chosen, made)
            utterance = numbers.dialogue.utterances[chosen.turn].utterance_id
            found = engine().whatif(chosen.run.info.name, chosen.corpus_name, utterance, edit)
    except DnRError as error:
        notice(str(error))
    edited = edit != Edit()
    in_force(chosen, edit)
    st.button(
        "Reset", key="whatif_reset", disabled=made == whatif_edits.Draft(made.utterance), on_click=whatif_edits.reset
    )
    if found is None:
        return None
    show(whatif_figures.probabilities(numbers, found, edited=edited), "probabilities")
    for note in found.notes:
        reads(note)
    if not edited:
        return None
    show(whatif_figures.deltas(found), "whatif_deltas")
    return found


def in_force(chosen: Selection, edit: Edit) -> None:
    """The changes in words, and who gave a part."""
    names = {name: chosen.corpus.feature_names[name] for name in chosen.run.modalities}
    real = {(of, name): whatif_controls.real_value(chosen, of, names[of].index(name)) for of, name, _ in edit.cells}
    heading("What is changed", "; ".join(whatif_figures.in_words(edit, real)) or "nothing yet")
    for donor in dict.fromkeys(donor for _, donor in edit.parts if donor in chosen.corpus.row_of):
        given = chosen.corpus.utterance(chosen.corpus.row_of[donor])
        reads(f"Donor {donor} ({given.emotion or 'no label'}), {given.speaker}: “{given.text}”")
    write(f'<div class="dnr-quiet">{SESSION}</div>')


def dialogue(numbers: DialogueNumbers, found: Any) -> None:
    """What the changes did to every turn of the dialogue."""
    heading("The whole dialogue", "Every turn before and after the change.")
    show(whatif_figures.timeline(numbers, found), "whatif_timeline")
    with st.container(height=TALL if len(numbers.gold) > 12 else "content", border=False):
        table(whatif_figures.HEADER, whatif_figures.rows(numbers, found))


page()
