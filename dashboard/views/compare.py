"""Compare: two runs, or all their seeds, on the same utterances: which is better, where, and who flips which turn."""

import streamlit as st

from dashboard import compare_data, compare_flips, compare_tables, controls
from dashboard.charts import show
from dashboard.compare_data import Compared
from dashboard.dialogue_data import failed_parts
from dashboard.markup import heading, notice, reads, shown, table, tiles, write
from dnr_core.errors import DnRError
from dnr_core.figures.build import compare as compare_figures
from dnr_core.figures.build import dialogue as dialogue_figures
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.rows import compare as compare_rows

BETTER = ("weighted F1", "accuracy", "bootstrap interval", "McNemar")


def page() -> None:
    """The whole page, from the selection to the pictures."""
    chosen = controls.open_page("Compare", "Two runs on the same utterances: which is better, where, by what parts.")
    if chosen.run is None:
        if not chosen.messages:
            notice(compare_data.NO_RUN, kind="info")
        return
    if problem := compare_data.problem_of_a(chosen):
        notice(problem)
        return
    chosen = compare_data.with_default(chosen)
    if compare_data.others(chosen):
        compare_flips.choices(chosen)
    if chosen.compared.against is None:
        notice(compare_data.nothing_to_compare(chosen), kind="info")
        return
    try:
        with st.spinner("Comparing on this split …", show_time=True):
            both = compare_data.compared(chosen)
    except DnRError as error:
        notice(str(error))
        return
    for caveat in compare_data.caveats(both):
        notice(caveat, kind="info")
    scores(both)
    flips(both)


def scores(both: Compared) -> None:
    """The paired differences of the scores, and of the F1 of each emotion."""
    left, right = st.columns([1, 1.1], gap="medium")
    with left:
        about = compare_data.ABOUT_SEEDS if both.seeds else compare_rows.ABOUT_SCORES
        heading(f"Which is better on {both.split}?", about, term=BETTER)
        table(compare_rows.SCORE_HEADER, compare_rows.score_rows(both.found))
        reads(compare_rows.verdict(both.found))
        tiles(compare_rows.agreement(both.found))
        reads(compare_rows.mcnemar_reading(both.found))
    with right:
        heading("By emotion", "Change of F1 with its 95 % interval: right of zero B is better.", term="weighted F1")
        spec = compare_figures.class_changes(both.found)
        if spec is None:
            notice("Intervals cannot be shown because there is only one labelled dialogue.", kind="info")
        else:
            show(spec, "changes")


def flips(both: Compared) -> None:
    """Who is right where the other is wrong, and what both make of the utterance in focus."""
    left, right = st.columns([1.2, 1], gap="medium")
    with left:
        heading("Who gets which turn right?", compare_data.about_flips(both))
        compare_flips.show_flips(both)
    with st.spinner("Computing this dialogue …", show_time=True):
        a, b = compare_data.focus_of_both(both)
    utterance = a.dialogue.utterances[both.a.turn]
    with right:
        about = compare_data.about_focus(both, utterance.utterance_id)
        heading(f"In focus: {utterance.speaker}, turn {both.a.turn} of {both.a.dialogue}", about)
        write(f'<bdi style="overflow-wrap:anywhere">{shown(utterance.text)}</bdi>')
        if a.before is not None and b.before is not None:
            table(["probability", "A", "B"], compare_tables.chances(a, b, both.a.turn))
            reads(compare_tables.both_say(both, a, b))
    explained(both, a, b)


def explained(both: Compared, a: DialogueNumbers, b: DialogueNumbers) -> None:
    """The parts behind both predictions, side by side, where both runs have parts."""
    if a.values is None or b.values is None:
        notice(str(a.problem or b.problem), kind="info")
        return
    heading("What made them say so", compare_tables.ABOUT_PARTS, term=("Shapley value", "part", "logit", "decisive"))
    for column, side, chosen, numbers in zip(st.columns(2, gap="medium"), "AB", (both.a, both.b), (a, b), strict=True):
        with column:
            said = numbers.emotions[int(numbers.predicted[chosen.turn])]
            heading(f"{side}: “{said}”")
            reads(dialogue_figures.claim(numbers, chosen.turn, failed_parts(chosen)))
            show(dialogue_figures.parts(numbers, chosen.turn), f"parts_{side.lower()}")


page()
