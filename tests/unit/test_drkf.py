"""DRKF: every formula by hand, the fusion encoder, and what it says of itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dnr_core.config import preset
from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError
from dnr_core.model.batch import Batch
from dnr_core.model.methods.drkf import DRKF
from dnr_core.model.methods.drkf_terms import (
    Augmenter,
    alone,
    closeness,
    divergence,
    highest,
    mixed,
    odd_one_out,
    pairs_present,
    shuffled,
    spread,
)
from dnr_core.model.methods.fusion import FusionEncoder, FusionLayer
from dnr_core.types import MODALITIES
from tests.unit.small import first_dialogue, untrained, with_gaps

pytestmark = pytest.mark.usefixtures("one_thread")
PAIRS = [(0, 1), (0, 2), (1, 2)]
NAN = float("nan")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return with_gaps()


@pytest.fixture
def model(corpus: Corpus) -> DRKF:
    made = untrained(corpus, preset("drkf", None).model_copy(update={"width": 16, "dropout": 0.0})).model
    assert isinstance(made, DRKF)
    return made


@pytest.fixture
def batch(corpus: Corpus) -> Batch:
    return first_dialogue(corpus)


def test_augmentation_adds_what_each_block_makes_of_the_sum_so_far():
    """Blocks that give their input's sign-free constant b: x + 3 b; a block that is 0 everywhere leaves x alone."""
    net = Augmenter(8, 3)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        start = torch.arange(8.0)
        assert torch.equal(net(start), start)
        for block in net.blocks:
            block[-1].bias.fill_(0.5)
    torch.testing.assert_close(net(start), start + 1.5)


def test_an_augmenter_is_as_wide_as_the_paper_says():
    sizes = [layer.out_features for layer in Augmenter(256, 5).blocks[0] if isinstance(layer, torch.nn.Linear)]
    assert sizes == [128, 64, 128, 256] and len(Augmenter(256, 5).blocks) == 5


def test_closeness_is_the_mean_square_over_present_modalities_and_moves_the_augmented_only():
    original = torch.zeros(1, 3, 2, requires_grad=True)
    augmented = torch.tensor([[[1.0, 3.0], [1.0, 1.0], [9.0, 9.0]]], requires_grad=True)
    loss = closeness(original, augmented, torch.tensor([[True, True, False]]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx((5 + 1) / 2)
    assert original.grad is None and augmented.grad is not None and not augmented.grad[0, 2].any()


def test_divergence_is_kl_of_the_original_from_the_augmented():
    """p = (¾, ¼), q = (½, ½): ¾ ln 1.5 + ¼ ln 0.5."""
    original, augmented = torch.tensor([[[math.log(3), 0.0]]]), torch.zeros(1, 1, 2)
    there = torch.ones(1, 1).bool()
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert float(divergence(original, augmented, there)) == pytest.approx(expected, abs=1e-6)
    assert float(divergence(augmented, original, there)) == pytest.approx(
        0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25), abs=1e-6
    )
    assert float(divergence(original, original, there)) == pytest.approx(0, abs=1e-7)
    assert float(divergence(original, augmented, ~there)) == 0


def test_single_modalities_are_asked_for_the_label():
    """p(label) = ¾ and ½; the third is absent."""
    said = torch.tensor([[[math.log(3), 0.0], [2.0, 2.0], [-9.0, 9.0]]])
    found = alone(said, torch.tensor([0]), torch.tensor([[True, True, False]]))
    assert float(found) == pytest.approx(-(math.log(0.75) + math.log(0.5)) / 2, abs=1e-6)


def test_a_pair_is_present_where_both_are():
    present = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 0]]).bool()
    assert pairs_present(present, PAIRS).tolist() == [[True, True, True], [False, True, False], [False] * 3]
    assert pairs_present(present[:, :1], []).shape == (3, 0)


def test_partners_are_of_the_batch_and_have_the_modality():
    present = torch.tensor([[1, 1], [1, 0], [1, 1], [1, 0]]).bool()
    modality = torch.tensor([1, 1, 1, 0])
    torch.manual_seed(0)
    drawn = torch.stack([shuffled(present, modality, 1.0) for _ in range(200)])  # (200, 4)
    assert {int(partner) for partner in drawn[:, :3].flatten()} == {0, 2}
    assert {int(partner) for partner in drawn[:, 3]} == {0, 1, 2, 3}
    assert shuffled(present, torch.tensor([1, 0, 1, 0]), 0.0).tolist() == [0, 1, 2, 3]
    half = torch.stack([shuffled(present, modality, 0.5) for _ in range(2000)])
    assert float((half[:, 0] == 0).float().mean()) == pytest.approx(0.75, abs=0.04), "kept, or drawn itself"


