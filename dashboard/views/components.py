"""Components: one utterance in depth, what the model used beside what the data offer, and the same of its split."""

import streamlit as st

from dashboard import components_data, controls, focus
from dashboard.charts import show
from dashboard.components_data import Depth
from dashboard.dialogue_data import failed_parts
from dashboard.markup import heading, notice, reads, table, write
from dashboard.state import SCOPES, Selection, engine
from dnr_core.errors import DnRError
from dnr_core.figures.build import components as components_figures
from dnr_core.figures.build import dialogue as dialogue_figures
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.rows.bits import BITS_HEADER, bits_table


def page() -> None:
    """The whole page, from the selection to the pictures."""
    chosen = controls.open_page("Components", "What the parts of the model do in one turn, and over a whole split.")
    controls.step_buttons(chosen, controls.dialogue_picker(chosen))
    numbers = components_data.whole_dialogue(chosen)
    if not focus.opened_turn(chosen, numbers):
        return
    controls.value_settings(chosen, numbers.emotions[int(numbers.predicted[chosen.turn])])
    left, right = st.columns(2, gap="medium")
    found = None
    with left:
        if components_data.has_parts(chosen):
            found = used(chosen, numbers)
        else:
            notice(components_data.NO_PARTS.format(method=chosen.run.info.method), kind="info")
    with right:
        focus.offered(chosen)
    if found is not None:
        heading("Pairs of parts", components_data.ABOUT_PAIRS, term=("interaction", "coalition", "part", "logit"))
        show(components_figures.interactions(found.values, found.label, numbers.emotions), "interactions")
    split = numbers.dialogue.split
    write(f"<h2>All turns of {split}</h2>")
    if components_data.has_parts(chosen):
        parts_of_split(chosen, split)
    information_of_split(chosen, split)


def used(chosen: Selection, numbers: DialogueNumbers) -> Depth | None:
    """What the model used in the turn in focus; None where it cannot be shown, with a notice."""
    try:
        with st.spinner("Computing this turn …", show_time=True):
            found = components_data.depth(chosen, numbers)
    except DnRError as error:
        notice(str(error))
        return None
    heading(
        f"What the model used for “{numbers.emotions[found.label]}”",
        dialogue_figures.about_values(found.values.players),
        term=components_data.USED,
    )
    show(dialogue_figures.part_values(found.values, 0, found.label, numbers.emotions), "parts")
    if components_data.is_tested(chosen, found):
        reads(dialogue_figures.claim(numbers, chosen.turn, failed_parts(chosen)))
    else:
        reads(components_data.NOT_TESTED.format(gap=components_data.gap_of(found)))
    reads(dialogue_figures.sets_reading(found.sets, numbers.emotions[found.predicted], f"in {SCOPES[chosen.scope]}"))
    return found


def parts_of_split(chosen: Selection, split: str) -> None:
    """Mean value of every part by emotion, and what scores lose without it."""
    found = components_data.split_values(chosen, split)
    if found is None:
        return
    heading("By predicted emotion", "Mean value of each part on the logit of that emotion.", term=components_data.USED)
    show(components_figures.mean_matrix(found, chosen.run.emotions), "means")
    fall = f"Fall of weighted F1 when it is off in {SCOPES[chosen.scope]}."
    heading("Without a part", fall, term=components_data.WITHOUT)
    drops = components_figures.drop_bars(found)
    if drops is None:
        notice(f"The fall cannot be shown because {split} has no labels.", kind="info")
    else:
        show(drops, "drops")


def information_of_split(chosen: Selection, split: str) -> None:
    """What the modalities tell of the gold emotions."""
    if not engine().has_information(chosen.run.info.name, chosen.corpus_name):
        notice(components_data.NO_INFORMATION, kind="info")
        return
    heading("What each pair of modalities tells", components_data.ABOUT_BITS, term=components_data.TOLD)
    found = components_data.split_information(chosen, split)
    if found is not None:
        left, right = st.columns(2, gap="medium")
        with left:
            show(components_figures.bits_bars(found), "bits")
        with right:
            table(BITS_HEADER, bits_table(found))


page()
