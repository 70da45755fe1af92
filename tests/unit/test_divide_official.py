"""The released losses of Divide and Refine by hand, and that the defects of the released code are not in them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from small import WIDTHS, short, small_corpus
from torch import Tensor

from dnr_core.config import OFFICIAL_OPTIONS, RunConfig, parse_config, preset
from dnr_core.errors import UsageError
from dnr_core.model.batch import Batch, Components, TensorCorpus
from dnr_core.model.methods.divide_official import (
    OfficialDivideAndRefine,
    correlation,
    disagreement,
    noisy,
    only,
    reversed_gradient,
)
from dnr_core.training.build import build_model
from dnr_core.training.loop import Trainer, train

pytestmark = pytest.mark.usefixtures("one_thread")
PAIRS = ("audio+text", "audio+visual", "text+visual")


@pytest.fixture(scope="module")
def corpus():
    return small_corpus(12)


def official(epochs: int = 1, **update: object) -> RunConfig:
    config = preset("dnr", "late_fusion", divide="official")
    stages = {name: stage.model_copy(update={"epochs": epochs}) for name, stage in config.stages.items()}
    options = config.options | {"head_width": 8}
    return config.model_copy(update={"width": 16, "stages": stages, "options": options} | update)


@pytest.fixture(scope="module")
def model(corpus, one_thread: None) -> OfficialDivideAndRefine:
    made = build_model(corpus, official())
    assert isinstance(made, OfficialDivideAndRefine)
    return made.eval()


@pytest.fixture(scope="module")
def batch(corpus) -> Batch:
    return TensorCorpus(corpus).batch(corpus.rows("train")[:24].reshape(4, 6))


def orthogonal(rows: int, columns: int) -> Tensor:
    """Columns with mean 0 that do not correlate."""
    values = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = torch.linalg.qr(values - values.mean(0))[0]
    return (100 * (values - values.mean(0))).float()


def test_correlation_counts_every_pair_of_dimensions():
    """Of 4 × 4 pairs of a copy with its columns in another order, 4 have |correlation| 1; equal-numbered ones none."""
    half = orthogonal(200, 4)
    assert float(correlation(half, -half.roll(1, dims=1))) == pytest.approx(4 / 16, abs=1e-4)
    assert float(correlation(half[:, :2], half[:, 2:])) == pytest.approx(0.0, abs=1e-4)
    assert float(correlation(half[:1], half[:1])) == 0.0


def test_disagreement_compares_equal_numbered_dimensions():
    half = orthogonal(200, 4)
    assert float(disagreement(half, -3 * half)) == pytest.approx(0.0, abs=1e-4)
    assert float(disagreement(half, half.roll(1, dims=1))) == pytest.approx(1.0, abs=1e-4)
    one = torch.cat([half[:, :1], half[:, 2:3]], dim=1)  # one of two agrees
    assert float(disagreement(half[:, :2], one)) == pytest.approx(0.5, abs=1e-4)
    assert float(disagreement(half[:0], half[:0])) == 0.0


def test_logits_of_divide_are_one_layer_on_the_sum_of_fifteen_heads(model, batch):
    """3 u, and r and s of both sides of three pairs: 3 + 6 + 6."""
    vectors = model.decompose(batch).vectors
    total = sum(vectors[f"unique:{name}"] for name in WIDTHS)
    heads = len(WIDTHS)
    for family in ("redundant", "synergistic"):
        for pair in PAIRS:
            first, second = vectors[f"{family}:{pair}"].chunk(2, dim=-1)
            total, heads = total + first + second, heads + 2
    assert heads == 15
    torch.testing.assert_close(model.said(model.decompose(batch)), model.classify(total), atol=1e-5, rtol=0)


def test_weights_are_those_of_the_release(model, batch):
    assert OFFICIAL_OPTIONS == {
        "head_width": 256,
        "correlation_weight": 5.0,
        "synergy_weight": 0.5,
        "synergy_rate": 3.0,
        "contrast_weight": 0.1,
    }
    parts = model.loss(batch, "divide").parts
    spec = model.spec
    model.spec = replace(spec, options=spec.options | {"correlation_weight": 1.0, "synergy_weight": 1.0})
    ones = model.loss(batch, "divide").parts
    model.spec = spec
    assert float(parts["correlation"]) == pytest.approx(5 * float(ones["correlation"]), rel=1e-5)
    assert float(parts["synergy"]) == pytest.approx(0.5 * float(ones["synergy"]), rel=1e-5)


def test_synergy_by_hand(model):
    """With readers that say nothing all losses are ln 6: softplus(0) + 2 · ln 6 / 2 = ln 2 + ln 6."""
    halves, label = (torch.randn(5, 8), torch.randn(5, 8)), torch.tensor([0, 1, 2, -1, 5])
    still = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        for module in (model.alone, model.together):
            for parameter in module.parameters():
                parameter.zero_()
    found = float(model.synergy("audio+text", halves, label).detach())
    model.load_state_dict(still)
    assert found == pytest.approx(math.log(2) + math.log(6), abs=1e-5)
    assert float(model.synergy("audio+text", halves, torch.full((5,), -1))) == 0.0


def test_a_single_synergy_head_learns_to_say_less_and_its_reader_to_hear_more(model, batch):
    """One step down the guard's gradient: on the half its own loss rises, on the reader it falls."""
    label = batch.label[batch.label >= 0]
    half = torch.randn(len(label), 8, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    reader = model.alone["audio+text audio"]

    def heard(values: Tensor) -> Tensor:
        return model.nll(reader(values), label).mean()

    model.zero_grad(set_to_none=True)
    heard(reversed_gradient(half)).backward()
    assert torch.equal(reversed_gradient(half), half)
    before = float(heard(half).detach())
    with torch.no_grad():
        assert half.grad is not None and float(heard(half - 0.5 * half.grad)) > before
        for parameter in reader.parameters():
            parameter -= 0.1 * parameter.grad
        assert float(heard(half)) < before
        for parameter in reader.parameters():
            parameter += 0.1 * parameter.grad


def test_redundancy_losses_do_not_train_synergy_heads_nor_the_synergy_losses_redundant_ones(model, batch):
    def reached(name: str) -> set[str]:
        model.zero_grad(set_to_none=True)
        model.divide_terms(model.decompose(batch), batch)[name].backward()
        moved = [name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()]
        return {".".join(name.split(".")[:2]) for name in moved}

    assert reached("synergy") == {"divide.synergistic", "divide.norms", *(f"together.{pair}" for pair in PAIRS)} | {
        f"alone.{pair} {name}" for pair in PAIRS for name in pair.split("+")
    }
    components = model.decompose(batch)
    red = components.vectors["redundant:audio+text"].flatten(0, 1).chunk(2, dim=-1)
    model.zero_grad(set_to_none=True)
    disagreement(*red).backward()
    moved = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {name.split(".")[1] for name in moved} == {"redundant", "norms"}


def test_labels_stay_with_their_utterances(model, batch):
    order = torch.tensor([2, 0, 3, 1])
    turned = Batch(**{name: getattr(batch, name)[order] for name in vars(batch)})
    expected, found = model.loss(batch, "divide").parts, model.loss(turned, "divide").parts
    assert {name: round(float(value), 4) for name, value in found.items()} == {
        name: round(float(value), 4) for name, value in expected.items()
    }
    shuffled = model.loss(replace(batch, label=batch.label[order]), "divide").parts
    assert abs(float(shuffled["synergy"] - expected["synergy"])) > 1e-4


def test_z_is_u_r_s_difference_and_product_with_each_other_modality(model, batch):
    components = model.decompose(batch)
    vectors = components.vectors
    found = model.assembled(components, "audio").split(8, dim=-1)
    text = [vectors["redundant:audio+text"][..., :8], vectors["synergistic:audio+text"][..., :8]]
    visual = [vectors["redundant:audio+visual"][..., :8], vectors["synergistic:audio+visual"][..., :8]]
    u = {name: vectors[f"unique:{name}"] for name in WIDTHS}
    text += [u["audio"] - u["text"], u["audio"] * u["text"]]
    visual += [u["audio"] - u["visual"], u["audio"] * u["visual"]]
    for own, expected in zip(found, [u["audio"], *text, *visual], strict=True):
        torch.testing.assert_close(own, expected, atol=1e-6, rtol=0)


def test_an_absent_modality_leaves_no_trace_in_z(model, batch):
    """u − u_n with u_n = 0 would be u once more: the released code says so of an absent modality."""
    components = model.decompose(batch.without(("text",)))
    blocks = model.assembled(components, "audio").split(8, dim=-1)
    assert [bool(block.any()) for block in blocks] == [True, *[False] * 4, *[True] * 4]


def test_switching_a_unique_part_off_happens_before_differences_and_products(model, batch):
    components = model.decompose(batch)
    keep = torch.ones(*batch.mask.shape, 9, dtype=torch.bool)
    keep[..., model.players.index("unique:text")] = False
    off = model.switch_off(components, keep, "zero")
    blocks = model.assembled(off, "audio").split(8, dim=-1)
    torch.testing.assert_close(blocks[3], components.vectors["unique:audio"])
    assert not blocks[4].any()


def test_the_view_with_one_modality_has_its_own_heads_and_no_cross_features(model, batch):
    single = model.assembled(only(model.decompose(batch), "visual"), "visual").split(8, dim=-1)
    assert [bool(block.any()) for block in single] == [True, True, True, False, False, True, True, False, False]


def test_noise_is_on_redundant_parts_only_and_never_on_padding(model, batch):
    components = model.decompose(batch)
    mask = batch.mask.clone()
    mask[0, 3:] = False
    made = noisy(components, mask, 0.2)
    changed = {p: (made.vectors[p] - components.vectors[p]) for p in components.players}
    assert {p for p, change in changed.items() if change.any()} == {f"redundant:{pair}" for pair in PAIRS}
    noise = changed["redundant:audio+text"]
    assert not noise[0, 3:].any() and float(noise[mask].std()) == pytest.approx(0.2, rel=0.15)
    nowhere = Components(components.vectors, {p: torch.zeros_like(t) for p, t in components.available.items()})
    assert torch.equal(
        noisy(nowhere, mask, 0.2).vectors["redundant:audio+text"], nowhere.vectors["redundant:audio+text"]
    )


def test_synergy_heads_learn_three_times_as_fast_and_only_they(corpus):
    """Adam's first step moves every weight by the rate itself."""
    config = official()
    stage = config.stages["divide"].model_copy(update={"batch": 4096, "schedule": "constant", "learning_rate": 1e-4})
    config = config.model_copy(update={"average": 0.0, "stages": config.stages | {"divide": stage}})
    trainer = Trainer(corpus, config, device=torch.device("cpu"), state_path=None, progress=lambda record: None)
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    trainer.run_stage(0, None)
    after = dict(trainer.model.named_parameters())
    step = {name: float((after[name] - before[name]).abs().max().detach()) for name in before}
    for name, moved in step.items():
        stands = name.startswith(("refiners", "backbone"))
        speed = 3.0 if name.startswith("divide.synergistic") else 1.0
        assert moved == (0.0 if stands else pytest.approx(speed * 1e-4, rel=0.05)), name


def test_heads_are_frozen_in_refine(corpus):
    config = official()
    made = {epochs: official(epochs=1).stages["refine"].model_copy(update={"epochs": epochs}) for epochs in (0, 1)}
    weights = []
    for stage in made.values():
        trained = train(corpus, config.model_copy(update={"stages": config.stages | {"refine": stage}}), device="cpu")
        weights.append({name: p.detach() for name, p in trained.model.named_parameters()})
    moved = {name.split(".")[0] for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])}
    assert moved == {"refiners", "backbone"}


def test_the_default_is_written_nowhere_and_the_released_variant_is():
    assert "divide" not in preset("dnr", "mmgcn").model_dump()
    config = preset("dnr", "mmgcn", "paper", divide="official")
    assert config.model_dump()["divide"] == "official" and parse_config(config.model_dump(), source="x") == config
    assert (config.options["head_width"], config.stages["divide"].learning_rate) == (256, 1e-4)
    assert {stage.weight_decay for stage in config.stages.values()} == {0.0}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"method": "plain", "divide": "official"}, "method plain divides nothing: got divide official"),
        ({"divide": "nonsense"}, "divide: got 'nonsense'; expected 'pairwise' or 'official'"),
        ({"method": "plain", "without": ["unique"]}, "method plain has no parts to leave out"),
        ({"without": ["unique", "synergistic", "redundant"]}, "which leaves no part"),
        ({"without": ["text"]}, "without.0: got 'text'; expected 'unique', 'redundant', 'synergistic' or 'refine'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_does(values, said):
    base = short().model_dump()
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        parse_config(base | values, source="x")
    with pytest.raises(UsageError, match="unknown divide: got 'new'; expected one of pairwise, official"):
        preset("dnr", "mmgcn", divide="new")