def test_the_second_modality_of_a_pair_comes_from_the_partner():
    tokens = torch.arange(6.0).reshape(2, 3, 1, 1)  # utterance 0: 0 1 2, utterance 1: 3 4 5
    exchanged, kept = mixed(tokens, torch.tensor([[0, 2], [1, 2]]), torch.tensor([1, 1]))
    assert exchanged[:, :, 0, 0].tolist() == [[0, 1, 5], [3, 4, 5]]
    assert kept.tolist() == [[True, False, True], [False, True, True]]
    assert tokens[0, 2] == 2, "the tokens themselves stay as they are"


def test_the_most_different_pair_counts():
    found = highest(torch.tensor([[0.2, 0.7, 0.1], [NAN, 0.0, NAN], [NAN, NAN, NAN]]))
    assert found[:2].tolist() == pytest.approx([0.7, 0.0]) and found[2].isnan()
    assert highest(torch.zeros(2, 0)).isnan().all()


@pytest.mark.parametrize(
    ("differing", "odd"),
    [
        ((0.9, 0.8, 0.1), "text"),
        ((0.9, 0.1, 0.8), "audio"),
        ((0.1, 0.9, 0.8), "visual"),
        ((0.9, 0.9, 0.9), None),
        ((0.9, 0.1, 0.1), None),
        ((0.1, 0.1, 0.1), None),
        ((0.9, NAN, NAN), None),
    ],
)
def test_the_odd_one_differs_from_both_others_while_they_agree(differing, odd):
    found = odd_one_out(torch.tensor([differing]), MODALITIES)
    assert found.tolist() == [-1 if odd is None else MODALITIES.index(odd)] and found.dtype == torch.int64


def test_two_modalities_have_no_odd_one():
    assert odd_one_out(torch.tensor([[0.9]]), ("text", "audio")).tolist() == [-1]


def test_values_are_spread_to_their_places():
    where = torch.tensor([[True, False], [True, True]])
    assert spread(torch.tensor([1.0, 2.0, 3.0]), where).tolist() == [[1, 0], [2, 3]]


def test_a_fusion_layer_equals_the_attention_of_torch():
    torch.manual_seed(0)
    layer = FusionLayer(8, 2, 0.0).eval()
    tokens, keep = torch.randn(3, 5, 8), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 1], [1, 0, 0, 0, 0]]).bool()
    whole = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    with torch.no_grad():
        whole.in_proj_weight.copy_(torch.cat([layer.query.weight, layer.key.weight, layer.value.weight]))
        whole.in_proj_bias.copy_(torch.cat([layer.query.bias, torch.zeros(8), layer.value.bias]))
        whole.out_proj.load_state_dict(layer.join.state_dict())
        normed = layer.before(tokens)
        read, weights = whole(normed, normed, normed, key_padding_mask=~keep)
        expected = tokens + read
        expected = expected + layer.think(layer.after(expected))
        found, attention = layer(tokens, keep, 5)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(attention, weights, atol=1e-5, rtol=0)
    torch.testing.assert_close(layer(tokens, keep, 2)[0], found[:, :2], atol=1e-5, rtol=0)


def test_attention_is_shared_by_the_modalities_that_are_there():
    torch.manual_seed(0)
    encoder = FusionEncoder(8, 3, 2, layers=2, heads=2, dropout=0.0).eval()
    tokens, present = torch.randn(3, 3, 2, 8), torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 0]]).bool()
    fused, attention = encoder(tokens, present)
    assert attention.sum(1).tolist() == pytest.approx([1, 1, 0], abs=1e-6)
    assert attention[1, 1] == 0 and (attention[0] > 0).all() and fused.isfinite().all()
    moved = torch.where(present[..., None, None], tokens, tokens + 5)
    torch.testing.assert_close(encoder(moved, present)[0], fused)


