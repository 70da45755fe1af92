"""The methods of Captum as functions of one problem and its items. Needs torch and captum."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from captum.attr import (
    FeatureAblation,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    Occlusion,
    ShapleyValueSampling,
)
from torch import Tensor

from dnr_core.explain.attribution_cost import MOST_STEPS, SHAP_SAMPLES, SHAPLEY_ORDERS, STEPS
from dnr_core.explain.attribution_inputs import Groups, Problem, Space
from dnr_core.types import ATTRIBUTION_VIEWS

SHAP_DONORS = 16
_CUDNN_LOCK = threading.RLock()

Found = tuple[np.ndarray, int | None]
"""Values (G,) of the items, and the steps or samples that they took."""


def integrated_gradients(problem: Problem, groups: Groups) -> Found:
    """Sundararajan et al. 2017, Gauss–Legendre; the path is cut where it bends until the values are complete."""
    cells, steps = path_integral(problem)
    return groups.summed(cells), steps


@dataclass(frozen=True)
class Stretch:
    """A stretch of the straight path from baseline (0) to input (1): integrated gradients `cells` (T, D) along it, f at
    both ends, and how far the sum of cells misses their difference.
    """

    start: float
    end: float
    f_start: float
    f_end: float
    cells: np.ndarray

    @property
    def error(self) -> float:
        """Completeness error of the stretch."""
        return float(self.cells.sum() - (self.f_end - self.f_start))


def path_integral(
    problem: Problem, *, whole: np.ndarray | None = None, most: int = MOST_STEPS
) -> tuple[np.ndarray, int]:
    """Integrated gradients of every cell (T, D), and how many gradients they took, at most `most`.

    STEPS points on the whole path first (`whole`: their cells, where they are known); then the stretch that misses f
    the most is halved, STEPS / 2 points each, until the sum is within tolerance. Gradients along a straight path add
    up, so what stretches say is what one would say with all points where they are needed.
    """
    first = stretch(problem, 0.0, 1.0, STEPS) if whole is None else whole
    stretches, used = [Stretch(0.0, 1.0, problem.baseline_total, problem.total, first)], STEPS
    while abs(sum(part.error for part in stretches)) > problem.tolerance and used + STEPS <= most:
        place = max(range(len(stretches)), key=lambda place: abs(stretches[place].error))
        stretches[place : place + 1] = halves(problem, stretches[place])
        used += STEPS
    return np.sum([part.cells for part in stretches], axis=0), used


def halves(problem: Problem, whole: Stretch) -> list[Stretch]:
    """The two halves of a stretch."""
    middle = (whole.start + whole.end) / 2
    with torch.no_grad():
        f_middle = float(problem(point(problem.space, middle))[0])
    return [
        Stretch(start, end, f_start, f_end, stretch(problem, start, end, STEPS // 2))
        for start, end, f_start, f_end in (
            (whole.start, middle, whole.f_start, f_middle),
            (middle, whole.end, f_middle, whole.f_end),
        )
    ]


def stretch(problem: Problem, start: float, end: float, steps: int) -> np.ndarray:
    """Integrated gradients (T, D) along a stretch of the path."""
    return as_cells(
        IntegratedGradients(problem).attribute(
            point(problem.space, end),
            point(problem.space, start),
            n_steps=steps,
            method="gausslegendre",
            internal_batch_size=even_part(steps, problem.space.copies_at_once),
        )
    )


def point(space: Space, share: float) -> Tensor:
    """The inputs (1, T, D) at a share of the path from the baseline to the input."""
    return space.inputs if share == 1 else torch.lerp(space.baselines[:1], space.inputs, share)


def even_part(count: int, most: int) -> int:
    """The size of the parts of `count` copies, at most `most` each: as few parts as can be, as even as can be."""
    return math.ceil(count / math.ceil(count / most))


def gradient_x_input(problem: Problem, groups: Groups) -> Found:
    """Gradient at x times (x − baseline): the first-order change (Shrikumar et al. 2016, with a baseline)."""
    start = problem.space.baselines[:1]
    shifted = InputXGradient(lambda change: problem(start + change))
    return groups.summed(as_cells(shifted.attribute((problem.space.inputs - start).requires_grad_()))), None


def gradient_shap(problem: Problem, groups: Groups) -> Found:
    """Expected gradients (Erion et al. 2021): random points between x and a random baseline; complete on average."""
    part = min(SHAP_SAMPLES, problem.space.copies_at_once)
    parts = math.ceil(SHAP_SAMPLES / part)
    method, space = GradientShap(problem), problem.space
    with fixed_draws():
        found = [as_cells(method.attribute(space.inputs, space.baselines, n_samples=part)) for _ in range(parts)]
    return groups.summed(np.mean(found, axis=0)), part * parts


def feature_ablation(problem: Problem, groups: Groups) -> Found:
    """f(x) − f(x with the item at its baseline)."""
    return perturb(FeatureAblation(problem), problem, groups), None


def shapley_value_sampling(problem: Problem, groups: Groups) -> Found:
    """Shapley values of the items from random orders (Castro et al. 2009): they sum exactly and have variance."""
    with fixed_draws():
        return perturb(ShapleyValueSampling(problem), problem, groups, n_samples=SHAPLEY_ORDERS), SHAPLEY_ORDERS


def occlusion(problem: Problem, groups: Groups) -> Found:
    """f(x) − f(x with a turn at its baseline), a window of one turn slid over the dialogue (Zeiler & Fergus 2014)."""
    space = problem.space
    cells = Occlusion(problem).attribute(
        space.inputs,
        sliding_window_shapes=(1, space.inputs.shape[-1]),
        baselines=space.baselines[:1],
        perturbations_per_eval=space.copies_at_once,
    )
    return untouched_are_zero(groups.shared(as_cells(cells)), problem, groups), None


@dataclass(frozen=True)
class Entry:
    """A method of attribution: its function, whether its values promise to sum to f(x) − f(baseline), whether they are
    drawn at random, and the views it offers (the first is the default).
    """

    attribute: Callable[[Problem, Groups], Found]
    complete: bool
    sampled: bool = False
    overs: tuple[str, ...] = ()


ENTRIES: dict[str, Entry] = {
    "integrated_gradients": Entry(integrated_gradients, complete=True),
    "gradient_x_input": Entry(gradient_x_input, complete=False),
    "gradient_shap": Entry(gradient_shap, complete=True, sampled=True),
    "feature_ablation": Entry(feature_ablation, complete=False),
    "shapley_value_sampling": Entry(shapley_value_sampling, complete=True, sampled=True),
    "occlusion": Entry(occlusion, complete=False),
    "layer_integrated_gradients": Entry(integrated_gradients, complete=True),
}
METHODS = {name: replace(ENTRIES[name], overs=overs) for name, overs in ATTRIBUTION_VIEWS.items()}
"""Name → method. `layer_integrated_gradients` runs on the vectors of the parts."""


def perturb(method: Any, problem: Problem, groups: Groups, **options: int) -> np.ndarray:
    """Values (G,) of a perturbation method of Captum with the items as its feature mask."""
    space = problem.space
    cells = method.attribute(
        space.inputs,
        baselines=space.baselines[:1],
        feature_mask=feature_mask(groups, space),
        perturbations_per_eval=max(1, min(space.copies_at_once, len(groups.names))),
        **options,
    )
    return untouched_are_zero(groups.shared(as_cells(cells)), problem, groups)


def feature_mask(groups: Groups, space: Space) -> Tensor:
    """The items as Captum's mask (1, T, D), contiguous, on the device of the inputs.

    Captum accepts masks that are smaller than their inputs and answers with zeros: here that raises ValueError.
    """
    mask = torch.from_numpy(groups.index[None]).contiguous().to(space.inputs.device)
    if mask.shape != space.inputs.shape:
        raise ValueError(f"feature mask {tuple(mask.shape)} does not fit inputs {tuple(space.inputs.shape)}")
    return mask


def untouched_are_zero(values: np.ndarray, problem: Problem, groups: Groups) -> np.ndarray:
    """Exactly 0 for items that equal their baseline in every cell, whatever rounding says."""
    moved = (problem.space.inputs != problem.space.baselines[:1])[0].cpu().numpy()
    return np.where(groups.summed(moved) > 0, values, 0.0)


def as_cells(found: Any) -> np.ndarray:
    """Captum's (1, T, D) as (T, D) float64."""
    return found[0].detach().double().cpu().numpy()


@contextmanager
def fixed_draws(seed: int = 0) -> Iterator[None]:
    """Captum draws from the global generators of torch and numpy: seed both, and put them back."""
    before = np.random.get_state()
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            np.random.seed(seed)
            yield
    finally:
        np.random.set_state(before)


@contextmanager
def recurrent_gradients(device: torch.device) -> Iterator[None]:
    """cuDNN off on CUDA, where it has no recurrent gradients in eval mode; process-wide, so under a lock."""
    if device.type != "cuda":
        yield
        return
    with _CUDNN_LOCK, torch.backends.cudnn.flags(enabled=False):
        yield
