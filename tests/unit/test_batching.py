"""Batches hold every row once, keep their limits and come in an order that the seed decides."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from small import handmade

from dnr_core.data.batching import dialogue_batches, pad_rows, speaker_index, utterance_batches
from dnr_core.model.batch import Batch, TensorCorpus
from dnr_core.types import MODALITIES

LENGTHS = (3, 9, 1, 4, 12, 2, 7, 5, 5, 8, 1, 6, 10, 2, 3)


@pytest.fixture(scope="module")
def corpus():
    return handmade({"train": LENGTHS, "test": (4, 2)})


def rows_of(batches: list[np.ndarray]) -> list[int]:
    return sorted(int(row) for batch in batches for row in batch[batch >= 0])


@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize(("size", "limit"), [(1, 4096), (4, 4096), (64, 4096), (64, 20), (4, 9)])
def test_every_row_is_in_one_batch_and_limits_are_kept(corpus, size, limit, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    batches = dialogue_batches(corpus, "train", size=size, limit=limit, rng=rng)
    assert rows_of(batches) == corpus.rows("train").tolist()
    for batch in batches:
        assert len(batch) <= size
        assert batch.size <= limit or len(batch) == 1, "only a dialogue that is too long by itself may pass the limit"
        assert (batch >= 0).any(axis=0).all(), "a column of padding only"
        for line in batch:
            own = line[line >= 0]
            assert (line[: len(own)] == own).all() and (np.diff(own) == 1).all(), "turns in order, padding last"
            assert len(set(corpus.utterances["dialogue_id"].iloc[own])) == 1


def test_dialogues_of_like_length_share_a_batch(corpus):
    lengths = [sorted((batch >= 0).sum(1)) for batch in dialogue_batches(corpus, "train", size=4)]
    assert [length for batch in lengths for length in batch] == sorted(LENGTHS)
    assert all(first[-1] <= second[0] for first, second in pairwise(lengths))


def test_the_order_is_that_of_the_seed(corpus):
    def order(seed: int | None) -> list[list[int]]:
        rng = None if seed is None else np.random.default_rng(seed)
        return [batch.ravel().tolist() for batch in dialogue_batches(corpus, "train", size=2, rng=rng)]

    assert order(3) == order(3) and order(None) == order(None)
    assert order(3) != order(4) and order(3) != order(None)


@pytest.mark.parametrize(("count", "size"), [(10, 3), (256, 256), (257, 256), (1000, 256), (2, 256), (1, 8)])
def test_utterance_batches_hold_every_row_once_in_even_parts(count, size):
    rows = np.arange(100, 100 + count)
    batches = utterance_batches(rows, size=size, rng=np.random.default_rng(0))
    assert rows_of(batches) == rows.tolist()
    assert all(batch.shape == (len(batch), 1) for batch in batches)
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= 1 and max(sizes) <= 1.5 * size
    again = utterance_batches(rows, size=size, rng=np.random.default_rng(0))
    assert all((first == second).all() for first, second in zip(batches, again, strict=True))
    assert [b.tolist() for b in utterance_batches(rows, size=count)] == [rows[:, None].tolist()]


def test_padding_is_minus_one():
    assert pad_rows([np.array([4, 5]), np.array([9])]).tolist() == [[4, 5], [9, -1]]


def test_speakers_are_numbered_by_first_appearance_in_their_dialogue():
    corpus = handmade({"train": (4, 2)})
    corpus.utterances["speaker"] = ["Zoe", "Ann", "Zoe", "Bob", "Bob", "Zoe"]
    assert speaker_index(corpus).tolist() == [0, 1, 0, 2, 0, 1]


def test_a_batch_holds_the_rows_it_was_asked_for(corpus):
    rows = np.array([[0, 1, 2], [12, -1, -1]])
    corpus.present[1, 2] = False
    batch = TensorCorpus(corpus).batch(rows)
    assert batch.mask.tolist() == [[True, True, True], [True, False, False]]
    for name in MODALITIES:
        values = batch.modality(name)
        assert (
            values[0].tolist() == corpus.features[name][:3].tolist()
            and values[1, 0].tolist() == corpus.features[name][12].tolist()
        )
        assert (values[1, 1:] == 0).all()
    assert batch.label.tolist() == [[0, 1, 0], [0, -1, -1]]
    assert batch.present[0, 1].tolist() == [True, True, False] and not batch.present[1, 1:].any()
    corpus.present[1, 2] = True


def test_a_batch_refuses_tensors_that_do_not_fit(corpus):
    good = vars(TensorCorpus(corpus).batch(np.array([[0, 1]])))
    with pytest.raises(ValueError, match=r"present \(1, 2, 2\) does not fit mask \(1, 2\)"):
        Batch(**{**good, "present": good["present"][..., :2]})
    with pytest.raises(ValueError, match=r"label \(1, 1\) does not fit"):
        Batch(**{**good, "label": good["label"][:, :1]})
