"""Steps of the benchmark about explanations: exact values and sampling, information view, integrated gradients."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

    from dnr_core.model.batch import Batch
    from dnr_core.model.methods.base import Method

SAMPLES = 200
SAMPLED = 6
"""How many utterances are explained by sampling, spread evenly over the test split; it takes seconds for each."""
EVALUATIONS_AT_ONCE = (1, 9, 64)
TIMED = 20


def values(engine: Any, run: Path, corpus: Path) -> dict[str, Any]:
    """Values and interactions of all parts for all classes, from the stored coalitions of the test split."""
    from dnr_core.explain.shapley import shapley_interactions, shapley_values

    engine.compute_coalitions(run, corpus, "test")
    stored = engine.stored_coalitions(run, corpus, "test", "dialogue")
    started = time.perf_counter()
    for logits in np.array_split(stored.arrays["logits"], 100):  # (n, 2^K, C)
        shapley_values(logits)
        shapley_interactions(logits)
    return {"measured": f"{time.perf_counter() - started:.1f}"}


def sampling(model: Method, batches: list[tuple[Batch, int]]) -> dict[str, Any]:
    """How many times as long Captum's ShapleyValueSampling takes as exact values with their coalitions, for the same
    utterances (dialogue, turn) and all classes: dialogue scope (one table serves all turns of a dialogue) and utterance
    scope. Its error is the largest difference from the exact values, relative to the largest of these.
    """
    from dnr_core.explain.coalitions import dialogue_scope, utterance_scope
    from dnr_core.explain.shapley import shapley_values

    best = min(EVALUATIONS_AT_ONCE, key=lambda many: timed(lambda: sampled(model, *batches[0], "dialogue", many)))
    found = {}
    for scope in ("dialogue", "utterance"):
        ours, theirs, errors = 0.0, 0.0, []
        for batch, turn in batches:
            started = time.perf_counter()
            if scope == "dialogue":
                table = dialogue_scope(model, batch)
                exact = shapley_values(table)[turn]
                ours += (time.perf_counter() - started) / len(table)
            else:
                exact = shapley_values(utterance_scope(model, batch, turn))
                ours += time.perf_counter() - started
            started = time.perf_counter()
            guess = sampled(model, batch, turn, scope, best)
            theirs += time.perf_counter() - started
            errors.append(np.abs(guess - exact).max() / np.abs(exact).max())
        found[scope] = (theirs / ours, max(errors))
    text = "; ".join(f"{scope} {ratio:.0f} × (its error up to {error:.0%})" for scope, (ratio, error) in found.items())
    return {"measured": f"{text}; best perturbations_per_eval {best}, n = {len(batches)}"}


def sampled(model: Method, batch: Batch, turn: int, scope: str, many: int) -> np.ndarray:
    """Values (K, C) of one utterance by Captum's ShapleyValueSampling over the parts."""
    import torch
    from captum.attr import ShapleyValueSampling

    players = len(model.players)
    components = model.decompose(batch)

    def logits(on: torch.Tensor) -> torch.Tensor:
        keep = torch.ones((len(on), batch.mask.shape[1], players), dtype=torch.bool)
        if scope == "dialogue":
            keep[:] = on[:, None] > 0.5
        else:
            keep[:, turn] = on > 0.5
        return model.predict_coalitions(components, batch, keep, "mean")[:, turn]

    torch.manual_seed(0)
    with torch.no_grad():
        one, method = torch.ones((1, players)), ShapleyValueSampling(logits)
        found = method.attribute(one, n_samples=SAMPLES, perturbations_per_eval=many)  # (1, C, K)
    return found[0].T.numpy()


def information(engine: Any, corpus: Path) -> dict[str, Any]:
    """Training of the subset model and the atoms of every test utterance."""
    from dnr_core.explain.information import explain_information
    from dnr_core.training.subset import train_subset_model

    rows = engine.corpus(corpus)
    started = time.perf_counter()
    model = train_subset_model(rows).model
    trained = time.perf_counter() - started
    explain_information(model, rows, "test")
    whole = time.perf_counter() - started
    return {"measured": f"{whole:.0f}, of these {trained:.0f} training"}


def gradients_split(engine: Any, run: Path, corpus: Path) -> dict[str, Any]:
    """Integrated gradients of every test utterance."""
    from dnr_core.explain.attribution_split import integrated_gradients_split

    rows = engine.corpus(corpus)
    found = integrated_gradients_split(*engine.loaded(*engine.fitting(run, corpus)), rows, rows.dialogue_ids("test"))
    return {"measured": f"{found.seconds:.0f} ({found.share_within_tolerance:.1%} within tolerance)"}


def gradients_one(engine: Any, run: Path, corpus: Path) -> dict[str, Any]:
    """Integrated gradients of one utterance, after a first one."""
    rows = engine.corpus(corpus)
    test = rows.rows("test")
    ids = [
        rows.utterance(int(test[place])).utterance_id for place in np.linspace(0, len(test) - 1, TIMED + 1).astype(int)
    ]
    seconds = [timed(lambda one=one: engine.attribution(run, corpus, one)) for one in ids][1:]
    return {"measured": f"{1000 * np.median(seconds):.0f} / {1000 * np.max(seconds):.0f} (n = {TIMED})"}


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def broja() -> dict[str, Any]:
    """Seconds of the slowest of some tables of the largest size, dense to sparse."""
    from dnr_core.explain.broja import broja as decompose

    random, times = np.random.default_rng(7), []
    for shape, kept in ((1.0, 1.0), (0.05, 1.0), (0.5, 0.1), (1.0, 0.5)):
        for _ in range(5):
            table = random.gamma(shape, size=(16, 16, 8)) * (random.random((16, 16, 8)) < kept)
            times.append(timed(partial(decompose, table / table.sum())))
    return {"measured": f"mean {np.mean(times):.2f}, slowest {max(times):.2f} (n = {len(times)})"}
