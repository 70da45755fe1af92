"""Slices and their scores: who is a member by hand, scores by scikit-learn, intervals by an explicit bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from dnr_core.explain.slices import (
    Slice,
    emotion_slices,
    emotions_before,
    fault_slices,
    length_slices,
    missing_slices,
    shift_slices,
    slice_scores,
    speaker_slices,
)
from dnr_core.serve import Engine
from tests.unit.small import handmade, relabelled


def texts(*names: str) -> np.ndarray:
    return np.array(names, dtype=object)


def members(slices: list[Slice]) -> dict[str, list[int]]:
    return {one.name: np.flatnonzero(one.member).tolist() for one in slices}


def test_what_was_felt_before_by_hand():
    """Dialogue x: A0 B1 A? B2 A0 C1, then y: A2. An unlabelled turn is skipped, a new dialogue starts afresh."""
    gold = np.array([0, 1, -1, 2, 0, 1, 2])
    found = emotions_before(gold, texts(*"xxxxxxy"), texts(*"ABABACA"))
    assert found.own.tolist() == [-1, -1, 0, 1, 0, -1, -1]
    assert found.other.tolist() == [-1, 0, 1, 0, 2, 0, -1]
    assert found.turn.tolist() == [-1, 0, 1, 1, 2, 0, -1]


def test_emotion_shifts_by_hand():
    gold = np.array([0, 1, 0, 2])
    slices = shift_slices(gold, emotions_before(gold, texts(*"xxxx"), texts(*"ABAB")))
    own = members([one for one in slices if one.group == "against own last turn"])
    turn = members([one for one in slices if one.group == "against the turn before"])
    assert own == {"emotion shift": [3], "same emotion": [2], "nothing before": [0, 1]}
    assert turn == {"emotion shift": [1, 2, 3], "nothing before": [0]}


def test_the_engine_gives_the_rows_of_emotion_shifts(tmp_path):
    """Test: A happy, B sad, A sad ←, B unlabelled, A sad, B happy ←; then a dialogue that starts afresh."""
    corpus = handmade({"train": (3,), "test": (6, 2)})
    emotions = ["happy", "sad", "sad", "", "sad", "happy", "sad", "sad"]
    relabelled(corpus, np.arange(3, 11), emotions).save(tmp_path / "hand")
    engine = Engine(tmp_path, tmp_path)
    assert engine.emotion_shifts("hand", "test").tolist() == [5, 8] and not len(engine.emotion_shifts("hand", "train"))


def test_dialogue_lengths_speakers_and_emotions_by_hand():
    lengths = np.repeat(texts("a", "b", "c", "d"), [5, 6, 20, 51])
    assert {name: len(rows) for name, rows in members(length_slices(lengths)).items()} == {
        "1–5 turns": 5, "6–10 turns": 6, "11–20 turns": 20, "more than 50 turns": 51,
    }  # fmt: skip
    speakers = np.repeat(texts(*"jihgfedcba"), np.arange(1, 11))
    found = members(speaker_slices(speakers))
    assert list(found) == [*"abcdefgh", "2 others"]
    assert (len(found["a"]), len(found["2 others"])) == (10, 3)
    assert speaker_slices(texts("A", "A")) == []
    assert members(emotion_slices(np.array([1, -1, 1]), ("x", "y"))) == {"y": [0, 2]}


def test_missing_modalities_and_faults_by_hand():
    present = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0]], dtype=bool)
    assert members(missing_slices(present)) == {"no audio": [1], "none missing": [0, 2]}, "visual is measured nowhere"
    assert missing_slices(np.ones((2, 3), dtype=bool)) == []
    imputed = np.zeros((4, 3), dtype=bool)
    imputed[2, 1] = True
    found = members(fault_slices(texts("visual:no_face", "text:absent;visual:no_face", "", ""), imputed))
    assert found == {
        "text: absent": [1], "visual: no_face": [0, 1], "audio: cells filled in": [2], "none known": [3],
    }  # fmt: skip
    assert fault_slices(texts("", ""), np.zeros((2, 3), dtype=bool)) == []


def predictions(number: int = 240) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(4)
    gold = draw.integers(3, size=number)
    predicted = np.where(draw.random(number) < 0.6, gold, draw.integers(3, size=number))
    gold[::17] = -1
    return gold, predicted, np.repeat(texts(*(f"d{k}" for k in range(20))), number // 20)


def test_scores_of_slices_are_those_of_scikit_learn():
    gold, predicted, dialogues = predictions()
    third = Slice("place", "third", np.arange(240) % 3 == 0)
    one, two = slice_scores([third, emotion_slices(gold, ("x", "y", "z"))[1]], gold, predicted, dialogues, 3)
    known = gold >= 0
    kept = known & third.member
    assert one.n == kept.sum()
    assert one.accuracy.value == pytest.approx(accuracy_score(gold[kept], predicted[kept]))
    assert one.f1.value == pytest.approx(f1_score(gold[kept], predicted[kept], average="weighted"))
    each = recall_score(gold[known], predicted[known], average=None)
    assert two.accuracy.value == pytest.approx(each[1])
    assert two.f1.value == pytest.approx(f1_score(gold[known], predicted[known], average=None)[1])


def test_the_interval_of_a_slice_draws_whole_dialogues():
    """Ten dialogues, all right or all wrong: the share of right ones is binomial(10, ½)/10, whatever the turns."""
    gold, dialogues = np.zeros(200, dtype=int), np.repeat(texts(*(f"d{k}" for k in range(10))), 20)
    predicted = np.repeat([0, 1] * 5, 20)
    (score,) = slice_scores([Slice("all", "all", np.ones(200, dtype=bool))], gold, predicted, dialogues, 2)
    assert score.accuracy.interval == (pytest.approx(0.2), pytest.approx(0.8))


def test_a_slice_in_one_dialogue_has_no_interval_and_an_empty_one_no_score():
    gold, predicted, dialogues = predictions()
    slices = [Slice("one", "one", dialogues == "d3"), Slice("none", "none", np.zeros(240, dtype=bool))]
    one, none = slice_scores(slices, gold, predicted, dialogues, 3)
    assert one.accuracy.value is not None and one.accuracy.interval is None
    assert (none.n, none.accuracy.value, none.f1.value) == (0, None, None)
