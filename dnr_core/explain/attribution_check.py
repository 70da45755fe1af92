"""One attribution put to the test: curves, infidelity, other methods, randomised weights. Needs torch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.explain.attribution import Attribution, pose
from dnr_core.explain.attribution_cost import STEPS
from dnr_core.explain.attribution_inputs import Groups, Problem
from dnr_core.explain.attribution_methods import METHODS, integrated_gradients, path_integral, recurrent_gradients
from dnr_core.explain.attribution_values import AttributionCheck
from dnr_core.explain.faithfulness import CASCADE, ORDERS, curves, game_of, infidelity, randomisation, spearman
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method


def check_attribution(
    model: Method,
    data: TensorCorpus,
    corpus: Corpus,
    found: Attribution,
    *,
    others: tuple[str, ...] = (),
    encoder: Any = None,
    progress: Callable[[int, int], object] = lambda done, of: None,
) -> AttributionCheck:
    """Test an attribution and compare it with the methods `others`, which offer its view; `encoder` as in `attribute`.

    The weights that are drawn anew are those of the model, not of the encoder.
    """
    started, done, of = time.perf_counter(), 0, 1 + (ORDERS + 2) + len(others) + (CASCADE + 1)
    options: dict[str, Any] = {
        "target": found.target, "baseline": found.baseline, "scale": found.scale, "over": found.over,
        "encoder": encoder,
    }  # fmt: skip

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done, of)

    def values(changed: Method, method: str) -> np.ndarray:
        asked = pose(changed, data, corpus, found.utterance_id, method=method, **options)
        with recurrent_gradients(data.device):
            result = once(method, *asked)
        tick()
        return result

    game = game_of(*pose(model, data, corpus, found.utterance_id, method=found.method, **options))
    missed = infidelity(game, found.values)
    tick()
    return AttributionCheck(
        infidelity=missed,
        curves=curves(game, found.values, tick=tick),
        agreement={name: spearman(found.values, values(model, name)) for name in others},
        randomised=randomisation(model, lambda changed: values(changed, found.method)),
        seconds=time.perf_counter() - started,
    )


def once(method: str, problem: Problem, groups: Groups) -> np.ndarray:
    """Values (G,) without refining the steps of a path: a model with random weights need not meet a tolerance."""
    entry = METHODS[method]
    if entry.attribute is integrated_gradients:
        return groups.summed(path_integral(problem, most=STEPS)[0])
    return entry.attribute(problem, groups)[0]
