"""Scores of modality subsets and the stacked parts of a dialogue, against sums and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from dnr_core.explain.split_values import subset_scores
from dnr_core.figures.build.dialogue import contributions
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.types import ComponentValues, Dialogue, players_of

PLAYERS = players_of(("text", "audio"))
DIALOGUES = np.repeat(["a", "b", "c"], 7)


def made(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, 2^K, C) of every coalition, and labels of which one in seven is missing."""
    random = np.random.default_rng(seed)
    gold = random.integers(0, 3, len(DIALOGUES))
    gold[::7] = -1
    return random.normal(size=(len(DIALOGUES), 2 ** len(PLAYERS), 3)), gold


def test_a_part_is_on_where_all_its_modalities_are():
    logits, gold = made()
    found = subset_scores(PLAYERS, logits, logits[:, -1], gold, DIALOGUES)
    assert PLAYERS == ("unique:text", "unique:audio", "redundant:audio+text", "synergistic:audio+text")
    coalitions = {(): 0b0000, ("text",): 0b0001, ("audio",): 0b0010, ("text", "audio"): 0b1111}
    assert [one.modalities for one in found] == list(coalitions)
    known = gold >= 0
    for one in found:
        said = logits[known, coalitions[one.modalities]].argmax(1)
        assert one.value == pytest.approx(f1_score(gold[known], said, average="weighted"))
        assert one.n == known.sum() == 18
        assert one.interval[0] <= one.value <= one.interval[1]


def test_no_interval_of_one_dialogue_and_nothing_without_labels():
    logits, gold = made(1)
    (*_, whole) = subset_scores(PLAYERS, logits, logits[:, -1], gold, np.full(len(gold), "a"))
    assert whole.interval is None
    assert subset_scores(PLAYERS, logits, logits[:, -1], np.full(len(gold), -1), DIALOGUES) == []


def test_families_are_stacked_to_the_value_of_the_turn():
    random = np.random.default_rng(2)
    values, before = random.normal(size=(4, len(PLAYERS), 3)), random.dirichlet(np.ones(3), 4)
    nothing = np.zeros((4, 3))
    found = ComponentValues(PLAYERS, tuple("abcd"), "dialogue", "mean", values, nothing, nothing, nothing)
    numbers = DialogueNumbers(Dialogue("d", "test", ()), ("x", "y", "z"), np.zeros(4, int), before=before, values=found)
    data = contributions(numbers).data
    assert data["group"].tolist() == ["unique", "redundant", "synergistic"] * 4
    for turn, rows in data.groupby("turn"):
        own = values[turn, :, before[turn].argmax()]
        assert rows["value"].tolist() == pytest.approx([own[0] + own[1], own[2], own[3]])
