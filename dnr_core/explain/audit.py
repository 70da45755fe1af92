"""How far the scores and explanations of a split can be trusted: intervals per class, agreement with planted truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dnr_core.training.metrics import LEVEL, RESAMPLES
from dnr_core.types import split_player

EDGES = [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2]


@dataclass(frozen=True)
class Share:
    """A share of `n` utterances with its 95 % interval over dialogues; `value` is None where n is 0."""

    value: float | None
    interval: tuple[float, float] | None
    n: int


@dataclass(frozen=True)
class SourceAgreement:
    """Utterances of one planted source: how many, how often predicted right, and (of those) how often explained right.

    `exact` is None where the source is no single part (noise, copies, three modalities).
    """

    source: str
    accuracy: Share
    family: Share | None
    exact: Share | None


@dataclass(frozen=True)
class TruthAgreement:
    """Agreement of the dominant part with the planted source: over all sources, and for each of them."""

    family: Share
    exact: Share
    sources: tuple[SourceAgreement, ...]


def share_of(hits: np.ndarray, dialogues: np.ndarray) -> Share:
    """The share of true values with its percentile interval from drawing whole dialogues (seed fixed)."""
    if not len(hits):
        return Share(None, None, 0)
    _, block = np.unique(dialogues, return_inverse=True)
    count = int(block.max()) + 1
    good, size = np.bincount(block, weights=hits.astype(float)), np.bincount(block)
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    low, high = np.percentile((draws @ good) / (draws @ size), EDGES)
    return Share(float(hits.mean()), (float(low), float(high)), len(hits))


def class_intervals(
    gold: np.ndarray, predicted: np.ndarray, dialogues: np.ndarray, classes: int
) -> dict[str, np.ndarray]:
    """95 % intervals (C, 2) of precision, recall and F1 of each class, by drawing whole dialogues (seed fixed)."""
    known = gold >= 0
    names, block = np.unique(dialogues, return_inverse=True)
    tables = np.zeros((len(names), classes * classes))
    np.add.at(tables, (block[known], gold[known] * classes + predicted[known]), 1)
    draws = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    drawn = (draws @ tables).reshape(RESAMPLES, classes, classes)
    hits, support, guessed = np.diagonal(drawn, axis1=1, axis2=2), drawn.sum(2), drawn.sum(1)
    found = {"precision": hits / np.maximum(guessed, 1), "recall": hits / np.maximum(support, 1)}
    found["f1"] = 2 * hits / np.maximum(support + guessed, 1)
    return {name: np.percentile(values, EDGES, axis=0).T for name, values in found.items()}  # (C, 2)


def truth_agreement(
    right: np.ndarray,
    dominant: np.ndarray,
    families: np.ndarray,
    sources: np.ndarray,
    dialogues: np.ndarray,
    players: tuple[str, ...],
) -> TruthAgreement:
    """Compare the dominant part of N utterances with what was planted.

    `right` (N,) bool: predicted right; `dominant` (N,) name of the part with the largest Shapley value for the
    predicted class; `families`, `sources` (N,) the truth columns. Agreement is counted over utterances that are
    predicted right: the family over all but noise, the exact part where the source is one of the players.
    """
    labels = np.array([f"{family}:{members}" for family, members in zip(families, sources, strict=True)], dtype=object)
    own = np.array([split_player(name)[0] for name in dominant], dtype=object)
    same_family = np.array([name in family.split(";") for name, family in zip(own, families, strict=True)])
    claimed = right & (families != "none")
    single = claimed & np.isin(labels, players)

    def of(mask: np.ndarray, hits: np.ndarray) -> Share:
        return share_of(hits[mask], dialogues[mask])

    rows = []
    for label in sorted(set(labels)):
        here = labels == label
        noise, lone = label.startswith("none"), label in players
        rows.append(
            SourceAgreement(
                "noise" if noise else label,
                of(here, right),
                None if noise else of(here & right, same_family),
                of(here & right, dominant == labels) if lone else None,
            )
        )
    return TruthAgreement(of(claimed, same_family), of(single, dominant == labels), tuple(rows))
