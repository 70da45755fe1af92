"""The numbers of the Compare page: which runs can be set against each other, and what changes from A to B."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from dashboard.components_data import whole_dialogue
from dashboard.dialogue_data import DialogueNumbers
from dashboard.state import Selection, engine, runs, write_link
from dnr_core.errors import DnRError
from dnr_core.types import RunInfo

NO_RUN = "Two runs cannot be compared because no checkpoint is chosen: choose run A at the left."
NO_OTHER = (
    "No other run was trained on this corpus: {choose}train one with "
    "`python -m dnr_core train --corpus {corpus} --method {method} --backbone {backbone}`."
)
LEARNT = "Both may have been trained on these utterances: what is better here may not be better on new ones."
ELSEWHERE = "{side} was trained on {corpus}, another corpus than the one shown."


@dataclass(frozen=True)
class Compared:
    """Run B against run A on a split: `found` is the engine's Comparison, `a` and `b` the selection with either run."""

    a: Selection
    b: Selection
    split: str
    found: Any

    @property
    def listed(self) -> tuple[Any, ...]:
        """The utterances that only the chosen side gets right."""
        return self.found.only_a_right if self.a.compared.flips == "a" else self.found.only_b_right


def others(chosen: Selection) -> list[RunInfo]:
    """All runs but A."""
    assert chosen.run is not None
    return [info for info in runs(str(engine().checkpoints)) if info.name != chosen.run.info.name]


def with_default(chosen: Selection) -> Selection:
    """Where no run B is chosen, the first other run that was trained on this corpus, in the address, too."""
    if chosen.compared.against is not None:
        return chosen
    own = [info.name for info in others(chosen) if not info.problem and info.corpus_hash == chosen.corpus.hash]
    if not own:
        return chosen
    st.session_state.against = own[0]
    completed = replace(chosen, compared=replace(chosen.compared, against=own[0]))
    write_link(completed)
    return completed


def problem_of_a(chosen: Selection) -> str | None:
    """Why run A says nothing about this corpus, in one line; None where it fits."""
    assert chosen.run is not None
    try:
        engine().fitting(chosen.run.info.name, str(chosen.corpus_name))
    except DnRError as error:
        return str(error)
    return None


def nothing_to_compare(chosen: Selection) -> str:
    """Why there is no comparison yet, and the command that makes it possible."""
    assert chosen.run is not None
    plain = chosen.run.info.method == "plain"
    return NO_OTHER.format(
        choose="choose run B above, or " if others(chosen) else "",
        corpus=engine().data / str(chosen.corpus_name),
        method="dnr" if plain else "plain",
        backbone=chosen.run.info.backbone or "mmgcn",
    )


def compared(chosen: Selection) -> Compared:
    """Both runs on the chosen split. Raises DnRError where one is damaged or does not fit, or nothing is labelled."""
    assert chosen.run is not None and chosen.compared.against is not None and chosen.errors.split is not None
    pair, split = (chosen.run.info.name, chosen.compared.against), chosen.errors.split
    found = engine().compare(*pair, str(chosen.corpus_name), split)
    return Compared(chosen, replace(chosen, run=engine().run(pair[1])), split, found)


def caveats(both: Compared) -> list[str]:
    """What limits the comparison, one sentence each."""
    said = [LEARNT] if both.split == "train" else []
    for side, chosen in (("A", both.a), ("B", both.b)):
        assert chosen.run is not None
        if chosen.run.info.corpus_hash != chosen.corpus.hash:
            said.append(ELSEWHERE.format(side=side, corpus=chosen.run.info.corpus_name))
    return said


def described(run: RunInfo) -> str:
    """A run in one line: its name, model, seed and the corpus it was trained on; a damaged one by its name alone."""
    if run.problem:
        return run.name
    model = " + ".join(filter(None, (run.method, run.backbone)))
    return f"{run.name}: {model}, seed {run.seed}, trained on {run.corpus_name}"


def focus_of_both(both: Compared) -> tuple[DialogueNumbers, DialogueNumbers]:
    """The dialogue in focus with every part on, as A and as B see it."""
    return whole_dialogue(both.a), whole_dialogue(both.b)
