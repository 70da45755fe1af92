"""How far the scores and explanations of a split can be trusted: intervals per class, agreement with planted truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dnr_core.explain.dominance import Dominance
from dnr_core.training.metrics import LEVEL, RESAMPLES

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

    `exact` is None where the source is no single part (noise, copies).
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


@lru_cache(maxsize=2)
def resampled(dialogues: int) -> np.ndarray:
    """How often each of D dialogues is drawn in each of RESAMPLES bootstrap samples, (R, D) float, seed fixed.

    Kept for the next score of the same split: with thousands of dialogues the drawing takes longer than the scores.
    """
    count = max(1, dialogues)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)
    drawn.setflags(write=False)
    return drawn


def share_of(hits: np.ndarray, dialogues: np.ndarray) -> Share:
    """The share of true values with its percentile interval from drawing whole dialogues (seed fixed)."""
    if not len(hits):
        return Share(None, None, 0)
    _, block = np.unique(dialogues, return_inverse=True)
    count = int(block.max()) + 1
    good, size = np.bincount(block, weights=hits.astype(float)), np.bincount(block)
    draws = resampled(count)
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
    drawn = (resampled(len(names)) @ tables).reshape(RESAMPLES, classes, classes)
    hits, support, guessed = np.diagonal(drawn, axis1=1, axis2=2), drawn.sum(2), drawn.sum(1)
    found = {"precision": hits / np.maximum(guessed, 1), "recall": hits / np.maximum(support, 1)}
    found["f1"] = 2 * hits / np.maximum(support + guessed, 1)
    return {name: np.percentile(values, EDGES, axis=0).T for name, values in found.items()}  # (C, 2)


def truth_agreement(
    right: np.ndarray,
    claimed: Dominance,
    families: np.ndarray,
    sources: np.ndarray,
    dialogues: np.ndarray,
) -> TruthAgreement:
    """Compare what is claimed of N utterances with what was planted.

    `right` (N,) bool: predicted right; `families`, `sources` (N,) the truth columns. Agreement is counted over
    utterances that are predicted right: the family over all but noise, the exact source (family and modalities) where
    there is a single one: copies of two codes are two parts.
    """
    labels = np.array([f"{family}:{members}" for family, members in zip(families, sources, strict=True)], dtype=object)
    named = np.array([f"{one}:{own}" for one, own in zip(claimed.family, claimed.sources, strict=True)], dtype=object)
    same_family = np.array([name in family.split(";") for name, family in zip(claimed.family, families, strict=True)])
    lone = np.array([is_single(family, members) for family, members in zip(families, sources, strict=True)])
    counted = right & (families != "none")

    def of(mask: np.ndarray, hits: np.ndarray) -> Share:
        return share_of(hits[mask], dialogues[mask])

    rows = []
    for label in sorted(set(labels)):
        here = labels == label
        noise, single = label.startswith("none"), bool(lone[here].all())
        rows.append(
            SourceAgreement(
                "noise" if noise else label,
                of(here, right),
                None if noise else of(here & right, same_family),
                of(here & right, named == labels) if single else None,
            )
        )
    return TruthAgreement(of(counted, same_family), of(counted & lone, named == labels), tuple(rows))


def is_single(family: str, sources: str) -> bool:
    """One source that is one part: no noise, no copy of two codes, not two sources."""
    return family != "none" and ";" not in family and not (family == "unique" and "+" in sources)
