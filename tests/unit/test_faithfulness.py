"""Faithfulness measures on games whose answers are known by hand, and on a small trained model."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from dnr_core.data.corpus import Corpus
from dnr_core.explain.attribution import Attribution, attribute
from dnr_core.explain.faithfulness import (
    Game,
    agreement,
    areas,
    faithfulness,
    infidelity,
    randomisation,
    randomised_weights,
    spearman,
)
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.training.loop import train
from tests.unit.small import short, small_corpus


def linear(*effects: float, start: float = 0.0) -> Game:
    """A game in which each item adds its effect."""
    return lambda keep: start + keep.astype(float) @ np.array(effects)


@pytest.fixture(scope="module")
def trained() -> tuple[Method, TensorCorpus, Corpus]:
    corpus = small_corpus(40, noise=0.3, mixture={"unique:text": 1.0, "unique:audio": 1.0})
    model = train(corpus, short("plain", "late_fusion", epochs=12), device="cpu").model
    return model, TensorCorpus(corpus), corpus


@pytest.fixture(scope="module")
def found(trained: tuple[Method, TensorCorpus, Corpus]) -> list[Attribution]:
    model, data, corpus = trained
    rows = corpus.rows("test")[::6]
    return [attribute(model, data, corpus, corpus.utterance(int(row)).utterance_id) for row in rows]


def test_exact_values_of_a_linear_game_have_no_infidelity_and_none_at_all_have_all_of_it() -> None:
    game = linear(3.0, -2.0, 0.5, 1.0, start=5.0)
    exact = infidelity(game, np.array([3.0, -2.0, 0.5, 1.0]))
    assert exact.value == pytest.approx(0, abs=1e-12) and exact.share == pytest.approx(0, abs=1e-12)
    nothing = infidelity(game, np.zeros(4))
    assert nothing.share == pytest.approx(1.0) and nothing.value > 1
    assert infidelity(linear(0.0, 0.0), np.zeros(2)).share is None


def test_infidelity_by_hand() -> None:
    one = infidelity(linear(1.0), np.array([3.0]))  # removed always: (3 − 1)², against 1²
    assert one.value == pytest.approx(4.0) and one.share == pytest.approx(4.0)
    both = infidelity(lambda keep: keep.all(1).astype(float), np.array([0.5, 0.5]), samples=4000)
    # half of the subsets have one item (claimed ½, truth 1: ¼), half both (claimed 1, truth 1: 0)
    assert both.value == pytest.approx(0.125, abs=0.01) and both.share == pytest.approx(0.125, abs=0.01)


def test_insertion_area_by_hand_and_true_order_above_random_above_reverse() -> None:
    game = linear(1.0, 3.0, 2.0)
    made = areas(game, np.array([1.0, 3.0, 2.0]), orders=500)
    assert made.insertion == pytest.approx((1.5 + 4 + 5.5) / 3) and made.deletion == pytest.approx((0.5 + 2 + 4.5) / 3)
    assert made.random == pytest.approx(3.0, abs=0.05) and made.random_deviation > 0
    wrong = areas(game, np.array([3.0, 1.0, 2.0]))
    assert wrong.insertion == pytest.approx(7 / 3) and wrong.deletion == pytest.approx(11 / 3)


def test_deletion_is_the_area_while_items_are_taken_away() -> None:
    draw = np.random.default_rng(0)
    table = draw.normal(size=32)

    def game(keep: np.ndarray) -> np.ndarray:
        return table[keep @ (1 << np.arange(5))]

    values = draw.normal(size=5)
    keep = np.ones(5, dtype=bool)
    outputs = [game(keep[None])[0]]
    for item in np.argsort(-values):
        keep[item] = False
        outputs.append(game(keep[None])[0])
    expected = sum((a + b) / 2 for a, b in pairwise(outputs)) / 5
    assert areas(game, values).deletion == pytest.approx(expected)


def test_many_items_are_inserted_at_fifty_points() -> None:
    sizes = []

    def game(keep: np.ndarray) -> np.ndarray:
        sizes.append(len(keep))
        return keep.mean(1)

    assert areas(game, -np.arange(400.0), orders=1).insertion == pytest.approx(0.5)
    assert sizes == [51] * 3, "by value, in reverse, in one random order"


def test_agreement_of_two_attributions() -> None:
    first = np.array([4.0, -3.0, 2.0, 1.0, 0.5, 0.1])
    assert agreement(first, 2 * first, top=3) == {"rank_correlation": pytest.approx(1.0), "top_overlap": 1.0}
    opposite = agreement(first, -first, top=3)
    assert opposite == {"rank_correlation": pytest.approx(-1.0), "top_overlap": 1.0}
    other = np.array([4.0, 0.0, 0.1, 1.0, -5.0, 0.2])
    assert agreement(first, other, top=2)["top_overlap"] == 0.5
    assert agreement(first, other)["rank_correlation"] == pytest.approx(spearmanr(first, other)[0])
    assert spearman(first, np.ones(6)) is None and agreement(first[:1], first[:1])["top_overlap"] == 1.0


def test_an_explanation_that_ignores_the_weights_survives_their_randomisation() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    picture = np.random.default_rng(0).normal(size=40)

    def gradient(changed: nn.Module) -> np.ndarray:
        x = torch.from_numpy(picture).float().requires_grad_()
        return torch.autograd.grad(changed(x[None]).sum(), x)[0].numpy()

    deaf = randomisation(model, lambda changed: picture, steps=3)  # type: ignore[arg-type]
    assert [step.rank_correlation for step in deaf] == pytest.approx([1.0, 1.0, 1.0])
    hearing = randomisation(model, gradient, steps=3)  # type: ignore[arg-type]
    assert [step.share for step in hearing] == pytest.approx([1 / 3, 2 / 3, 1])
    assert abs(hearing[-1].rank_correlation or 0) < 0.4
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    again = randomisation(model, gradient, steps=3)  # type: ignore[arg-type]
    assert again == hearing


def test_layers_are_drawn_anew_from_the_last_to_the_first() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    before = [layer.weight.clone() for layer in model]
    kept = []

    def explain(changed: nn.Sequential) -> np.ndarray:
        kept.append([torch.equal(layer.weight, old) for layer, old in zip(changed, before, strict=True)])
        return np.arange(2.0)

    randomisation(model, explain, steps=3)  # type: ignore[arg-type]
    assert kept == [[True] * 3, [True, True, False], [True, False, False], [False] * 3]


def test_integrated_gradients_of_a_trained_model_are_faithful_under_every_baseline(
    trained: tuple[Method, TensorCorpus, Corpus], found: list[Attribution]
) -> None:
    reports = [faithfulness(*trained, attribution) for attribution in found]
    assert np.median([report.infidelity.share for report in reports]) < 0.3
    for baseline in ("mean", "zero", "donor"):
        made = [report.areas[baseline] for report in reports]
        assert np.mean([area.insertion > area.random > area.deletion for area in made]) >= 0.9
    empty = Attribution(**{**vars(found[0]), "values": np.zeros_like(found[0].values)})
    assert faithfulness(*trained, empty, baselines=()).infidelity.share == pytest.approx(1.0)


def test_random_weights_change_the_attribution_of_a_trained_model(
    trained: tuple[Method, TensorCorpus, Corpus], found: list[Attribution]
) -> None:
    last = [randomised_weights(*trained, attribution, steps=2)[-1] for attribution in found]
    assert all(step.share == 1.0 for step in last)
    assert abs(np.mean([step.rank_correlation for step in last])) < 0.3
