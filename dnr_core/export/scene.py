"""What figures are drawn of: a run on a split of a corpus, the turn in focus, and what the Engine says of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.errors import DnRError, UsageError, one_of
from dnr_core.figures.build.maps import COLOURS
from dnr_core.figures.numbers import DialogueNumbers, read_dialogue
from dnr_core.results.trust import SplitClaims
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import RunHeader
from dnr_core.types import REMOVALS, AttributionOptions, Predictions, map_parts

READABLE = range(6, 17)
"""Lengths of a dialogue that fits on a page, in turns."""


@dataclass(frozen=True)
class Scene:
    """A run, a split of a corpus, and the utterance that figures of one turn or dialogue are about.

    `utterance`: its id, None: `chosen_utterance`; `emotion`: the class that is explained, None: the predicted one;
    `against`: another run to compare with; `study`: the folder of a study; `part`, `colour`: of maps.
    """

    engine: Engine
    run: str | Path
    corpus_name: str | Path
    split: str
    utterance: str | None = None
    emotion: str | None = None
    removal: str = REMOVALS[0]
    against: str | Path | None = None
    study: Path | None = None
    part: str = "all"
    colour: str = "emotion"

    @property
    def key(self) -> tuple[str | Path, str | Path]:
        """What the Engine is asked with."""
        return self.run, self.corpus_name

    def check(self) -> None:
        """Raise DnRError where anything that was asked for does not exist, or does not fit."""
        _ = self.corpus, self.focus, self.label
        if self.removal not in REMOVALS:
            raise one_of("unknown removal", self.removal, REMOVALS)
        if self.part not in (known := map_parts(self.header.players)):
            raise one_of("unknown part", self.part, known)
        if self.colour not in COLOURS:
            raise one_of("unknown colour", self.colour, tuple(COLOURS))
        if self.against is not None:
            self.engine.fitting(self.against, self.corpus_name)

    @cached_property
    def header(self) -> RunHeader:
        """What stands in the run's files."""
        return self.engine.header(self.run)

    @cached_property
    def corpus(self) -> Corpus:
        """The corpus, which fits the run."""
        found = self.engine.fitting(*self.key)[1]
        self.engine.check_split(found, self.split)
        return found

    @cached_property
    def predictions(self) -> Predictions:
        """The predictions of the split."""
        return self.engine.predictions(*self.key, self.split)

    @property
    def has_parts(self) -> bool:
        """Whether the method has parts that can be switched off."""
        return "components" in self.header.config["supports"]

    def need_parts(self) -> None:
        """Raise UsageError where the method has no parts."""
        if not self.has_parts:
            method = self.header.config["run"]["method"]
            raise UsageError(f"method {method} has no parts that can be switched off")

    def need_labels(self) -> None:
        """Raise DnRError where the split has no labels."""
        if not (self.predictions.gold >= 0).any():
            raise DnRError(f"split {self.split} of corpus {self.corpus.name} has no labels")

    @cached_property
    def claims(self) -> SplitClaims | None:
        """What may be claimed of the split; None where it is not stored."""
        return self.engine.split_claims(*self.key, self.split) if self.has_parts else None

    @cached_property
    def focus(self) -> str:
        """The id of the utterance in focus. Raises UsageError where the split does not have it."""
        if self.utterance is None:
            return self.chosen_utterance()
        row = self.corpus.row_of.get(self.utterance)
        if row is None or self.corpus.utterance(row).split != self.split:
            raise UsageError(
                "unknown utterance", got=repr(self.utterance), expected=f"one of split {self.split}",
                do="see utterances.csv of the corpus, or leave --utterance out",
            )  # fmt: skip
        return self.utterance

    def chosen_utterance(self) -> str:
        """The first turn with a decisive part, predicted right, late in a dialogue of readable length; else the first
        turn of the split.
        """
        found, claims, corpus = self.predictions, self.claims, self.corpus
        good = np.ones(len(found.row), dtype=bool) if claims is None else claims.significant
        turns = corpus.utterances["turn"].to_numpy()[found.row]
        lengths = np.bincount(corpus.dialogue_places)[corpus.dialogue_places[found.row]]
        readable = (lengths >= READABLE.start) & (lengths < READABLE.stop) & (turns >= 2)
        for wanted in (good & readable & (found.gold == found.predicted), good & readable, readable, good):
            if wanted.any():
                return str(found.utterance_ids[int(np.flatnonzero(wanted)[0])])
        return str(found.utterance_ids[0])

    @property
    def turn(self) -> int:
        """The place of the utterance in focus in its dialogue."""
        row = self.corpus.row_of[self.focus]
        return row - int(self.corpus.dialogue_rows[self.dialogue][0])

    @property
    def dialogue(self) -> str:
        """The id of the dialogue in focus."""
        return self.corpus.utterance(self.corpus.row_of[self.focus]).dialogue_id

    @property
    def place(self) -> int:
        """The place of the utterance in focus in the split."""
        return int(np.searchsorted(self.predictions.row, self.corpus.row_of[self.focus]))

    @cached_property
    def label(self) -> int:
        """The class that is explained. Raises UsageError where there is no such emotion."""
        if self.emotion is None:
            return int(self.predictions.predicted[self.place])
        if self.emotion not in self.corpus.emotions:
            raise UsageError(
                "unknown emotion", got=repr(self.emotion), expected="one of " + ", ".join(self.corpus.emotions)
            )
        return self.corpus.emotions.index(self.emotion)

    def attribution_options(self, over: str) -> AttributionOptions:
        """What the Engine is asked for: the emotion that is explained, by the default method."""
        return {"over": over, "target": self.corpus.emotions[self.label], "baseline": self.removal}

    @cached_property
    def numbers(self) -> DialogueNumbers:
        """The dialogue in focus."""
        return self.dialogue_numbers(self.dialogue)

    def dialogue_numbers(self, name: str) -> DialogueNumbers:
        """A dialogue of the split: labels, predictions, and where the method has parts their values and claims.

        Claims are tested for parts that are replaced by their mean, and by nothing else.
        """
        read = read_dialogue(self.corpus, name, self.predictions)
        if not self.has_parts:
            return read
        values = self.engine.dialogue_values(*self.key, name, removal=self.removal)
        claims = self.engine.dialogue_claims(*self.key, name) if self.removal == REMOVALS[0] else None
        return replace(read, values=values, claims=claims)
