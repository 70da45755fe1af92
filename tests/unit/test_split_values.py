"""Values and scores over a split: means by hand, scores by scikit-learn, intervals by an explicit bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from dnr_core.explain.split_values import mean_values, score_drops, switches
from dnr_core.types import players_of

PAIR = ("unique:text", "unique:audio")
NINE = players_of(("text", "audio", "visual"))


def ids(*names: str) -> np.ndarray:
    return np.array(names, dtype=object)


def test_means_of_each_emotion_by_hand():
    values = np.array([[1.0, 10.0], [3.0, 30.0], [5.0, 0.0], [7.0, 0.0], [100.0, 100.0]])
    emotion = np.array([0, 0, 1, 1, -1])
    found = mean_values(PAIR, values, emotion, ids("a", "b", "a", "a", "b"), 3)
    assert found.value[:2].tolist() == [[2.0, 20.0], [6.0, 0.0]] and np.isnan(found.value[2]).all()
    assert found.n.tolist() == [2, 2, 0]
    assert np.isfinite(found.interval[0]).all()
    assert np.isnan(found.interval[1:]).all(), "one dialogue, or none, says nothing of the spread between dialogues"


def test_the_interval_of_two_dialogues_is_that_of_their_resamples():
    """Draws of (a, b): aa, ab, ba, bb give 1, 2, 2, 3; the outer 2.5 % lie inside aa and bb (25 % each)."""
    found = mean_values(PAIR[:1], np.array([[1.0], [3.0]]), np.zeros(2, dtype=int), ids("a", "b"), 1)
    assert found.interval[0, 0].tolist() == [1.0, 3.0]


def test_the_interval_draws_whole_dialogues():
    draw = np.random.default_rng(0)
    dialogues = np.repeat(ids(*(f"d{k}" for k in range(15))), 8)
    values = (np.repeat(draw.normal(size=15), 8) + 0.1 * draw.normal(size=120))[:, None]
    emotion = draw.integers(2, size=120)
    found = mean_values(PAIR[:1], values, emotion, dialogues, 2)
    means = []
    for _ in range(2000):
        rows = np.concatenate([np.flatnonzero(dialogues == f"d{k}") for k in draw.integers(15, size=15)])
        rows = rows[emotion[rows] == 1]
        means.append(values[rows].mean())
    np.testing.assert_allclose(found.interval[1, 0], np.percentile(means, [2.5, 97.5]), atol=0.06)
    alone = values[emotion == 1].std() / np.sqrt((emotion == 1).sum())
    assert np.ptp(found.interval[1, 0]) > 1.5 * 3.92 * alone, "utterances were drawn as if independent"


def test_drops_are_those_of_scikit_learn():
    draw = np.random.default_rng(1)
    logits = draw.normal(size=(60, 512, 4)) + np.eye(4)[draw.integers(4, size=60)][:, None] * 1.5
    gold = logits[:, -1].argmax(1)
    gold[::5] = draw.integers(4, size=12)
    gold[::11] = -1
    dialogues = np.repeat(ids(*(f"d{k}" for k in range(12))), 5)
    found = {(row.kind, row.name): row for row in score_drops(NINE, logits, logits[:, -1], gold, dialogues)}
    known = gold >= 0
    full = f1_score(gold[known], logits[known, -1].argmax(1), average="weighted")
    cases = {
        ("component", "unique:audio"): 1 << 1,
        ("modality", "text"): sum(1 << place for place, player in enumerate(NINE) if "text" in player),
        ("family", "synergistic"): 0b111 << 6,
    }
    for key, bits in cases.items():
        without = f1_score(gold[known], logits[known, 511 - bits].argmax(1), average="weighted")
        row = found[key]
        assert (row.full, row.without) == (pytest.approx(full), pytest.approx(without))
        assert row.drop == pytest.approx(full - without) and row.n == known.sum()
        assert row.interval is not None and row.drop is not None
        assert row.interval[0] <= row.drop <= row.interval[1]
    assert len(found) == 9 + 3 + 3


def test_the_interval_is_of_the_paired_drop():
    """A part that changes nothing has a drop without spread, however much dialogues differ in score."""
    gold = np.tile([0, 0, 1, 1], 6)
    right = np.eye(2)[np.where(np.arange(24) < 8, 1 - gold, gold)]
    logits = np.stack([right, right], axis=1)  # (24, 2, 2): the same without the only part
    dialogues = np.repeat(ids(*"abcdef"), 4)
    row = score_drops(("modality:text",), logits, logits[:, -1], gold, dialogues)[0]
    assert row.full == pytest.approx(2 / 3) and (row.drop, row.interval) == (0.0, (0.0, 0.0))
    harmed = np.stack([1 - right, right], axis=1)
    row = score_drops(("modality:text",), harmed, harmed[:, -1], gold, dialogues)[0]
    assert row.drop == pytest.approx(1 / 3) and row.interval is not None and np.ptp(row.interval) > 0.5


def test_without_labels_or_dialogues_to_compare_nothing_is_invented():
    logits = np.random.default_rng(2).normal(size=(4, 4, 2))
    unlabelled = score_drops(PAIR, logits, logits[:, -1], np.full(4, -1), ids(*"aabb"))
    assert all((row.drop, row.interval, row.full, row.n) == (None, None, None, 0) for row in unlabelled)
    single = score_drops(PAIR, logits, logits[:, -1], np.array([0, 1, 0, 1]), ids(*"aaaa"))
    assert all(row.drop is not None and row.interval is None for row in single)


def test_parts_modalities_and_families_that_a_method_has():
    assert [(kind, name) for kind, name, _ in switches(PAIR)] == [
        ("component", "unique:text"),
        ("component", "unique:audio"),
        ("modality", "text"),
        ("modality", "audio"),
        ("family", "unique"),
    ]
    assert {name: off for kind, name, off in switches(NINE) if kind == "modality"}["visual"] == (
        "unique:visual",
        "redundant:audio+visual",
        "redundant:text+visual",
        "synergistic:audio+visual",
        "synergistic:text+visual",
    )
    assert [kind for kind, _, _ in switches(("modality:text", "modality:audio"))].count("family") == 0
