"""What every method with every backbone promises, in eval mode unless said otherwise."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from contract_samples import EMOTIONS, NO_VISUAL, PAIRS, build, padded, random_batch, row, with_features

from dnr_core.model.batch import Batch
from dnr_core.model.methods.base import Method
from dnr_core.types import MODALITIES

pytestmark = pytest.mark.usefixtures("one_thread")
SUBSETS = [subset for size in range(4) for subset in combinations(MODALITIES, size)]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def model(request: pytest.FixtureRequest, one_thread: None) -> Method:
    return build(*request.param)


def same(first: torch.Tensor, second: torch.Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(first, second, atol=tolerance, rtol=0)


def test_logits_have_a_class_axis_and_are_finite_on_every_utterance(model):
    batch = random_batch()
    out = model(batch)
    assert out.logits.shape == (4, 5, EMOTIONS) and out.hidden.shape[:2] == (4, 5)
    assert out.logits[batch.mask].isfinite().all()
    assert out.logits[batch.mask].std(0).min() > 1e-3, "all utterances get the same logits"


def test_no_dialogue_sees_another(model):
    batch = random_batch()
    raw = {name: batch.modality(name).clone().requires_grad_(True) for name in MODALITIES}
    model(with_features(batch, **raw)).logits[0].square().sum().backward()
    for name, values in raw.items():
        assert values.grad is not None
        assert (values.grad[1:] == 0).all(), f"dialogue 0 reads {name} of another dialogue"
        assert values.grad[0].abs().max() > 0, f"dialogue 0 does not read its own {name}"


def test_the_order_of_dialogues_changes_nothing(model):
    batch, order = random_batch(), torch.tensor([2, 0, 3, 1])
    turned = Batch(**{name: getattr(batch, name)[order] for name in vars(batch)})
    same(model(turned).logits, model(batch).logits[order])


@pytest.mark.parametrize("junk", [None, 1e6, float("nan"), float("inf")])
def test_appended_padding_changes_nothing(model, junk):
    batch = random_batch()
    longer = model(padded(batch, 6, junk=junk)).logits[:, : batch.mask.shape[1]]
    same(longer[batch.mask], model(batch).logits[batch.mask])


def test_a_batch_of_one_equals_a_row_of_a_batch_of_many(model):
    batch = random_batch()
    logits = model(batch).logits
    for position in range(len(batch.mask)):
        alone = row(batch, position)
        same(model(alone).logits[0], logits[position][batch.mask[position]])


def test_a_dialogue_of_one_utterance_works(model):
    logits = model(random_batch((1,))).logits
    assert logits.shape == (1, 1, EMOTIONS) and logits.isfinite().all()


@pytest.mark.parametrize("stored", [1e6, -3.0, float("nan"), float("inf")])
def test_nothing_depends_on_what_is_stored_for_an_absent_modality(model, stored):
    batch = random_batch()
    junk = {
        name: torch.where(batch.present[..., [place]], batch.modality(name), torch.tensor(stored))
        for place, name in enumerate(MODALITIES)
    }
    assert not batch.present[batch.mask].all()
    same(model(with_features(batch, **junk)).logits[batch.mask], model(batch).logits[batch.mask], 0)


def test_no_gradient_reaches_an_absent_modality(model):
    batch = random_batch()
    raw = {name: batch.modality(name).clone().requires_grad_(True) for name in MODALITIES}
    model(with_features(batch, **raw)).logits[batch.mask].square().sum().backward()
    for place, name in enumerate(MODALITIES):
        gradient = raw[name].grad
        assert gradient is not None and gradient.isfinite().all()
        assert (gradient[~batch.present[..., place]] == 0).all()


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: "+".join(subset) or "none")
def test_any_subset_of_modalities_works_and_only_they_are_read(model, subset):
    absent = tuple(name for name in MODALITIES if name not in subset)
    batch = random_batch().without(absent)
    logits = model(batch).logits
    assert logits[batch.mask].isfinite().all()
    other = with_features(batch, **{name: batch.modality(name) + 5.0 for name in absent})
    same(model(other).logits[batch.mask], logits[batch.mask], 0)
    for name in subset:
        moved = with_features(batch, **{name: batch.modality(name) + 5.0})
        assert (model(moved).logits - logits)[batch.mask].abs().max() > 1e-4, f"{name} is not read"


def test_a_missing_cell_counts_as_the_train_mean(model):
    batch = random_batch()
    scalers = model.get_submodule("scalers") if hasattr(model, "scalers") else model.get_submodule("divide.scalers")
    filled = {
        name: torch.where(batch.modality(name).isnan(), scalers[name].mean, batch.modality(name)) for name in MODALITIES
    }
    assert any(batch.modality(name).isnan().any() for name in MODALITIES)
    same(model(with_features(batch, **filled)).logits, model(batch).logits, 0)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_two_modalities_alone_make_a_model(pair):
    model = build(*pair, widths=NO_VISUAL)
    batch = random_batch(widths=NO_VISUAL)
    assert not [player for player in model.players if "visual" in player]
    assert model(batch).logits[batch.mask].isfinite().all()
    total = sum(model.loss(batch, stage.name).total for stage in model.stages)
    assert torch.isfinite(total)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_one_modality_alone_makes_a_model(pair):
    widths = {"text": 0, "audio": 5, "visual": 0}
    model, batch = build(*pair, widths=widths), random_batch(widths=widths)
    assert len(model.players) == 1 and "audio" in model.players[0]
    assert model(batch).logits[batch.mask].isfinite().all()
    for stage in model.stages:
        model.train().loss(batch, stage.name).total.backward()


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_gradients_reach_every_parameter_over_the_stages_and_only_those_a_stage_trains(pair):
    model, batch = build(*pair), random_batch((6, 6, 5), seed=3)
    reached = set()
    for stage in model.stages:
        model.zero_grad(set_to_none=True)
        terms = model.loss(batch, stage.name)
        terms.total.backward()
        assert not any(part.requires_grad for part in terms.parts.values())
        assert float(sum(terms.parts.values())) == pytest.approx(float(terms.total.detach()), rel=1e-5)
        own = {id(parameter) for parameter in model.trained_in(stage.name)}
        moved = {n: p for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
        assert all(parameter.grad.isfinite().all() for parameter in moved.values())
        reached |= {name for name, parameter in moved.items() if id(parameter) in own}
    assert sorted({name for name, _ in model.named_parameters()} - reached) == []


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_loss_reads_neither_padding_nor_other_labels(pair):
    model, batch = build(*pair, still=True), random_batch()
    longer = padded(batch, 3, junk=1e6)
    for stage in model.stages:
        torch.manual_seed(1)
        expected = model.loss(batch, stage.name).parts
        torch.manual_seed(1)
        found = model.loss(longer, stage.name).parts
        for name, value in expected.items():
            assert float(found[name]) == pytest.approx(float(value), abs=1e-5), (stage.name, name)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_an_utterance_without_a_label_adds_nothing_to_the_task_loss(pair):
    model, batch = build(*pair), random_batch()
    logits = model(batch).logits.detach()
    known = [(b, t) for b in range(4) for t in range(5) if batch.label[b, t] >= 0]
    by_hand = -sum(float(logits[b, t].log_softmax(-1)[batch.label[b, t]]) for b, t in known) / len(known)
    assert 0 < len(known) < int(batch.mask.sum())
    assert float(model.cross_entropy(logits, batch)) == pytest.approx(by_hand, abs=1e-5)
    nobody = replace(batch, label=torch.full_like(batch.label, -1))
    for stage in model.stages:
        terms = model.loss(nobody, stage.name)
        assert torch.isfinite(terms.total) and float(terms.parts["task"]) == 0.0


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_batch_statistics_of_training_leave_padding_and_absent_modalities_out(pair):
    batch = random_batch()
    junk = {
        name: torch.where(batch.present[..., [place]], batch.modality(name), torch.tensor(1e6))
        for place, name in enumerate(MODALITIES)
    }
    expected = build(*pair, still=True).train()(batch).logits[batch.mask]
    other = padded(with_features(batch, **junk), 4, junk=1e6)
    found = build(*pair, still=True).train()(other).logits[:, :5][batch.mask]
    same(found, expected)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_gradients_are_finite_in_bfloat16(pair):
    """What training on CUDA does; here with the autocast of the CPU."""
    model, batch = build(*pair).train(), random_batch((6, 6, 5), seed=3)
    for stage in model.stages:
        model.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model.loss(batch, stage.name).total
        loss.backward()
        moved = [parameter for parameter in model.parameters() if parameter.grad is not None]
        assert moved and all(parameter.grad.isfinite().all() for parameter in moved)
