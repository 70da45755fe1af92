"""Exact Shapley values and interactions from a table of all 2^K coalitions. Numpy only; nothing is sampled."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import factorial

import numpy as np


@lru_cache(maxsize=16)
def value_weights(players: int) -> np.ndarray:
    """(K, 2^K) matrix W with Shapley values = W @ table (Shapley 1953); bit k of an index is 1 where player k is on."""
    size = 2**players
    weights = np.zeros((players, size))
    for coalition in range(size):
        members = coalition.bit_count()
        for player in range(players):
            if coalition >> player & 1:
                weight = factorial(members - 1) * factorial(players - members) / factorial(players)
                weights[player, coalition] += weight
                weights[player, coalition ^ (1 << player)] -= weight
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=16)
def interaction_weights(players: int) -> np.ndarray:
    """(K(K−1)/2, 2^K) matrix of the Shapley interaction index (Grabisch & Roubens 1999, eq. 14), pairs in order.

    I_ij = Σ over S without i, j of |S|! (K−|S|−2)! / (K−1)! · [f(S∪ij) − f(S∪i) − f(S∪j) + f(S)]
    """
    pairs = pair_index(players)
    weights = np.zeros((len(pairs), 2**players))
    for row, (first, second) in enumerate(pairs):
        a, b = 1 << first, 1 << second
        for coalition in range(2**players):
            if coalition & (a | b):
                continue
            members = coalition.bit_count()
            weight = factorial(members) * factorial(players - members - 2) / factorial(players - 1)
            weights[row, [coalition | a | b, coalition]] += weight
            weights[row, [coalition | a, coalition | b]] -= weight
    weights.setflags(write=False)
    return weights


def pair_index(players: int) -> list[tuple[int, int]]:
    """The pairs (i, j), i < j, in the order in which interactions are stored."""
    return list(combinations(range(players), 2))


def shapley_values(table: np.ndarray) -> np.ndarray:
    """Values (…, K, C) from coalition logits (…, 2^K, C); they sum over K to table[full] − table[empty]."""
    return value_weights(player_count(table)) @ np.asarray(table, dtype=np.float64)


def shapley_interactions(table: np.ndarray) -> np.ndarray:
    """Interactions (…, K(K−1)/2, C) from coalition logits (…, 2^K, C); + synergy, − substitutes."""
    return interaction_weights(player_count(table)) @ np.asarray(table, dtype=np.float64)


def square(interactions: np.ndarray, players: int) -> np.ndarray:
    """Stored pairs (…, K(K−1)/2, C) as a symmetric matrix (…, K, K, C) with a zero diagonal."""
    full = np.zeros((*interactions.shape[:-2], players, players, interactions.shape[-1]), dtype=interactions.dtype)
    for position, (first, second) in enumerate(pair_index(players)):
        full[..., first, second, :] = full[..., second, first, :] = interactions[..., position, :]
    return full


def player_count(table: np.ndarray) -> int:
    """K of a table (…, 2^K, C). Raises ValueError where the size is no power of two."""
    size = table.shape[-2]
    if size < 1 or size & (size - 1):
        raise ValueError(f"a coalition table needs 2^K rows, got {size}")
    return size.bit_length() - 1
