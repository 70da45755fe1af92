"""Smallest sets of parts that keep or flip a prediction, against games solved by hand and a search by size."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from dnr_core.explain.sets import flipping_sets, keeping_sets

THREE = ("unique:text", "unique:audio", "redundant:audio+text")
TEXT, AUDIO, BOTH = 1, 2, 4


def table(players: int, lead) -> np.ndarray:
    """Logits (1, 2^K, 2) in which class 1 leads class 0 by lead(set of the players that are on)."""
    leads = [lead({k for k in range(players) if s >> k & 1}) for s in range(2**players)]
    return np.array([[[0.0, float(value)] for value in leads]])


def test_a_part_that_alone_makes_the_prediction_keeps_it_and_flips_it():
    logits = table(3, lambda on: 2 if 1 in on else -1)
    keeping, flipping = keeping_sets(THREE, logits), flipping_sets(THREE, logits)
    assert keeping.predicted.tolist() == [1]
    assert keeping.names(0) == ("unique:audio",) and keeping.best.tolist() == [AUDIO]
    assert flipping.names(0) == ("unique:audio",)
    chance = 1 / (1 + np.exp(-2.0))
    assert keeping.margin[0, AUDIO] == pytest.approx(2 * chance - 1)
    assert flipping.margin[0, AUDIO] == pytest.approx(2 / (1 + np.exp(-1.0)) - 1)


def test_two_copies_keep_alone_and_flip_only_together():
    logits = table(3, lambda on: 1 if on & {0, 1} else -1)
    keeping, flipping = keeping_sets(THREE, logits), flipping_sets(THREE, logits)
    assert keeping.size.tolist() == [1] and keeping.count.tolist() == [2]
    assert [names for names, _ in keeping.all_of(0)] == [("unique:text",), ("unique:audio",)]
    assert flipping.names(0) == ("unique:text", "unique:audio") and flipping.count.tolist() == [1]


def test_parts_that_work_only_together_keep_together_and_flip_alone():
    logits = table(3, lambda on: 1 if {0, 2} <= on else -1)
    keeping, flipping = keeping_sets(THREE, logits), flipping_sets(THREE, logits)
    assert keeping.names(0) == ("unique:text", "redundant:audio+text")
    assert flipping.size.tolist() == [1] and {names for names, _ in flipping.all_of(0)} == {
        ("unique:text",),
        ("redundant:audio+text",),
    }


def test_the_larger_margin_comes_first_among_sets_of_one_size():
    worth = {0: 1.0, 1: 3.0, 2: 2.0}
    keeping = keeping_sets(THREE, table(3, lambda on: sum(worth[k] for k in on) - 0.5))
    assert [names[0] for names, _ in keeping.all_of(0)] == ["unique:audio", "redundant:audio+text", "unique:text"]
    margins = [margin for _, margin in keeping.all_of(0)]
    assert margins == sorted(margins, reverse=True) and keeping.names(0) == ("unique:audio",)


def test_a_prediction_that_nothing_changes_needs_no_part_and_cannot_be_flipped():
    logits = table(3, lambda on: 1 + len(on))
    keeping, flipping = keeping_sets(THREE, logits), flipping_sets(THREE, logits)
    assert keeping.names(0) == () and keeping.size.tolist() == [0] and keeping.best.tolist() == [0]
    assert flipping.names(0) is None and flipping.size.tolist() == [-1] and flipping.best.tolist() == [-1]
    assert flipping.count.tolist() == [0] and list(flipping.all_of(0)) == []


def test_what_all_off_predicts_may_still_be_flipped_by_one_part():
    """Class 1 with all off and with all on; without text, what audio says wins."""
    logits = table(3, lambda on: -1 if 1 in on and 0 not in on else 1)
    assert keeping_sets(THREE, logits).names(0) == ()
    assert flipping_sets(THREE, logits).names(0) == ("unique:text",)


def by_search(table: np.ndarray, *, keep: bool) -> set[frozenset[int]]:
    """Go through the sets of 0, 1, 2 … parts and stop at the first size that has a hit."""
    players = len(table).bit_length() - 1
    full = table[-1].argmax()
    for size in range(players + 1):
        hits = set()
        for members in combinations(range(players), size):
            on = set(members) if keep else set(range(players)) - set(members)
            if (table[sum(1 << k for k in on)].argmax() == full) == keep:
                hits.add(frozenset(members))
        if hits:
            return hits
    return set()


@pytest.mark.parametrize("players", [1, 4, 9])
def test_random_tables_agree_with_a_search_by_size(players):
    """More utterances than are worked on at once, three classes; some tables pulled to one class, so that all sizes
    occur."""
    draw = np.random.default_rng(players)
    logits = draw.normal(size=(300, 2**players, 3)) + draw.choice([0, 1, 4], size=(300, 1, 1)) * [0.0, 0.0, 1.0]
    names = tuple(f"p{k}" for k in range(players))
    for keep, found in ((True, keeping_sets(names, logits)), (False, flipping_sets(names, logits))):
        sizes = set()
        for position in range(0, 300, 7):
            expected = by_search(logits[position], keep=keep)
            got = {frozenset(int(name[1:]) for name in own) for own, _ in found.all_of(position)}
            assert got == expected
            assert found.count[position] == len(expected)
            sizes.add(int(found.size[position]))
        assert len(sizes) > 1


def test_a_part_without_its_modality_is_in_no_smallest_set():
    draw = np.random.default_rng(3)
    logits = draw.normal(size=(200, 4, 3))[:, [0, 1, 2, 3, 0, 1, 2, 3]]  # the third player changes nothing
    for found in (keeping_sets(THREE, logits), flipping_sets(THREE, logits)):
        assert not found.hits[:, BOTH:].any() and found.hits.any()


def test_rounding_to_half_precision_flips_nothing_and_the_class_may_be_given():
    """0.0004 apart at 10 become equal in float16: the first class would be taken for the predicted one."""
    logits = np.full((1, 8, 2), 10.0, dtype=np.float32)
    logits[..., 1] += 0.0004
    half = logits.astype(np.float16)
    assert (half[..., 0] == half[..., 1]).all()
    predicted = logits[:, -1].argmax(1)
    assert flipping_sets(THREE, half, predicted=predicted).names(0) is None
    keeping = keeping_sets(THREE, half, predicted=predicted)
    assert keeping.predicted.tolist() == [1] and keeping.names(0) == ()


def test_a_table_of_other_players_is_refused():
    with pytest.raises(ValueError, match="8 coalitions does not fit 2 players"):
        keeping_sets(THREE[:2], np.zeros((1, 8, 2)))
