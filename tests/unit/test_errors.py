"""Errors that follow the conversation, calibration and suspect labels: each statistic by hand, nulls that hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from dnr_core.explain.calibration import calibration, fit_temperature
from dnr_core.explain.errors import error_kinds, label_suspects, matches_by_chance
from dnr_core.explain.slices import Before, emotions_before
from dnr_core.types import softmax


def ids(*names: str) -> np.ndarray:
    return np.array(names, dtype=object)


def kinds_of(gold, predicted, dialogues, speakers):
    before = emotions_before(gold, dialogues, speakers)
    return {kind.name: kind for kind in error_kinds(gold, predicted, dialogues, before)}


def test_shares_of_errors_by_hand():
    """A0 B1 A2 B0 A2 B2, predicted 0 0 0 1 1 2.

    Errors: B at 1 (says 0), A at 2 (0), B at 3 (1), A at 4 (1). With a turn of their own before: 2, 3, 4; shifted: 2
    and 3, and both repeat their own last emotion. Somebody else's emotion differs from gold at 1, 2, 3 and 4 (others:
    0, 1, 2, 0): only 1 repeats it.
    """
    gold, predicted = np.array([0, 1, 2, 0, 2, 2]), np.array([0, 0, 0, 1, 1, 2])
    found = kinds_of(gold, predicted, ids(*"xxxxxx"), ids(*"ABABAB"))
    assert (found["emotion shift"].share.value, found["emotion shift"].share.n) == (pytest.approx(2 / 3), 3)
    assert (found["inertia"].share.value, found["inertia"].share.n) == (1.0, 2)
    assert (found["contagion"].share.value, found["contagion"].share.n) == (0.25, 4)


def test_the_mean_of_the_null_is_that_of_the_contingency_table():
    """Exchanging a b b among targets a a c: each target meets a with 1/3, b with 2/3, so 2/3 agree on average; in the
    other stratum nothing can differ: 2 of 2."""
    drawn = matches_by_chance(np.array([0, 1, 1, 5, 5]), np.array([0, 0, 2, 5, 5]), np.array([0, 0, 0, 1, 1]))
    assert set(drawn.tolist()) == {2, 3}
    assert drawn.mean() == pytest.approx(2 + 2 / 3, abs=3 * math.sqrt(2 / 9 / 1000))


def test_the_null_is_that_of_exchanging_at_random():
    draw = np.random.default_rng(2)
    first, second, strata = (draw.integers(3, size=90) for _ in range(3))
    drawn, exchanged = matches_by_chance(first, second, strata), []
    for _ in range(4000):
        order = np.lexsort((draw.random(90), strata))
        mixed = np.empty_like(first)
        mixed[np.argsort(strata, kind="stable")] = first[order]
        exchanged.append(int((mixed == second).sum()))
    assert drawn.mean() == pytest.approx(np.mean(exchanged), abs=0.4)  # sd of either about 4: 3 standard errors
    assert drawn.std() == pytest.approx(np.std(exchanged), rel=0.1)


def chance_conversation(seed: int, *, inert: float = 0.0):
    """Errors that fall anywhere; a share `inert` of them repeats the speaker's last emotion."""
    draw = np.random.default_rng(seed)
    gold, dialogues = draw.integers(4, size=800), np.repeat(np.arange(40), 20)
    speakers = np.tile(np.array(["A", "B"], dtype=object), 400)
    before = emotions_before(gold, dialogues, speakers)
    other = (gold + draw.integers(1, 4, size=800)) % 4
    predicted = np.where(draw.random(800) < 0.5, gold, other)
    repeat = (predicted != gold) & (before.own >= 0) & (before.own != gold) & (draw.random(800) < inert)
    return gold, np.where(repeat, before.own, predicted), dialogues, speakers


