"""The information view: what the data offer about one class of every utterance, with its errors and nulls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.errors import DataError, UsageError, one_of
from dnr_core.explain.atoms import ATOMS, decompose_utterances, pointwise_bits, respecting_missing
from dnr_core.explain.broja import Bits, broja, union_information, union_synergy
from dnr_core.explain.nulls import benjamini_hochberg, re_paired, scrambled
from dnr_core.types import MODALITIES, SUBSETS, split_player

if TYPE_CHECKING:
    from dnr_core.model.subset import SubsetModel

__all__ = [
    "ATOMS", "EXPLAINED", "SUBSETS", "Bits", "InformationValues", "broja", "explain_information", "union_information",
    "union_synergy",
]  # fmt: skip
EXPLAINED = ("predicted", "gold")
RATE = 0.05
"""Share of false claims that is accepted: false discovery rate over utterances, error rate of the gates."""
NULL_REPEATS, GATE_REPEATS, RESAMPLES = 8, 4, 1000
NULL_STREAM, GATE_STREAM = 1, 2
FEWEST_DIALOGUES = 5
"""Labelled dev dialogues below which no interval means anything, so that nothing is claimed."""
BINS = 15


@dataclass(frozen=True)
class InformationValues:
    """What the data offer about one class of each of N utterances, in bits.

    - `explained`: 'predicted' or 'gold', the class `classes` (N,) that is explained; −1 where there is no gold label,
      and there every number of the utterance is NaN
    - `pointwise` (N, 7): i_S = log2 p(y | x_S) − log2 p(y) for each of `subsets`; an absent modality adds exactly 0
    - `values` (N, 11): `atoms`, which sum to i of all modalities; `completeness_gap` (N,) is what is missing (≤ 1e-6)
    - `calibration_error` (7,): expected calibration error per subset on the labelled utterances of this split (15 bins
      of equal width), NaN without labels
    - `p_value` (N,): share of dev utterances with permuted features whose largest atom is at least as large;
      `significant` (N,) bool: it may be claimed (see `significant_claims`)
    - `modality_gain` (3,): lower bound in bits of what each modality adds to log2 p(gold | all) on dev, order of
      MODALITIES, NaN where it cannot be shown; a claim may only name modalities above 0
    """

    utterance_ids: tuple[str, ...]
    explained: str
    classes: np.ndarray
    pointwise: np.ndarray
    values: np.ndarray
    completeness_gap: np.ndarray
    calibration_error: np.ndarray
    p_value: np.ndarray
    significant: np.ndarray
    modality_gain: np.ndarray
    atoms: tuple[str, ...] = ATOMS
    subsets: tuple[tuple[str, ...], ...] = SUBSETS

    @property
    def dominant_component(self) -> np.ndarray:
        """The name of the largest atom (N,), such as `redundant:audio+text`; empty where nothing is explained."""
        largest = np.nan_to_num(self.values, nan=-np.inf).argmax(1)
        return np.where(self.classes >= 0, np.array(self.atoms, dtype=object)[largest], "")

    @property
    def dominant_family(self) -> np.ndarray:
        """The family of the largest atom (N,)."""
        return np.array([split_player(name)[0] for name in self.dominant_component], dtype=object)

    @property
    def dominant_sources(self) -> np.ndarray:
        """The modalities of the largest atom (N,), joined by `+`."""
        return np.array([name.partition(":")[2] for name in self.dominant_component], dtype=object)


def explain_information(
    model: SubsetModel,
    corpus: Corpus,
    split: str,
    *,
    explained: str = "predicted",
    classes: np.ndarray | None = None,
    seed: int = 0,
) -> InformationValues:
    """Explain every utterance of a split, in corpus order.

    `explained` 'gold' explains the label; 'predicted' explains `classes` (N,), or where that is None the class that
    the subset model itself predicts from all modalities. Raises UsageError (unknown split or choice) and DataError
    (fewer than two modalities measured in the split: nothing can be shared).
    """
    if explained not in EXPLAINED:
        raise one_of("unknown class to explain", explained, EXPLAINED)
    rows = corpus.rows(split)
    check_modalities(model, corpus, rows)
    log_prior = np.log(model.prior.double().numpy())
    found = log_posteriors(model, corpus.features, corpus.present, rows)
    gold = corpus.labels[rows]
    own = gold if explained == "gold" else found[:, -1].argmax(1) if classes is None else np.asarray(classes)
    if own.shape != gold.shape or own.max() >= len(corpus.emotions):
        raise UsageError("one class per utterance", got=f"{own.shape}, up to {own.max()}", expected=f"({len(rows)},)")
    known = own >= 0
    pointwise, values = np.full((len(rows), len(SUBSETS)), np.nan), np.full((len(rows), len(ATOMS)), np.nan)
    pointwise[known] = pointwise_bits(found[known], log_prior, own[known])
    values[known] = decompose_utterances(found, log_prior, np.maximum(own, 0))[known]
    gain = modality_gain(model, corpus, seed=seed)
    p_value, significant = significant_claims(values, null_bits(model, corpus, seed=seed), gain)
    return InformationValues(
        utterance_ids=tuple(corpus.utterances["utterance_id"].to_numpy(dtype=object)[rows]),
        explained=explained,
        classes=own,
        pointwise=pointwise,
        values=values,
        completeness_gap=np.abs(values.sum(1) - pointwise[:, -1]),
        calibration_error=calibration_errors(np.exp(found), gold),
        p_value=p_value,
        significant=significant,
        modality_gain=gain,
    )


def check_modalities(model: SubsetModel, corpus: Corpus, rows: np.ndarray) -> None:
    """Raise DataError where fewer than two modalities are both modelled and measured in these rows."""
    measured = [name for name in model.spec.modalities if corpus.present[rows, MODALITIES.index(name)].any()]
    if len(measured) < 2:
        raise DataError(
            f"what modalities of corpus {corpus.name} share cannot be shown",
            got=f"features of {measured[0]} only" if measured else "no features",
            expected="at least two modalities, measured in this split and in train",
        )


def log_posteriors(
    model: SubsetModel, features: dict[str, np.ndarray], present: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """log p(y | x_S) (n, 7, C) of some rows, nats; S cut down to the modalities that are there and modelled."""
    modelled = np.array([name in model.spec.modalities for name in MODALITIES])
    there = present[rows] & modelled
    found = model.log_posteriors({name: features[name][rows] for name in model.spec.modalities}, there)
    return respecting_missing(found, np.log(model.prior.double().numpy()), there)


def calibration_errors(posteriors: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Expected calibration error (S,) of posteriors (N, S, C) (Guo et al. 2017, eq. 3); NaN without labels."""
    known = gold >= 0
    if not known.any():
        return np.full(posteriors.shape[1], np.nan)
    sure, right = posteriors[known].max(2), posteriors[known].argmax(2) == gold[known, None]  # (n, S)
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [[(sure - right)[bins[:, s] == b, s].sum() for b in range(BINS)] for s in range(posteriors.shape[1])]
    return np.abs(gaps).sum(1) / known.sum()


