"""Is an attribution faithful to the model: infidelity, insertion and deletion, agreement, randomised weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from dnr_core.data.corpus import Corpus
from dnr_core.explain.attribution import BASELINES, Attribution, attribute, pose
from dnr_core.explain.attribution_inputs import Groups, Problem
from dnr_core.explain.attribution_values import Areas, Curves, Infidelity, Randomised
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method

Game = Callable[[np.ndarray], np.ndarray]
"""Which of G items keep their value, (n, G) bool → the output (n,) with all others at the baseline."""
SUBSETS, ORDERS, POINTS, CASCADE = 200, 20, 50, 5


@dataclass(frozen=True)
class Faithfulness:
    """How faithful one attribution is: `infidelity` under its own baseline, `areas` where removed items take each of
    several baselines.
    """

    infidelity: Infidelity
    areas: dict[str, Areas]


def infidelity(game: Game, values: np.ndarray, *, samples: int = SUBSETS, seed: int = 0) -> Infidelity:
    """Infidelity of values (G,) (Yeh et al. 2019, definition 2.1): E[(Iᵀφ − (f(x) − f(x − I)))²].

    I takes a random subset of the items to the baseline, its size drawn evenly from 1 … G. The values already hold the
    factor (x − baseline), so Iᵀφ is the sum of the values of the removed items.
    """
    random, count = np.random.default_rng(seed), len(values)
    sizes = random.integers(1, count + 1, size=samples)
    ranks = random.random((samples, count)).argsort(1).argsort(1)
    removed = ranks < sizes[:, None]  # (n, G)
    outputs = game(np.concatenate([np.ones((1, count), dtype=bool), ~removed]))
    change = outputs[0] - outputs[1:]
    spread = float(np.mean(change**2))
    value = float(np.mean((removed @ values - change) ** 2))
    return Infidelity(value, value / spread if spread > 1e-12 else None)


def insertion_points(count: int) -> np.ndarray:
    """How many of `count` items are in at each point of a curve: POINTS + 1 points where there are more items."""
    return np.unique(np.linspace(0, count, min(count, POINTS) + 1).round())


def insertion_curve(game: Game, order: np.ndarray) -> np.ndarray:
    """The output (P,) while the items are inserted in `order`, at `insertion_points`."""
    return game(np.argsort(order)[None] < insertion_points(len(order))[:, None])  # (P, G): the first items are in


def curves(
    game: Game, values: np.ndarray, *, orders: int = ORDERS, seed: int = 0, tick: Callable[[], object] = lambda: None
) -> Curves:
    """Insertion curves in the order of the values, in random orders, and in reverse; `tick` is called after each."""
    random, ranked, count = np.random.default_rng(seed), np.argsort(-values, kind="stable"), len(values)
    found = []
    for order in (ranked, ranked[::-1], *(random.permutation(count) for _ in range(orders))):
        found.append(insertion_curve(game, order))
        tick()
    return Curves(insertion_points(count) / count, found[0], np.array(found[2:]), found[1])


def areas(game: Game, values: np.ndarray, *, orders: int = ORDERS, seed: int = 0) -> Areas:
    """Insertion area in the order of the values, in random orders, and in reverse."""
    return curves(game, values, orders=orders, seed=seed).areas


def agreement(first: np.ndarray, second: np.ndarray, *, top: int = 5) -> dict[str, float | None]:
    """How far two attributions (G,) of the same items agree.

    `rank_correlation`: Spearman's, of the signed values (None where one of them is constant); `top_overlap`: the share
    of the `top` largest in size that they have in common.
    """
    top = min(top, len(first))
    best = [set(np.argsort(-np.abs(values), kind="stable")[:top]) for values in (first, second)]
    return {"rank_correlation": spearman(first, second), "top_overlap": len(best[0] & best[1]) / top}


def spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation; None where it is not defined."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def game_of(problem: Problem, groups: Groups) -> Game:
    """The game whose players are the items of a problem; removed items take the problem's (first) baseline."""
    space = problem.space
    index = torch.from_numpy(groups.index).to(space.inputs.device)

    @torch.no_grad()
    def game(keep: np.ndarray) -> np.ndarray:
        kept = torch.from_numpy(keep).to(index.device)
        parts = [
            problem(torch.where(some[:, index], space.inputs, space.baselines[:1]))  # (n, T, D) → (n,)
            for some in kept.split(space.copies_at_once)
        ]
        return torch.cat(parts).double().cpu().numpy()

    return game


def faithfulness(
    model: Method,
    data: TensorCorpus,
    corpus: Corpus,
    attribution: Attribution,
    *,
    baselines: tuple[str, ...] = BASELINES,
    seed: int = 0,
) -> Faithfulness:
    """Infidelity of an attribution under its own baseline, insertion and deletion under each of `baselines`."""
    games = {}
    for baseline in dict.fromkeys((attribution.baseline, *baselines)):
        games[baseline] = game_of(
            *pose(
                model,
                data,
                corpus,
                attribution.utterance_id,
                method=attribution.method,
                target=attribution.target,
                baseline=baseline,
                scale=attribution.scale,
                over=attribution.over,
            )
        )
    return Faithfulness(
        infidelity(games[attribution.baseline], attribution.values, seed=seed),
        {baseline: areas(games[baseline], attribution.values, seed=seed) for baseline in baselines},
    )


def randomisation(
    model: Method,
    explain: Callable[[Method], np.ndarray],
    *,
    steps: int = CASCADE,
    seed: int = 0,
) -> tuple[Randomised, ...]:
    """Cascading parameter randomisation (Adebayo et al. 2018, section 3): layers are drawn anew from the last to the
    first (in the order in which the model registers them), `steps` times a further part of them; `explain` gives the
    values (G,) of a model. An attribution that stays the same does not depend on what was learned. The model itself is
    left as it was; buffers (scaling of the features) are kept.
    """
    before, changed = explain(model), copy.deepcopy(model)
    layers = [layer for layer in changed.modules() if list(layer.parameters(recurse=False))][::-1]
    found, done = [], 0
    for step in range(1, steps + 1):
        until = round(len(layers) * step / steps)
        with torch.random.fork_rng():
            torch.manual_seed(seed + step)
            for layer in layers[done:until]:
                draw_anew(layer)
        after, done = explain(changed), until
        found.append(Randomised(until / len(layers), spearman(before, after)))
    return tuple(found)


@torch.no_grad()
def draw_anew(layer: nn.Module) -> None:
    """Fresh random parameters for one layer: its own initialisation, else a normal of the same spread."""
    reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
    if reset:
        reset()
        return
    for parameter in layer.parameters(recurse=False):
        spread = float(parameter.std()) if parameter.numel() > 1 else 1.0
        parameter.normal_(std=spread or 1.0)


def randomised_weights(
    model: Method, data: TensorCorpus, corpus: Corpus, attribution: Attribution, *, steps: int = CASCADE, seed: int = 0
) -> tuple[Randomised, ...]:
    """The randomisation check of one attribution of an utterance, for the class that it explains."""

    def explain(changed: Method) -> np.ndarray:
        return attribute(
            changed,
            data,
            corpus,
            attribution.utterance_id,
            method=attribution.method,
            target=attribution.target,
            baseline=attribution.baseline,
            scale=attribution.scale,
            over=attribution.over,
        ).values

    return randomisation(model, explain, steps=steps, seed=seed)
