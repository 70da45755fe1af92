"""Layers against PyTorch's own, statistics by hand, and the graph of MMGCN against its dense definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dnr_core.model.backbones.base import BackboneSpec
from dnr_core.model.backbones.mmgcn import ALPHA, LAMBDA, MMGCN, angle_weight
from dnr_core.model.layers import (
    CLIP_SD,
    KEPT_AT_LEAST,
    BidirectionalGRU,
    Detector,
    FeatureScaler,
    MaskedCentre,
    PrincipalComponents,
    sinusoids,
)

pytestmark = pytest.mark.usefixtures("one_thread")
NAN = float("nan")


def lengths_mask(lengths: list[int]) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def test_the_scaler_takes_mean_and_spread_of_measured_cells():
    """Column 0: 1, 3, 5 → mean 3, variance 8/3; column 1: 2, 6 → mean 4, variance 4; column 2 never varies."""
    scaler = FeatureScaler(3)
    scaler.fit(torch.tensor([[1.0, 2.0, 7.0], [3.0, NAN, 7.0], [5.0, 6.0, 7.0]]))
    assert scaler.mean.tolist() == pytest.approx([3, 4, 7])
    assert scaler.scale.tolist() == pytest.approx([math.sqrt(8 / 3), 2, 1])
    found = scaler(torch.tensor([[5.0, NAN, 8.0], [3.0, 4.0, 7.0]]))
    assert found.tolist()[0] == pytest.approx([2 / math.sqrt(8 / 3), 0, 1]) and found.tolist()[1] == [0, 0, 0]


def test_the_scaler_clips_and_survives_huge_and_unmeasured_columns():
    scaler = FeatureScaler(3)
    scaler.fit(torch.tensor([[1.0, 3e38, NAN], [3.0, -3e38, NAN]]))
    found = scaler(torch.tensor([[1e9, 3e38, 5.0], [-1e9, -3e38, NAN]]))
    assert found.isfinite().all()
    assert found[:, 0].tolist() == [CLIP_SD, -CLIP_SD] and found[1, 2] == 0


def test_the_scaler_lets_gradients_through_to_measured_cells_only():
    scaler = FeatureScaler(2)
    scaler.fit(torch.tensor([[0.0, 0.0], [4.0, 8.0]]))
    raw = torch.tensor([[1.0, NAN]], requires_grad=True)
    scaler(raw).sum().backward()
    assert raw.grad is not None and raw.grad.tolist() == [[0.5, 0.0]]


def test_whitening_leaves_each_direction_with_variance_lambda_over_lambda_plus_one():
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(500, 6, generator=draw) @ torch.randn(6, 6, generator=draw) + 2.0
    principal = PrincipalComponents(6)
    principal.fit(rows)
    covariance = np.cov(principal.whiten(rows).double().T.numpy())
    values = np.sort(np.linalg.eigvalsh(np.cov(rows.double().T.numpy())))[::-1]
    np.testing.assert_allclose(covariance, np.diag(values / (values + 1)), atol=1e-5)
    assert torch.equal(principal.soften(rows), rows), "all six components are kept"


def test_components_without_variance_are_dropped_and_weak_ones_are_not_blown_up():
    draw = torch.Generator().manual_seed(0)
    base = torch.randn(200, 3, generator=draw)
    rows = torch.cat([base, base[:, :1] + base[:, 1:2], 0.05 * torch.randn(200, 1, generator=draw)], dim=1)
    principal = PrincipalComponents(5)
    principal.fit(rows)
    assert principal.kept == 4 and principal.whiten(rows).shape == (200, 4)
    assert principal.whiten(torch.eye(5)).norm(dim=0).max() <= 1.0, "a weak direction is blown up"


def test_in_wide_features_what_stands_out_of_noise_is_kept_and_the_rest_dropped():
    """Noise of variance 1, n = 500, d = 200: the Marchenko–Pastur edge is (1 + √0.4)² = 2.66; 80 signals of 20."""
    noise = torch.randn(500, 200, generator=torch.Generator().manual_seed(0))
    principal = PrincipalComponents(200)
    principal.fit(noise)
    assert principal.kept == KEPT_AT_LEAST
    signal = torch.linalg.qr(torch.randn(200, 80, generator=torch.Generator().manual_seed(1)))[0]
    clean = 20**0.5 * torch.randn(500, 80, generator=torch.Generator().manual_seed(2)) @ signal.T
    principal.fit(noise + clean)
    assert principal.kept == 80
    inside = principal.directions[:, 0]
    outside = torch.linalg.qr(torch.cat([principal.directions, torch.eye(200)[:, :1]], dim=1))[0][:, 80]
    torch.testing.assert_close(principal.soften(inside), inside, atol=1e-5, rtol=0)
    assert principal.soften(outside).abs().max() < 1e-5


def test_weak_directions_that_are_no_noise_are_left_as_they_are():
    """Variances 1, 1/2, 1/3, … as sentence embeddings have them: the last is far below any edge of noise."""
    scale = 1 / torch.arange(1, 101.0).sqrt()
    rows = torch.randn(2000, 100, generator=torch.Generator().manual_seed(0)) * scale
    principal = PrincipalComponents(100)
    principal.fit(rows)
    assert principal.kept < 100
    torch.testing.assert_close(principal.soften(rows), rows, atol=1e-5, rtol=0)


def test_the_centre_is_batch_normalisation_over_unmasked_rows():
    values = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0)) * 3 + 1
    mask = lengths_mask([5, 2, 1, 4])
    centre = MaskedCentre(3)
    rows = values[mask]
    expected = nn.BatchNorm1d(3, affine=False, eps=1e-5)(rows)
    found = centre(values, mask)
    torch.testing.assert_close(found[mask], expected, atol=1e-5, rtol=0)
    assert (found[~mask] == 0).all()
    torch.testing.assert_close(centre.running_mean, 0.1 * rows.mean(0))
    torch.testing.assert_close(centre.running_variance, 0.9 + 0.1 * rows.var(0, unbiased=False))
    changed = values.masked_fill(~mask[..., None], 1e6)
    torch.testing.assert_close(MaskedCentre(3)(changed, mask), found)


def test_the_centre_is_frozen_in_eval_and_by_a_single_row():
    centre = MaskedCentre(2)
    centre.running_mean.copy_(torch.tensor([1.0, 2.0]))
    one = torch.zeros(1, 3, 2), lengths_mask([1, 3])[:1]
    assert (centre(*one) == 0).all() and centre.running_mean.tolist() == [1, 2]
    centre.eval()
    found = centre(torch.tensor([[3.0, 2.0]]), torch.tensor([True]))
    assert found[0].tolist() == pytest.approx([2.0, 0.0], abs=1e-4)
    assert centre.running_mean.tolist() == [1, 2] and centre.running_variance.tolist() == [1, 1]


def test_a_detector_is_silent_below_half_a_deviation():
    detector = Detector(1, 1, 1).eval()
    with torch.no_grad():
        for weight in (detector.match.weight, detector.read.weight):
            weight.fill_(1.0)
        detector.match.bias.zero_(), detector.read.bias.zero_()
    found = detector(torch.tensor([[-2.0], [0.4], [0.5], [1.75]]), torch.ones(4, dtype=torch.bool))
    assert found[:, 0].tolist() == pytest.approx([0, 0, 0, 1.25], abs=1e-4)


def test_the_two_way_gru_is_that_of_pytorch_on_packed_sequences():
    torch.manual_seed(0)
    lengths = [5, 1, 3]
    values, mask = torch.randn(3, 5, 4), lengths_mask(lengths)
    ours, theirs = BidirectionalGRU(4, 6), nn.GRU(4, 3, batch_first=True, bidirectional=True)
    state = {
        name + "_l0": getattr(ours.forwards, name + "_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    state |= {name + "_reverse": getattr(ours.backwards, name) for name in list(state)}
    theirs.load_state_dict(state)
    packed = nn.utils.rnn.pack_padded_sequence(values, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    expected, _ = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    torch.testing.assert_close(ours(values, mask), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(ours(values.masked_fill(~mask[..., None], 1e6), mask), expected, atol=1e-6, rtol=0)


def test_positions_are_those_of_vaswani():
    table = sinusoids(4, 6, like=torch.zeros(1))
    for place in range(4):
        for pair in range(3):
            angle = place / 10000 ** (2 * pair / 6)
            assert table[place, 2 * pair : 2 * pair + 2].tolist() == pytest.approx(
                [math.sin(angle), math.cos(angle)], abs=1e-6
            )
    assert sinusoids(2, 5, like=torch.zeros(1)).shape == (2, 5)


def test_the_angle_weight_is_one_minus_the_angle_over_pi():
    cosine = torch.tensor([-1.0, 0.0, 0.5, 1.0])
    assert angle_weight(cosine).tolist() == pytest.approx([0.0, 0.5, 2 / 3, 1.0], abs=1e-3)


@pytest.mark.parametrize("cosine", [1.0, -1.0, 1.0 + 1e-7])
def test_the_angle_weight_has_a_finite_gradient_where_vectors_are_parallel(cosine):
    value = torch.tensor(cosine, requires_grad=True)
    angle_weight(value).backward()
    assert value.grad is not None and value.grad.isfinite()
    just_inside = torch.tensor(1.0 - 1e-6 - 1e-7, requires_grad=True)
    angle_weight(just_inside).backward()
    assert just_inside.grad is not None and 0 < float(just_inside.grad) < 1e3


def test_bfloat16_neither_breaks_the_angle_weight_nor_the_statistics():
    """1 − 1e-6 is 1 in bfloat16: a clamp there would leave the infinite gradient."""
    value = torch.tensor([1.0, 0.5, -1.0], dtype=torch.bfloat16, requires_grad=True)
    angle_weight(value).sum().backward()
    assert value.grad is not None and value.grad.isfinite().all() and value.grad[1] > 0
    rows = torch.randn(64, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    centre = MaskedCentre(3)
    found = centre(rows, torch.ones(64, dtype=torch.bool))
    torch.testing.assert_close(found.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    assert centre.running_mean.dtype == torch.float32


def dense_graph(nodes: Tensor, present: Tensor) -> Tensor:
    """D^−½ A D^−½ over the M·T nodes of one dialogue, link by link as in the paper; nodes (M, T, h), present (M, T)."""
    kinds, turns = present.shape
    whole = torch.zeros(kinds * turns, kinds * turns)
    for m in range(kinds):
        for t in range(turns):
            for n in range(kinds):
                for s in range(turns):
                    if (m, t) == (n, s):
                        whole[m * turns + t, n * turns + s] = 1.0
                    elif (m == n or t == s) and present[m, t] and present[n, s]:
                        cosine = float(torch.cosine_similarity(nodes[m, t], nodes[n, s], dim=0))
                        whole[m * turns + t, n * turns + s] = 1 - math.acos(max(-1, min(1, cosine))) / math.pi
    root = whole.sum(1).rsqrt()
    return root[:, None] * whole * root[None]


def test_the_graph_of_mmgcn_is_the_dense_one_in_blocks():
    torch.manual_seed(0)
    model = MMGCN(BackboneSpec(8, 4, 3)).eval()
    present = torch.tensor([[1, 1, 0, 1, 1], [1, 1, 1, 0, 1], [1, 0, 0, 1, 1]]).bool()  # (M, T)
    nodes = torch.randn(3, 5, 8) * 2 + 0.5
    within, across, scale = model.adjacency(nodes[None], present[None])
    whole = torch.zeros(3, 5, 3, 5)
    for m in range(3):
        whole[m, :, m] = within[0, m]
        for n in range(3):
            if m != n:
                whole[m, range(5), n, range(5)] = across[0, :, m, n]
    root = scale[0].flatten()
    found = root[:, None] * whole.reshape(15, 15) * root[None]
    expected = dense_graph(nodes, present)
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)
    hidden = start = nodes.reshape(15, 8)
    for depth, layer in enumerate(model.layers, start=1):
        beta = math.log(LAMBDA / depth + 1)
        mixed = (1 - ALPHA) * expected @ hidden + ALPHA * start
        hidden = torch.relu((1 - beta) * mixed + beta * mixed @ layer.weight.T)
    torch.testing.assert_close(
        model.convolve(nodes[None], within, across, scale)[0].reshape(15, 8), hidden, atol=2e-3, rtol=0
    )


def test_the_graph_of_a_batch_grows_with_the_dialogues_not_with_their_square():
    model = MMGCN(BackboneSpec(8, 4, 3))
    within, across, scale = model.adjacency(torch.randn(6, 3, 7, 8), torch.ones(6, 3, 7, dtype=torch.bool))
    assert within.shape == (6, 3, 7, 7) and across.shape == (6, 7, 3, 3) and scale.shape == (6, 3, 7, 1)
