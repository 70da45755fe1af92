"""Parts replaced by those of train utterances: drawn alike everywhere, whole where they can be, averaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import short, small_corpus, untrained

from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError
from dnr_core.explain.coalitions import DONORS, Donors, dialogue_scope, next_true
from dnr_core.explain.predict import coalitions_of_rows, coalitions_of_turn, switched_turn, values_of_rows
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return small_corpus(16, missing=0.2)


@pytest.fixture(scope="module")
def model(corpus: Corpus, one_thread: None) -> Method:
    return untrained(corpus, short()).model


@pytest.fixture(scope="module")
def donors(corpus: Corpus, model: Method) -> Donors:
    return Donors.of(model, TensorCorpus(corpus), corpus)


def first_test_rows(corpus: Corpus) -> np.ndarray:
    return corpus.dialogue_rows[corpus.dialogue_ids("test")[0]]


def train_parts(model: Method, corpus: Corpus) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows of train that have a part, and the part: player → (rows (n,), vectors (n, d))."""
    rows = corpus.rows("train")
    with torch.no_grad():
        parts = model.decompose(TensorCorpus(corpus).batch(rows[:, None]))
    found = {}
    for player, vector in parts.vectors.items():
        there = parts.available[player][:, 0].numpy()
        found[player] = (rows[there], vector[:, 0].numpy()[there])
    return found


def test_a_donor_is_a_train_utterance_that_has_the_part_and_one_for_all_parts_where_it_has_them(model, corpus, donors):
    parts, rows = train_parts(model, corpus), first_test_rows(corpus)
    sources: dict[tuple[int, int], list[int]] = {}
    for draw, vectors in enumerate(donors.draws(rows)):
        for player, drawn in vectors.items():
            there, known = parts[player]
            for turn in range(len(rows)):
                distance = np.abs(known - drawn[turn].numpy()).max(1)
                assert distance.min() < 1e-5, "no train utterance has this part"
                sources.setdefault((draw, turn), []).append(int(there[distance.argmin()]))
    assert len(sources) == DONORS * len(rows)
    whole = [len(set(found)) == 1 for found in sources.values()]
    assert np.mean(whole) > 0.35, "parts of one turn come from unrelated utterances"  # 0.8³ = 0.51 have all modalities
    assert len({found[0] for found in sources.values()}) > len(sources) / 3


def test_draws_depend_on_the_utterance_alone(model, corpus, donors):
    rows = first_test_rows(corpus)
    again = Donors.of(model, TensorCorpus(corpus), corpus)
    for one, other in zip(donors.draws(rows), again.draws(rows[2:4]), strict=True):
        for player in model.players:
            assert torch.equal(one[player][2:4], other[player])


def test_the_table_is_the_mean_over_donors_and_the_whole_model_is_untouched(model, corpus, donors):
    data, rows = TensorCorpus(corpus), first_test_rows(corpus)
    batch = data.batch(rows[None])
    found = coalitions_of_rows(model, data, rows, "dialogue", "donor", donors)
    by_draw = [dialogue_scope(model, batch, removal=vectors) for vectors in donors.draws(rows)]
    np.testing.assert_allclose(found, np.mean(by_draw, axis=0), atol=1e-6)
    assert np.abs(by_draw[0] - by_draw[1])[:, 0].max() > 1e-4
    mean = coalitions_of_rows(model, data, rows, "dialogue", "mean")
    np.testing.assert_array_equal(found[:, -1], mean[:, -1])
    assert np.abs(found - mean)[:, 0].max() > 1e-4


def test_one_turn_is_replaced_as_in_the_slow_way(model, corpus, donors):
    data, rows, player = TensorCorpus(corpus), first_test_rows(corpus), model.players[0]
    turn = int(np.flatnonzero(corpus.present[rows, 0])[0])
    batch = data.batch(rows[None])
    expected = []
    with torch.no_grad():
        parts = model.decompose(batch)
        for vectors in donors.draws(rows):
            changed = {name: vector.clone() for name, vector in parts.vectors.items()}
            changed[player][0, turn] = vectors[player][turn]
            expected.append(model.predict(replace(parts, vectors=changed), batch).logits[0].numpy())
    found = switched_turn(model, data, rows, frozenset({player}), turn, "donor", donors)
    np.testing.assert_allclose(found, np.mean(expected, axis=0), atol=1e-5)
    table = coalitions_of_turn(model, data, rows, turn, "donor", donors)
    np.testing.assert_allclose(table[2 ** len(model.players) - 2], found[turn], atol=1e-5)


def test_values_against_donors_sum_and_a_part_without_its_modality_gets_none(model, corpus):
    rows = corpus.rows("test")[:12]
    found = values_of_rows(model, corpus, rows, "utterance", "donor", lambda done, of: None)
    assert found is not None and found.completeness_gap.max() < 1e-4
    absent = ~corpus.present[rows, 0]
    text = np.array(["text" in player for player in model.players])
    assert absent.any() and np.abs(found.values[absent][:, text]).max() < 1e-6
    assert np.abs(found.values[~absent][:, text]).max() > 1e-3


def test_without_train_utterances_it_says_so(model, corpus):
    held_out = corpus.utterances.assign(split=corpus.utterances["split"].replace("train", "dev"))
    other = replace(corpus, name="held-out", utterances=held_out, stored_hash=None)
    with pytest.raises(UsageError, match="got corpus held-out without a train split; choose removal mean or zero"):
        Donors.of(model, TensorCorpus(other), other)


def test_a_part_that_only_other_splits_have_is_refused_and_one_that_none_has_is_not_needed(model, corpus):
    present = corpus.present.copy()
    present[corpus.rows("train"), 2] = False
    lacking = replace(corpus, present=present, stored_hash=None)
    with pytest.raises(UsageError, match="none of corpus small has unique:visual"):
        Donors.of(model, TensorCorpus(lacking), lacking)
    blind = replace(corpus, present=corpus.present & [True, True, False], stored_hash=None)
    rows = first_test_rows(blind)
    found = Donors.of(model, TensorCorpus(blind), blind)
    table = coalitions_of_rows(model, TensorCorpus(blind), rows, "dialogue", "donor", found)
    without = [place for place, player in enumerate(model.players) if "visual" in player]
    full = table.shape[1] - 1
    for place in without:
        np.testing.assert_allclose(table[:, full ^ 1 << place], table[:, full], atol=1e-6)


def test_the_next_that_has_it():
    assert next_true(torch.tensor([False, True, False, False, True, False])).tolist() == [1, 1, 4, 4, 4, 1]
    assert next_true(torch.tensor([True])).tolist() == [0]
    assert next_true(torch.tensor([False, False])).tolist() == [0, 1]


def test_the_name_alone_is_not_enough(model, corpus):
    data, rows = TensorCorpus(corpus), first_test_rows(corpus)
    with pytest.raises(ValueError, match="needs donors"):
        coalitions_of_rows(model, data, rows, "dialogue", "donor")
    with pytest.raises(ValueError, match="vectors of a draw"):
        dialogue_scope(model, data.batch(rows[None]), removal="donor")
