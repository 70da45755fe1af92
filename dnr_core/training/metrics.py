"""Scores of predictions, with intervals by bootstrap over dialogues. Numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95


def confusion(gold: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C): rows gold, columns predicted; unlabelled rows (gold −1) are left out."""
    known = gold >= 0
    flat = np.bincount(gold[known] * classes + predicted[known], minlength=classes * classes)
    return flat.reshape(classes, classes)


def scores(table: np.ndarray) -> dict[str, np.ndarray]:
    """Weighted F1, accuracy and macro F1 from confusion counts (…, C, C); each (…,).

    As scikit-learn with zero_division=0; macro F1 is the mean over classes that occur in gold or prediction.
    """
    hits = np.diagonal(table, axis1=-2, axis2=-1).astype(float)
    support, guessed = table.sum(-1).astype(float), table.sum(-2).astype(float)
    f1 = np.divide(2 * hits, support + guessed, out=np.zeros_like(hits), where=support + guessed > 0)
    count = np.maximum(support.sum(-1), 1)
    occurring = np.maximum((support + guessed > 0).sum(-1), 1)
    return {
        "weighted_f1": (f1 * support).sum(-1) / count,
        "accuracy": hits.sum(-1) / count,
        "macro_f1": f1.sum(-1) / occurring,
    }


def weighted_f1(gold: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """F1 averaged over classes with their support as weights."""
    return float(scores(confusion(gold, predicted, classes))["weighted_f1"])


def dialogue_bootstrap(
    gold: np.ndarray, predicted: np.ndarray, dialogues: np.ndarray, classes: int, *, resamples: int = RESAMPLES
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of `scores` by drawing whole dialogues with replacement (seed fixed).

    `dialogues` (N,) holds a dialogue id per utterance: turns of one dialogue are not independent.
    """
    _, block = np.unique(dialogues, return_inverse=True)
    count = int(block.max()) + 1 if len(block) else 0
    known = gold >= 0
    cell = gold[known] * classes + predicted[known]
    tables = np.zeros((count, classes * classes))
    np.add.at(tables, (block[known], cell), 1)
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=resamples)
    resampled = (draws @ tables).reshape(resamples, classes, classes)
    edges = [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2]
    return {
        name: tuple(float(edge) for edge in np.percentile(values, edges))  # type: ignore[misc]
        for name, values in scores(resampled).items()
    }


def evaluation(
    gold: np.ndarray, predicted: np.ndarray, dialogues: np.ndarray, emotions: tuple[str, ...]
) -> dict[str, Any]:
    """All scores of a split as JSON-ready values: `weighted_f1, accuracy, macro_f1, n, interval, per_class`."""
    classes = len(emotions)
    table = confusion(gold, predicted, classes)
    hits, support, guessed = np.diagonal(table), table.sum(1), table.sum(0)
    per_class = {
        emotion: {
            "precision": ratio(hits[position], guessed[position]),
            "recall": ratio(hits[position], support[position]),
            "f1": ratio(2 * hits[position], support[position] + guessed[position]),
            "n": int(support[position]),
        }
        for position, emotion in enumerate(emotions)
    }
    if not table.sum():
        return {"weighted_f1": None, "accuracy": None, "macro_f1": None, "n": 0, "interval": {}, "per_class": per_class}
    return {
        **{name: float(value) for name, value in scores(table).items()},
        "n": int(table.sum()),
        "interval": {key: list(pair) for key, pair in dialogue_bootstrap(gold, predicted, dialogues, classes).items()},
        "per_class": per_class,
    }


def ratio(part: float, whole: float) -> float:
    """part / whole, 0 where the whole is 0."""
    return float(part / whole) if whole else 0.0
