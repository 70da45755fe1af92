"""Whether errors follow the conversation more than chance, and which labels are suspect. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dnr_core.explain.audit import EDGES, Share, share_of
from dnr_core.explain.slices import Before

DRAWS = 1000
SHIFT, INERTIA, CONTAGION = "emotion shift", "inertia", "contagion"


@dataclass(frozen=True)
class ErrorKind:
    """How many errors are of a kind: `share` of the `share.n` errors that can be.

    `chance` is the mean share of the null, `chance_range` its central 95 %, `p` one-sided; None where nothing can be.
    """

    name: str
    share: Share
    chance: float | None
    chance_range: tuple[float, float] | None
    p: float | None


@dataclass(frozen=True)
class Suspects:
    """Utterances with a doubtful label, the most doubtful first: `place` (S,) in the split, `suggested` (S,) class."""

    place: np.ndarray
    suggested: np.ndarray


def error_kinds(gold: np.ndarray, predicted: np.ndarray, dialogues: np.ndarray, before: Before) -> list[ErrorKind]:
    """Errors at emotion shifts, of inertia and of contagion, each against what chance gives.

    - emotion shift: errors where gold differs from the same speaker's last emotion, among errors with such a turn;
    - inertia: errors that repeat the same speaker's last gold emotion, among errors where gold has shifted from it;
    - contagion: errors that repeat the last gold emotion of somebody else, among errors where gold differs from it.

    The null keeps the confusion matrix: right and wrong (shift), or the predictions of errors (the others), are
    exchanged among turns of the same gold emotion. `gold` (N,) is −1 where unlabelled (left out).
    """
    known = gold >= 0
    wrong = known & (predicted != gold)
    followed = known & (before.own >= 0)
    shifted = before.own != gold
    found = [kind(SHIFT, wrong * 1, np.where(shifted, 1, 2), followed, wrong & followed, gold, dialogues)]
    for name, earlier in ((INERTIA, before.own), (CONTAGION, before.other)):
        can = wrong & (earlier >= 0) & (earlier != gold)
        found.append(kind(name, predicted, earlier, can, can, gold, dialogues))
    return found


def kind(
    name: str,
    first: np.ndarray,
    second: np.ndarray,
    exchanged: np.ndarray,
    can: np.ndarray,
    gold: np.ndarray,
    dialogues: np.ndarray,
) -> ErrorKind:
    """The share of `can` (N,) where first = second, against exchanging `first` among `exchanged` of the same gold."""
    hit = (first == second) & can
    share = share_of(hit[can], dialogues[can])
    if not share.n:
        return ErrorKind(name, share, None, None, None)
    drawn = matches_by_chance(first[exchanged], second[exchanged], gold[exchanged])  # (DRAWS,)
    low, high = np.percentile(drawn / share.n, EDGES)
    p = (1 + int((drawn >= hit.sum()).sum())) / (1 + DRAWS)
    return ErrorKind(name, share, float(drawn.mean() / share.n), (float(low), float(high)), p)


def matches_by_chance(first: np.ndarray, second: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """How many of N pairs agree after `first` is exchanged within strata, in each of DRAWS draws (seed fixed).

    Drawn as tables with the margins of `first` and `second`, so that the time does not grow with N.
    """
    draw, found = np.random.default_rng(0), np.zeros(DRAWS, dtype=int)
    values = np.unique(np.concatenate([first, second]))
    for stratum in np.unique(strata):
        here = strata == stratum
        own, others = ((part[here][:, None] == values).sum(0) for part in (first, second))  # (V,) each
        left = np.tile(others, (DRAWS, 1))  # (R, V): partners that are still free
        for value in np.flatnonzero(own):
            found += dealt(draw, left, int(own[value]))[:, value]
    return found


def dealt(draw: np.random.Generator, left: np.ndarray, count: int) -> np.ndarray:
    """Take `count` partners at random from those `left` (R, V), which shrinks: how many of each value, (R, V)."""
    need, taken = np.full(len(left), count), np.zeros_like(left)
    for value in range(left.shape[1]):
        taken[:, value] = draw.hypergeometric(left[:, value], left[:, value + 1 :].sum(1), need)
        need -= taken[:, value]
    left -= taken
    return taken


def label_suspects(probabilities: np.ndarray, gold: np.ndarray) -> Suspects:
    """Confident learning (Northcutt, Jiang and Chuang 2021, eq. 1 and 2), ranked by the probability of the label.

    t_j is the mean probability of class j over the utterances labelled j. A label i is suspect where some class reaches
    its t, and the likeliest of those that do, j, is not i. As in the authors' library cleanlab, a predicted label is
    never suspect; unlike there, j is chosen among the classes that reach their t also where several do, as in the
    paper. `probabilities` (N, C) must come from a model that has not seen these utterances; `gold` (N,), −1 unlabelled.
    """
    known = np.flatnonzero(gold >= 0)
    labels, chances = gold[known], probabilities[known]
    own = chances[np.arange(len(known)), labels]
    threshold = np.full(chances.shape[1], np.inf)  # a class that is never a label cannot be reached
    for label in np.unique(labels):
        threshold[label] = own[labels == label].mean()
    reached = np.where(chances >= threshold - 1e-9, chances, -1.0)  # (n, C); a class of equal values reaches their mean
    likeliest = reached.argmax(1)
    suspect = (reached.max(1) >= 0) & (likeliest != labels) & (chances.argmax(1) != labels)
    order = np.flatnonzero(suspect)[np.argsort(own[suspect], kind="stable")]
    return Suspects(known[order], likeliest[order])
