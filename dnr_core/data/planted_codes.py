"""How planted sources are written into features: plan, slots, codewords, and the signal they add up to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dnr_core.data.planted_config import PlantedConfig
from dnr_core.types import MODALITIES, split_player

SPREAD = 0.3
"""A dialogue has between 1 − SPREAD and 1 + SPREAD times the mean number of utterances."""
HIDDEN = 128
GAIN = 0.4
"""Spread of the bending network's first layer: a codeword of length 3 reaches the curved part of tanh."""


def encode(source: str, label: np.ndarray, free: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """Codes per member modality (…) for labels (…) and uniform codes `free` (…, 2), all in 0 … C − 1."""
    family, members = split_player(source)
    half = classes // 2
    if family in ("unique", "redundant"):
        return dict.fromkeys(members, label)
    if family == "copy":
        return {members[0]: label // half, members[1]: label % half}
    if family == "rdnxor":
        first = free[..., 0] % half
        return {members[0]: label // half * half + first, members[1]: label // half * half + (label - first) % half}
    codes = {modality: free[..., place] for place, modality in enumerate(members[:-1])}
    return codes | {members[-1]: (label - sum(codes.values())) % classes}


def code_count(source: str, modality: str, classes: int) -> int:
    """How many codewords the slot of a source has in one of its members."""
    family, members = split_player(source)
    if family != "copy":
        return classes
    return 2 if modality == members[0] else classes // 2


def truth_of(sources: list[str]) -> tuple[str, str]:
    """`truth_family` and `truth_sources` of an utterance with these sources; several are joined by `;`.

    `copy` counts as `unique` with both members (two unique parts; agreement by exact source leaves these out); `rdnxor`
    as `redundant;synergistic`. No source is `none` with no members.
    """
    families = {"copy": ["unique"], "rdnxor": ["redundant", "synergistic"]}
    pairs = [(name, source.partition(":")[2]) for source in sources for name in _families(source, families)]
    return ";".join(family for family, _ in pairs) or "none", ";".join(members for _, members in pairs)


def _families(source: str, special: dict[str, list[str]]) -> list[str]:
    family = split_player(source)[0]
    return special.get(family, [family])


@dataclass(frozen=True)
class Plan:
    """What was planted in N utterances, before any feature is made; P sources an utterance.

    `dialogue`, `turn`, `label` (N,) int; `source` (N, P) index into the mixture, −1 for noise utterances;
    `codes` (N, P, M) index of the codeword in each modality of MODALITIES, −1 where it takes no part;
    `earlier` (N,) bool: the codes stand in the features of the turn before.
    """

    dialogue: np.ndarray
    turn: np.ndarray
    label: np.ndarray
    source: np.ndarray
    codes: np.ndarray
    earlier: np.ndarray


def plan(config: PlantedConfig) -> Plan:
    """Draw dialogues, labels, sources and codes."""
    random = config.stream("dialogues")
    shortest, longest = (max(1, round(config.utterances_per_dialogue * (1 + side * SPREAD))) for side in (-1, 1))
    lengths = random.integers(shortest, longest + 1, size=config.dialogues)
    dialogue = np.repeat(np.arange(config.dialogues), lengths)
    turn = np.concatenate([np.arange(length) for length in lengths])
    random = config.stream("labels")
    label = draw(random, config.label_weights, len(turn))
    source = draw_sources(random, config, len(turn))
    free = random.integers(config.classes, size=(*source.shape, 2))  # (N, P, 2)
    source[random.random(len(turn)) < config.noise_share] = -1
    codes = np.full((*source.shape, len(MODALITIES)), -1)  # (N, P, M)
    for position, name in enumerate(config.mixture):
        rows, place = np.nonzero(source == position)
        for modality, code in encode(name, label[rows], free[rows, place], config.classes).items():
            codes[rows, place, MODALITIES.index(modality)] = code
    earlier = (
        (config.stream("earlier").random(len(turn)) < config.earlier_turn_share) & (turn > 0) & (source[:, 0] >= 0)
    )
    return Plan(dialogue, turn, label, source, codes, earlier)


def draw(random: np.random.Generator, weights: np.ndarray, number: int) -> np.ndarray:
    """`number` independent indices with these probabilities."""
    return np.minimum(np.searchsorted(np.cumsum(weights), random.random(number), side="right"), len(weights) - 1)


def draw_sources(random: np.random.Generator, config: PlantedConfig, number: int) -> np.ndarray:
    """Source indices (N, P); a second source is drawn from the mixture without the first."""
    first = draw(random, config.source_weights, number)
    if config.sources_per_utterance == 1:
        return first[:, None]  # (N, 1)
    second = np.empty_like(first)
    for position in range(len(config.mixture)):
        rows = np.flatnonzero(first == position)
        others = config.source_weights.copy()
        others[position] = 0
        second[rows] = draw(random, others / others.sum(), len(rows))
    return np.stack([first, second], axis=1)  # (N, 2)


@dataclass(frozen=True)
class Codebook:
    """The fixed structure of a planted corpus.

    - `words`: (source, modality, shift) → codewords (codes, d) of length 1; shift 1 is the slot of the turn after.
      All codewords of a modality are orthogonal where the width allows, else random unit vectors.
    - `nuisance`: per modality (d,), the direction of the shared factor, root mean square 1.
    - `layers`: per modality the weights (d, HIDDEN), bias (HIDDEN,), weights (HIDDEN, d), bias (d,) of the bending
      network and the factor that restores the length of the codes; empty where the code is linear.
    """

    words: dict[tuple[str, str, int], np.ndarray]
    nuisance: dict[str, np.ndarray]
    layers: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]]


def build_codebook(config: PlantedConfig) -> Codebook:
    """Draw the codewords, the nuisance directions and, where asked for, the bending networks."""
    random = config.stream("structure")
    words: dict[tuple[str, str, int], np.ndarray] = {}
    for modality in MODALITIES:
        shifts = (0, 1) if config.earlier_turn_share else (0,)
        slots = [(s, modality, shift) for shift in shifts for s in config.mixture if modality in split_player(s)[1]]
        sizes = [code_count(source, modality, config.classes) for source, _, _ in slots]
        vectors = unit_vectors(random, sum(sizes), config.widths[modality])
        parts = np.split(vectors, np.cumsum(sizes)[:-1]) if slots else []
        words |= dict(zip(slots, parts, strict=True))
    nuisance = {modality: random.standard_normal(config.widths[modality]) for modality in MODALITIES}
    nuisance = {modality: v / np.sqrt(np.mean(v**2)) for modality, v in nuisance.items()}
    if not config.nonlinear:
        return Codebook(words, nuisance, {})
    layers = {}
    for modality in MODALITIES:
        inputs = [config.code_length * part for (_, where, _), part in words.items() if where == modality]
        layers[modality] = bending_network(random, config.widths[modality], inputs, config.code_length)
    return Codebook(words, nuisance, layers)


def unit_vectors(random: np.random.Generator, number: int, width: int) -> np.ndarray:
    """`number` vectors of length 1 (number, width): orthogonal where they fit, else of random direction."""
    drawn = random.standard_normal((width, number))
    if number <= width:
        basis, upper = np.linalg.qr(drawn)
        drawn = basis * np.sign(np.diag(upper))  # the sign of a column is the library's choice: fix it
    return (drawn / np.linalg.norm(drawn, axis=0)).T  # (number, width)


def bending_network(
    random: np.random.Generator, width: int, inputs: list[np.ndarray], length: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """A random two-layer tanh network, and the factor that brings the mean length of codewords to `length`."""
    first, bias_1 = random.standard_normal((width, HIDDEN)) * GAIN * 3 / length, 0.5 * random.standard_normal(HIDDEN)
    second, bias_2 = random.standard_normal((HIDDEN, width)) / np.sqrt(HIDDEN), 0.5 * random.standard_normal(width)
    if not inputs:
        return first, bias_1, second, bias_2, 1.0
    lengths = np.linalg.norm(bend(np.concatenate(inputs), (first, bias_1, second, bias_2, 1.0)), axis=1)
    return first, bias_1, second, bias_2, float(length / np.sqrt(np.mean(lengths**2)))


def bend(signal: np.ndarray, layers: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]) -> np.ndarray:
    """A signal (N, d) through the bending network, shifted so that silence stays silence (0 → 0)."""
    first, bias_1, second, bias_2, scale = layers
    silence = np.tanh(np.tanh(bias_1) @ second + bias_2)
    return scale * (np.tanh(np.tanh(signal @ first + bias_1) @ second + bias_2) - silence)


def signals(config: PlantedConfig, book: Codebook, planted: Plan) -> dict[str, np.ndarray]:
    """Features before noise, per modality (N, d) float64: the sum of the codewords that stand in each utterance."""
    clean = {modality: np.zeros((len(planted.turn), config.widths[modality])) for modality in MODALITIES}
    names = list(config.mixture)
    for (source, modality, shift), words in book.words.items():
        for place in range(planted.source.shape[1]):
            chosen = (planted.source[:, place] == names.index(source)) & (planted.earlier == bool(shift))
            rows = np.flatnonzero(chosen)
            codes = planted.codes[rows, place, MODALITIES.index(modality)]
            clean[modality][rows - shift] += config.code_length * words[codes]
    return {m: bend(signal, book.layers[m]) if book.layers else signal for m, signal in clean.items()}
