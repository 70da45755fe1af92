"""Data: which corpora there are, what was found in them, and the way to add one."""

import streamlit as st

from dashboard import controls, corpus_tables, overview_data, upload
from dashboard.markup import heading, notice, reads, table
from dashboard.state import Selection, corpora, engine, runs
from dnr_core.errors import DnRError


def page() -> None:
    """The whole page, from the list to the form."""
    chosen = controls.open_page(
        "Data", "Which corpora there are, what was found in them, and how to add your own.", without_corpus=True
    )
    known = corpora(str(engine().data))
    left, right = st.columns([1.1, 1], gap="medium")
    with left:
        upload.add_corpus()
    with right:
        heading("Corpora", f"Kept in {engine().data}; one is chosen at the left.")
        if known:
            trained = runs(str(engine().checkpoints))
            table(corpus_tables.CORPUS_HEADER, corpus_tables.corpus_rows(known, trained, chosen.corpus_name))
        else:
            reads("There is none yet.")
    if chosen.corpus is not None:
        found(chosen)


def found(chosen: Selection) -> None:
    """What `prepare` found in the chosen corpus: labels, modalities with their faults, and the rules it applied."""
    name = str(chosen.corpus_name)
    try:
        report = upload.report_of(name)
    except DnRError as error:
        notice(str(error))
        return
    heading(f"What is in {name}", corpus_tables.summary(report), term=("split", "fault", "modality", "planted truth"))
    left, right = st.columns(2, gap="medium")
    with left:
        table(corpus_tables.label_header(report), corpus_tables.label_rows(report))
    with right:
        table(corpus_tables.MODALITY_HEADER, corpus_tables.modality_rows(report))
    for rule in report["rules"]:
        reads(f"Rule: {rule}.")
    why_not = overview_data.not_trainable(chosen.corpus)
    notice(corpus_tables.next_step(why_not, str(engine().data / name)), kind="info")


page()
