"""Finding the directions of wide features that carry something: principal components, sharpened by sparsity."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

ACTIVE = 2.5
"""A source speaks in the rows where its score lies this many standard deviations above the mean."""
ROUNDS = 3
STANDS_OUT = 3.3
"""Least median score, in standard deviations, of the rows in which a source speaks, each row left out of its own
direction. Of noise it is 2.75, the median of the normal distribution beyond ACTIVE; 2.4 to 3.0 was seen."""
SPEAKS_IN = 20
"""Fewest rows in which a source must speak: medians of fewer are too uncertain to tell it from noise."""


def sharpen(rows: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Orthonormal directions (d, j) of the sparse sources in centred rows (n, d), found within the span of their
    principal components (d, k); j ≤ k is 0 where there is none.

    With d/n not small, principal components of weak sources point half into noise (Baik, Ben Arous & Péché 2005).
    Sources that are silent in most rows can be had more exactly: independent components within the principal subspace
    (Hyvärinen 1999) tell in which rows each one speaks, and the mean of those rows is its direction in all d features,
    because noise averages out. Components that are noise are told by STANDS_OUT and dropped.
    """
    scores = white(rows @ directions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixing = FastICA(whiten=False, max_iter=60, tol=1e-3, random_state=0).fit(scores).components_
    axes, active = sources(rows, scores @ mixing.T)
    for _ in range(ROUNDS - 1):  # least squares: how much of each source is in a row
        axes, active = sources(rows, rows @ axes @ np.linalg.pinv(axes.T @ axes))
    return np.linalg.qr(axes[:, clearness(rows, axes, active) > STANDS_OUT])[0]


def sources(rows: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions (d, k) as weighted means of the rows in which each source speaks, and those weights (n, k)."""
    found = found / found.std(axis=0)
    found = found * np.where((found**3).mean(axis=0) < 0, -1.0, 1.0)  # the long tail is where the source speaks
    active = np.where(found > ACTIVE, found, 0.0)
    return rows.T @ (active - active.mean(axis=0)) / np.maximum(active.sum(axis=0), 1e-9), active


def clearness(rows: np.ndarray, axes: np.ndarray, active: np.ndarray) -> np.ndarray:
    """Median score (k,) of the rows in which each source speaks, in standard deviations of the others' scores; 0 where
    these are fewer than SPEAKS_IN.

    A direction is a weighted mean of rows; what a row adds to it itself is taken off its own score.
    """
    scores = rows @ axes  # (n, k)
    weight = active.sum(axis=0)
    without = (weight * scores - active * np.square(rows).sum(axis=1, keepdims=True)) / np.maximum(weight - active, 1.0)
    clear = np.zeros(axes.shape[1])
    for place, speaks in enumerate((active > 0).T):
        if speaks.sum() >= SPEAKS_IN and scores[~speaks, place].std() > 0:
            clear[place] = np.median(without[speaks, place]) / scores[~speaks, place].std()
    return clear


def white(scores: np.ndarray) -> np.ndarray:
    """Scores (n, k) decorrelated, each with variance 1."""
    scores = scores - scores.mean(axis=0)
    values, vectors = np.linalg.eigh(scores.T @ scores / len(scores))
    return scores @ vectors / np.sqrt(np.maximum(values, 1e-9))
