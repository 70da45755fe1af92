"""Attribution: which features, turns, modalities, parts or words made one prediction, and how far to trust that."""

from typing import Any

import streamlit as st

from dashboard import attribution_data, attribution_tables, attribution_words, controls, focus
from dashboard.charts import show, show_clickable
from dashboard.chat import show_chat
from dashboard.dialogue_data import predicted_dialogue
from dashboard.markup import heading, reads, table, write
from dashboard.state import Selection, go_to
from dnr_core.figures.build import attribution as attribution_figures
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.rows import attribution as attribution_rows

TOP = (10, 20, 40)


def page() -> None:
    """The whole page, from the selection to the pictures."""
    chosen = controls.open_page("Attribution", "Which features, turns, modalities, parts or words made one prediction.")
    controls.step_buttons(chosen, controls.dialogue_picker(chosen))
    numbers = predicted_dialogue(chosen, attribution_data.NO_RUN)
    if not focus.opened_turn(chosen, numbers):
        return
    attribution_data.settings(chosen, numbers)
    if "components" not in chosen.run.supports:
        reads(attribution_data.NO_PARTS.format(method=chosen.run.info.method))
    found = attribution_data.attribution(chosen, numbers)
    if found is None:
        return
    picture(chosen, numbers, found)
    faithfulness(chosen, numbers, found)


def picture(chosen: Selection, numbers: DialogueNumbers, found: Any) -> None:
    """The values, how exact they are, and what cannot be shown."""
    heading(
        f"What made the {found.scale} of “{found.target}”",
        f"{attribution_data.METHODS[found.method]}: what each item adds over its baseline.",
        term=("attribution", "baseline", "logit", "completeness", "Shapley value"),
    )
    if found.over == "features":
        top = st.segmented_control("largest", TOP, default=TOP[0], key="pick_top", required=True)
        show(attribution_figures.features(found, int(top)), "features")
    elif found.over == "turns":
        spec = attribution_figures.turns(found)
        show_clickable(spec, "turns", lambda point: go_to(chosen.dialogue, controls.turn_of(point)))
    elif found.over == "words":
        write(f"<small>{attribution_words.ABOUT}</small>{attribution_words.sentence(found)}")
        show(attribution_figures.words(found), "words")
    else:
        show(attribution_figures.blocks(found), "blocks")
    table(attribution_rows.EXACTNESS, attribution_rows.exactness(found))
    if found.notes:
        reads("Note: " + "; ".join(found.notes) + ".")
    if found.over == "turns":
        bar = attribution_tables.turn_bar(found)
        show_chat(numbers, chosen.turn, lambda turn: go_to(chosen.dialogue, turn), bar)


def faithfulness(chosen: Selection, numbers: DialogueNumbers, found: Any) -> None:
    """Is this attribution faithful to the model? Computed on request."""
    heading(
        "Can this attribution be trusted?",
        "Put the items back in the order of their values, compare with other methods, and draw the weights anew.",
        term=("attribution", "faithfulness", "infidelity"),
    )
    tested = attribution_data.check(chosen, numbers)
    if tested is None:
        return
    left, right = st.columns(2, gap="medium")
    with left:
        show(attribution_figures.insertion(found, tested), "insertion")
    with right:
        table(["test", "result"], attribution_rows.checks(tested))
        reads(attribution_rows.ABOUT_CHECKS.format(count=len(found.values)))


page()
