"""Two sides on the same utterances: differences and flips by hand, p-values by scipy, intervals by theory."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn.metrics import accuracy_score, f1_score

from dnr_core.errors import CheckpointError
from dnr_core.explain.compare import Comparison, Flip, compare, mcnemar, vote
from dnr_core.results.compare import CompareResults
from dnr_core.training.checkpoint import save_run
from tests.unit.small import handmade, relabelled, short, untrained

EMOTIONS = ("happy", "sad", "angry")


def compared(gold: list[int], a: list[list[int]], b: list[list[int]], *, turns: int = 1, **options: int) -> Comparison:
    """Compare sides on dialogues of so many turns; utterances are named u0, u1, …"""
    count = len(gold)
    return compare(
        np.array(gold), np.array(a), np.array(b), dialogues=np.array([f"d{n // turns:04d}" for n in range(count)]),
        utterance_ids=np.array([f"u{n}" for n in range(count)], dtype=object), emotions=EMOTIONS, **options,
    )  # fmt: skip


def test_differences_are_those_of_scikit_learn():
    random = np.random.default_rng(3)
    gold = random.integers(0, 3, 60)
    a, b = (np.where(random.random(60) < share, gold, random.integers(0, 3, 60)) for share in (0.3, 0.7))
    found = compared(gold.tolist(), [a.tolist()], [b.tolist()], turns=5)
    for name, of in (
        ("weighted_f1", lambda y: f1_score(gold, y, average="weighted")),
        ("macro_f1", lambda y: f1_score(gold, y, average="macro")),
        ("accuracy", lambda y: accuracy_score(gold, y)),
    ):
        change = found.scores[name]
        assert (change.a, change.b) == pytest.approx((of(a), of(b))), name
        assert change.difference == pytest.approx(of(b) - of(a))
    own = [f1_score(gold, y, average=None) for y in (a, b)]
    assert [one.difference for one in found.per_class.values()] == pytest.approx(list(own[1] - own[0]))
    assert found.support == {name: int((gold == place).sum()) for place, name in enumerate(EMOTIONS)}
    assert (found.n, found.dialogues, found.seeds) == (60, 12, (1, 1))


def test_flips_are_named_in_order_and_unlabelled_utterances_do_not_count():
    gold = [0, 1, 2, -1, 0, 1]
    found = compared(gold, [[0, 0, 0, 0, 0, 2]], [[1, 1, 2, 1, 0, 0]])
    assert found.only_a_right == (Flip("u0", "happy", "happy", "sad"),)
    assert found.only_b_right == (Flip("u1", "sad", "happy", "sad"), Flip("u2", "angry", "happy", "angry"))
    assert (found.both_right, found.both_wrong, found.n) == (1, 1, 5)
    assert found.p_value == pytest.approx(binomtest(1, 3).pvalue) == 1.0
    accuracy = found.scores["accuracy"]
    assert (accuracy.a, accuracy.b) == (pytest.approx(2 / 5), pytest.approx(3 / 5))


@pytest.mark.parametrize(("a", "b"), [(0, 0), (0, 1), (0, 6), (3, 3), (5, 16), (40, 22), (700, 812), (0, 3000)])
def test_mcnemar_is_the_exact_binomial_test(a: int, b: int):
    expected = binomtest(a, a + b, 0.5).pvalue if a + b else 1.0
    assert mcnemar(a, b) == mcnemar(b, a) == pytest.approx(expected, rel=1e-9)


def test_a_run_against_itself_changes_nothing_at_all():
    gold = np.random.default_rng(0).integers(0, 3, 40).tolist()
    own = np.random.default_rng(1).integers(0, 3, 40).tolist()
    found = compared(gold, [own], [own], turns=4)
    for change in (*found.scores.values(), *found.per_class.values()):
        assert (change.difference, change.interval) == (0.0, (0.0, 0.0))
    assert (found.only_a_right, found.only_b_right, found.p_value) == ((), (), 1.0)


def test_the_interval_over_dialogues_is_that_of_theory():
    """400 dialogues of one utterance; B wins 120 and loses 40: mean 0.2, variance 0.4 − 0.2², whatever both share."""
    a = [0] * 40 + [1] * 120 + [0] * 200 + [1] * 40
    b = [1] * 40 + [0] * 120 + [0] * 200 + [1] * 40
    change = compared([0] * 400, [a], [b], resamples=8000).scores["accuracy"]
    half = norm.ppf(0.975) * np.sqrt((0.4 - 0.04) / 400)
    assert change.difference == pytest.approx(0.2)
    assert change.interval == pytest.approx((0.2 - half, 0.2 + half), abs=0.004)


def test_turns_of_a_dialogue_are_drawn_together():
    """The same differences, ten to a dialogue: a tenth of the independent draws, so √10 as wide."""
    a = np.repeat([0] * 4 + [1] * 12 + [0] * 24, 10).tolist()
    b = np.repeat([1] * 4 + [0] * 12 + [0] * 24, 10).tolist()
    low, high = compared([0] * 400, [a], [b], turns=10, resamples=8000).scores["accuracy"].interval or (0, 0)
    assert (high - low) / 2 == pytest.approx(norm.ppf(0.975) * np.sqrt((0.4 - 0.04) / 40), abs=0.015)


def test_seeds_are_a_second_level():
    """All dialogues are alike. Two seeds of B with 1/2 and 1 right: their mean is 1/2, 3/4, 1 with chance ¼, ½, ¼."""
    gold, half = [0, 1] * 20, [0, 0] * 20
    change = compared(gold, [half], [half, gold], turns=2).scores["accuracy"]
    assert (change.a, change.b, change.difference) == (0.5, 0.75, 0.25)
    assert change.interval == (0.0, 0.5)
    change = compared(gold, [half], [gold, gold], turns=2).scores["accuracy"]
    assert (change.difference, change.interval) == (0.5, (0.5, 0.5))


def test_several_seeds_flip_by_their_vote():
    assert vote(np.array([[0, 2, 1], [1, 2, 1], [1, 0, 0]]), 3).tolist() == [1, 2, 1]
    assert vote(np.array([[2, 0], [1, 1]]), 3).tolist() == [2, 0], "a tie goes to the earlier seed"
    assert vote(np.array([[0], [2], [1], [1], [2]]), 3).tolist() == [2], "of the tied, the earlier seed"
    found = compared([1, 2], [[0, 2]], [[1, 0], [1, 2], [0, 0]])
    assert found.only_b_right == (Flip("u0", "sad", "happy", "sad"),)
    assert found.only_a_right == (Flip("u1", "angry", "angry", "happy"),)


def test_one_dialogue_has_no_interval():
    assert compared([0, 1], [[0, 0]], [[0, 1]], turns=2).scores["accuracy"].interval is None


def test_the_seed_of_the_bootstrap_is_what_its_interval_depends_on():
    gold, a = [0, 1] * 15, np.random.default_rng(2).integers(0, 2, 30).tolist()
    one, again, other = (compared(gold, [a], [gold], seed=seed, resamples=50) for seed in (0, 0, 1))
    assert one == again and one.scores["accuracy"].interval != other.scores["accuracy"].interval


def test_corpora_of_one_name_and_other_labels_are_different_corpora(tmp_path):
    corpus, config = handmade({"train": (4,), "test": (3,)}), short("plain", "late_fusion")
    for name, own in (("a", corpus), ("b", relabelled(corpus, np.array([4]), ["sad"]))):
        own.save(tmp_path / "data" / name)
        save_run(tmp_path / "runs" / name, untrained(own, config), config, own, {})
    results = CompareResults(tmp_path / "data", tmp_path / "runs")
    assert results.shared_corpus("b", "b", "test") == "b"
    with pytest.raises(
        CheckpointError, match="1 test utterances have other labels, such as test0_utt0: happy against sad"
    ):
        results.shared_corpus("a", "b", "test")