def test_attention_to_separators_is_left_out():
    """One layer over [CLS; separator, two tokens; …]: columns 2–3, 5–6 and 8–9, and their sum to divide by."""
    torch.manual_seed(0)
    encoder = FusionEncoder(8, 3, 2, layers=1, heads=2, dropout=0.0).eval()
    tokens = torch.randn(1, 3, 2, 8)
    spoken = torch.cat([torch.cat([encoder.separators[m], tokens[0, m] + encoder.places[m]]) for m in range(3)])
    sequence = torch.cat([encoder.start[None], spoken])[None]  # (1, 10, h)
    weights = encoder.layers[0](sequence, torch.ones(1, 10).bool(), 1)[1][0, 0]
    each = torch.stack([weights[[2, 3]].sum(), weights[[5, 6]].sum(), weights[[8, 9]].sum()])
    torch.testing.assert_close(encoder(tokens, torch.ones(1, 3).bool())[1][0], each / each.sum())


def test_a_width_that_the_heads_cannot_share_is_refused():
    with pytest.raises(UsageError, match="cannot use this width: got 10; expected a multiple of 4"):
        FusionEncoder(10, 3, 2, layers=1, heads=4, dropout=0.0)


def test_pairs_are_mixed_in_training_only(model, batch):
    parts = [float(model.loss(batch, "train").parts["difference"]) for _ in range(3)]
    assert len(set(parts)) == 1
    torch.manual_seed(0)
    model.train()
    assert len({float(model.loss(batch, "train").parts["difference"]) for _ in range(6)}) > 3


def test_pairs_as_they_were_spoken_carry_one_emotion(model, batch):
    """In eval the first present pair of each utterance stands as it is, so the loss is the mean of −ln(1 − p)."""
    encoded, present = model.rows(model.decompose(batch), batch, batch.mask)
    differing = model.differing(model.tokens_of(encoded), present).detach()
    first = [row[~row.isnan()][0] for row in differing if not row.isnan().all()]
    assert len(first) == 4
    expected = 0.2 * float(-torch.log1p(-torch.stack(first)).mean())
    assert float(model.loss(batch, "train").parts["difference"]) == pytest.approx(expected, abs=1e-5)


def test_the_loss_is_the_weighted_sum_of_the_paper(model, batch):
    """CE + 0.2 ED + 0.2 contrast + 0.2 MSE + KL, and 0.2 for the classifiers of single modalities."""
    parts = model.loss(batch, "train").parts
    weights = {"task": 1, "difference": 0.2, "contrast": 0.2, "closeness": 0.2, "divergence": 1, "alone": 0.2}
    model.spec.options.update({f"{name}_weight": 1.0 for name in weights})
    for name, value in model.loss(batch, "train").parts.items():
        assert float(parts[name]) == pytest.approx(weights[name] * float(value), rel=1e-4, abs=1e-7), name


def test_the_temperature_is_a_sigmoid_and_learned(model, batch):
    """At θ = 0, τ = ½; vectors that are all the same: ln(2n − 1) within and ln n between, whatever the temperature."""
    same, there = torch.ones(4, 3, 16), torch.ones(4, 3).bool()
    assert float(model.contrast(same, same, there).detach()) == pytest.approx(math.log(7) + math.log(4), abs=1e-5)
    views = torch.eye(16)[:4, None].expand(-1, 3, -1)
    found = float(model.contrast(views, views, there).detach())
    assert found == pytest.approx(math.log(1 + 6 * math.exp(-2)) + math.log(1 + 3 * math.exp(-2)), abs=1e-5)
    model.loss(batch, "train").total.backward()
    assert model.warmth.grad is not None and float(model.warmth.grad) != 0


def test_its_signals(model, batch):
    signals = model.signals(batch).values
    dominant, inconsistent, odd = (signals[name][0].numpy() for name in signals)
    assert list(signals) == ["dominant_modality", "inconsistency", "odd_one_out"]
    assert (np.isnan(dominant) == ~batch.present[0].numpy()).all()
    assert np.nansum(dominant, axis=1) == pytest.approx([1, 1, 1, 1, 0, 1], abs=1e-5)
    assert np.isnan(inconsistent).tolist() == [False, False, False, True, True, False]
    assert ((inconsistent[[0, 1, 2, 5]] > 0) & (inconsistent[[0, 1, 2, 5]] < 1)).all()
    assert odd[1:5].tolist() == [-1] * 4 and odd.dtype == np.int64
