"""What changes from one side to another on the same utterances: scores, classes, flips; with intervals. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

from dnr_core.explain.audit import EDGES
from dnr_core.explain.slices import class_f1
from dnr_core.training.metrics import RESAMPLES, scores


@dataclass(frozen=True)
class Change:
    """A score of side A, of side B, and `difference` = B − A with its 95 % interval (None: fewer than two dialogues).

    The score of several seeds is the mean of their scores.
    """

    a: float
    b: float
    difference: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Flip:
    """An utterance of which one side is right and the other wrong: what people and both sides call it."""

    utterance_id: str
    gold: str
    a: str
    b: str


@dataclass(frozen=True)
class Comparison:
    """Side B against side A on the `n` labelled utterances (in `dialogues` dialogues) of a split.

    - `seeds`: how many runs each side has; `scores`: weighted_f1, accuracy, macro_f1; `per_class`: F1 of each emotion
    - `support`: labelled utterances of each emotion
    - `only_a_right`, `only_b_right`: the discordant utterances in corpus order; `both_right`, `both_wrong`: how many
    - `p_value`: McNemar's exact test on the discordant utterances. Right and wrong are those of the vote of the seeds
      (`vote`): an utterance counts once, however many seeds there are.
    """

    seeds: tuple[int, int]
    n: int
    dialogues: int
    scores: dict[str, Change]
    per_class: dict[str, Change]
    support: dict[str, int]
    only_a_right: tuple[Flip, ...]
    only_b_right: tuple[Flip, ...]
    both_right: int
    both_wrong: int
    p_value: float
    resamples: int
    seed: int


def compare(
    gold: np.ndarray,
    predicted_a: np.ndarray,
    predicted_b: np.ndarray,
    *,
    dialogues: np.ndarray,
    utterance_ids: np.ndarray,
    emotions: tuple[str, ...],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare two sides on N utterances; `gold` (N,) is −1 where unlabelled (left out), some are labelled.

    `predicted_a` (S_a, N) and `predicted_b` (S_b, N) hold one row a seed; `dialogues`, `utterance_ids` (N,) ids.
    """
    known = gold >= 0
    gold, ids, dialogues = gold[known], utterance_ids[known], dialogues[known]
    sides = predicted_a[:, known], predicted_b[:, known]
    found = changes(gold, sides, dialogues, len(emotions), resamples=resamples, seed=seed)
    names = np.array(emotions, dtype=object)
    voted = [vote(side, len(emotions)) for side in sides]
    right_a, right_b = (one == gold for one in voted)

    def flips(where: np.ndarray) -> tuple[Flip, ...]:
        columns = (names[gold], names[voted[0]], names[voted[1]])
        return tuple(Flip(str(ids[row]), *(str(column[row]) for column in columns)) for row in np.flatnonzero(where))

    only_a, only_b = flips(right_a & ~right_b), flips(right_b & ~right_a)
    return Comparison(
        seeds=(len(predicted_a), len(predicted_b)),
        n=len(gold),
        dialogues=len(set(dialogues)),
        scores={name: found[name] for name in ("weighted_f1", "accuracy", "macro_f1")},
        per_class={emotion: found[f"f1:{place}"] for place, emotion in enumerate(emotions)},
        support={emotion: int((gold == place).sum()) for place, emotion in enumerate(emotions)},
        only_a_right=only_a,
        only_b_right=only_b,
        both_right=int((right_a & right_b).sum()),
        both_wrong=int((~right_a & ~right_b).sum()),
        p_value=mcnemar(len(only_a), len(only_b)),
        resamples=resamples,
        seed=seed,
    )


def changes(
    gold: np.ndarray,
    sides: tuple[np.ndarray, np.ndarray],
    dialogues: np.ndarray,
    classes: int,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Change]:
    """`Change` of each score, and of the F1 of each class as `f1:<class>`; arguments as in `compare`, all labelled.

    Percentile interval of a two-level bootstrap: a resample draws whole dialogues, the same for both sides (paired),
    and within each side as many seeds as it has, with replacement (seeds of two sides are not paired: they share no
    randomness). With one seed a side it is the bootstrap over dialogues, and a run against itself has width 0.
    """
    random = np.random.default_rng(seed)
    names, block = np.unique(dialogues, return_inverse=True)
    draws = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)  # (R, D)
    values, drawn = [], []
    for side in sides:
        tables = np.zeros((len(side), len(names), classes * classes))
        for run, predicted in zip(tables, side, strict=True):
            np.add.at(run, (block, gold * classes + predicted), 1)
        share = random.multinomial(len(side), np.full(len(side), 1 / len(side)), size=resamples) / len(side)  # (R, S)
        values.append({name: found.mean(0) for name, found in all_scores(tables.sum(1), classes).items()})
        resampled = [all_scores(draws @ run, classes) for run in tables]
        drawn.append({name: sum(share[:, s] * one[name] for s, one in enumerate(resampled)) for name in resampled[0]})
    first, second = values
    return {
        name: Change(
            float(first[name]),
            float(second[name]),
            float(second[name] - first[name]),
            interval(drawn[1][name] - drawn[0][name]) if len(names) > 1 else None,
        )
        for name in first
    }


def all_scores(tables: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """Scores and the F1 of each class (`f1:<class>`, 0 where it never occurs) from flat confusion counts (n, C·C)."""
    table = tables.reshape(-1, classes, classes)
    f1 = class_f1(table)  # (n, C)
    return scores(table) | {f"f1:{place}": f1[:, place] for place in range(classes)}


def interval(values: np.ndarray) -> tuple[float, float]:
    """The middle 95 %."""
    low, high = np.percentile(values, EDGES)
    return float(low), float(high)


def vote(predicted: np.ndarray, classes: int) -> np.ndarray:
    """What most seeds (S, N) predict, (N,); a tie goes to the class that the earliest seed among the tied predicts."""
    weights = 1 + 0.5 ** np.arange(2, len(predicted) + 2)  # what breaks a tie sums to less than half a vote
    cast = np.zeros((predicted.shape[1], classes))
    for weight, one in zip(weights, predicted, strict=True):
        cast[np.arange(len(one)), one] += weight
    return cast.argmax(1)


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided exact p-value of an even split of the discordant utterances: binomial with ½ (McNemar 1947)."""
    count = only_a + only_b
    tail = sum(comb(count, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, 2 * tail / 2**count)
