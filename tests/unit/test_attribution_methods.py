"""The methods of attribution on hand-made functions whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from dnr_core.explain.attribution_inputs import Groups, Problem, Space, grouping
from dnr_core.explain.attribution_methods import (
    METHODS,
    STEPS,
    feature_mask,
    fixed_draws,
    path_integral,
    recurrent_gradients,
)

RAW = [name for name in METHODS if "features" in METHODS[name].overs]


def hand_made(output, inputs: list[list[float]], baseline: list[list[float]]) -> Problem:
    """f of (n, T, D) → (n,) at two turns, or as many as given, with columns of one block each."""
    x, b = torch.tensor([inputs]), torch.tensor([baseline])
    width = x.shape[-1]

    def logits(values: Tensor) -> Tensor:
        return output(values)[:, None, None].expand(-1, x.shape[1], 1)

    blocks = np.array([f"block{i}" for i in range(width)], dtype=object)
    return Problem(Space(x, b, torch.ones(x.shape[1:], dtype=torch.bool), blocks, blocks, logits), 0, 0, "logit")


def items(problem: Problem, over: str) -> Groups:
    ids = tuple(f"u{turn}" for turn in range(problem.space.turns))
    return grouping(problem.space, over, turn=problem.turn, utterance_ids=ids)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_weight_times_difference_on_a_linear_function(method: str) -> None:
    weight = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    problem = hand_made(lambda v: (v * weight).sum((1, 2)) + 7, [[1.0, 4.0], [2.0, -1.0]], [[0.5, 1.0], [0.0, 0.0]])
    expected = np.array([[1.0, -3.0], [1.0, -3.0]])  # w (x − b)
    for over in set(METHODS[method].overs) - {"components", "words"} | (
        {"modalities"} if method != "occlusion" else set()
    ):
        groups = items(problem, over)
        values, _ = METHODS[method].attribute(problem, groups)
        np.testing.assert_allclose(values, groups.summed(expected), atol=1e-5, err_msg=over)
    assert problem.total == pytest.approx(3.0) and problem.baseline_total == pytest.approx(7.0)


def test_a_product_is_halved_on_the_path_and_counted_twice_by_ablation() -> None:
    problem = hand_made(lambda v: v[:, 0, 0] * v[:, 0, 1], [[3.0, 2.0]], [[0.0, 0.0]])
    groups = items(problem, "features")
    found = {name: METHODS[name].attribute(problem, groups)[0] for name in RAW}
    np.testing.assert_allclose(found["integrated_gradients"], [3, 3], atol=1e-5)
    np.testing.assert_allclose(found["feature_ablation"], [6, 6], atol=1e-5)
    np.testing.assert_allclose(found["gradient_x_input"], [6, 6], atol=1e-5)
    np.testing.assert_allclose(found["gradient_shap"], [3, 3], atol=0.5)
    shapley = found["shapley_value_sampling"]
    assert shapley.sum() == pytest.approx(6, abs=1e-5) and abs(shapley[0] - 3) < 1.5


def test_the_path_is_cut_where_it_bends_until_the_completeness_error_is_within_tolerance() -> None:
    smooth = hand_made(lambda v: v[:, 0, 0] ** 3, [[2.0]], [[0.0]])
    assert path_integral(smooth)[1] == STEPS == 50
    step = hand_made(lambda v: 4 * torch.sigmoid(400 * (v[:, 0, 0] - 0.3)), [[1.0]], [[0.0]])
    cells, steps = path_integral(step)
    assert STEPS < steps <= 300  # four halvings leave a sixteenth of the path, which 25 points resolve
    assert abs(cells.sum() - 4.0) <= step.tolerance == pytest.approx(0.04, rel=1e-3)
    coarse, used = path_integral(step, most=STEPS)
    assert abs(coarse.sum() - 4.0) > step.tolerance and used == STEPS
    again, more = path_integral(step, whole=coarse)
    np.testing.assert_allclose(again, cells, atol=1e-6)
    assert more == steps


def test_the_stretches_of_a_path_share_what_each_cell_adds() -> None:
    sharp = hand_made(lambda v: 3 * torch.tanh(300 * (v[:, 0, 0] + 2 * v[:, 0, 1] - 0.4)), [[1.0, 0.5]], [[0.0, 0.0]])
    cells, steps = path_integral(sharp)
    assert steps > STEPS  # on a straight path both cells move by 1 · f′, as 1 = 2 · 0.5
    np.testing.assert_allclose(cells, [[3.0, 3.0]], atol=sharp.tolerance)
    assert cells[0, 0] == pytest.approx(cells[0, 1], rel=1e-4)


def test_a_mask_that_does_not_fit_the_inputs_is_refused_where_captum_accepts_it() -> None:
    problem = hand_made(lambda v: v.sum((1, 2)), [[1.0, 2.0, 3.0]], [[0.0, 0.0, 0.0]])
    short_mask = Groups(np.array([[0, 1]]), ("a", "b"), ("x", "x"))
    with pytest.raises(ValueError, match=r"\(1, 1, 2\) does not fit inputs \(1, 1, 3\)"):
        feature_mask(short_mask, problem.space)
    with pytest.raises(ValueError, match="use 1 of 2"):
        Groups(np.array([[0, 0]]), ("a", "b"), ("x", "x"))


def test_cudnn_is_off_only_inside_the_call_and_only_on_cuda() -> None:
    before = torch.backends.cudnn.enabled
    with recurrent_gradients(torch.device("cpu")):
        assert torch.backends.cudnn.enabled == before
    with recurrent_gradients(torch.device("cuda")):
        assert not torch.backends.cudnn.enabled
    assert torch.backends.cudnn.enabled == before


def test_generators_are_put_back_after_an_error() -> None:
    state = np.random.get_state()[1].copy()
    with pytest.raises(RuntimeError), fixed_draws():
        raise RuntimeError
    np.testing.assert_array_equal(np.random.get_state()[1], state)
