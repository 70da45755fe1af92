"""From what every subset of modalities says of a class to unique, redundant and synergistic bits per utterance."""

from __future__ import annotations

import numpy as np

from dnr_core.types import MODALITIES, SUBSETS, player_name

PAIRS = SUBSETS[3:6]
ATOMS: tuple[str, ...] = (
    *(player_name("unique", [name]) for name in MODALITIES),
    *(player_name("redundant", members) for members in (*PAIRS, MODALITIES)),
    *(player_name("synergistic", members) for members in (*PAIRS, MODALITIES)),
)
"""The eleven atoms: 3 unique, 4 redundant, 4 synergistic (three pairs and the triple each)."""
SMALLEST = 1e-12
"""Probabilities are not taken to be less than this, so that bits are finite."""
ODDS_LIMIT = 30.0
BISECTIONS = 60
"""The logarithm of an odds ratio is sought between −ODDS_LIMIT and ODDS_LIMIT, in so many halvings."""


def respecting_missing(log_posteriors: np.ndarray, log_prior: np.ndarray, present: np.ndarray) -> np.ndarray:
    """log p(y | x_S) (N, 7, C) with S cut down to the modalities that are present (N, M); none of them: the prior (C,).

    So an absent modality adds exactly nothing: i_S = i_{S ∩ present}.
    """
    index = {subset: position for position, subset in enumerate(SUBSETS)}
    known = np.concatenate([log_posteriors, np.broadcast_to(log_prior, log_posteriors[:, :1].shape)], axis=1)
    cut = np.full((len(present), len(SUBSETS)), len(SUBSETS))
    for pattern in np.unique(present, axis=0):
        rows = (present == pattern).all(axis=1)
        there = {name for name, flag in zip(MODALITIES, pattern, strict=True) if flag}
        for position, subset in enumerate(SUBSETS):
            left = tuple(name for name in subset if name in there)
            cut[rows, position] = index.get(left, len(SUBSETS))
    return np.take_along_axis(known, cut[:, :, None], axis=1)


def pointwise_bits(log_posteriors: np.ndarray, log_prior: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """i_S = log2 p(y | x_S) − log2 p(y) (N, 7) of one class per utterance (N,), from natural logarithms."""
    floor = np.log(SMALLEST)
    own = np.take_along_axis(log_posteriors, classes[:, None, None], axis=2)[..., 0]  # (N, 7)
    return (np.maximum(own, floor) - np.maximum(log_prior[classes], floor)[:, None]) / np.log(2)


def shared_bits(posteriors: tuple[np.ndarray, np.ndarray], prior: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """What BROJA says two sources share about one class per utterance (N,), bits, from their posteriors (N, C) each.

    Each source is reduced to the question "is this its posterior?", answered yes as often as the class shares `prior`
    (C,) permit: w = min_y p(y) / p(y | x). The shared bits are i_1 + i_2 − log2 q*(y | yes, yes) / p(y), the local
    co-information under Q*, the coupling of the two questions that keeps what each says of y and tells least about it
    together (see `coupled_yes`). Two posteriors that point to the same classes share much (RDNXOR), two that only meet
    in one class share nothing (COPY), though i_1, i_2 and i_12 are the same.
    """
    rows = np.arange(len(classes))
    yes = [given * (prior / np.maximum(given, SMALLEST)).min(1, keepdims=True) for given in posteriors]  # (N, C)
    both = coupled_yes(yes[0], yes[1], prior)  # (N, C)
    together = both[rows, classes] / both.sum(1)
    alone = posteriors[0][rows, classes] * posteriors[1][rows, classes]
    return np.log2(np.maximum(alone, SMALLEST)) - np.log2(np.maximum(together, SMALLEST) * prior[classes])


def coupled_yes(first: np.ndarray, second: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """q*(yes, yes, y) (N, C) of two yes/no questions with p(yes, y) = `first`, `second` (N, C) and p(y) = `prior` (C,).

    Where ∂I_Q(Y; X1, X2) / ∂q(yes, yes, y) = 0, every y has the same odds ratio, and it is that of the table summed
    over y; a bisection on its logarithm finds it, and ends at its limit where the optimum is a corner.
    """
    low, high = np.full((len(first), 1), -ODDS_LIMIT), np.full((len(first), 1), ODDS_LIMIT)
    both = np.minimum(first, second)
    for _ in range(BISECTIONS):
        odds = (low + high) / 2
        both = with_odds_ratio(first, second, prior, np.exp(odds))
        cells = [both, first - both, second - both, prior - first - second + both]
        yes_yes, yes_no, no_yes, no_no = (np.log(np.maximum(cell.sum(1, keepdims=True), 1e-300)) for cell in cells)
        more = yes_yes + no_no - yes_no - no_yes > odds
        low, high = np.where(more, odds, low), np.where(more, high, odds)
    return both


def with_odds_ratio(first: np.ndarray, second: np.ndarray, prior: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """The t with t (p − a − b + t) = ratio · (a − t)(b − t) for margins a, b of a total p: (N, C), ratio (N, 1).

    The root of a quadratic (Plackett 1965), written so that it does not cancel.
    """
    slope = prior + (ratio - 1) * (first + second)
    product = ratio * first * second
    root = np.sqrt(np.maximum(slope**2 - 4 * (ratio - 1) * product, 0.0))
    smaller = 2 * product / np.maximum(slope + root, 1e-300)
    lowest, highest = np.maximum(0.0, first + second - prior), np.minimum(first, second)
    return np.minimum(np.maximum(smaller, lowest), highest)


def atoms(pointwise: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """The eleven atoms (N, 11) from i_S (N, 7) and what BROJA says each pair shares (N, 3); they sum to i of all.

    Redundancy of a pair is what Q* says (`shared_bits`), within the bounds that hold for any decomposition:
    max(0, i_1 + i_2 − i_12) ≤ r ≤ min(i_1, i_2). All three share the least of the three pairs. Unique is what is left
    of a modality, synergy of a pair what is left of i_12, and that of the triple what is left of the whole.
    """
    single, pair, whole = pointwise[:, :3], pointwise[:, 3:6], pointwise[:, 6]
    members = np.array([[MODALITIES.index(name) for name in names] for names in PAIRS])  # (3, 2)
    one, two = single[:, members[:, 0]], single[:, members[:, 1]]  # (N, 3)
    lowest, highest = np.maximum(0.0, one + two - pair), np.maximum(0.0, np.minimum(one, two))
    redundant = np.minimum(np.maximum(shared, lowest), highest)
    triple = redundant.min(1)
    own = redundant - triple[:, None]
    unique = single - triple[:, None]
    for position, names in enumerate(members):
        unique[:, names] -= own[:, [position]]
    synergy = pair - one - two + redundant
    found = np.concatenate([unique, own, triple[:, None], synergy], axis=1)  # (N, 10)
    return np.concatenate([found, (whole - found.sum(1))[:, None]], axis=1)  # (N, 11)


def decompose_utterances(log_posteriors: np.ndarray, log_prior: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The eleven atoms (N, 11) of one class per utterance (N,), bits, from log p(y | x_S) (N, 7, C), each row alone."""
    prior, single = np.exp(log_prior), np.exp(log_posteriors[:, : len(MODALITIES)])  # (C,), (N, 3, C)
    places = [tuple(MODALITIES.index(name) for name in pair) for pair in PAIRS]
    shared = [shared_bits((single[:, one], single[:, two]), prior, classes) for one, two in places]
    return atoms(pointwise_bits(log_posteriors, log_prior, classes), np.stack(shared, axis=1))
