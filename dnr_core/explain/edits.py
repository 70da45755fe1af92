"""An edit of one turn before a model reads it, what it is checked against, and what came of it. No torch."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from numbers import Real

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError, one_of
from dnr_core.types import MODALITIES, softmax, split_player

SHOWN_CHOICES = 5
"""So many of the names of features are listed where one is unknown."""
LOW, HIGH = 1, 99
"""Percentiles of train between which a feature can be moved."""


@dataclass(frozen=True)
class Edit:
    """What is changed about one turn of a dialogue; hashable; at its defaults it changes nothing.

    - `text`: other words, embedded anew; blank words count as text that was not measured
    - `cells`: (modality, feature, value in its own units); in a modality that was not measured, the other cells then
      take the train mean
    - `parts`: (player, utterance id of its donor): the vector of that part is the donor's
    - `absent`: modalities that count as not measured in this turn
    - `before`, `after`: how many turns before and after it are left in the dialogue (None: all)

    Words come first, then cells, then `absent`, then what is left of the dialogue, then parts.
    Raises UsageError: a value that is not a finite number, a number of turns below 0, a cell or part named twice.
    """

    text: str | None = None
    cells: tuple[tuple[str, str, float], ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    absent: tuple[str, ...] = ()
    before: int | None = None
    after: int | None = None

    def __post_init__(self) -> None:
        for modality, name, value in self.cells:
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise UsageError(f"feature {name} of {modality} cannot be set", got=value, expected="a finite number")
        for side in ("before", "after"):
            turns = getattr(self, side)
            if turns is not None and (isinstance(turns, bool) or not isinstance(turns, int) or turns < 0):
                raise UsageError(f"turns {side} this one", got=turns, expected="a number from 0, or None for all")
        named = [f"feature {name} of {modality}" for modality, name, _ in self.cells]
        twice = [name for name, count in Counter(named + [part for part, _ in self.parts]).items() if count > 1]
        if twice:
            raise UsageError(f"{twice[0]} is changed twice", do="keep one of the changes")

    @property
    def wordless(self) -> bool:
        """Whether the words were taken away."""
        return self.text is not None and not self.text.strip()

    @property
    def taken(self) -> frozenset[str]:
        """Modalities that are not measured once this is done."""
        return frozenset(self.absent) | ({"text"} if self.wordless else frozenset())

    @property
    def given(self) -> frozenset[str]:
        """Modalities of which something is set."""
        words = {"text"} if self.text is not None and not self.wordless else set()
        return frozenset({modality for modality, _, _ in self.cells} | words)

    def window(self, turn: int, turns: int) -> slice:
        """The turns that are left of a dialogue of `turns` turns."""
        start = 0 if self.before is None else max(0, turn - self.before)
        return slice(start, turns if self.after is None else min(turns, turn + 1 + self.after))


@dataclass(frozen=True)
class Effect:
    """What a model says of the T turns of a dialogue before and after an edit of turn `turn`, C emotions.

    `logits_before`, `logits_after` (T, C); NaN in turns that the model does not read any more. `notes` are sentences.
    """

    emotions: tuple[str, ...]
    turn: int
    logits_before: np.ndarray
    logits_after: np.ndarray
    notes: tuple[str, ...] = field(default=())

    @cached_property
    def before(self) -> np.ndarray:
        """Probabilities before, (T, C)."""
        return softmax(self.logits_before)

    @cached_property
    def after(self) -> np.ndarray:
        """Probabilities after, (T, C), NaN in turns that are not read any more."""
        return softmax(self.logits_after)

    @property
    def read(self) -> np.ndarray:
        """Turns that the model still reads, (T,) bool."""
        return ~np.isnan(self.logits_after[:, 0])

    @property
    def predicted(self) -> np.ndarray:
        """The class predicted before, (T,)."""
        return self.logits_before.argmax(axis=1)

    @property
    def later(self) -> np.ndarray:
        """The class predicted after, (T,); −1 in turns that are not read any more."""
        return np.where(self.read, np.nan_to_num(self.logits_after).argmax(axis=1), -1)

    @property
    def flipped(self) -> np.ndarray:
        """The turns whose prediction changed."""
        return np.flatnonzero(self.read & (self.later != self.predicted))

    @property
    def delta(self) -> np.ndarray:
        """Change of the probability of the class predicted before, (T,); NaN in turns that are not read any more."""
        turns = np.arange(len(self.before))
        return self.after[turns, self.predicted] - self.before[turns, self.predicted]


@dataclass(frozen=True)
class FeatureRanges:
    """Where the features of a modality lie over the measured train rows: 1st and 99th percentile and mean, (d,).

    NaN where no train row has the feature; the ends of a constant one are 1 apart from its value.
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray


