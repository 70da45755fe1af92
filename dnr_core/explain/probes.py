"""Do the parts hold what their names say? Probes for planted codes, cross-prediction and agreement of halves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.data.planted_codes import Plan, plan, truth_of
from dnr_core.data.planted_config import PlantedConfig
from dnr_core.errors import DataError
from dnr_core.types import MODALITIES, split_player

if TYPE_CHECKING:
    from dnr_core.explain.vectors import PartVectors

LABEL = "label"
AT_LEAST = 20
"""Fewest train and fewest test utterances that a probe is fitted to and scored on."""
RIDGE = 10.0 ** np.arange(-1, 6)
"""Ridge penalties that are tried, per standardised feature; the best on dev is kept."""
SHUFFLES = 100
SEED = 20_716


@dataclass(frozen=True)
class ProbeMatrix:
    """How well a linear classifier reads planted codes from each part: `score` (K, Q) from 0 (chance) to 1, NaN where
    there are too few utterances.

    - `codes`: Q pairs (source, modality whose code it is, or 'label'); where the code is the label itself there is one
      column for all members
    - `n_train`, `n_test` (Q,): utterances of that source, its members measured

    Score = (balanced accuracy on test − 1/k) / (1 − 1/k) for k codes, not below 0.
    """

    players: tuple[str, ...]
    codes: tuple[tuple[str, str], ...]
    score: np.ndarray
    n_train: np.ndarray
    n_test: np.ndarray


def probe_matrix(parts: PartVectors, corpus: Corpus) -> ProbeMatrix:
    """Probe every part for every code of a planted corpus, on utterances of that source only (train → test).

    Raises DataError where the notes of the corpus do not say what was planted in its rows.
    """
    config, planted = planted_in(corpus)
    train, test = (np.isin(np.arange(len(corpus)), corpus.rows(split)) for split in ("train", "test"))
    players, codes = tuple(parts.vectors), code_columns(config)
    score = np.full((len(players), len(codes)), np.nan)
    counts = np.zeros((2, len(codes)), dtype=np.int64)
    for column, (source, modality) in enumerate(codes):
        code = code_of(config, planted, source, modality)  # (N,)
        members = [MODALITIES.index(name) for name in split_player(source)[1]]
        here = (code >= 0) & corpus.present[:, members].all(1)
        counts[:, column] = (here & train).sum(), (here & test).sum()
        for row, player in enumerate(players):
            use = here & parts.available[player]
            score[row, column] = probe(parts.vectors[player], code, use & train, use & test)
    return ProbeMatrix(players, codes, score, *counts)


def planted_in(corpus: Corpus) -> tuple[PlantedConfig, Plan]:
    """What was planted in a corpus. Raises DataError where its notes do not say so, or speak of other rows."""
    if "planted" not in corpus.notes:
        raise DataError(f"corpus {corpus.name} is not planted: its codes are not known", expected="one made by `demo`")
    config = PlantedConfig.model_validate(corpus.notes["planted"])
    planted, names = plan(config), list(config.mixture)
    truth = [truth_of([names[i] for i in row if i >= 0]) for row in planted.source]
    stored = zip(corpus.utterances["truth_family"], corpus.utterances["truth_sources"], strict=True)
    if truth != list(stored):
        raise DataError(f"the notes of corpus {corpus.name} do not fit its rows", do="write it again with `demo`")
    return config, planted


def code_columns(config: PlantedConfig) -> tuple[tuple[str, str], ...]:
    """(source, modality or 'label') of every code: the label of each source, and the codes that are not the label."""
    columns = []
    for source in config.mixture:
        family, members = split_player(source)
        columns.append((source, LABEL))
        if family not in ("unique", "redundant"):
            columns += [(source, modality) for modality in members]
    return tuple(columns)


def code_of(config: PlantedConfig, planted: Plan, source: str, modality: str) -> np.ndarray:
    """The code of a source in a modality, or the label (N,); −1 in utterances of other sources and where the code
    stands in the turn before.
    """
    here = (planted.source == list(config.mixture).index(source)) & ~planted.earlier[:, None]  # (N, P)
    if modality == LABEL:
        return np.where(here.any(1), planted.label, -1)
    own = planted.codes[:, :, MODALITIES.index(modality)]  # (N, P)
    return np.where(here, own, -1).max(1)


def probe(vectors: np.ndarray, code: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Scaled balanced accuracy of logistic regression on standardised vectors (N, d); NaN: too few utterances."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score

    labels = np.unique(code[train])
    if min(train.sum(), test.sum()) < AT_LEAST or len(labels) < 2:
        return float("nan")
    centre, spread = vectors[train].mean(0), vectors[train].std(0)
    scaled = (vectors - centre) / np.where(spread > 1e-8, spread, 1.0)
    model = LogisticRegression(C=0.1, max_iter=200).fit(scaled[train], code[train])
    present = np.unique(code[test])
    found = recall_score(code[test], model.predict(scaled[test]), labels=present, average="macro", zero_division=0)
    return max(0.0, float((found - 1 / len(labels)) / (1 - 1 / len(labels))))


@dataclass(frozen=True)
class CrossPrediction:
    """How far the raw features of the *other* modalities tell a part: `r2` on test (0 or less: not at all; None where
    `reason` says why it cannot be measured), from ridge regression fitted on train.
    """

    player: str
    r2: float | None
    n_train: int
    n_test: int
    reason: str | None = None


def cross_prediction(parts: PartVectors, corpus: Corpus) -> list[CrossPrediction]:
    """The R² of every unique part from the raw features of all other modalities, where at least one of these was
    measured (what was not stands at its train mean).

    R² = 1 − Σ squared errors / Σ squared distances from the train mean, over all dimensions; the penalty is chosen on
    dev (without one: on every tenth train utterance, left out of the fit).
    """
    modelled = [name for name in MODALITIES if f"unique:{name}" in parts.vectors]
    found = []
    for modality in modelled:
        player, others = f"unique:{modality}", [name for name in modelled if name != modality]
        if not others:
            found.append(CrossPrediction(player, None, 0, 0, "there is no other modality to predict it from"))
            continue
        own, *rest = (corpus.present[:, MODALITIES.index(name)] for name in (modality, *others))
        here = parts.available[player] & own & np.any(rest, axis=0)
        inputs = np.concatenate([filled(corpus, name, here) for name in others], axis=1)
        found.append(predict_part(player, inputs, parts.vectors[player], here, corpus))
    return found


def predict_part(
    player: str, inputs: np.ndarray, vectors: np.ndarray, here: np.ndarray, corpus: Corpus
) -> CrossPrediction:
    """Ridge from inputs (N, e) to vectors (N, d) over the rows `here` (N,), train → test."""
    split = corpus.utterances["split"].to_numpy(dtype=object)
    train, dev, test = (np.flatnonzero(here & (split == name)) for name in ("train", "dev", "test"))
    if min(len(train), len(test)) < AT_LEAST:
        why = f"fewer than {AT_LEAST} utterances in train or test have it and another modality"
        return CrossPrediction(player, None, len(train), len(test), why)
    fit, choose = (train, dev) if len(dev) >= AT_LEAST else (np.delete(train, np.s_[::10]), train[::10])
    centre, spread = inputs[fit].mean(0), inputs[fit].std(0)
    scaled = (inputs - centre) / np.where(spread > 1e-8, spread, 1.0)
    mean = vectors[fit].mean(0)
    inner, basis = np.linalg.eigh(scaled[fit].T @ scaled[fit])
    projected = basis.T @ (scaled[fit].T @ (vectors[fit] - mean))  # (e, d)
    weights = [basis @ (projected / (np.maximum(inner, 0) + penalty)[:, None]) for penalty in RIDGE]
    best = max(weights, key=lambda one: r_squared(vectors[choose] - mean, scaled[choose] @ one) or 0.0)
    r2 = r_squared(vectors[test] - mean, scaled[test] @ best)
    why = None if r2 is not None else "the part is the same for all utterances"
    return CrossPrediction(player, r2, len(train), len(test), why)


def r_squared(centred: np.ndarray, predicted: np.ndarray) -> float | None:
    """1 − Σ (y − ŷ)² / Σ y² for y (n, d) that are centred by the train mean; None where y does not vary."""
    total = float(np.square(centred).sum())
    return 1 - float(np.square(centred - predicted).sum()) / total if total > 1e-12 else None


def filled(corpus: Corpus, modality: str, here: np.ndarray) -> np.ndarray:
    """Features of a modality (N, d) float64, cells that are not measured at the train mean of `here` (N,)."""
    values = corpus.features[modality].astype(np.float64)
    train = here & (corpus.utterances["split"].to_numpy(dtype=object) == "train")
    known = ~np.isnan(values) & corpus.present[:, [MODALITIES.index(modality)]]
    sums, counts = np.where(known & train[:, None], values, 0).sum(0), (known & train[:, None]).sum(0)
    return np.where(known, values, sums / np.maximum(counts, 1))


@dataclass(frozen=True)
class HalfAgreement:
    """Do the halves of a redundant part, each from one modality, agree on test? `correlation`: mean over equal
    dimensions; `shuffled`: the same for halves of different utterances, mean and 95 % quantile of 100 shuffles; None
    where there are too few utterances.
    """

    player: str
    correlation: float | None
    shuffled: float | None
    shuffled_high: float | None
    n: int


def half_agreement(parts: PartVectors, corpus: Corpus, *, split: str = "test") -> list[HalfAgreement]:
    """Agreement of the two halves [from the first member; from the second] of every redundant part."""
    inside = np.isin(np.arange(len(corpus)), corpus.rows(split))
    random, found = np.random.default_rng(SEED), []
    for player, vectors in parts.vectors.items():
        if split_player(player)[0] != "redundant" or vectors.shape[1] % 2:
            continue
        rows = vectors[inside & parts.available[player]].astype(np.float64)
        if len(rows) < AT_LEAST:
            found.append(HalfAgreement(player, None, None, None, len(rows)))
            continue
        first, second = (unit_columns(half) for half in np.split(rows, 2, axis=1))
        null = [(first * second[random.permutation(len(rows))]).sum(0).mean() for _ in range(SHUFFLES)]
        real = float((first * second).sum(0).mean())
        found.append(HalfAgreement(player, real, float(np.mean(null)), float(np.quantile(null, 0.95)), len(rows)))
    return found


def unit_columns(rows: np.ndarray) -> np.ndarray:
    """Columns centred and of length 1, so that their products sum to correlations (0 for a constant column)."""
    centred = rows - rows.mean(0)
    return centred / np.maximum(np.linalg.norm(centred, axis=0), 1e-12)