def null_bits(model: SubsetModel, corpus: Corpus, *, seed: int) -> np.ndarray:
    """The largest atom of dev utterances that have no structure, sorted; empty where there is no dev split.

    They are `scrambled` NULL_REPEATS times: what single features look like is kept, what they say together is lost.
    """
    rows = dev_rows(corpus)
    if not len(rows):
        return np.empty(0)
    log_prior, found = np.log(model.prior.double().numpy()), []
    for repeat in range(NULL_REPEATS):
        shown = scrambled(corpus, rows, model.spec.modalities, seed=(seed, NULL_STREAM, repeat))
        nothing = log_posteriors(model, shown.features, corpus.present, rows)
        found.append(decompose_utterances(nothing, log_prior, nothing[:, -1].argmax(1)).max(1))
    return np.sort(np.concatenate(found))


def dev_rows(corpus: Corpus) -> np.ndarray:
    """The rows of the dev split; none where there is no such split."""
    return np.flatnonzero(corpus.utterances["split"].to_numpy(dtype=object) == "dev")


def modality_gain(model: SubsetModel, corpus: Corpus, *, seed: int) -> np.ndarray:
    """Lower bound (3,) of how many bits of log2 p(gold | all modalities) each modality adds on dev; NaN: not shown.

    Paired difference to the same modality `re_paired` (mean over GATE_REPEATS); one-sided bootstrap bound over
    dialogues at RATE / modalities (Bonferroni).
    """
    rows = dev_rows(corpus)
    rows = rows[corpus.labels[rows] >= 0]
    bounds = np.full(len(MODALITIES), np.nan)
    dialogues, block = np.unique(corpus.utterances["dialogue_id"].to_numpy(dtype=object)[rows], return_inverse=True)
    count = len(dialogues)
    if count < FEWEST_DIALOGUES:
        return bounds
    random, gold = np.random.default_rng((seed, GATE_STREAM)), corpus.labels[rows]

    def bits(features: dict[str, np.ndarray]) -> np.ndarray:
        own = log_posteriors(model, features, corpus.present, rows)[:, -1]
        return own[np.arange(len(rows)), gold] / np.log(2)

    whole, size = bits(corpus.features), np.bincount(block)
    for name in model.spec.modalities:
        position = MODALITIES.index(name)
        if not corpus.present[rows, position].any():
            continue
        seeds = [(seed, GATE_STREAM, repeat) for repeat in range(GATE_REPEATS)]
        moved = [bits(re_paired(corpus, rows, name, seed=own).features) for own in seeds]
        gain = whole - np.mean(moved, axis=0)
        draws = random.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
        means = (draws @ np.bincount(block, weights=gain)) / (draws @ size)
        bounds[position] = np.quantile(means, RATE / len(model.spec.modalities))
    return bounds


def significant_claims(values: np.ndarray, null: np.ndarray, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p-values (N,) of the largest atom of values (N, 11) against sorted null bits, and which may be claimed (N,) bool.

    A claim may be made where it passes Benjamini & Hochberg (1995) over the split at RATE and every modality it names
    has a `modality_gain` above 0. Without a null (no dev split) nothing may be claimed. NaN rows get NaN.
    """
    known = ~np.isnan(values[:, 0])
    p_value = np.full(len(values), np.nan)
    if not len(null) or not known.any():
        return p_value, np.zeros(len(values), dtype=bool)
    above = len(null) - np.searchsorted(null, values[known].max(1), side="left")
    p_value[known] = (1 + above) / (1 + len(null))
    passing = np.zeros(len(values), dtype=bool)
    passing[known] = benjamini_hochberg(p_value[known], RATE)
    useful = {name for name, bound in zip(MODALITIES, gain, strict=True) if bound > 0}
    open_gate = np.array([set(split_player(atom)[1]) <= useful for atom in ATOMS])
    largest = np.nan_to_num(values, nan=-np.inf).argmax(1)
    return p_value, passing & open_gate[largest]