def test_errors_that_follow_nothing_are_within_chance():
    """Forty conversations without a pattern: p below 0.05 in about two of them for each kind."""
    low = dict.fromkeys(("emotion shift", "inertia", "contagion"), 0)
    for seed in range(40):
        for name, kind in kinds_of(*chance_conversation(seed)).items():
            low[name] += kind.p < 0.05
            assert kind.chance_range[0] < kind.chance < kind.chance_range[1]
    assert max(low.values()) <= 6


def test_planted_inertia_is_found_and_nothing_else():
    found = kinds_of(*chance_conversation(0, inert=0.3))
    assert found["inertia"].p < 0.002 and found["inertia"].share.interval[0] > found["inertia"].chance
    assert found["emotion shift"].p > 0.05


def test_without_errors_nothing_is_said():
    gold = np.array([0, 1, -1])
    none = np.full(3, -1)
    for kind in error_kinds(gold, np.array([0, 1, 0]), ids(*"xxx"), Before(none, none, none)):
        assert (kind.share.value, kind.share.n, kind.chance, kind.p) == (None, 0, None, None)


def sure(confidence: list[float]) -> np.ndarray:
    """Two-class probabilities whose first class has this confidence."""
    return np.stack([np.array(confidence), 1 - np.array(confidence)], axis=1)


def test_calibration_by_hand():
    """0.65, 0.67 (one right): bin 6, |0.5 − 0.66|; 0.9 twice, 1.0 (all right): bin 9, |1 − 2.8/3|; n 2 and 3 of 5."""
    found = calibration(sure([0.65, 0.67, 0.9, 0.9, 1.0]), np.array([0, 1, 0, 0, 0]), ids(*"abcde"))
    assert found.n.tolist() == [0, 0, 0, 0, 0, 0, 2, 0, 0, 3]
    assert found.confidence[[6, 9]] == pytest.approx([0.66, 2.8 / 3])
    assert found.accuracy[[6, 9]].tolist() == [0.5, 1.0]
    assert found.error == pytest.approx(0.4 * 0.16 + 0.6 * (1 - 2.8 / 3))
    assert np.isnan(found.accuracy_interval[0]).all() and found.accuracy_interval[9].tolist() == [1.0, 1.0]


def test_one_dialogue_has_a_calibration_error_without_intervals():
    found = calibration(sure([0.65, 0.67, 0.9]), np.array([0, 1, 0]), ids(*"aaa"))
    assert found.interval is None and np.isnan(found.accuracy_interval).all()
    assert found.error == pytest.approx((2 * abs(0.66 - 0.5) + 0.1) / 3)


def test_the_interval_of_the_calibration_error_is_basic_and_by_dialogue():
    draw = np.random.default_rng(3)
    confidence = draw.uniform(0.5, 1, 300)
    gold = (draw.random(300) > confidence - 0.15).astype(int)
    dialogues = np.repeat(np.arange(30), 10)
    found = calibration(sure(list(confidence)), gold, dialogues)
    errors = []
    for _ in range(2000):
        rows = np.concatenate([np.arange(10) + 10 * k for k in draw.integers(30, size=30)])
        place = (confidence[rows] * 10).astype(int)
        hit = gold[rows] == 0
        errors.append(sum(abs(hit[place == b].sum() - confidence[rows][place == b].sum()) for b in set(place)) / 300)
    expected = [2 * found.error - np.percentile(errors, edge) for edge in (97.5, 2.5)]
    assert found.interval == pytest.approx(expected, abs=0.012)
    assert np.mean(errors) > found.error, "a draw adds noise to every bin"


