"""Overview: what the model is, how good it is, and how far its explanations can be trusted."""

import streamlit as st

from dashboard import controls, overview_data, signals, trust
from dashboard.charts import show
from dashboard.markup import heading, notice, reads, table, tiles
from dashboard.state import Selection, engine
from dnr_core.errors import DnRError
from dnr_core.figures.build import scores as score_figures
from dnr_core.figures.rows import card as card_rows
from dnr_core.figures.rows import score as score_rows
from dnr_core.figures.rows.about import split_sizes
from dnr_core.serve import DEMO_CORPUS


def page() -> None:
    """The whole page, from the selection to the pictures."""
    chosen = controls.open_page("Overview", "What the model is, how good it is, and how far to trust its explanations.")
    corpus = chosen.corpus
    heading(
        f"Corpus: {chosen.corpus_name}",
        f"{len(corpus.dialogue_rows):,} dialogues, {len(corpus):,} utterances: {split_sizes(corpus)}; "
        f"split: {corpus.split_provenance}",
        term=("split", "planted truth"),
    )
    if chosen.run is None:
        if not chosen.messages:
            notice(overview_data.no_run(chosen), kind="info")
        return
    if chosen.corpus_name == DEMO_CORPUS:
        notice(overview_data.WELCOME, kind="info")
    heading(f"Model: {chosen.run.info.name}", overview_data.facts(chosen), term=overview_data.TERMS)
    try:
        with st.spinner("Predicting this split …", show_time=True):
            scores(chosen, corpus.splits[-1])
    except DnRError as error:
        notice(str(error))
    if chosen.run.history:
        left, right = st.columns(2, gap="medium")
        with left:
            heading("Training", "Weighted F1 on dev, by epoch and stage.", term=("weighted F1", "split"))
            show(score_figures.training(chosen.run.history), "training")
        with right:
            heading("Loss", "Cross-entropy, by epoch.", term="loss")
            show(score_figures.losses(chosen.run.history), "loss")


def scores(chosen: Selection, split: str) -> None:
    """Headline scores, classes, confusions, and what the explanations are worth."""
    found = overview_data.measured(chosen, split, "evaluate")
    if not found["n"]:
        notice(f"Scores cannot be shown because the {split} split has no labels.", kind="info")
        return
    tiles(score_rows.headline(found, split))
    left, right = st.columns([1.1, 1], gap="medium")
    with left:
        heading("By emotion", overview_data.ABOUT_CLASSES.format(split=split), term=overview_data.SCORES)
        intervals = overview_data.measured(chosen, split, "class_intervals")
        table(["emotion", "precision", "recall", "F1", "n"], score_rows.class_rows(found, intervals))
        reads(score_rows.class_reading(found))
    with right:
        heading("Confusions", f"Counts on {split}: gold in rows, predicted in columns.", term="confusion")
        predictions = engine().predictions(chosen.run.info.name, chosen.corpus_name, split)
        show(score_figures.confusion(predictions), "matrix")
    signals.show_split(chosen, split)
    explained(chosen, split)


def explained(chosen: Selection, split: str) -> None:
    """How far the explanations can be trusted: completeness, planted truth where it is known, null tests, the card."""
    heading("Can the explanations be trusted?", trust.ABOUT, term=trust.TERMS)
    assert chosen.run is not None
    gap = trust.completeness(chosen, split)
    if gap is None:
        notice(trust.not_stored(trust.NOT_STORED, chosen, split), kind="info")
    else:
        agreement = overview_data.measured(chosen, split, "truth_agreement")
        if agreement is not None:
            columns = ["planted source", "n", "predicted right", "family named right", "part named right"]
            table(columns, card_rows.truth_rows(agreement))
        reads(card_rows.trust_reading(gap, agreement, chosen.run.players))
        nulls = trust.null_reading(chosen, split)
        if nulls is None:
            notice(trust.not_stored(trust.NO_NULLS, chosen, split), kind="info")
        else:
            reads(nulls)
    offered = trust.offered_reading(chosen, split)
    if offered is not None:
        reads(offered)
    card = engine().card(chosen.run.info.name)
    if card is not None:
        heading("Decomposition card", card_rows.measured_on(card), term="decomposition card")
        table(["", "value", "of"], card_rows.card_rows(card))
    elif "components" in chosen.run.supports:
        notice(trust.NO_CARD.format(run=chosen.run.info.path), kind="info")


page()
