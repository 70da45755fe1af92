"""What figures of one dialogue are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.types import ComponentValues, Dialogue, Predictions, softmax


@dataclass(frozen=True)
class DialogueNumbers:
    """T turns, C emotions. `gold` (T,) class or −1; `before`, `after` (T, C) probabilities; None where there are none.

    `problem` is one line that says why something cannot be shown. `claims` are a results.trust.SplitClaims of the
    turns, None where they are not stored; `sets` per turn the smallest that is `keeping` and `flipping` the prediction.
    """

    dialogue: Dialogue
    emotions: tuple[str, ...]
    gold: np.ndarray
    before: np.ndarray | None = None
    after: np.ndarray | None = None
    values: ComponentValues | None = None
    problem: str | None = None
    claims: Any = None
    sets: list[dict[str, tuple[str, ...] | None]] | None = None

    @property
    def predicted(self) -> np.ndarray:
        """The class predicted by the full model, (T,)."""
        assert self.before is not None
        return self.before.argmax(axis=1)

    @property
    def flipped(self) -> np.ndarray:
        """Turns whose prediction changed."""
        if self.before is None or self.after is None:
            return np.array([], dtype=int)
        return np.flatnonzero(self.before.argmax(axis=1) != self.after.argmax(axis=1))

    @property
    def delta(self) -> np.ndarray:
        """Change of the probability of the class predicted by the full model, (T,)."""
        assert self.before is not None and self.after is not None
        turns = np.arange(len(self.gold))
        return self.after[turns, self.predicted] - self.before[turns, self.predicted]

    @property
    def wrong(self) -> np.ndarray:
        """Labelled turns that the full model gets wrong, (T,) bool."""
        return (self.gold >= 0) & (self.predicted != self.gold)

    def value_of_predicted(self) -> np.ndarray:
        """Shapley values (T, K) on the logit of the class predicted by the full model."""
        assert self.values is not None
        return self.values.values[np.arange(len(self.gold)), :, self.predicted]


def read_dialogue(corpus: Corpus, name: str, found: Predictions | None = None) -> DialogueNumbers:
    """A dialogue and its labels; with the predictions `found` of its split also what is predicted."""
    rows = corpus.dialogue_rows[name]
    before = None
    if found is not None:
        start = int(np.searchsorted(found.row, rows[0]))
        before = softmax(found.logits[start : start + len(rows)])
    return DialogueNumbers(corpus.dialogue(name), corpus.emotions, corpus.labels[rows], before=before)


@dataclass(frozen=True)
class Offered:
    """What the data offer about class `label` of one utterance: bits of the `atoms` (A,), which sum to `total`.

    `gap` is what the sum misses; `p` the p-value of the `largest` atom, `significant` whether it may be claimed.
    """

    atoms: tuple[str, ...]
    bits: np.ndarray
    label: int
    total: float
    gap: float
    p: float
    significant: bool

    @property
    def largest(self) -> str:
        """The atom with most bits."""
        return self.atoms[int(self.bits.argmax())]
