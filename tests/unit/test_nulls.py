"""Which claims may be made: bounds and p-values by hand, false discovery by scipy, shuffles keep their promises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import false_discovery_control, t
from small import handmade, relabelled, short, small_corpus, untrained

from dnr_core.data.corpus import Corpus
from dnr_core.explain.nulls import (
    ComponentNull,
    Gates,
    benjamini_hochberg,
    claims,
    component_null,
    mean_and_bound,
    re_paired,
    read_null,
    save_null,
    scrambled,
    some_rows,
)
from dnr_core.explain.predict import null_of_model, values_of_rows
from dnr_core.explain.store import ResultStore, StaleResult, component_values
from dnr_core.types import MODALITIES, ComponentValues

PLAYERS = ("unique:text", "unique:audio", "redundant:audio+text")


def test_false_discoveries_are_controlled_as_by_scipy():
    assert benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).tolist() == [True, False, False, False]
    assert benjamini_hochberg(np.array([0.04, 0.045, 0.049])).tolist() == [True] * 3, "a large p pulls smaller ones in"
    draw = np.random.default_rng(0)
    for _ in range(20):
        p = np.round(draw.uniform(size=80) ** draw.uniform(1, 4), 2)
        assert benjamini_hochberg(p).tolist() == (false_discovery_control(p) <= 0.05).tolist()
    assert benjamini_hochberg(np.zeros(0)).tolist() == []


def test_the_bound_by_hand():
    """Two dialogues of one utterance, 1 and 3: mean 2, standard error √2/√2 = 1; t with one degree of freedom."""
    mean, bound = mean_and_bound(np.array([1.0, 3.0]), np.array(["a", "b"]), 0.05)
    assert (mean, bound) == (2.0, pytest.approx(2 - t.ppf(0.95, 1)))
    repeated = mean_and_bound(np.repeat([1.0, 3.0], 50), np.repeat(["a", "b"], 50), 0.05)
    assert repeated == pytest.approx((mean, bound)), "copies within a dialogue are no evidence"
    assert mean_and_bound(np.array([1.0, 3.0]), np.array(["a", "a"]), 0.05) == (2.0, -np.inf)
    nothing = mean_and_bound(np.zeros(0), np.zeros(0), 0.05)
    assert np.isnan(nothing[0]) and nothing[1] == -np.inf


@pytest.mark.parametrize("level", [0.05, 0.05 / 9])
def test_the_bound_keeps_its_level_with_twelve_dialogues(level):
    """Dependent turns, dialogues of several lengths, true mean 0: passed in the asked share of 3,000 draws, a quarter
    more at most, give or take three standard errors."""
    draw = np.random.default_rng(5)
    lengths = [4, 6, 8, 8, 10, 10, 12, 12, 14, 16, 18, 20]
    dialogues = np.repeat(np.arange(12), lengths)
    passed = 0
    for _ in range(3000):
        values = draw.normal(size=12)[dialogues] + draw.normal(size=len(dialogues))
        passed += mean_and_bound(values, dialogues, level)[1] > 0
    error = np.sqrt(level * (1 - level) / 3000)
    assert 0.5 * level - 3 * error < passed / 3000 < 1.25 * level + 3 * error


def measured_corpus() -> Corpus:
    """Dev dialogues with an absent row and a missing cell."""
    corpus = handmade({"train": (4,), "dev": (6, 7, 5), "test": (4,)})
    features = {name: np.arange(26 * 2, dtype=np.float32).reshape(26, 2) + 100 * k for k, name in enumerate(MODALITIES)}
    present = corpus.present.copy()
    features["text"][9] = np.nan
    present[9, 0] = False
    features["audio"][12, 1] = np.nan
    return replace(corpus, features=features, present=present, stored_hash=None)


def test_re_pairing_moves_whole_rows_of_one_modality_within_dev():
    corpus = measured_corpus()
    dev = corpus.rows("dev")
    shown = re_paired(corpus, dev, "text")
    there = dev[corpus.present[dev, 0]]
    before, after = corpus.features["text"][there], shown.features["text"][there]
    assert sorted(map(tuple, after)) == sorted(map(tuple, before)) and not np.array_equal(after, before)
    assert np.isnan(shown.features["text"][9]).all() and np.array_equal(shown.present, corpus.present)
    outside = np.setdiff1d(np.arange(len(corpus)), dev)
    np.testing.assert_array_equal(shown.features["text"][outside], corpus.features["text"][outside])
    np.testing.assert_array_equal(shown.features["audio"], corpus.features["audio"])
    np.testing.assert_array_equal(re_paired(corpus, dev, "text").features["text"], shown.features["text"])


def test_shuffles_follow_their_seed():
    corpus = measured_corpus()
    dev = corpus.rows("dev")
    for shuffled in (
        lambda **how: re_paired(corpus, dev, "audio", **how),
        lambda **how: scrambled(corpus, dev, MODALITIES, **how),
    ):
        usual, other, again = shuffled(), shuffled(seed=(3, 1, 0)), shuffled(seed=(3, 1, 0))
        assert np.array_equal(other.features["audio"], again.features["audio"], equal_nan=True)
        assert not np.array_equal(other.features["audio"], usual.features["audio"], equal_nan=True)


def test_scrambling_keeps_every_column_and_breaks_every_row():
    corpus = measured_corpus()
    dev = corpus.rows("dev")
    shown = scrambled(corpus, dev, MODALITIES)
    for position, name in enumerate(MODALITIES):
        there = dev[corpus.present[dev, position]]
        before, after = corpus.features[name][there], shown.features[name][there]
        np.testing.assert_array_equal(np.isnan(after), np.isnan(before))
        for column in range(2):
            assert np.array_equal(np.sort(after[:, column]), np.sort(before[:, column]), equal_nan=True)
        kept = np.mean([tuple(row) in set(map(tuple, before)) for row in after])
        assert kept < 0.4, "rows are still together"
    outside = np.setdiff1d(np.arange(len(corpus)), dev)
    for name in MODALITIES:
        np.testing.assert_array_equal(shown.features[name][outside], corpus.features[name][outside])


def additive(corpus: Corpus, rows: np.ndarray) -> ComponentValues:
    """A model of two classes that can be solved by hand: what text says for class 1 is its first feature, audio has
    nothing to do with the emotion but speaks twice as loud, the redundant part says their product."""
    text, audio = (corpus.features[name][rows, 0] for name in ("text", "audio"))
    worth = np.stack([text, 2 * audio, text * audio], axis=1)  # (n, K)
    values = np.stack([-worth, worth], axis=2)
    ids = tuple(corpus.utterances["utterance_id"].to_numpy(dtype=object)[rows])
    total, none = values.sum(1), np.zeros((len(rows), 2))
    return component_values(PLAYERS, ids, "dialogue", "mean", values, np.zeros((len(rows), 3, 2)), none, total)


@pytest.fixture(scope="module")
def telling() -> Corpus:
    """Text says the emotion, audio is a random sign; visual is there and plays no part."""
    corpus = handmade({"train": (4,), "dev": (10,) * 12, "test": (30,) * 10})
    draw = np.random.default_rng(0)
    sign = draw.choice([-1.0, 1.0], size=len(corpus))
    features = {name: draw.normal(size=(len(corpus), 2)).astype(np.float32) for name in MODALITIES}
    features["text"][:, 0] = 2 * sign
    features["audio"][:, 0] = draw.choice([-0.1, 0.1], size=len(corpus))
    corpus = replace(corpus, features=features, stored_hash=None)
    return relabelled(corpus, np.arange(len(corpus)), np.where(sign > 0, "sad", "happy"))


def test_a_part_passes_its_gate_when_each_of_its_modalities_matters(telling):
    """Text: value(gold) = 2 for real, ±2 for re-paired text, so the difference is 4 · share of changed signs."""
    found = component_null(telling, ("text", "audio"), additive, scope="dialogue")
    assert found is not None and found.gates is not None
    assert found.gates.passed.tolist() == [True, False, False]
    dev = telling.rows("dev")
    changed = telling.features["text"][dev, 0] != re_paired(telling, dev, "text").features["text"][dev, 0]
    assert found.gates.difference[0, 0] == pytest.approx(4 * changed.mean(), rel=1e-5)
    assert found.gates.n[2].tolist() == [120, 120, 0] and found.gates.n[0].tolist() == [120, 0, 0]
    assert np.isnan(found.gates.bound[0, 1:]).all()


def test_claims_need_a_value_above_the_null_and_a_part_that_passed():
    gates = Gates(PLAYERS, np.zeros((3, 3)), np.array([[1.0, np.nan, np.nan], [np.nan, -1.0, np.nan], [1, 1, np.nan]]),
                  np.zeros((3, 3)))  # fmt: skip
    assert gates.passed.tolist() == [True, False, True]
    null = ComponentNull(gates, np.arange(99.0))
    assert null.quantile == pytest.approx(93.1)
    worth = np.zeros((4, 3))
    worth[0, 0], worth[1, 1], worth[2, 2], worth[3, 0] = 200, 200, 98, 50
    values = np.stack([worth, -worth], axis=2)
    total = values.sum(1)
    shown = component_values(PLAYERS, ("a", "b", "c", "d"), "dialogue", "mean", values, np.zeros((4, 3, 2)),
                             np.zeros((4, 2)), total)  # fmt: skip
    found = claims(null, shown)
    assert found.p.tolist() == pytest.approx([0.01, 0.01, 0.02, 0.50])
    assert found.significant.tolist() == [True, False, True, False] and found.reason is None


def test_a_gate_that_cannot_be_tested_is_shut():
    untested = Gates(PLAYERS[:1], np.full((1, 3), np.nan), np.array([[-np.inf, np.nan, np.nan]]), np.zeros((1, 3)))
    none = Gates(PLAYERS[:1], np.full((1, 3), np.nan), np.full((1, 3), np.nan), np.zeros((1, 3)))
    assert untested.passed.tolist() == [False] and none.passed.tolist() == [False]


@pytest.mark.parametrize("harm", ["unlabelled", "no dev"])
def test_without_a_labelled_dev_split_nothing_is_claimed_and_the_reason_is_said(telling, harm):
    if harm == "unlabelled":
        corpus = relabelled(telling, telling.rows("dev"), "")
    else:
        corpus = handmade({"train": (4,), "test": (3,)})
    found = component_null(corpus, ("text",), additive, scope="dialogue")
    assert found is not None and found.gates is None and found.quantile is None
    made = claims(found, additive(corpus, corpus.rows("test")))
    assert not made.significant.any() and np.isnan(made.p).all()
    assert made.reason and {"unlabelled": "no labels", "no dev": "no dev split"}[harm] in made.reason


def test_a_null_comes_back_as_it_was_stored_and_is_not_shown_for_other_weights(telling, tmp_path: Path):
    null = component_null(telling, ("text", "audio"), additive, scope="dialogue")
    assert null is not None and null.gates is not None
    store = ResultStore(tmp_path / "run", "m" * 64, telling.hash)
    save_null(store, "dialogue", "mean", null)
    found = read_null(store, "dialogue", "mean")
    assert found.gates is not None and found.gates.players == PLAYERS
    for name in ("difference", "bound", "n", "passed"):
        np.testing.assert_array_equal(getattr(found.gates, name), getattr(null.gates, name))
    np.testing.assert_array_equal(found.null, null.null)
    silent = ComponentNull(None, np.zeros(0), "why not")
    save_null(store, "dialogue", "zero", silent)
    assert read_null(store, "dialogue", "zero").reason == "why not"
    for other in (ResultStore(store.run, "n" * 64, telling.hash), ResultStore(tmp_path / "gone", "m" * 64, "c" * 64)):
        with pytest.raises(StaleResult):
            read_null(other, "dialogue", "mean")


@pytest.mark.usefixtures("one_thread")
def test_the_null_of_a_model_explains_dev_five_times_and_can_be_stopped():
    corpus = small_corpus(12)
    model = untrained(corpus, short()).model
    seen: list[tuple[int, int]] = []
    null = null_of_model(model, corpus, "dialogue", "mean", lambda done, of: seen.append((done, of)))
    dev = len(corpus.rows("dev"))
    assert seen[-1] == (5 * dev, 5 * dev) and [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert null is not None and null.gates is not None and len(null.null) == dev
    assert not null.gates.passed.any(), "an untrained model says nothing"
    assert null_of_model(model, corpus, "dialogue", "mean", lambda done, of: done >= dev) is None
    turns = null_of_model(model, corpus, "utterance", "mean", lambda done, of: None)
    assert turns is not None and not np.array_equal(turns.null, null.null)


def test_a_large_dev_split_is_sampled_for_single_utterances():
    rows = np.arange(100, 1000)
    found = some_rows(rows)
    assert len(found) == 256 == len(set(found.tolist())) and (np.diff(found) > 0).all() and set(found) <= set(rows)
    assert some_rows(rows[:256]) is not None and some_rows(rows[:256]).tolist() == rows[:256].tolist()


@pytest.mark.usefixtures("one_thread")
def test_some_turns_of_a_split_are_explained_as_in_the_whole_of_it():
    corpus = small_corpus(8)
    model = untrained(corpus, short()).model
    rows = corpus.rows("test")
    whole = values_of_rows(model, corpus, rows, "utterance", "mean", lambda done, of: None)
    some = values_of_rows(model, corpus, rows[[1, 4, 7]], "utterance", "mean", lambda done, of: None)
    assert whole is not None and some is not None
    np.testing.assert_array_equal(some.values, whole.values[[1, 4, 7]])
    assert some.utterance_ids == tuple(whole.utterance_ids[place] for place in (1, 4, 7))
