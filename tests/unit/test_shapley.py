"""Exact Shapley values and interactions, against games solved by hand and an average over all orders."""

from __future__ import annotations

from itertools import combinations, permutations
from math import factorial

import numpy as np
import pytest

from dnr_core.explain.coalitions import coalition_bits
from dnr_core.explain.shapley import (
    pair_index,
    player_count,
    shapley_interactions,
    shapley_values,
    square,
    value_weights,
)
from dnr_core.types import CoalitionTable


def game(players: int, worth) -> np.ndarray:
    """The table (2^K, 1) of a game whose worth is a function of the set of players that are on."""
    return np.array([[worth({k for k in range(players) if s >> k & 1})] for s in range(2**players)], dtype=float)


XOR = game(2, lambda on: len(on) == 2)  # one bit that only both together show
REDUNDANT = game(2, lambda on: len(on) >= 1)  # one bit that either shows
GLOVE = game(3, lambda on: 0 in on and len(on) >= 2)  # player 0 has the left glove, 1 and 2 a right one each


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (XOR, [1 / 2, 1 / 2]),
        (REDUNDANT, [1 / 2, 1 / 2]),
        (game(2, lambda on: 0 in on), [1, 0]),
        (game(3, lambda on: len(on) == 3), [1 / 3, 1 / 3, 1 / 3]),
        (GLOVE, [4 / 6, 1 / 6, 1 / 6]),
        (game(3, lambda on: 2 * (0 in on) - 3 * (1 in on) + 5), [2, -3, 0]),
        (game(3, lambda on: len(on) >= 2), [1 / 3, 1 / 3, 1 / 3]),
        (game(1, lambda on: 7 * len(on) + 1), [7]),
    ],
    ids=["xor", "redundant", "unique", "and3", "glove", "additive", "majority", "alone"],
)
def test_values_of_games_solved_by_hand(table, values):
    assert shapley_values(table)[:, 0] == pytest.approx(values, abs=1e-12)


def test_values_cannot_tell_xor_from_redundancy_but_interactions_can():
    assert shapley_values(XOR).tolist() == shapley_values(REDUNDANT).tolist()
    assert shapley_interactions(XOR)[:, 0].tolist() == [1.0]
    assert shapley_interactions(REDUNDANT)[:, 0].tolist() == [-1.0]


def test_interactions_of_games_solved_by_hand():
    """I_ij: the mean surplus of the pair over S. AND: ½·0 + ½·1; glove: {0,1} ½·1 + ½·0, {1,2} ½·0 − ½·1."""
    assert shapley_interactions(game(3, lambda on: len(on) == 3))[:, 0] == pytest.approx([0.5, 0.5, 0.5])
    assert shapley_interactions(GLOVE)[:, 0] == pytest.approx([0.5, 0.5, -0.5])
    assert shapley_interactions(game(3, lambda on: 2 * (0 in on) + (2 in on)))[:, 0] == pytest.approx([0, 0, 0])


def by_orders(table: np.ndarray) -> np.ndarray:
    """Marginal contributions averaged over all K! orders of joining."""
    players = player_count(table)
    total = np.zeros((players, table.shape[-1]))
    for order in permutations(range(players)):
        coalition = 0
        for player in order:
            total[player] += table[coalition | 1 << player] - table[coalition]
            coalition |= 1 << player
    return total / factorial(players)


def interaction_by_merging(table: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """Harsanyi's dividends: I_ij = Σ over T ⊇ ij of dividend(T) / (|T| − 1) (Grabisch & Roubens 1999)."""
    players = player_count(table)
    dividend = np.zeros_like(table)
    for coalition in range(len(table)):
        for part in range(len(table)):
            if part & coalition == part:
                dividend[coalition] += (-1) ** (coalition.bit_count() - part.bit_count()) * table[part]
    wanted = sum(1 << player for player in pair)
    holds = [c for c in range(2**players) if c & wanted == wanted]
    return np.sum([dividend[c] / (c.bit_count() - 1) for c in holds], axis=0)


def test_random_games_of_five_agree_with_all_orders_and_with_dividends():
    table = np.random.default_rng(0).normal(size=(32, 3))
    np.testing.assert_allclose(shapley_values(table), by_orders(table), atol=1e-12)
    expected = [interaction_by_merging(table, pair) for pair in combinations(range(5), 2)]
    np.testing.assert_allclose(shapley_interactions(table), expected, atol=1e-12)


def test_values_of_nine_players_sum_to_total_minus_baseline():
    table = np.random.default_rng(1).normal(size=(4, 512, 6)) * 10
    values = shapley_values(table)
    assert values.shape == (4, 9, 6)
    assert np.abs(values.sum(1) - (table[:, -1] - table[:, 0])).max() < 1e-9


def test_a_player_that_changes_nothing_gets_nothing_and_equal_players_the_same():
    bits = coalition_bits(9).numpy()
    draw = np.random.default_rng(2)
    smaller = draw.normal(size=(128, 2))
    index = sum((bits[:, k].astype(int) << place) for place, k in enumerate((0, 1, 3, 4, 6, 7, 8)))
    values = shapley_values(smaller[index])
    assert np.abs(values[[2, 5]]).max() < 1e-12
    symmetric = draw.normal(size=(3, 2))[bits[:, :2].sum(1)] + bits[:, 2:].sum(1)[:, None]
    values = shapley_values(symmetric)
    np.testing.assert_allclose(values[0], values[1], atol=1e-12)
    np.testing.assert_allclose(values[2:], 1.0, atol=1e-12)


def test_pairs_are_laid_out_as_a_symmetric_matrix_with_an_empty_diagonal():
    assert pair_index(3) == [(0, 1), (0, 2), (1, 2)]
    full = square(np.array([[[1.0], [2.0], [3.0]]]), 3)[0, :, :, 0]
    assert full.tolist() == [[0, 1, 2], [1, 0, 3], [2, 3, 0]]


def test_bit_k_of_a_coalition_is_player_k_and_the_last_row_has_all():
    bits = coalition_bits(3)
    assert bits[5].tolist() == [True, False, True] and bits[-1].all() and not bits[0].any()
    table = CoalitionTable(("a", "b", "c"), ("u",), "dialogue", "mean", np.zeros((1, 8, 2)))
    assert table.index(set()) == 7 and table.index({"a"}) == 6 and table.index({"a", "c"}) == 2
    assert table.index({"a", "b", "c"}) == 0


def test_a_table_that_is_no_power_of_two_is_refused_and_weights_are_read_only():
    with pytest.raises(ValueError, match="got 6"):
        shapley_values(np.zeros((6, 2)))
    with pytest.raises(ValueError, match="read-only"):
        value_weights(3)[0, 0] = 1
