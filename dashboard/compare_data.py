"""The numbers of the Compare page: which runs can be set against each other, and what changes from A to B."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from dashboard.components_data import whole_dialogue
from dashboard.state import Selection, engine, runs, write_link
from dnr_core.errors import DnRError
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.types import RunInfo

NO_RUN = "Two runs cannot be compared because no checkpoint is chosen: choose run A at the left."
NO_OTHER = (
    "No other run was trained on this corpus: {choose}train one with "
    "`python -m dnr_core train --corpus {corpus} --method {method} --backbone {backbone}`."
)
LEARNT = "Both may have been trained on these utterances: what is better here may not be better on new ones."
ELSEWHERE = "{side} was trained on {corpus}, another corpus than the one shown."
SAME_SEEDS = "Both runs are seeds of {group}: they are compared as two runs."
ABOUT_SEEDS = (
    "Means over seeds; 95 % intervals from drawing the seeds of each side and whole dialogues, with replacement: they "
    "speak of other seeds, too. Right and wrong is what most seeds of a side say."
)
FLIPS_OF_RUNS = "Turns of {split} that one run gets right and the other wrong."
FLIPS_OF_SEEDS = "Turns of {split} that most seeds of one side get right and most of the other wrong."
FOCUS_OF_SEEDS = "{utterance}; of the two chosen runs {a} and {b} alone, not of all their seeds"


@dataclass(frozen=True)
class Compared:
    """Run B against run A on a split: `found` is the engine's Comparison, `a` and `b` the selection with either run,
    `seeds` whether they stand for all seeds of their configuration.
    """

    a: Selection
    b: Selection
    split: str
    found: Any
    seeds: bool = False

    @property
    def listed(self) -> tuple[Any, ...]:
        """The utterances that only the chosen side gets right."""
        return self.found.only_a_right if self.a.compared.flips == "a" else self.found.only_b_right


def others(chosen: Selection) -> list[RunInfo]:
    """All runs but A."""
    assert chosen.run is not None
    return [info for info in runs(str(engine().checkpoints)) if info.name != chosen.run.info.name]


def group_of(name: str | None) -> str | None:
    """The folder of a run that is one of several seeds there, else None."""
    folder, _, _ = (name or "").rpartition("/")
    return folder if folder and len(seeds_of(folder)) > 1 else None


def seeds_of(folder: str) -> list[RunInfo]:
    """The runs of a folder of seeds, in order."""
    found = [info for info in runs(str(engine().checkpoints)) if info.name.rpartition("/")[0] == folder]
    return sorted(found, key=lambda info: -1 if info.seed is None else info.seed)


def sides(chosen: Selection) -> tuple[str, str] | None:
    """What is compared when both runs stand for their seeds; None where neither has any, or both are of one folder."""
    assert chosen.run is not None
    pair = (chosen.run.info.name, chosen.compared.against)
    groups = [group_of(name) for name in pair]
    if pair[1] is None or groups[0] == groups[1]:
        return None
    return groups[0] or pair[0], groups[1] or pair[1]


def with_default(chosen: Selection) -> Selection:
    """Where no run B is chosen, the first other run that was trained on this corpus, another seed of A only where there
    is nothing else; in the address, too.
    """
    if chosen.compared.against is not None:
        return chosen
    assert chosen.run is not None
    own = [info.name for info in others(chosen) if not info.problem and info.corpus_hash == chosen.corpus.hash]
    group = group_of(chosen.run.info.name)
    own.sort(key=lambda name: group is not None and group_of(name) == group)
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
    groups = sides(chosen) if chosen.compared.seeds == "all" else None
    found = engine().compare(*(groups or pair), str(chosen.corpus_name), split)
    return Compared(chosen, replace(chosen, run=engine().run(pair[1])), split, found, groups is not None)


def about_flips(both: Compared) -> str:
    """What the list of flips holds."""
    return (FLIPS_OF_SEEDS if both.seeds else FLIPS_OF_RUNS).format(split=both.split)


def about_focus(both: Compared, utterance_id: str) -> str:
    """Which utterance is in focus, and whose predictions are shown where seeds are compared."""
    assert both.a.run is not None and both.b.run is not None
    names = {"a": both.a.run.info.name, "b": both.b.run.info.name}
    return FOCUS_OF_SEEDS.format(utterance=utterance_id, **names) if both.seeds else utterance_id


def caveats(both: Compared) -> list[str]:
    """What limits the comparison, one sentence each."""
    said = [LEARNT] if both.split == "train" else []
    if both.a.compared.seeds == "all" and not both.seeds and (group := group_of(both.a.compared.against)):
        said.append(SAME_SEEDS.format(group=group))
    for side, chosen in (("A", both.a), ("B", both.b)):
        assert chosen.run is not None
        if chosen.run.info.corpus_hash != chosen.corpus.hash:
            said.append(ELSEWHERE.format(side=side, corpus=chosen.run.info.corpus_name))
    return said


def described(run: RunInfo, side: str | None = None) -> str:
    """A run, or the folder of seeds `side` that it is of, in one line: name, model, seeds and the corpus it was trained
    on; a damaged one by its name alone.
    """
    if run.problem:
        return run.name
    model, side = " + ".join(filter(None, (run.method, run.backbone))), side or run.name
    known = [run] if side == run.name else seeds_of(side)
    word = "seed" if len(known) == 1 else "seeds"
    return f"{side}: {model}, {word} {', '.join(str(one.seed) for one in known)}, trained on {run.corpus_name}"


def focus_of_both(both: Compared) -> tuple[DialogueNumbers, DialogueNumbers]:
    """The dialogue in focus with every part on, as A and as B see it."""
    return whole_dialogue(both.a), whole_dialogue(both.b)
