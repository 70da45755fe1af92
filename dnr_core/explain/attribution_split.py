"""Integrated gradients of every utterance of a split; the turns of a dialogue share the forward passes. Needs torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError, one_of
from dnr_core.explain.attribution import BASELINES, SCALES
from dnr_core.explain.attribution_inputs import ROWS_AT_ONCE, Problem, Space, class_output, raw_space, tolerances
from dnr_core.explain.attribution_methods import STEPS, path_integral, recurrent_gradients
from dnr_core.explain.attribution_values import DialogueAttribution, SplitAttribution
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.types import MODALITIES


def integrated_gradients_split(
    model: Method,
    data: TensorCorpus,
    corpus: Corpus,
    dialogues: Sequence[str],
    *,
    targets: np.ndarray | None = None,
    baseline: str = "mean",
    scale: str = "logit",
    progress: Callable[[int, int], object] = lambda done, of: None,
) -> SplitAttribution:
    """Integrated gradients of every utterance of `dialogues` (of a split: `corpus.dialogue_ids(split)`).

    `targets`: a class index for each row of the corpus, −1 = the predicted class (also where None). The same numbers as
    `attribute(…, method="integrated_gradients")`: 50 Gauss–Legendre steps, more where they are not exact enough.
    Raises UsageError: unknown baseline or scale.
    """
    for what, got, choices in (("baseline", baseline, BASELINES), ("scale", scale, SCALES)):
        if got not in choices:
            raise one_of(f"unknown {what}", got, choices)
    started, found, skipped = time.perf_counter(), [], []
    for done, dialogue in enumerate(dialogues, start=1):
        rows = corpus.dialogue_rows[dialogue]
        wanted = np.full(len(rows), -1) if targets is None else targets[rows]
        try:
            space = raw_space(model, data, corpus, rows, baseline=baseline)
        except UsageError:
            skipped.append(dialogue)
            continue
        with recurrent_gradients(data.device):
            found.append(explain_dialogue(space, corpus, rows, wanted, scale))
        progress(done, len(dialogues))
    return SplitAttribution(tuple(found), tuple(skipped), time.perf_counter() - started)


def explain_dialogue(
    space: Space, corpus: Corpus, rows: np.ndarray, wanted: np.ndarray, scale: str
) -> DialogueAttribution:
    """All turns of one dialogue for the classes `wanted` (T,), −1 = predicted."""
    ends = space.ends  # (2, T, C)
    target = np.where(wanted >= 0, wanted, ends[0].argmax(-1).cpu().numpy())  # (T,)
    total, start = class_output(ends, torch.from_numpy(target).to(ends.device), scale).double().cpu().numpy()
    cells, steps = shared_path(space, target, scale), np.full(len(rows), STEPS)  # (T, T, D)
    change, tolerance = total - start, tolerances(total - start, scale)
    for turn in np.flatnonzero(np.abs(cells.sum((1, 2)) - change) > tolerance):
        problem = Problem(space, int(turn), int(target[turn]), scale)
        cells[turn], steps[turn] = path_integral(problem, whole=cells[turn])
    own = cells[np.arange(len(rows)), np.arange(len(rows))]  # (T, D)
    blocks = {name: space.blocks == name for name in MODALITIES}
    features = {
        name: own[:, columns].astype(np.float32)
        if columns.any()
        else np.zeros((len(rows), corpus.widths[name]), dtype=np.float32)
        for name, columns in blocks.items()
    }
    return DialogueAttribution(
        rows=rows,
        target=target,
        **features,
        turns=cells.sum(2),
        modalities=np.stack([cells[:, :, columns].sum((1, 2)) for columns in blocks.values()], axis=1),
        total=total,
        baseline_total=start,
        completeness_error=cells.sum((1, 2)) - change,
        tolerance=np.asarray(tolerance),
        n_steps=steps,
    )


def shared_path(space: Space, target: np.ndarray, scale: str) -> np.ndarray:
    """Integrated gradients (T, T, D) float64 of every turn with STEPS Gauss–Legendre steps.

    The points of the path are the same for all turns, so each is computed once and differentiated T times.
    """
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    difference = space.inputs - space.baselines[:1]  # (1, T, D)
    points = torch.from_numpy((nodes + 1) / 2).to(difference)
    shares = torch.from_numpy(weights / 2).to(difference)
    classes = torch.from_numpy(target).to(difference.device)
    gradients = difference.new_zeros((space.turns, *difference.shape[1:]))  # (T, T, D)
    size = max(1, ROWS_AT_ONCE // space.turns)
    for point, share in zip(points.split(size), shares.split(size), strict=True):
        values = (space.baselines[:1] + point[:, None, None] * difference).requires_grad_()  # (S, T, D)
        chosen = share @ class_output(space.logits(values), classes, scale)  # (T,)
        for turn in range(space.turns):
            gradients[turn] += torch.autograd.grad(chosen[turn], values, retain_graph=True)[0].sum(0)
    return (gradients * difference).double().cpu().numpy()
