"""Which part explains a prediction, by family and by modalities: the one rule that tables, pages and tests share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dnr_core.types import ComponentValues, join_modalities, split_player

ALSO = 0.25
"""A part counts beside a stronger one from this share of its value on (fixed on planted dev data)."""


@dataclass(frozen=True)
class Dominance:
    """For N utterances and the class `predicted` (N,):

    - `component` (N,): index of the player with the largest value
    - `named` (N, K) bool: the players that carry the prediction, `family` (N,) and `sources` (N,) (modalities joined by
      `+`) are theirs. As a rule that is `component` alone, but what one source gives can show in several parts, and
      these are added up before they are compared:
      a redundant pair comes with the other redundant pairs of at least ALSO of its value (the pairs share one voice, so
      what all three modalities share shows in two or three of them), and two or three such pairs together may outweigh
      a unique part; two unique parts, each of at least ALSO of the synergistic part of their modalities, together may
      outweigh it (independent codes that add up are no synergy)
    """

    predicted: np.ndarray
    component: np.ndarray
    family: np.ndarray
    sources: np.ndarray
    named: np.ndarray


def dominance(values: ComponentValues) -> Dominance:
    """The dominant part, family and modalities for the predicted class."""
    predicted = values.total.argmax(1)
    own = np.take_along_axis(values.values, predicted[:, None, None], axis=2)[..., 0]  # (N, K)
    return dominance_of(own, values.players, predicted)


def dominance_of(own: np.ndarray, players: tuple[str, ...], predicted: np.ndarray) -> Dominance:
    """The same from the values (N, K) of the predicted class alone."""
    parts = [split_player(player) for player in players]
    component, every = own.argmax(1), np.arange(len(own))
    named = np.zeros(own.shape, dtype=bool)
    named[every, component] = True
    for group in (redundant_pairs(own, parts), unique_halves(own, parts, component)):
        joins = (group & named).any(1) | (np.where(group, own, 0.0).sum(1) > own[every, component])
        named = np.where((group.any(1) & joins)[:, None], group, named)
    patterns, which = np.unique(named, axis=0, return_inverse=True)
    carried = [np.flatnonzero(pattern) for pattern in patterns]
    families = np.array([parts[some[0]][0] for some in carried], dtype=object)
    sources = np.array(
        [join_modalities(list({m for k in some for m in parts[k][1]})) for some in carried], dtype=object
    )
    which = which.reshape(-1)
    return Dominance(predicted, component, families[which], sources[which], named)


def redundant_pairs(own: np.ndarray, parts: list[tuple[str, tuple[str, ...]]]) -> np.ndarray:
    """(N, K) bool: redundant pairs with at least ALSO of the value of the strongest of them; none where the strongest
    part of all is synergistic.
    """
    families = np.array([family for family, _ in parts], dtype=object)
    pairs = families == "redundant"
    strongest = np.where(pairs, own, -np.inf).max(1, initial=-np.inf, keepdims=True)
    open_to = families[own.argmax(1)] != "synergistic"
    return pairs & (strongest > 0) & (own >= ALSO * strongest) & open_to[:, None]


def unique_halves(own: np.ndarray, parts: list[tuple[str, tuple[str, ...]]], component: np.ndarray) -> np.ndarray:
    """(N, K) bool: the unique parts of the modalities of the strongest part where that is synergistic and all of them
    have at least ALSO of its value; else none.
    """
    halves = np.array(
        [
            [family == "synergistic" and other == "unique" and set(inner) <= set(members) for other, inner in parts]
            for family, members in parts
        ]
    )[component]  # (N, K)
    enough = np.where(halves, own >= ALSO * own.max(1, keepdims=True), True).all(1)
    return halves & (enough & (own.max(1) > 0))[:, None]
