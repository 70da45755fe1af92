"""Sparse sources in wide features are found where principal components point half into noise."""

from __future__ import annotations

import numpy as np
import pytest

from dnr_core.model.subspace import clearness, sharpen

WIDTH, COUNT, SOURCES = 300, 3000, 12


def leading(rows: np.ndarray, count: int) -> np.ndarray:
    _, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    return vectors[:, ::-1][:, :count]


def overlap(directions: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Squared length of each word inside the span of orthonormal directions."""
    return np.square(words @ directions).sum(1)


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, np.ndarray]:
    """Noise of variance 1, and one of 12 orthogonal words of length 6 in a fifth of the rows; also the words."""
    random = np.random.default_rng(0)
    words = np.linalg.qr(random.standard_normal((WIDTH, SOURCES)))[0].T  # (12, d)
    rows = random.standard_normal((COUNT, WIDTH))
    speaking = random.random(COUNT) < 0.2
    rows[speaking] += 6 * words[random.integers(SOURCES, size=int(speaking.sum()))]
    return rows - rows.mean(0), words


def test_sparse_sources_are_found_and_noise_components_dropped(planted: tuple[np.ndarray, np.ndarray]) -> None:
    """A word speaks in 50 rows: variance 36/60 = 0.6 over noise of 1 and √(d/n) = 0.32, so that PCA overlaps by about
    (1 − 0.1/0.36)/(1 + 0.1/0.6) = 0.62; a mean of 50 rows by 36 / (36 + 300/50) = 0.86."""
    rows, words = planted
    before = leading(rows, 40)
    found = sharpen(rows, before)
    assert found.shape == (WIDTH, SOURCES)
    np.testing.assert_allclose(found.T @ found, np.eye(SOURCES), atol=1e-10)
    assert overlap(before[:, :SOURCES], words).mean() < 0.68
    assert overlap(found, words).min() > 0.75 and overlap(found, words).mean() == pytest.approx(0.86, abs=0.03)


def test_the_same_rows_give_the_same_directions(planted: tuple[np.ndarray, np.ndarray]) -> None:
    rows, _ = planted
    np.testing.assert_array_equal(sharpen(rows, leading(rows, 20)), sharpen(rows, leading(rows, 20)))


def test_noise_holds_no_source() -> None:
    rows = np.random.default_rng(1).standard_normal((2000, 200))
    assert sharpen(rows - rows.mean(0), leading(rows, 40)).shape == (200, 0)


def test_a_row_does_not_vouch_for_itself() -> None:
    """A direction that is the mean of 20 rows of noise: each adds its own squared length, 200 / 20; without itself the
    others are unrelated to it."""
    rows = np.random.default_rng(2).standard_normal((500, 200))
    active = np.zeros((500, 1))
    active[:20] = 3.0
    axes = rows.T @ active / active.sum()
    assert np.median(rows[:20] @ axes) == pytest.approx(200 / 20, rel=0.2)
    assert abs(clearness(rows, axes, active)[0]) < 1
    assert clearness(rows, axes, active * (np.arange(500) < 19)[:, None])[0] == 0, "too few rows to tell"