def reference_rows(corpus: Corpus) -> np.ndarray:
    """The train rows, or all rows of a corpus that has no train split."""
    rows = np.flatnonzero(corpus.utterances["split"].to_numpy(dtype=object) == "train")
    return rows if len(rows) else np.arange(len(corpus))


def feature_ranges(corpus: Corpus, modality: str) -> FeatureRanges:
    """The ranges of all features of a modality. Raises UsageError: unknown modality."""
    if modality not in MODALITIES:
        raise one_of("unknown modality", modality, MODALITIES)
    rows = reference_rows(corpus)
    measured = corpus.features[modality][rows[corpus.present[rows, MODALITIES.index(modality)]]]
    columns = np.ascontiguousarray(measured.T, dtype=np.float64)  # (d, n): one feature lies in one piece
    found = np.full((3, len(columns)), np.nan)
    for place, column in enumerate(columns):
        known = column[~np.isnan(column)]
        if len(known):
            low, high = np.percentile(known, (LOW, HIGH))
            margin = 0.0 if high > low else 1.0
            found[:, place] = low - margin, high + margin, known.mean()
    return FeatureRanges(corpus.feature_names[modality], *found)


def check_edit(edit: Edit, corpus: Corpus, row: int, *, modalities: tuple[str, ...], players: tuple[str, ...]) -> None:
    """Raise UsageError where an edit of the utterance in `row` cannot be made.

    `modalities`: those that the model reads; `players`: its parts, none where it has none that can be replaced.
    """
    for modality in dict.fromkeys([*edit.absent, *sorted(edit.given)]):
        if modality not in modalities:
            raise one_of("a modality that the model does not read", modality, modalities)
    for modality, name, _ in edit.cells:
        check_feature(corpus, modality, name)
    for modality in sorted(edit.given & edit.taken):
        raise UsageError(
            f"{modality} is declared missing in this turn",
            got="features or words for it as well",
            do="take one of the two changes back",
        )
    measured = {name for place, name in enumerate(MODALITIES) if corpus.present[row, place]}
    for player, donor in edit.parts:
        check_part(corpus, player, donor, players, (measured | edit.given) - edit.taken)


def check_feature(corpus: Corpus, modality: str, name: str) -> None:
    """Raise UsageError for a feature that a modality has not; the names most like it are listed."""
    names = corpus.feature_names[modality]
    if name not in names:
        close = get_close_matches(name, names, SHOWN_CHOICES, 0.4) or names[:SHOWN_CHOICES]
        raise UsageError(
            f"unknown feature of {modality}", got=repr(name),
            expected=f"one of {len(names)}, such as {', '.join(close)}",
        )  # fmt: skip


def check_part(corpus: Corpus, player: str, donor: str, players: tuple[str, ...], measured: set[str]) -> None:
    """Raise UsageError where the turn, of which `measured` is measured, cannot take a part from that donor."""
    if not players:
        raise UsageError("parts cannot be replaced", got=repr(player), expected="a method with parts")
    if player not in players:
        raise one_of("unknown part", player, players)
    if donor not in corpus.row_of:
        some = corpus.utterance(0).utterance_id
        raise UsageError(
            "unknown donor", got=repr(donor), expected=f"an utterance id of corpus {corpus.name}, such as {some}"
        )
    sources = split_player(player)[1]
    lacking = [name for name in sources if name not in measured]
    if lacking:
        raise UsageError(
            f"{player} cannot be replaced: this turn has none", got=f"{lacking[0]} not measured",
            do="choose another part",
        )  # fmt: skip
    given = corpus.present[corpus.row_of[donor]]
    lacking = [name for name in sources if not given[MODALITIES.index(name)]]
    if lacking:
        raise UsageError(f"donor {donor} has no {player}", got=f"{lacking[0]} not measured", do="choose another donor")


def draw_donor(corpus: Corpus, row: int, *, parts: tuple[str, ...], emotion: str, seed: int) -> str:
    """The id of a train utterance with gold `emotion` that has all `parts`, drawn by `seed`; never the one in `row`.

    Raises UsageError: an emotion that the corpus has not, a seed below 0, or no such utterance.
    """
    if emotion not in corpus.emotions:
        raise one_of("unknown emotion of a donor", emotion, corpus.emotions)
    if seed < 0:
        raise UsageError("seed of a donor", got=seed, expected="a number from 0")
    rows = reference_rows(corpus)
    columns = sorted({MODALITIES.index(name) for part in parts for name in split_player(part)[1]})
    fits = corpus.present[rows][:, columns].all(axis=1) & (corpus.labels[rows] == corpus.emotions.index(emotion))
    rows = rows[fits & (rows != row)]
    if not len(rows):
        raise UsageError(
            f"no donor is labelled {emotion}", got="no train utterance of that emotion that has " + ", ".join(parts),
            do="choose another emotion or part",
        )  # fmt: skip
    return corpus.utterance(int(np.random.default_rng(seed).choice(rows))).utterance_id
