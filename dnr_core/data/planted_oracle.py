"""The Bayes-optimal observer of planted dialogues: the best that any model can do with one utterance's features."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from scipy.special import logsumexp

from dnr_core.data.corpus import Corpus
from dnr_core.data.planted_codes import Codebook, bend, build_codebook, encode
from dnr_core.data.planted_config import PlantedConfig
from dnr_core.errors import UsageError
from dnr_core.types import MODALITIES, split_player

ROUNDING = 1e-3
"""Least standard deviation assumed, so that a corpus without noise (features rounded to 4 decimals) has an answer."""


def bayes_posterior(corpus: Corpus, config: PlantedConfig, *, modalities: tuple[str, ...] = MODALITIES) -> np.ndarray:
    """p(label | features of these modalities) (N, C), exact: see `joint_posterior`. Rows sum to 1."""
    return joint_posterior(corpus, config, modalities=modalities).sum(axis=1)


def joint_posterior(corpus: Corpus, config: PlantedConfig, *, modalities: tuple[str, ...] = MODALITIES) -> np.ndarray:
    """p(source, label | features of these modalities) (N, S + 1, C), in the order of `source_sets`, noise last.

    Sums over every code of every source, with the codewords, the weights and the noise of `config` known; a modality
    that was not measured is left out. Raises UsageError for another corpus' configuration and for
    `earlier_turn_share`, where one utterance's features are not enough.
    """
    if config.earlier_turn_share:
        raise UsageError("the Bayes observer sees single utterances", got="earlier_turn_share > 0", expected="0")
    if corpus.emotions != config.emotions or corpus.widths != config.widths:
        raise UsageError(f"corpus {corpus.name} does not come from this configuration", do="pass the one in its notes")
    book = build_codebook(config)
    evidence = [np.broadcast_to(np.log(max(config.noise_share, 1e-300)), (len(corpus), config.classes))]
    for sources, weight in reversed(source_sets(config)):
        means = candidate_means(config, book, sources)
        likelihood = log_likelihood(corpus, config, book, means, modalities)  # (N, C, F)
        prior = np.log(max(weight * (1 - config.noise_share), 1e-300))
        evidence.insert(0, logsumexp(likelihood, axis=-1) - np.log(likelihood.shape[-1]) + prior)
    joint = np.stack(evidence, axis=1) + np.log(config.label_weights)  # (N, S + 1, C)
    return np.exp(joint - logsumexp(joint, axis=(1, 2), keepdims=True))


def source_sets(config: PlantedConfig) -> list[tuple[tuple[str, ...], float]]:
    """The sources that an utterance can have, alone or by twos, each with its probability among utterances with one."""
    weights = dict(zip(config.mixture, config.source_weights, strict=True))
    if config.sources_per_utterance == 1:
        return [((source,), float(weight)) for source, weight in weights.items()]
    return [
        ((one, two), float(weights[one] * weights[two] * (1 / (1 - weights[one]) + 1 / (1 - weights[two]))))
        for one, two in combinations(weights, 2)
    ]


def candidate_means(config: PlantedConfig, book: Codebook, sources: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Noise-free features per modality (C, F, d) for each label and each of the F equally likely codes."""
    classes = config.classes
    total = {modality: np.zeros((classes, 1, config.widths[modality])) for modality in MODALITIES}
    for source in sources:
        family, members = split_player(source)
        numbers = len(members) - 1 if family in ("synergistic", "rdnxor") else 0
        free = np.array([(*codes, 0, 0)[:2] for codes in product(range(classes), repeat=numbers)])  # (F, 2)
        label = np.broadcast_to(np.arange(classes)[:, None], (classes, len(free)))  # (C, F)
        codes = encode(source, label, np.broadcast_to(free, (classes, *free.shape)), classes)
        for modality, width in config.widths.items():
            own = np.zeros((classes, len(free), width))
            if modality in codes:
                own = config.code_length * book.words[source, modality, 0][codes[modality]]
            mixed = total[modality][:, :, None] + own[:, None]  # (C, F before, F of this source, d)
            total[modality] = mixed.reshape(classes, -1, width)  # (C, F, d)
    return {m: bend(mean, book.layers[m]) if book.layers else mean for m, mean in total.items()}


def log_likelihood(
    corpus: Corpus, config: PlantedConfig, book: Codebook, means: dict[str, np.ndarray], modalities: tuple[str, ...]
) -> np.ndarray:
    """Gaussian log-likelihood (N, C, F) of each candidate, less that of silence.

    The covariance over all seen features is σ² I + ν² v vᵀ (ν = nuisance); its inverse is I / σ² − k v vᵀ with
    k = ν² / (σ² (σ² + ν² |v|²)), by the Sherman-Morrison formula.
    """
    variance, shared = max(config.noise, ROUNDING) ** 2, config.nuisance**2
    rows, candidates = len(corpus), means[MODALITIES[0]].shape[:2]
    fit, along = np.zeros((rows, np.prod(candidates))), np.zeros((rows, np.prod(candidates)))
    seen, length = np.zeros((rows, 1)), np.zeros((rows, 1))
    for position, modality in enumerate(MODALITIES):
        mean, direction = means[modality], book.nuisance[modality]
        there = corpus.present[:, position] & (modality in modalities)
        features = np.where(there[:, None], corpus.features[modality].astype(np.float64), 0.0)  # (N, d)
        flat = mean.reshape(-1, mean.shape[-1])  # (C · F, d)
        there = there[:, None]  # (N, 1)
        fit += features @ flat.T - there * 0.5 * (flat**2).sum(axis=1)  # (N, C · F)
        along += there * (flat @ direction)  # (N, C · F)
        seen += (features @ direction)[:, None]  # (N, 1)
        length += there * (direction @ direction)  # (N, 1)
    k = shared / (variance * (variance + shared * length))
    value = fit / variance - k * (seen * along - 0.5 * along**2)
    return value.reshape(rows, *candidates)  # (N, C, F)
