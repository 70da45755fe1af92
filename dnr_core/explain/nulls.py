"""When a part may be called decisive: gates that test each part on dev, and a null for each utterance. Numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.explain.dominance import Dominance, dominance
from dnr_core.explain.store import ResultStore, StaleResult, save_arrays
from dnr_core.types import MODALITIES, ComponentValues, split_player

ALPHA = 0.05
"""Share of false claims that is accepted: over the parts that pass a gate, and among the claims of a split."""
SEED = 20_115
TURNS_AT_MOST = 256
"""Dev utterances that are explained for the null of scope 'utterance', where each costs as much as a dialogue."""
UNLABELLED = "its dev split has no labels to test the parts on"

Explain = Callable[[Corpus, np.ndarray], ComponentValues | None]
"""Explains the rows (n,) of a corpus; None where it was cancelled."""


@dataclass(frozen=True)
class Gates:
    """Whether what a part says is real: it must say more for the right emotion than with one of its modalities
    re-paired, that is with the feature rows of this modality shuffled over the dev utterances that have it.

    - `difference` (K, M): mean over dev utterances of value(gold | real) − value(gold | re-paired), in logits; NaN
      where it was not measured
    - `bound` (K, M): its lower bound at one-sided level ALPHA / K, from leaving out dialogues (mean_and_bound);
      −inf where it cannot be known, NaN where the modality is not of the part
    - `n` (K, M): utterances: labelled, with all modalities of the part
    - `passed` (K,): all bounds of the part are above 0. Of parts that have a modality which means nothing, one or more
      pass with a chance of about ALPHA at most (Bonferroni).
    """

    players: tuple[str, ...]
    difference: np.ndarray
    bound: np.ndarray
    n: np.ndarray

    @property
    def passed(self) -> np.ndarray:
        """(K,) bool."""
        foreign = np.isnan(self.bound)
        return np.asarray(~foreign.all(1) & (foreign | (self.bound > 0)).all(1))


@dataclass(frozen=True)
class ComponentNull:
    """What is needed to say which claims about dominant parts may be made, measured on the dev split.

    `null` (n,) sorted: the dominant value of dev utterances whose feature columns were shuffled independently of each
    other, so that every feature keeps its values and nothing is left that they say together, covariance included: where
    features are strongly correlated, such rows are also quieter than real ones after whitening, and the null is
    lenient. `reason`: None, or why no claim can be made (then `gates` is None and `null` empty).
    """

    gates: Gates | None
    null: np.ndarray
    reason: str | None = None

    @property
    def quantile(self) -> float | None:
        """The 95 % quantile of the null, in logits."""
        return float(np.quantile(self.null, 1 - ALPHA)) if len(self.null) else None


@dataclass(frozen=True)
class Claims:
    """For N utterances: `p` (N,) of the dominant value under the null (NaN where `reason` says that there is none), and
    `significant` (N,): p passes Benjamini-Hochberg at ALPHA over these utterances, and every part that the claim
    names its gate.
    """

    p: np.ndarray
    significant: np.ndarray
    reason: str | None = None


def component_null(
    corpus: Corpus, modalities: tuple[str, ...], explain: Explain, *, scope: str
) -> ComponentNull | None:
    """Gates and null from the dev split: 2 + M explanations of it; None where `explain` was cancelled.

    `modalities`: those of the model; `scope` limits how many utterances are explained (TURNS_AT_MOST).
    """
    every = np.flatnonzero(corpus.utterances["split"].to_numpy(dtype=object) == "dev")
    if not len(every):
        return ComponentNull(None, np.zeros(0), f"corpus {corpus.name} has no dev split to test the parts on")
    if not (corpus.labels[every] >= 0).any():
        return ComponentNull(None, np.zeros(0), f"corpus {corpus.name}: {UNLABELLED}")
    rows = every if scope == "dialogue" else some_rows(every)
    shuffles = [lambda name=name: re_paired(corpus, every, name) for name in modalities]
    found: list[ComponentValues] = []
    for shown in (lambda: corpus, *shuffles, lambda: scrambled(corpus, every, modalities)):
        values = explain(shown(), rows)
        if values is None:
            return None
        found.append(values)
    real, *without, null = found
    gates = gates_of(corpus, rows, real, dict(zip(modalities, without, strict=True)))
    return ComponentNull(gates, np.sort(dominant_values(null, dominance(null))))


def some_rows(rows: np.ndarray) -> np.ndarray:
    """At most TURNS_AT_MOST of these rows, drawn from SEED, sorted."""
    if len(rows) <= TURNS_AT_MOST:
        return rows
    return np.sort(np.random.default_rng(SEED).choice(rows, size=TURNS_AT_MOST, replace=False))


def re_paired(corpus: Corpus, rows: np.ndarray, modality: str, *, seed: tuple[int, ...] = (SEED,)) -> Corpus:
    """The corpus with the feature rows of one modality shuffled over those of `rows` that have it."""
    there = rows[corpus.present[rows, MODALITIES.index(modality)]]
    order = np.random.default_rng((*seed, MODALITIES.index(modality))).permutation(len(there))
    return with_features(corpus, {modality: (there, corpus.features[modality][there[order]])})


def scrambled(
    corpus: Corpus, rows: np.ndarray, modalities: tuple[str, ...], *, seed: tuple[int, ...] = (SEED,)
) -> Corpus:
    """The corpus with each feature column shuffled on its own over those of `rows` that have the modality.

    Missing cells stay where they are: the measured cells of a column are shuffled among themselves.
    """
    changed = {}
    for modality in modalities:
        draw = np.random.default_rng((*seed, len(MODALITIES) + MODALITIES.index(modality)))
        there = rows[corpus.present[rows, MODALITIES.index(modality)]]
        values = corpus.features[modality][there].copy()  # (n, d)
        for column in values.T:
            measured = ~np.isnan(column)
            column[measured] = draw.permutation(column[measured])
        changed[modality] = (there, values)
    return with_features(corpus, changed)


def with_features(corpus: Corpus, changed: dict[str, tuple[np.ndarray, np.ndarray]]) -> Corpus:
    """The corpus with other features in some rows: modality → (rows (n,), values (n, d))."""
    features = dict(corpus.features)
    for modality, (rows, values) in changed.items():
        features[modality] = features[modality].copy()
        features[modality][rows] = values
    return replace(corpus, features=features, stored_hash=None)


def gates_of(corpus: Corpus, rows: np.ndarray, real: ComponentValues, without: dict[str, ComponentValues]) -> Gates:
    """The gates of all parts from the values of `rows` as they are and with each modality re-paired."""
    gold, players = corpus.labels[rows], real.players
    dialogues = corpus.utterances["dialogue_id"].to_numpy(dtype=object)[rows]
    shape = (len(players), len(MODALITIES))
    difference, bound, n = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    for place, player in enumerate(players):
        columns = [MODALITIES.index(modality) for modality in split_player(player)[1]]
        here = np.flatnonzero((gold >= 0) & corpus.present[rows][:, columns].all(1))
        for column in columns:
            other = without[MODALITIES[column]]
            paired = (real.values - other.values)[here, place, gold[here]]
            found = mean_and_bound(paired, dialogues[here], ALPHA / len(players))
            (difference[place, column], bound[place, column]), n[place, column] = found, len(here)
    return Gates(players, difference, bound, n)


def mean_and_bound(differences: np.ndarray, dialogues: np.ndarray, level: float) -> tuple[float, float]:
    """Mean of `differences` (n,) and its one-sided lower bound, utterances of one dialogue being dependent.

    Mean − t(1 − level, D − 1) · s, with s from leaving out one dialogue at a time: s² = (D−1)/D · Σ_d (mean without d −
    mean)² (jackknife; Tukey 1958); −inf where there are fewer than two dialogues. With twelve dialogues of unequal
    length a mean of 0 passes level 0.0056 in 0.0063 of cases, by percentile bootstrap in about 0.02.
    """
    if not len(differences):
        return float("nan"), -np.inf
    from scipy.stats import t as student

    mean = float(differences.mean())
    _, block = np.unique(dialogues, return_inverse=True)
    sums, sizes = np.bincount(block, weights=differences), np.bincount(block)
    count = len(sums)
    if count < 2:
        return mean, -np.inf
    without = (sums.sum() - sums) / (sizes.sum() - sizes)
    spread = float(np.sqrt((count - 1) / count * np.square(without - mean).sum()))
    return mean, mean - float(student.ppf(1 - level, count - 1)) * spread


def dominant_values(values: ComponentValues, found: Dominance) -> np.ndarray:
    """The value (N,) of the dominant part for the predicted class."""
    return values.values[np.arange(len(found.predicted)), found.component, found.predicted]


def claims(null: ComponentNull, values: ComponentValues) -> Claims:
    """Which utterances of a split have a decisive part, with p = (1 + #{null ≥ value}) / (n + 1)."""
    if null.gates is None or not len(null.null):
        count = len(values.total)
        return Claims(np.full(count, np.nan), np.zeros(count, dtype=bool), null.reason)
    found = dominance(values)
    below = np.searchsorted(null.null, dominant_values(values, found), side="left")
    p = (1 + len(null.null) - below) / (len(null.null) + 1)
    real = (null.gates.passed | ~found.named).all(axis=1)
    return Claims(p, benjamini_hochberg(p) & real)


def benjamini_hochberg(p: np.ndarray, level: float = ALPHA) -> np.ndarray:
    """Which of the tests (N,) are rejected when the expected share of false ones is kept at `level` (B & H 1995)."""
    ranked = np.sort(p)
    below = np.flatnonzero(ranked <= level * np.arange(1, len(p) + 1) / max(1, len(p)))
    return p <= (ranked[below[-1]] if len(below) else -1.0)


def save_null(store: ResultStore, scope: str, removal: str, null: ComponentNull) -> None:
    """Store a null under the dev split. Raises DnRError where it cannot be written."""
    arrays: dict[str, np.ndarray] = {"null": null.null}
    players: list[str] = []
    if null.gates is not None:
        players = list(null.gates.players)
        arrays |= {name: getattr(null.gates, name) for name in ("difference", "bound", "n", "passed")}
    more: dict[str, Any] = {"players": players, "reason": null.reason, "alpha": ALPHA, "seed": SEED}
    save_arrays(store.path("dev", null_name(scope, removal)), arrays, store.header(**more))


def read_null(store: ResultStore, scope: str, removal: str) -> ComponentNull:
    """The stored null. Raises StaleResult where there is none that fits."""
    arrays, meta = store.open("dev", null_name(scope, removal))
    if (meta.get("alpha"), meta.get("seed")) != (ALPHA, SEED):
        raise StaleResult("a null of other settings")
    if meta["reason"] is not None:
        return ComponentNull(None, np.zeros(0), meta["reason"])
    parts = (np.array(arrays[name]) for name in ("difference", "bound", "n"))
    return ComponentNull(Gates(tuple(meta["players"]), *parts), np.array(arrays["null"]))


def null_name(scope: str, removal: str) -> str:
    """File name (without ending) of a stored null."""
    return f"nulls-{scope}-{removal}"
