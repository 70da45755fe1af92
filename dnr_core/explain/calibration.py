"""How far probabilities can be taken at their word: reliability, calibration error, temperature. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dnr_core.explain.audit import EDGES
from dnr_core.explain.split_values import draw_dialogues, ratio
from dnr_core.types import softmax

BINS = 10
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Calibration:
    """Confidence (probability of the predicted class) against accuracy in B bins of equal width, bin b from b/B on.

    `n` (B,); `confidence`, `accuracy` (B,) means, NaN in empty bins; `accuracy_interval` (B, 2) 95 % over dialogues.
    `error`: expected calibration error Σ n_b/N |accuracy_b − confidence_b| (Guo et al. 2017, eq. 3), with `interval`.
    """

    n: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    accuracy_interval: np.ndarray
    error: float
    interval: tuple[float, float] | None


def calibration(probabilities: np.ndarray, gold: np.ndarray, dialogues: np.ndarray) -> Calibration:
    """Calibration of N labelled utterances: `probabilities` (N, C), `gold` (N,), `dialogues` (N,) ids.

    The interval of the error is the basic one (twice the error minus the percentiles of the draws, at least 0): the
    error of a draw is on average larger than that of the data, as noise in a bin can only add to it.
    """
    confidence, hit = probabilities.max(1), probabilities.argmax(1) == gold
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    draws, block = draw_dialogues(dialogues)
    sums = np.zeros((draws.shape[1], 3, BINS))
    for row, values in enumerate((np.ones(len(gold)), confidence, hit)):
        np.add.at(sums, (block, row, place), values)
    drawn = (draws @ sums.reshape(len(sums), -1)).reshape(-1, 3, BINS)
    n, sure, right = sums.sum(0)
    error, spread = expected_error(sums.sum(0)), expected_error(drawn)
    within = np.full((BINS, 2), np.nan)
    wide = (sums[:, 0] > 0).sum(0) > 1
    if wide.any():
        within[wide] = np.nanpercentile(ratio(drawn[:, 2], drawn[:, 0])[:, wide], EDGES, axis=0).T
    low, high = np.percentile(spread, EDGES)
    pair = (max(0.0, float(2 * error - high)), max(0.0, float(2 * error - low))) if draws.shape[1] > 1 else None
    return Calibration(n.astype(int), ratio(sure, n), ratio(right, n), within, float(error), pair)


def expected_error(sums: np.ndarray) -> np.ndarray:
    """Expected calibration error (…) from sums (…, 3, B): utterances, their confidence, their hits."""
    n, confidence, hits = np.moveaxis(sums, -2, 0)
    return np.abs(hits - confidence).sum(-1) / n.sum(-1)


def fit_temperature(logits: np.ndarray, gold: np.ndarray) -> float:
    """The T that minimises the cross-entropy of softmax(logits / T), from COLDEST to HOTTEST (Guo et al. 2017, § 4.2).

    `logits` (N, C), `gold` (N,) all labelled. The cross-entropy is convex in 1/T, so its slope has one zero.
    """
    scores = np.asarray(logits, dtype=float)
    own = scores[np.arange(len(gold)), gold].sum()
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(50):
        middle = (low + high) / 2
        slope = (softmax(scores * middle) * scores).sum() - own
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 2 / (low + high)
