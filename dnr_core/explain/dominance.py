"""Which part explains a prediction, by family and by modalities: the one rule that tables, pages and tests share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dnr_core.types import ComponentValues, join_modalities, split_player

ALSO_REDUNDANT = 0.25
"""A redundant pair counts beside the strongest one from this share of its value on (fixed on planted dev data)."""


@dataclass(frozen=True)
class Dominance:
    """For N utterances and the class `predicted` (N,):

    - `component` (N,): index of the player with the largest value; `family` (N,): its family
    - `sources` (N,): its modalities, joined by `+`; of a redundant pair also those of the other redundant pairs whose
      value is at least ALSO_REDUNDANT of it: what all three modalities share shows in two or three pairs, because the
      pairs share one voice
    - `named` (N, K) bool: the players that `family` and `sources` speak of
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
    redundant = np.array([family == "redundant" for family, _ in parts])
    component, every = own.argmax(1), np.arange(len(own))
    top = own[every, component][:, None]
    named = redundant[component][:, None] & redundant & (top > 0) & (own >= ALSO_REDUNDANT * top)  # (N, K)
    named[every, component] = True
    patterns, which = np.unique(named, axis=0, return_inverse=True)
    sources = [join_modalities(list({m for k in np.flatnonzero(p) for m in parts[k][1]})) for p in patterns]
    families = np.array([family for family, _ in parts], dtype=object)
    found = np.array(sources, dtype=object)[which.reshape(-1)]
    return Dominance(predicted, component, families[component], found, named)