def test_the_temperature_by_hand_and_by_a_solver():
    """Logits (0, 2) and 70 % of class 1: sigmoid(2/T) = 0.7, so T = 2 / log(0.7/0.3)."""
    logits, gold = np.tile([0.0, 2.0], (10, 1)), np.array([1] * 7 + [0] * 3)
    assert fit_temperature(logits, gold) == pytest.approx(2 / math.log(7 / 3), rel=1e-6)
    draw = np.random.default_rng(0)
    logits, gold = draw.normal(size=(200, 4)) * 3, draw.integers(4, size=200)
    gold = np.where(draw.random(200) < 0.6, logits.argmax(1), gold)

    def loss(t: float) -> float:
        return float(-np.log(softmax(logits / t)[np.arange(200), gold]).mean())

    best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}).x
    assert fit_temperature(logits, gold) == pytest.approx(best, rel=1e-4)
    assert fit_temperature(np.tile([0.0, 2.0], (4, 1)), np.ones(4, dtype=int)) == pytest.approx(0.05, rel=1e-3)


def test_suspect_labels_by_hand():
    """Labels 0 0 0 1 1 1, p(1) = .1 .2 .9 .8 .7 .3 and an unlabelled row.

    t_0 = mean p(0) over labels 0 = (.9 + .8 + .1)/3 = .6; t_1 = (.8 + .7 + .3)/3 = .6. Row 2 (labelled 0, p(1) = .9)
    and row 5 (labelled 1, p(0) = .7) reach the other class; ranked by the probability of their label: .1, .3.
    """
    second = np.array([0.1, 0.2, 0.9, 0.99, 0.8, 0.7, 0.3])
    gold = np.array([0, 0, 0, -1, 1, 1, 1])
    found = label_suspects(np.stack([1 - second, second], axis=1), gold)
    assert found.place.tolist() == [2, 6]
    assert found.suggested.tolist() == [1, 0]


def test_suspect_labels_where_classes_do_not_occur():
    """Class 1 of three is never a label: the suggestion is a class that is."""
    second = np.array([0.1, 0.2, 0.9, 0.8, 0.7, 0.3])
    probabilities = np.stack([(1 - second) * 0.8, np.full(6, 0.2), second * 0.8], axis=1)
    found = label_suspects(probabilities, np.array([0, 0, 0, 2, 2, 2]))
    assert (found.place.tolist(), found.suggested.tolist()) == ([2, 5], [2, 0])
    one = label_suspects(probabilities, np.array([0, 0, 0, -1, -1, -1]))
    assert len(one.place) == len(one.suggested) == 0


def test_flipped_labels_are_found_and_no_others():
    """The true class has p ≈ 0.86; with a tenth flipped, its threshold is 0.9 · 0.86 + 0.1 · 0.07 = 0.78: below."""
    draw = np.random.default_rng(1)
    truth = np.arange(600) % 3
    probabilities = softmax(2.5 * np.eye(3)[truth] + draw.normal(size=(600, 3)) * 0.05)
    gold, flipped = truth.copy(), np.arange(0, 600, 10)
    gold[flipped] = (truth[flipped] + 1) % 3
    found = label_suspects(probabilities, gold)
    assert sorted(found.place) == flipped.tolist()
    assert (found.suggested == truth[found.place]).all()


def test_the_suspects_are_those_of_cleanlab_apart_from_the_stated_difference():
    """cleanlab takes the largest probability where several classes reach their threshold, be it one that does not."""
    from cleanlab.filter import find_label_issues

    draw = np.random.default_rng(5)
    gold = draw.integers(4, size=400)
    probabilities = softmax(1.5 * np.eye(4)[gold] * (draw.random((400, 1)) < 0.7) + draw.normal(size=(400, 4)))
    found = label_suspects(probabilities, gold)
    theirs = find_label_issues(
        gold, probabilities, filter_by="confident_learning", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    threshold = np.array([probabilities[gold == c, c].mean() for c in range(4)])
    reached = (probabilities >= threshold).sum(1) < 2
    reached |= probabilities.max(1) >= threshold[probabilities.argmax(1)]
    same = [place for place in theirs if reached[place]]
    assert [place for place in found.place if reached[place]] == same and len(same) > 50
    assert set(found.place) <= set(theirs)
