"""The numbers of the Errors page: the audit of a split, and which of its utterances are listed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dashboard.dialogue_data import following
from dashboard.errors_link import slice_name
from dashboard.state import Selection, engine
from dashboard.words import short
from dnr_core.types import Predictions, softmax

SLICES = ("slice", "accuracy", "weighted F1", "bootstrap interval", "emotion shift", "decisive")
KINDS = ("inertia", "contagion", "emotion shift", "null", "bootstrap interval")
"""Words of the glossary behind the headings."""
ABOUT_CALIBRATION = "Can its probabilities be taken at their word? Bars: 95 % intervals over dialogues."
NO_RUN = "Errors cannot be shown because no checkpoint is chosen: choose one at the left."
NO_LABELS = "Errors cannot be shown because {split} has no labels."
LEARNT = (
    "The model was trained on these utterances: its errors and probabilities here say little about new ones, and "
    "suspect labels cannot be told."
)
SUGGESTED_TAGS = ("data fault", "label noise", "context needed", "sarcasm")


@dataclass(frozen=True)
class SplitErrors:
    """A split of N utterances under audit: what is predicted, the engine's ErrorAudit, and the place of the focus.

    `focus` counts in the split, None where the utterance in focus is in another one.
    """

    found: Predictions
    audit: Any
    focus: int | None

    @cached_property
    def predicted(self) -> np.ndarray:
        """The class with the largest logit, (N,)."""
        return self.found.predicted

    @cached_property
    def wrong(self) -> np.ndarray:
        """Labelled utterances that are predicted wrong, (N,) bool."""
        return (self.found.gold >= 0) & (self.predicted != self.found.gold)

    @property
    def cell_in_focus(self) -> tuple[int, int] | None:
        """Gold and predicted class of the utterance in focus."""
        return None if self.focus is None else (int(self.found.gold[self.focus]), int(self.predicted[self.focus]))

    def confidence(self, place: int) -> float:
        """The probability of the predicted class of one utterance."""
        return float(softmax(self.found.logits[place]).max())


@dataclass(frozen=True)
class Listed:
    """The utterances of a list by place in the split, in its order; `note` says what is in it, or why it is empty.

    `suggested`: what the label of each might be instead, None where nothing is suggested.
    """

    place: np.ndarray
    note: str
    suggested: np.ndarray | None = None
    problem: str | None = None

    def position(self, focus: int | None) -> int | None:
        """Where the utterance in focus stands in the list."""
        here = np.flatnonzero(self.place == focus) if focus is not None else ()
        return int(here[0]) if len(here) else None


def split_errors(chosen: Selection) -> SplitErrors | None:
    """Audit of the chosen split; None where it has no labels. Raises DnRError where run and corpus do not fit."""
    assert chosen.run is not None
    key = (chosen.run.info.name, chosen.corpus_name, chosen.errors.split)
    found = engine().predictions(*key)
    if not (found.gold >= 0).any():
        return None
    place = np.flatnonzero(found.row == focus_row(chosen))
    return SplitErrors(found, engine().error_audit(*key), int(place[0]) if len(place) else None)


def turns(count: int) -> str:
    """`1 turn`, `1,200 turns`."""
    return f"{count:,} turn{'' if count == 1 else 's'}"


def focus_row(chosen: Selection) -> int:
    """The corpus row of the utterance in focus."""
    return int(chosen.corpus.dialogue_rows[chosen.dialogue][chosen.turn])


def notes_by_utterance(chosen: Selection) -> dict[str, list[Any]]:
    """The entries of the notebook by utterance id, oldest first. Raises DnRError where they cannot be read."""
    found: dict[str, list[Any]] = defaultdict(list)
    for entry in engine().notes(chosen.corpus_name):
        found[entry.utterance_id].append(entry)
    return dict(found)


def tags_in_use(notes: dict[str, list[Any]]) -> list[str]:
    """The suggested tags, then those that somebody made up."""
    made = {entry.text for entries in notes.values() for entry in entries if entry.kind == "tag"}
    return [*SUGGESTED_TAGS, *sorted(made - set(SUGGESTED_TAGS))]


def listed(chosen: Selection, errors: SplitErrors, notes: dict[str, list[Any]]) -> Listed:
    """The list that is chosen; a cell or slice that is not chosen yet says how to."""
    found, emotions = errors.found, chosen.corpus.emotions
    nothing = np.array([], dtype=int)
    if chosen.errors.queue == "cell":
        if chosen.errors.cell is None:
            return Listed(nothing, "No cell is chosen yet: click one in the matrix.")
        gold, said = chosen.errors.cell
        place = np.flatnonzero((found.gold == gold) & (errors.predicted == said))
        return Listed(place, f"{turns(len(place))} labelled {emotions[gold]} and predicted {emotions[said]}")
    if chosen.errors.queue == "slice":
        return listed_slice(chosen, errors)
    if chosen.errors.queue == "suspects":
        return listed_suspects(chosen, errors)
    if chosen.errors.queue == "noted":
        place = np.array([i for i, name in enumerate(found.utterance_ids) if name in notes], dtype=int)
        return Listed(place, f"{turns(len(place))} of {chosen.errors.split} with a note or tag")
    place = np.flatnonzero(errors.wrong)
    return Listed(place, f"{len(place):,} of {turns(int((found.gold >= 0).sum()))} with a label predicted wrong")


def listed_slice(chosen: Selection, errors: SplitErrors) -> Listed:
    """The labelled utterances of the chosen slice."""
    nothing, wanted = np.array([], dtype=int), chosen.errors.slice
    if not wanted:
        return Listed(nothing, "No slice is chosen yet: click one in the table of slices.")
    known = {slice_name(one.group, one.name): one.member for one in errors.audit.slices}
    if wanted not in known:
        problem = f"Unknown slice {short(wanted)} in {chosen.errors.split}: choose one in the table of slices."
        return Listed(nothing, "Nothing to list.", problem=problem)
    member = known[wanted] & (errors.found.gold >= 0)
    wrong = int((member & errors.wrong).sum())
    return Listed(np.flatnonzero(member), f"{wanted}: {wrong:,} of {turns(int(member.sum()))} predicted wrong")


def listed_suspects(chosen: Selection, errors: SplitErrors) -> Listed:
    """The utterances with a doubtful label, the most doubtful first."""
    assert chosen.run is not None
    split = str(chosen.errors.split)
    if split == "train":
        return Listed(np.array([], dtype=int), "Suspect labels cannot be told on train, which the model has learnt.")
    found = engine().suspects(chosen.run.info.name, chosen.corpus_name, split)
    labelled = int((errors.found.gold >= 0).sum())
    note = (
        f"{len(found.place):,} of {labelled:,} labels of {split} (not trained on) that the model doubts, the most "
        "doubtful first, by confident learning. It can as well be the model that is wrong: read them."
    )
    return Listed(found.place, note, found.suggested)


def steps(errors: SplitErrors, shown: Listed) -> tuple[int | None, int | None, int | None]:
    """Places of the utterance before, the one after, and the next error in the list, from its start without a focus."""
    places, here = shown.place, shown.position(errors.focus)
    if not len(places):
        return None, None, None
    wrong = np.flatnonzero(errors.wrong[places])
    error = following(wrong, -1 if here is None else here)
    after = 0 if here is None else here + 1
    return (
        int(places[here - 1]) if here else None,
        int(places[after]) if after < len(places) else None,
        None if error is None else int(places[error]),
    )
