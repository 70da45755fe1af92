"""How far the explanations of a run can be trusted, in sentences: completeness, null tests, what the data offer."""

from __future__ import annotations

from dashboard.overview_data import key_of
from dashboard.state import Selection, engine, shelf
from dnr_core.figures.rows import card as card_rows

TERMS = (
    "planted truth", "Shapley value", "removal", "completeness", "null", "decisive", "false discovery", "bits", "ECE",
)  # fmt: skip
ABOUT = "Exact Shapley values of the parts, parts switched off in every turn."
NOT_STORED = "This cannot be shown because the values of {split} are not stored yet: run `{explain}`."
EXPLAIN = "python -m dnr_core explain --checkpoint {run} --corpus {corpus} --split {split} --out explain.parquet"
NO_CARD = (
    "What the parts hold, and whether they tell the same with other seeds, is not measured yet: "
    "run `python -m dnr_core verify --checkpoint {run}`."
)
NO_NULLS = (
    "Which parts may be called decisive cannot be said because the null tests are not stored yet: run `{explain}`."
)


def not_stored(line: str, chosen: Selection, split: str) -> str:
    """NOT_STORED or NO_NULLS with the command that stores what is missing."""
    assert chosen.run is not None
    corpus = engine().data / str(chosen.corpus_name)
    return line.format(split=split, explain=EXPLAIN.format(run=chosen.run.info.path, corpus=corpus, split=split))


def completeness(chosen: Selection, split: str) -> tuple[float, int] | None:
    """The largest completeness error over a split, in logits, and of how many utterances; None: not stored."""
    assert chosen.run is not None
    stored = engine().stored_coalitions(chosen.run.info.name, chosen.corpus_name, split, "dialogue")
    if stored is None:
        return None
    return shelf().get(key_of(chosen, split, "gap"), lambda: stored.largest_gap), len(stored.done)


def null_reading(chosen: Selection, split: str) -> str | None:
    """Which parts pass their gate, and how many turns have a single decisive part; None where it is not stored."""
    assert chosen.run is not None
    key = (chosen.run.info.name, chosen.corpus_name)
    return card_rows.null_reading(engine().stored_null(*key), engine().split_claims(*key, split), split)


def offered_reading(chosen: Selection, split: str) -> str | None:
    """Calibration of the model behind the information view and its claims; None where the view is not stored."""
    assert chosen.run is not None
    found = engine().stored_information(chosen.run.info.name, chosen.corpus_name, split)
    labelled = int((chosen.corpus.labels[chosen.corpus.rows(split)] >= 0).sum())
    return None if found is None else card_rows.offered_reading(found, split, labelled)
