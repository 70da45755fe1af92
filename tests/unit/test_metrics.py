"""Scores against scikit-learn, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from dnr_core.training.metrics import confusion, dialogue_bootstrap, evaluation, scores, weighted_f1

EMOTIONS = ("a", "b", "c", "d", "e")


def labels(seed: int, number: int = 300, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    gold = draw.choice(classes, number, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))
    predicted = np.where(draw.random(number) < 0.6, gold, draw.integers(0, classes, number))
    return gold, predicted


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn(seed):
    gold, predicted = labels(seed)
    assert (confusion(gold, predicted, 5) == confusion_matrix(gold, predicted, labels=range(5))).all()
    found = evaluation(gold, predicted, np.arange(300) // 10, EMOTIONS)
    assert found["weighted_f1"] == pytest.approx(f1_score(gold, predicted, average="weighted"), abs=1e-12)
    assert found["macro_f1"] == pytest.approx(f1_score(gold, predicted, average="macro"), abs=1e-12)
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, predicted), abs=1e-12)
    assert weighted_f1(gold, predicted, 5) == found["weighted_f1"]
    each = precision_recall_fscore_support(gold, predicted, labels=range(5), zero_division=0)
    for position, emotion in enumerate(EMOTIONS):
        one = found["per_class"][emotion]
        assert [one["precision"], one["recall"], one["f1"], one["n"]] == pytest.approx([c[position] for c in each])


def test_classes_that_never_occur_count_for_nothing():
    gold, predicted = np.array([0, 0, 2, 2]), np.array([0, 2, 2, 2])
    found = evaluation(gold, predicted, np.zeros(4), EMOTIONS)
    assert found["macro_f1"] == pytest.approx(f1_score(gold, predicted, average="macro")) == pytest.approx(11 / 15)
    assert found["weighted_f1"] == pytest.approx((2 * 2 / 3 + 2 * 4 / 5) / 4)
    assert found["per_class"]["b"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "n": 0}


def test_unlabelled_rows_are_left_out():
    gold, predicted = labels(1)
    hidden = np.arange(300) % 3 == 0
    masked = np.where(hidden, -1, gold)
    found = evaluation(masked, predicted, np.arange(300) // 10, EMOTIONS)
    assert found["n"] == 200
    assert found["accuracy"] == pytest.approx((gold == predicted)[~hidden].mean())
    kept = evaluation(gold[~hidden], predicted[~hidden], (np.arange(300) // 10)[~hidden], EMOTIONS)
    assert found == kept


def test_a_split_without_labels_has_no_score():
    found = evaluation(np.full(3, -1), np.zeros(3, dtype=int), np.zeros(3), EMOTIONS)
    assert found["n"] == 0 and found["weighted_f1"] is None and found["interval"] == {}


def test_intervals_are_the_same_at_each_call_and_hold_the_score():
    gold, predicted = labels(2)
    dialogues = np.array([f"d{i // 12}" for i in range(300)], dtype=object)
    first = dialogue_bootstrap(gold, predicted, dialogues, 5)
    assert first == dialogue_bootstrap(gold, predicted, dialogues, 5)
    value = {name: float(score) for name, score in scores(confusion(gold, predicted, 5)).items()}
    for name, (low, high) in first.items():
        assert low < value[name] < high and 0.02 < high - low < 0.25, name


def test_whole_dialogues_are_drawn():
    """Two dialogues, one all right, one all wrong: a draw is right in 0, half or all; single rows would stay near ½."""
    gold = np.zeros(200, dtype=int)
    predicted = np.repeat([0, 1], 100)
    low, high = dialogue_bootstrap(gold, predicted, np.repeat(["x", "y"], 100), 2)["accuracy"]
    assert (low, high) == (0.0, 1.0)
    low, high = dialogue_bootstrap(gold, predicted, np.arange(200), 2)["accuracy"]
    assert 0.40 < low < 0.47 and 0.53 < high < 0.60


def test_nineteen_of_twenty_intervals_cover_the_truth():
    """Accuracy 0.7 with dialogues that differ (sd 0.1): 200 experiments; a binomial 95 % range around 0.95, less a
    little for the small-sample bias of percentiles. Intervals over single rows cover far less."""
    draw = np.random.default_rng(0)
    covered = {"dialogues": 0, "rows": 0}
    for _ in range(200):
        chance = np.clip(draw.normal(0.7, 0.15, 40), 0, 1)
        gold = np.zeros(40 * 20, dtype=int)
        predicted = (draw.random(len(gold)) > np.repeat(chance, 20)).astype(int)
        for name, blocks in (("dialogues", np.repeat(np.arange(40), 20)), ("rows", np.arange(len(gold)))):
            low, high = dialogue_bootstrap(gold, predicted, blocks, 2, resamples=300)["accuracy"]
            covered[name] += low <= 0.7 <= high
    assert 180 <= covered["dialogues"] <= 198
    assert covered["rows"] < 170
