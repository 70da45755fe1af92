"""The objectives that methods share, each one function with its source."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def symmetric_info_nce(first: Tensor, second: Tensor, temperature: float | Tensor = 1.0) -> Tensor:
    """InfoNCE both ways (van den Oord et al. 2018, eq. 4) with critic first·second/τ; (n, d), (n, d) → scalar.

    Row i of one belongs to row i of the other; all other rows of the batch are its negatives, so no negative ever
    shares an utterance with its anchor. 0 for fewer than two rows.
    """
    if len(first) < 2:
        return first.sum() * 0.0
    scores = first @ second.T / temperature  # (n, n)
    target = torch.arange(len(first), device=first.device)
    return 0.5 * (functional.cross_entropy(scores, target) + functional.cross_entropy(scores.T, target))


def supervised_contrast(rows: Tensor, positive: Tensor, negative: Tensor, temperature: float | Tensor = 1.0) -> Tensor:
    """Supervised contrast (Khosla et al. 2020, eq. 2) of unit-length rows (n, d) under two masks (n, n) → scalar.

    For each anchor: the mean over its positives p of −log(exp(r·r_p/τ) / Σ exp(r·r_a/τ)), a over its positives and
    negatives; the mean over anchors that have both. 0 where none has.
    """
    anchors = positive.any(1) & negative.any(1)
    if not anchors.any():
        return rows.sum() * 0.0
    positive, negative = positive[anchors], negative[anchors]
    scores = (rows[anchors] @ rows.T / temperature).float()  # (a, n)
    among = scores.masked_fill(~(positive | negative), -torch.inf).logsumexp(1, keepdim=True)  # (a, 1)
    return (((among - scores) * positive).sum(1) / positive.sum(1)).mean()


def nt_xent(first: Tensor, second: Tensor, temperature: float | Tensor = 1.0) -> Tensor:
    """NT-Xent (Chen et al. 2020, eq. 1) of two views of n utterances, unit length; (n, d), (n, d) → scalar.

    The other view is the positive, both views of all other utterances are negatives. 0 for fewer than two rows.
    """
    rows = torch.cat([first, second])  # (2n, d)
    utterance = torch.arange(len(first), device=first.device).repeat(2)
    same = utterance[:, None] == utterance
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    return supervised_contrast(rows, same & ~itself, ~same, temperature)


def cross_covariance(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared correlation over *all* pairs of dimensions of two parts; (n, d1), (n, d2) → scalar in [0, 1].

    The released code of DnR correlates equal-numbered dimensions only, so that a part may hold all of the other in
    rotated form; this one is zero only when no linear map of one predicts the other.
    """
    if len(first) < 2:
        return first.sum() * 0.0
    first, second = standardise(first), standardise(second)
    return (first.T @ second / len(first)).square().mean()


def standardise(rows: Tensor) -> Tensor:
    """Columns with mean 0 and standard deviation 1 over the rows."""
    centred = rows - rows.mean(0)
    return centred / (centred.square().mean(0) + 1e-5).sqrt()
