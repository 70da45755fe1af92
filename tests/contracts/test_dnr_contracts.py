"""Divide and Refine does not have the defects of the code released with the paper."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from contract_samples import WIDTHS, build, random_batch, with_features
from torch import Tensor

from dnr_core.model.batch import Batch, ComponentMask
from dnr_core.model.losses import cross_covariance
from dnr_core.model.methods.base import Method
from dnr_core.model.methods.divide import agreement_gate, role_losses
from dnr_core.types import MODALITIES, player_name, split_player

pytestmark = pytest.mark.usefixtures("one_thread")
NINE = (
    "unique:text", "unique:audio", "unique:visual",
    "redundant:audio+text", "redundant:audio+visual", "redundant:text+visual",
    "synergistic:audio+text", "synergistic:audio+visual", "synergistic:text+visual",
)  # fmt: skip


@pytest.fixture(scope="module", params=["late_fusion", "mmgcn"])
def model(request: pytest.FixtureRequest, one_thread: None) -> Method:
    return build("dnr", request.param)


def moved(batch: Batch, modality: str) -> Batch:
    return with_features(batch, **{modality: batch.modality(modality) * -2.0 + 3.0})


def reads(model: Method, modality: str) -> dict[str, Tensor]:
    """How much each part changes (…, d) when a modality does."""
    batch = random_batch()
    before, after = model.decompose(batch).vectors, model.decompose(moved(batch, modality)).vectors
    return {player: (after[player] - before[player]).abs().amax((0, 1)) for player in before}


def test_there_are_nine_players_in_the_order_of_the_bits(model):
    assert model.players == NINE


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_part_reads_its_own_modalities_and_no_other(model, modality):
    for player, change in reads(model, modality).items():
        if modality in split_player(player)[1]:
            assert change.max() > 1e-3, f"{player} does not read {modality}"
        else:
            assert change.max() == 0, f"{player} reads {modality}"


def test_each_half_of_a_redundant_part_comes_from_one_modality_alone(model):
    for player in NINE[3:6]:
        first, second = split_player(player)[1]
        for half, own, other in ((0, first, second), (1, second, first)):
            assert reads(model, own)[player].chunk(2)[half].max() > 1e-3
            assert reads(model, other)[player].chunk(2)[half].max() == 0


def test_switching_the_unique_parts_off_leaves_the_others_and_what_they_say(model):
    batch = random_batch()
    off = ComponentMask(frozenset(NINE[:3]))
    parts = model(batch, off).components.vectors
    assert all(torch.equal(parts[player], model.decompose(batch).vectors[player]) for player in NINE[3:])
    for modality in MODALITIES:
        change = model(moved(batch, modality), off).logits - model(batch, off).logits
        assert change[batch.mask].abs().max() > 1e-3


def test_an_audio_visual_run_does_not_see_text():
    for backbone in ("late_fusion", "mmgcn"):
        model = build("dnr", backbone, widths={**WIDTHS, "text": 0})
        batch = random_batch(widths={**WIDTHS, "text": 0})
        assert model.players == ("unique:audio", "unique:visual", "redundant:audio+visual", "synergistic:audio+visual")
        seen = replace(batch, text=torch.randn(*batch.mask.shape, 7), present=batch.present.clone())
        seen.present[..., 0] = batch.mask
        assert torch.equal(model(seen).logits[batch.mask], model(batch).logits[batch.mask])


def test_a_product_of_two_modalities_says_nothing_of_either_alone_on_average():
    """Over a grid of every a with every b the centred factors average to 0, and so does s_a ∘ s_b over b."""
    model = build("dnr", "mmgcn", still=True).train()
    sizes = (8, 9)
    first, second = torch.randn(8, WIDTHS["text"]), torch.randn(9, WIDTHS["audio"])
    batch = Batch(
        text=first[:, None].expand(-1, 9, -1),
        audio=second[None].expand(8, -1, -1),
        visual=torch.zeros(*sizes, WIDTHS["visual"]),
        present=torch.tensor([True, True, False]).expand(*sizes, 3),
        speaker=torch.zeros(sizes, dtype=torch.int64),
        label=torch.zeros(sizes, dtype=torch.int64),
        mask=torch.ones(sizes, dtype=torch.bool),
    )
    product = model.decompose(batch).vectors["synergistic:audio+text"]  # (a, b, d)
    assert product.abs().max() > 0.5
    assert product.mean(1).abs().max() < 1e-5 and product.mean(0).abs().max() < 1e-5


def gradients(model: Method, loss: Tensor) -> set[str]:
    """Names of the modules that a loss reaches, two levels deep (`divide.unique`)."""
    model.zero_grad(set_to_none=True)
    loss.backward(retain_graph=True)
    return {
        ".".join(name.split(".")[:2]) for name, p in model.named_parameters() if p.grad is not None and p.grad.any()
    }


def terms_while_training(model, batch):
    model.train()
    components = model.decompose(batch)
    terms = model.divide_terms(components, model.evidence.speak(*model.evidence(components)), batch)
    model.eval()
    return terms


def test_lower_orders_do_not_learn_from_what_synergy_explains(model):
    terms = terms_while_training(model, random_batch((6, 6, 5)))
    assert gradients(model, terms["task"]) == {"divide.synergistic", "evidence.nets"}
    nets = {name.split(".")[2] for name, p in model.evidence.named_parameters(prefix="evidence") if p.grad.any()}
    assert nets == set(NINE[6:])
    assert gradients(model, terms["task_low"]) == {"divide.unique", "evidence.nets"}


def test_redundant_vectors_are_shaped_by_alignment_not_by_the_task(model):
    """Shaped by the task, the halves would take up two codes that only together give the emotion (a copy)."""
    terms = terms_while_training(model, random_batch((6, 6, 5)))
    learned = {name for name in terms if "divide.redundant" in gradients(model, terms[name])}
    assert learned == {"align", "decorrelate"}


def test_synergy_is_not_trained_with_the_losses_of_redundancy(model):
    batch = random_batch((6, 6, 5))
    align, decorrelate = role_losses(model.decompose(batch), batch.mask)
    assert gradients(model, align) == {"divide.redundant"}
    assert gradients(model, decorrelate) == {"divide.unique", "divide.redundant"}


def test_the_contrast_of_views_is_learned_from(model):
    batch = random_batch((6, 6, 5))
    contrast = model.refine_terms(model.decompose(batch), batch)["contrast"]
    assert {"divide.unique", "divide.redundant", "divide.synergistic"} <= gradients(model, contrast)
    assert {f"refiners.{player}" for player in NINE} <= gradients(model, contrast)


def test_view_noise_is_on_redundant_parts_only(model, monkeypatch):
    rows = torch.randn(2, 3, 9, 24, generator=torch.Generator().manual_seed(0))
    batch = random_batch((3, 3))
    quiet = rows.clone()
    quiet[:, :, 3:6] = 1.0  # no spread in redundant parts: their noise, scaled to it, is none
    torch.manual_seed(1)
    first = float(model.contrast(quiet, batch))
    torch.manual_seed(2)
    assert float(model.contrast(quiet, batch)) == pytest.approx(first, abs=1e-6)
    torch.manual_seed(1)
    first = float(model.contrast(rows, batch))
    torch.manual_seed(2)
    assert abs(float(model.contrast(rows, batch)) - first) > 1e-4


def test_labels_stay_with_their_utterances(model):
    """The released code pairs time-major features with dialogue-major labels: then the order of dialogues matters."""
    batch, order = random_batch((5, 5, 5)), torch.tensor([2, 0, 1])
    turned = Batch(**{name: getattr(batch, name)[order] for name in vars(batch)})
    for stage in ("divide", "refine"):
        expected, found = model.loss(batch, stage).parts, model.loss(turned, stage).parts
        for name in {"task", "task_low", "auxiliary", "context"} & set(expected):
            assert float(found[name]) == pytest.approx(float(expected[name]), abs=1e-5), name
    shuffled = replace(batch, label=batch.label[order])
    assert (
        abs(float(model.loss(shuffled, "divide").parts["task_low"] - model.loss(batch, "divide").parts["task_low"]))
        > 1e-4
    )


def test_unique_parts_cannot_hide_a_rotated_copy_of_redundant_ones():
    """`unique` = `redundant` with its dimensions in another order: equal-numbered ones do not correlate at all."""
    half = torch.linalg.qr(torch.randn(400, 8, generator=torch.Generator().manual_seed(0)))[0]
    half = torch.linalg.qr(half - half.mean(0))[0]
    copy = half.roll(1, dims=1)
    matched = torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(half.T, copy.T, strict=True)])
    assert matched.abs().max() < 1e-5
    assert float(cross_covariance(half * 100, copy * 100)) == pytest.approx(1 / 8, abs=1e-3)


def test_the_agreement_gate_is_a_sigmoid_of_the_critic_of_alignment():
    agreeing = torch.tensor([[1.0, 1.0, 1.0, 0.5]])  # critic 1.5
    assert float(agreement_gate(agreeing)) == pytest.approx(1 / (1 + math.exp(-3.0)), abs=1e-6)
    assert float(agreement_gate(torch.tensor([[1.0, 0.0, 1.0, 7.0]]))) == pytest.approx(0.5, abs=1e-6)
    assert float(agreement_gate(torch.tensor([[1.0, 0.0, -1.0, 0.0]]))) == pytest.approx(
        1 / (1 + math.exp(12)), rel=1e-3
    )


def test_redundant_parts_share_one_voice(model):
    evidence, gate = torch.ones(1, 1, 9, 4), torch.ones(1, 1, 9)
    said = model.evidence.speak(evidence, gate)[0, 0, :, 0]
    assert said.tolist() == pytest.approx([1, 1, 1, 1 / 3, 1 / 3, 1 / 3, 1, 1, 1])
    gate[..., 3:6] = torch.tensor([0.5, 0.1, 0.0])
    said = model.evidence.speak(evidence, gate)[0, 0, :, 0]
    assert said.tolist() == pytest.approx([1, 1, 1, 0.5, 0.1, 0.0, 1, 1, 1])


def test_a_player_is_named_by_its_sorted_modalities():
    assert player_name("redundant", ("text", "audio")) == "redundant:audio+text"
    assert split_player("synergistic:text+visual") == ("synergistic", ("text", "visual"))
