"""DF-ERC: every formula by hand, and what it says of itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dnr_core.config import preset
from dnr_core.data.corpus import Corpus
from dnr_core.model.batch import Batch
from dnr_core.model.methods.df_erc import (
    DFERC,
    agreement,
    beside,
    confidence_loss,
    context_weight,
    disentangled,
    dual_contrast,
    fuse,
    prototype_hinge,
    shares,
)
from tests.unit.small import first_dialogue, untrained, with_gaps

pytestmark = pytest.mark.usefixtures("one_thread")
E1, E2 = torch.eye(2)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return with_gaps()


@pytest.fixture
def model(corpus: Corpus) -> DFERC:
    made = untrained(corpus, preset("df_erc", None).model_copy(update={"width": 16, "dropout": 0.0})).model
    assert isinstance(made, DFERC)
    return made


@pytest.fixture
def batch(corpus: Corpus) -> Batch:
    return first_dialogue(corpus)


def test_the_vector_of_a_modality_is_its_encoding_beside_both_levels():
    found = disentangled(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), torch.tensor([7.0, 6.0]), 0.4)
    torch.testing.assert_close(found, torch.tensor([1.0, 2.0, 4.0, 4.0]))


def test_shares_sum_to_one_and_are_zero_without_a_modality():
    found = shares(torch.tensor([[0.2, 0.6, 0.0], [0.0, 0.0, 0.0]]))
    torch.testing.assert_close(found, torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.0, 0.0]]))


def test_fusion_by_hand():
    """0.9 (¼ (4, 0) + ¾ (0, 8)) beside the sum."""
    found = fuse(torch.tensor([[4.0, 0.0], [0.0, 8.0]]), torch.tensor([0.25, 0.75]), 0.9)
    torch.testing.assert_close(found, torch.tensor([0.9, 5.4, 4.0, 8.0]))


def test_agreement_is_the_mean_cosine_of_the_pairs_that_are_there():
    """Twice e1 of any length and −e2: cosines 1, 0, 0."""
    aligned = torch.stack([3 * E1, 0.5 * E1, -E2])[None].expand(4, -1, -1)
    present = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0]]).bool()
    torch.testing.assert_close(agreement(aligned, present), torch.tensor([1 / 3, 1.0, 0.0, 0.0]))


def test_where_modalities_disagree_more_context_is_read():
    torch.testing.assert_close(context_weight(torch.tensor([1.0, 0.25, -1.0]), 0.8), torch.tensor([0.0, 0.6, 1.6]))


def test_context_is_the_turn_before_and_the_turn_after():
    states = torch.tensor([[[1.0], [10.0], [100.0], [0.0]]])
    assert beside(states)[0, :, 0].tolist() == [10.0, 101.0, 10.0, 100.0]
    assert beside(torch.ones(1, 1, 2)).tolist() == [[[0.0, 0.0]]]


def test_dual_contrast_by_hand():
    """Two utterances, two modalities, perfectly told apart.

    Modality level: one positive with score 1, one negative (the other modality of the *other* utterance) with 0.
    Utterance level: one positive with score 1, both vectors of the other utterance with 0.
    """
    modal = torch.stack([E1, E2])[None].expand(2, -1, -1)
    own = torch.stack([E1, E2])[:, None].expand(-1, 2, -1)
    modality, utterance = dual_contrast(modal, own, torch.ones(2, 2).bool(), 1.0)
    assert float(modality) == pytest.approx(math.log(1 + math.exp(-1)), abs=1e-6)
    assert float(utterance) == pytest.approx(math.log(1 + 2 * math.exp(-1)), abs=1e-6)


def test_dual_contrast_leaves_absent_modalities_out():
    """Utterance 2 has only modality 1, so modality 0 of the others has one negative less and 2 has no pair."""
    modal = torch.stack([E1, E2])[None].expand(3, -1, -1)
    own = torch.stack([E1, E2, 9 * E1])[:, None].expand(-1, 2, -1)
    present = torch.tensor([[1, 1], [1, 1], [0, 1]]).bool()
    modality, utterance = dual_contrast(modal, own, present, 1.0)
    one, two = math.log(1 + 2 / math.e), math.log(2 + 1 / math.e)
    assert float(modality) == pytest.approx((2 * one + 2 * two + math.log(2 + 2 / math.e)) / 5, abs=1e-6)
    near, far = math.log(2 + 2 / math.e), math.log(1 + 3 / math.e)
    assert float(utterance) == pytest.approx((near + far) / 2, abs=1e-6)


def test_a_single_modality_has_no_contrast():
    rows = torch.randn(5, 1, 4, requires_grad=True)
    found = dual_contrast(rows, rows, torch.ones(5, 1).bool(), 1.0)
    assert [float(part.detach()) for part in found] == [0.0, 0.0]


def test_the_prototype_hinge_by_hand():
    """q = (1, 0), prototypes (1, 0), (0, 0), (0, 1): distances 0, ½, 1. Label 1: max(0, 0.6) and max(0, −0.4)."""
    aligned, prototypes = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    there, all_seen = torch.ones(1, 1).bool(), torch.ones(3).bool()

    def hinge(label: int, seen: torch.Tensor = all_seen, present: torch.Tensor = there) -> float:
        return float(prototype_hinge(aligned, torch.tensor([label]), present, prototypes, seen, 0.1))

    assert hinge(0) == 0
    assert hinge(1) == pytest.approx(0.3)
    assert hinge(1, torch.tensor([True, True, False])) == pytest.approx(0.6)
    assert hinge(1, torch.tensor([False, True, False])) == 0, "no other class was seen"
    assert hinge(1, present=~there) == 0


def test_the_confidence_loss_by_hand():
    """p = (¾, ¼), label 0, c = ¼: MSE ¼ and CE −ln ¾; the absent modality adds nothing."""
    said = torch.tensor([[[math.log(3), 0.0], [5.0, -5.0]]], requires_grad=True)
    confidence = torch.tensor([[0.25, 0.9]])
    present = torch.tensor([[True, False]])
    loss = confidence_loss(said, confidence, torch.tensor([0]), present)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.25 - math.log(0.75), abs=1e-6)
    assert said.grad is not None, "the probability is a target of the confidence: only cross-entropy moves it"
    torch.testing.assert_close(said.grad, torch.tensor([[[-0.25, 0.25], [0.0, 0.0]]]))


def test_prototypes_are_running_means_of_present_vectors(model):
    label, present = torch.tensor([2, 2]), torch.tensor([[1, 1, 0], [1, 0, 0]]).bool()
    aligned = torch.ones(2, 3, model.prototypes.shape[1]) * torch.tensor([1.0, 3.0])[:, None, None]
    model.move_prototypes(aligned, label, present)
    assert model.prototypes[2].unique().tolist() == [pytest.approx(5 / 3)], "first: the mean of 1, 1 and 3"
    assert model.seen.tolist() == [0, 0, 1, 0, 0, 0]
    model.move_prototypes(torch.zeros_like(aligned), label, present)
    assert model.prototypes[2].unique().tolist() == [pytest.approx(0.9 * 5 / 3)]
    assert not model.prototypes[[0, 1, 3, 4, 5]].any()


def test_prototypes_move_in_training_only(model, batch):
    model.loss(batch, "train")
    assert not model.seen.any() and not model.prototypes.any()
    model.train().loss(batch, "train")
    labels = set(batch.label[batch.present.any(-1)].tolist()) - {-1}
    assert set(model.seen.nonzero()[:, 0].tolist()) == labels


def test_the_loss_is_the_weighted_sum_of_the_paper(model, batch):
    """CE + 0.4 (L_modality + L_utterance) + 0.7 L_similarity + L_confidence."""
    parts = model.loss(batch, "train").parts
    bare = {"contrast_weight": 1.0, "similarity_weight": 1.0, "confidence_weight": 1.0}
    weights = {"modality": 0.4, "utterance": 0.4, "similarity": 0.7, "confidence": 1.0, "task": 1.0}
    model.spec.options.update(bare)
    for name, value in model.loss(batch, "train").parts.items():
        assert float(parts[name]) == pytest.approx(weights[name] * float(value), rel=1e-5), name


def test_all_classes_but_the_most_frequent_count_more(corpus, model):
    labels = torch.tensor([0, 1, 1, 1, 2, -1, -1, -1, -1])
    model.spec.options["other_class_weight"] = 1.3
    rows = {name: torch.randn(9, corpus.widths[name]) for name in corpus.widths}
    model.fit_features(rows, labels)
    assert model.rarity.tolist() == pytest.approx([1.3, 1.0, 1.3, 1.3, 1.3, 1.3])


def test_its_signals_are_what_it_fuses_with(model, batch):
    signals = model.signals(batch)
    confidence, agreed, weight = (signals.values[name][0].numpy() for name in signals.descriptions)
    assert confidence.shape == (6, 3) and agreed.shape == weight.shape == (6,)
    expected = np.where(batch.present[0].numpy(), 1.0, np.nan)
    assert (np.isnan(confidence) == np.isnan(expected)).all()
    assert np.nansum(confidence, axis=1) == pytest.approx([1, 1, 1, 1, 0, 1], abs=1e-5)
    assert np.isnan(agreed).tolist() == [False, False, False, True, True, False]
    known = ~np.isnan(agreed)
    assert weight[known] == pytest.approx(0.8 * (1 - agreed[known]), abs=1e-5)
    assert weight[~known] == pytest.approx(0.8), "nothing confirms a single modality: its context is read in full"
