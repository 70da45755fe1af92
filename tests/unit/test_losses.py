"""The objectives that methods share, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from dnr_core.model.losses import cross_covariance, nt_xent, standardise, supervised_contrast, symmetric_info_nce


def test_info_nce_of_two_rows_by_hand():
    """Scores [[2, 0], [1, 3]]: rows ln(1 + e^−2), ln(1 + e^−2); columns ln(1 + e^−1), ln(1 + e^−3)."""
    first, second = torch.eye(2), torch.tensor([[2.0, 1.0], [0.0, 3.0]])
    rows = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-2))) / 2
    columns = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-3))) / 2
    assert float(symmetric_info_nce(first, second)) == pytest.approx((rows + columns) / 2, abs=1e-6)


def test_the_temperature_divides_the_scores():
    first, second = torch.eye(2), torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    assert float(symmetric_info_nce(first, second, 0.5)) == pytest.approx(math.log(1 + math.exp(-4)), abs=1e-6)


def test_info_nce_is_low_for_pairs_that_belong_together_and_log_n_for_none():
    rows = torch.nn.functional.normalize(torch.randn(16, 32, generator=torch.Generator().manual_seed(0)), dim=-1)
    assert float(symmetric_info_nce(rows, rows, 0.1)) < 0.05
    assert float(symmetric_info_nce(rows, rows.roll(1, 0), 0.1)) > 5
    assert float(symmetric_info_nce(torch.zeros(16, 4), rows[:, :4])) == pytest.approx(math.log(16), abs=1e-6)


def test_fewer_than_two_rows_cost_nothing_and_keep_the_graph():
    for rows in (torch.ones(1, 4, requires_grad=True), torch.ones(0, 4, requires_grad=True)):
        for loss in (symmetric_info_nce(rows, rows), cross_covariance(rows, rows)):
            assert float(loss.detach()) == 0.0 and loss.requires_grad


def masks(*, positive: list[list[int]], negative: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(positive).bool(), torch.tensor(negative).bool()


def test_supervised_contrast_by_hand():
    """Rows e1, e1, e2: anchors 0 and 1 have score 1 with each other and 0 with row 2; row 2 has no positive."""
    rows = torch.eye(2)[[0, 0, 1]]
    where = masks(positive=[[0, 1, 0], [1, 0, 0], [0, 0, 0]], negative=[[0, 0, 1], [0, 0, 1], [1, 1, 0]])
    assert float(supervised_contrast(rows, *where)) == pytest.approx(math.log(1 + math.exp(-1)), abs=1e-6)
    assert float(supervised_contrast(rows, *where, 0.5)) == pytest.approx(math.log(1 + math.exp(-2)), abs=1e-6)


def test_several_positives_are_averaged_outside_the_logarithm():
    """Scores 1 and 0 with the positives, 0 with the negative: ½ (ln(e + 2) − 1) + ½ ln(e + 2)."""
    rows = torch.eye(2)[[0, 0, 1, 1]]
    nothing = [[0] * 4] * 3
    where = masks(positive=[[0, 1, 1, 0], *nothing], negative=[[0, 0, 0, 1], *nothing])
    assert float(supervised_contrast(rows, *where)) == pytest.approx(math.log(math.e + 2) - 0.5, abs=1e-6)


def test_what_is_neither_positive_nor_negative_is_not_read():
    rows = torch.eye(3)[[0, 0, 1, 2]].requires_grad_(True)
    where = masks(positive=[[0, 1, 0, 0]] + [[0] * 4] * 3, negative=[[0, 0, 1, 0]] + [[0] * 4] * 3)
    supervised_contrast(rows, *where).backward()
    assert rows.grad is not None and (rows.grad[3] == 0).all() and (rows.grad[:3] != 0).any(1).all()


def test_contrast_without_a_pair_costs_nothing_and_keeps_the_graph():
    rows = torch.eye(2, requires_grad=True)
    nothing = torch.zeros(2, 2, dtype=torch.bool)
    for loss in (
        supervised_contrast(rows, ~nothing, nothing),
        nt_xent(rows[:1], rows[:1]),
        nt_xent(rows[:0], rows[:0]),
    ):
        loss.backward()
        assert float(loss.detach()) == 0 and rows.grad is not None and rows.grad.isfinite().all()


def test_nt_xent_of_two_utterances_by_hand():
    """Each of four anchors: score 1 with its other view, 0 with both views of the other utterance."""
    views = torch.eye(2)
    assert float(nt_xent(views, views)) == pytest.approx(math.log(1 + 2 * math.exp(-1)), abs=1e-6)
    assert float(nt_xent(views, views.flip(0))) == pytest.approx(math.log(2 + math.e), abs=1e-6)


def hadamard(rows: int) -> torch.Tensor:
    """Columns that are exactly uncorrelated, mean 0 and variance 1 (the constant one left out)."""
    table = torch.ones(1, 1)
    while len(table) < rows:
        table = torch.cat([torch.cat([table, table], 1), torch.cat([table, -table], 1)])
    return table[:, 1:]


def test_cross_covariance_is_zero_for_uncorrelated_parts():
    table = hadamard(16)
    assert float(cross_covariance(table[:, :5] * 3 + 2, table[:, 5:9])) == pytest.approx(0, abs=1e-12)


def test_cross_covariance_of_a_part_with_itself_and_with_any_rotation_is_one_in_d():
    """Each of d uncorrelated dimensions is predicted by the other part with Σ r² = 1: d / d² = 1/d."""
    part = hadamard(64)[:, :7]
    assert float(cross_covariance(part, part)) == pytest.approx(1 / 7, abs=1e-4)
    turn = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(0)))[0]
    assert float(cross_covariance(part, part @ turn)) == pytest.approx(1 / 7, abs=1e-4)
    assert float(cross_covariance(part, part.roll(1, 1))) == pytest.approx(1 / 7, abs=1e-4)
    assert float(cross_covariance(part[:, :1], -part[:, :1])) == pytest.approx(1.0, abs=1e-4)


def test_cross_covariance_of_one_shared_dimension():
    """One of 3 × 4 pairs has correlation 1: 1/12."""
    table = hadamard(32)
    assert float(cross_covariance(table[:, :3], table[:, 2:6])) == pytest.approx(1 / 12, abs=1e-5)


def test_the_gradient_of_cross_covariance_takes_a_part_away_from_the_other():
    draw = torch.Generator().manual_seed(0)
    source = torch.randn(200, 4, generator=draw)
    turned = source @ torch.linalg.qr(torch.randn(4, 4, generator=draw))[0]
    part = (turned + torch.randn(200, 4, generator=draw)).requires_grad_(True)
    before = float(cross_covariance(part, source).detach())
    optimiser = torch.optim.Adam([part], lr=0.05)
    for _ in range(100):
        optimiser.zero_grad()
        cross_covariance(part, source).backward()
        optimiser.step()
    assert before > 0.1 and float(cross_covariance(part, source).detach()) < 0.01


def test_a_constant_dimension_stays_finite():
    rows = torch.cat([torch.ones(8, 1), torch.arange(8.0)[:, None]], dim=1)
    found = standardise(rows)
    assert found.isfinite().all() and (found[:, 0] == 0).all()
    assert float(found[:, 1].std(correction=0)) == pytest.approx(1, abs=1e-4)
