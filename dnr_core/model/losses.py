"""The objectives of Divide and Refine, each one function with its source."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def symmetric_info_nce(first: Tensor, second: Tensor, temperature: float = 1.0) -> Tensor:
    """InfoNCE both ways (van den Oord et al. 2018, eq. 4) with critic first·second/τ; (n, d), (n, d) → scalar.

    Row i of one belongs to row i of the other; all other rows of the batch are its negatives, so no negative ever
    shares an utterance with its anchor. 0 for fewer than two rows.
    """
    if len(first) < 2:
        return first.sum() * 0.0
    scores = first @ second.T / temperature  # (n, n)
    target = torch.arange(len(first), device=first.device)
    return 0.5 * (functional.cross_entropy(scores, target) + functional.cross_entropy(scores.T, target))


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
