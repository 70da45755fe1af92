"""Smallest sets of parts that keep a prediction when alone on, or change it when switched off; exact. Numpy only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dnr_core.explain.shapley import player_count
from dnr_core.types import softmax

CHUNK = 256
"""Utterances worked on at once: 256 × 512 × 7 float64 are 7 MB."""


@dataclass(frozen=True)
class PartSets:
    """The smallest sets of parts of N utterances that do something; a smaller one does not exist.

    - `players`: names, in the order of bits
    - `predicted` (N,): class predicted with everything on
    - `hits` (N, 2^K) bool: the sets of smallest size, as bit patterns of their members
    - `margin` (N, 2^K) float32: by how much probability they do it. Keeping: predicted class over the best other;
      flipping: best other class over the predicted one. Margins below the rounding of the table (float16: about
      0.002) are as good as a tie.
    """

    players: tuple[str, ...]
    predicted: np.ndarray
    hits: np.ndarray
    margin: np.ndarray

    @property
    def best(self) -> np.ndarray:
        """(N,) bit pattern of the smallest set with the largest margin, −1 where there is none; 0 is the empty set."""
        ranked = np.where(self.hits, self.margin, -np.inf)
        return np.where(self.hits.any(1), ranked.argmax(1), -1)

    @property
    def size(self) -> np.ndarray:
        """(N,) number of parts in the smallest sets, −1 where there is none."""
        sizes = member_counts(len(self.players))[np.maximum(self.best, 0)]
        return np.where(self.best >= 0, sizes, -1)

    @property
    def count(self) -> np.ndarray:
        """(N,) how many sets of that size there are."""
        return self.hits.sum(1)

    def names(self, position: int) -> tuple[str, ...] | None:
        """The parts of the best set of one utterance; empty: none are needed; None: there is no such set."""
        best = int(self.best[position])
        return None if best < 0 else self._members(best)

    def all_of(self, position: int) -> Iterator[tuple[tuple[str, ...], float]]:
        """Every smallest set of one utterance with its margin, largest margin first."""
        found = np.flatnonzero(self.hits[position])
        for pattern in found[np.argsort(-self.margin[position, found], kind="stable")]:
            yield self._members(int(pattern)), float(self.margin[position, pattern])

    def _members(self, pattern: int) -> tuple[str, ...]:
        return tuple(name for place, name in enumerate(self.players) if pattern >> place & 1)


def keeping_sets(players: tuple[str, ...], logits: np.ndarray, *, predicted: np.ndarray | None = None) -> PartSets:
    """Smallest sets that, alone on (all others off), keep the predicted class; logits (N, 2^K, C).

    `predicted` (N,): the class in question, where it is known more exactly than from a float16 table (its argmax). A
    class that ties with it does not replace it. The empty set keeps what is predicted with all parts off. Raises
    ValueError where the table does not fit the players.
    """
    predicted, lead = leads(players, logits, predicted)
    return PartSets(players, predicted, smallest(lead >= 0), lead.astype(np.float32))


def flipping_sets(players: tuple[str, ...], logits: np.ndarray, *, predicted: np.ndarray | None = None) -> PartSets:
    """Smallest sets that, switched off (all others on), change the predicted class; logits (N, 2^K, C).

    `predicted` as for keeping_sets. There is none where no set of parts does: the prediction cannot be flipped by
    switching parts off. Raises ValueError where the table does not fit the players.
    """
    predicted, lead = leads(players, logits, predicted)
    lead = lead[:, ::-1]  # coalition s is on where the set 2^K − 1 − s is off
    return PartSets(players, predicted, smallest(lead < 0), -lead.astype(np.float32))


def leads(players: tuple[str, ...], logits: np.ndarray, predicted: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Predicted class (N,) and its probability minus the largest other one in each coalition (N, 2^K)."""
    if player_count(logits) != len(players):
        raise ValueError(f"a table of {logits.shape[-2]} coalitions does not fit {len(players)} players")
    full = np.asarray(logits[:, -1]).argmax(-1) if predicted is None else predicted
    lead: np.ndarray = np.empty(logits.shape[:2])
    for start in range(0, len(logits), CHUNK):
        part = slice(start, start + CHUNK)
        chances = softmax(logits[part])
        index = full[part, None, None]
        own = np.take_along_axis(chances, index, axis=2)[..., 0]  # (n, 2^K)
        np.put_along_axis(chances, index, 0.0, axis=2)
        lead[part] = own - chances.max(-1)
    return full, lead


def smallest(holds: np.ndarray) -> np.ndarray:
    """Of the sets (N, 2^K) for which something holds, those with the fewest members."""
    players = holds.shape[1].bit_length() - 1
    sizes = np.where(holds, member_counts(players), players + 1)
    return holds & (sizes == sizes.min(1, keepdims=True))


@lru_cache(maxsize=16)
def member_counts(players: int) -> np.ndarray:
    """(2^K,) how many members each bit pattern has."""
    counts = np.array([pattern.bit_count() for pattern in range(2**players)])
    counts.setflags(write=False)
    return counts
