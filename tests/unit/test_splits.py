"""Whole splits through the engine: computed once and stored, cancelled, of other weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small import handmade, short, untrained

from dnr_core.errors import DataError, UsageError
from dnr_core.results.splits import SplitResults
from dnr_core.training.checkpoint import save_run
from dnr_core.training.subset import train_subset_model

LENGTHS = {"train": (6,) * 8, "dev": (4,) * 6, "test": (5, 3, 4)}


@pytest.fixture
def results(tmp_path):
    """Two emotions in turn, features by row number; run `run` of it with a subset model."""
    corpus, config = handmade(LENGTHS), short(width=8)
    corpus.save(tmp_path / "data" / "hand")
    subset = train_subset_model(corpus).model
    save_run(tmp_path / "runs" / "run", untrained(corpus, config), config, corpus, {"test": {}}, subset=subset)
    return SplitResults(tmp_path / "data", tmp_path / "runs")


KEY = ("run", "hand", "test")


def test_the_values_of_a_split_are_computed_once_and_add_up(results):
    assert results.stored_split_values(*KEY) is None
    steps: list[tuple[int, int]] = []
    found = results.split_values(*KEY, progress=lambda *step: steps.append(step))
    assert steps[-1] == (12, 12) and found.n == 12 and found.largest_gap < 1e-4
    assert SplitResults(results.data, results.checkpoints).stored_split_values(*KEY) is not None
    assert found.mean.n.sum() == 12 and found.drops[0].n == 12
    total = [results.dialogue_values("run", "hand", name) for name in ("test0", "test1", "test2")]
    gains = np.concatenate(
        [(one.total - one.baseline)[np.arange(len(one.total)), one.total.argmax(1)] for one in total]
    )
    assert np.nansum(found.mean.value.sum(1) * found.mean.n) == pytest.approx(gains.sum(), abs=1e-4)
    assert results.split_values(*KEY, progress=lambda *step: pytest.fail("computed again")) is found


def test_other_settings_are_other_values_and_a_cancelled_split_has_none(results):
    found = results.split_values(*KEY)
    assert results.stored_split_values(*KEY, "utterance", "zero") is None
    assert results.split_values(*KEY, "utterance", "zero", progress=lambda done, of: done >= 4) is None
    other = results.split_values(*KEY, "utterance", "zero")
    assert other.n == 12 and not np.allclose(np.nan_to_num(other.mean.value), np.nan_to_num(found.mean.value))
    with pytest.raises(UsageError, match="unknown removal"):
        results.stored_split_values(*KEY, "dialogue", "never")


def test_one_utterance_has_the_coalitions_of_its_dialogue(results):
    whole = results.dialogue_coalitions("run", "hand", "test1")
    for stored in (False, True):
        one = results.utterance_coalitions("run", "hand", "test1_utt2", "dialogue")
        assert one.utterance_ids == ("test1_utt2",)
        np.testing.assert_allclose(one.logits[0], whole.logits[2], atol=2e-3 if stored else 1e-6)
        results.compute_coalitions(*KEY)


def test_the_information_of_a_split_is_measured_once_and_belongs_to_its_weights(results):
    assert results.stored_split_information(*KEY) is None
    steps: list[tuple[int, int]] = []
    found = results.split_information(*KEY, progress=lambda *step: steps.append(step))
    assert steps == [(done, 61) for done in range(1, 62)], "once as it is, 40 draws, 20 shuffles"
    assert found.n == 12 and list(found.pairs) == ["audio+text", "audio+visual", "text+visual"]
    fresh = SplitResults(results.data, results.checkpoints)
    assert fresh.stored_split_information(*KEY) == found == fresh.split_information(*KEY)
    corpus, config = results.corpus("hand"), short(width=8, seed=1)
    subset = train_subset_model(corpus).model
    folder = results.checkpoints / "run"
    kept = (folder / "results").rename(results.checkpoints / "kept")
    save_run(folder, untrained(corpus, config), config, corpus, {"test": {}}, subset=subset, overwrite=True)
    kept.rename(folder / "results")
    assert fresh.stored_split_information(*KEY) is None, "the run was trained again"


def test_bits_need_two_labels(results):
    corpus = handmade(LENGTHS)
    emotion = corpus.utterances["emotion"].where(corpus.utterances["split"] != "test", "")
    unlabelled = replace(corpus, utterances=corpus.utterances.assign(emotion=emotion), stored_hash=None)
    unlabelled.save(results.data / "unlabelled")
    with pytest.raises(DataError, match="0 different labels"):
        results.split_information("run", "unlabelled", "test")
    drops = results.split_values("run", "unlabelled", "test").drops
    assert all(drop.drop is None for drop in drops)
