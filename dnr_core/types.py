"""The numpy side of the vocabulary: everything the dashboard and the files ever see. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, TypedDict

import numpy as np

MODALITIES: tuple[str, ...] = ("text", "audio", "visual")
SUBSETS: tuple[tuple[str, ...], ...] = tuple(
    subset for size in range(1, len(MODALITIES) + 1) for subset in combinations(MODALITIES, size)
)
"""The seven subsets of modalities in the order in which everything per subset is stored; the last is all of them."""
SPLITS: tuple[str, ...] = ("train", "dev", "test")
FAMILIES: tuple[str, ...] = ("unique", "redundant", "synergistic")
SCOPES: tuple[str, ...] = ("dialogue", "utterance")
REMOVALS: tuple[str, ...] = ("mean", "zero", "donor")
OVERS: tuple[str, ...] = ("features", "turns", "modalities", "components", "words")
"""What attributions can be given to."""
ATTRIBUTION_VIEWS: dict[str, tuple[str, ...]] = {
    "integrated_gradients": ("features", "turns", "modalities", "words"),
    "gradient_x_input": OVERS,
    "gradient_shap": OVERS[:4],
    "feature_ablation": OVERS,
    "shapley_value_sampling": ("turns", "modalities", "components", "features"),
    "occlusion": ("turns",),
    "layer_integrated_gradients": ("components", "turns"),
}
"""What each method of attribution can give values to; the first is its default."""
ATTRIBUTIONS: tuple[str, ...] = tuple(ATTRIBUTION_VIEWS)

MAPS: tuple[str, ...] = ("umap", "pca")
"""How vectors are put on a map."""
MAP_FEWEST = 16
"""Utterances that a UMAP needs: one and its 15 neighbours."""


class AttributionOptions(TypedDict, total=False):
    """What can be chosen about an attribution; what is left out stands at the default of `attribute`."""

    method: str
    target: str | None
    baseline: str | None
    scale: str
    over: str | None


def join_modalities(modalities: tuple[str, ...] | list[str]) -> str:
    """`('text', 'audio')` → `'audio+text'`: sorted and joined by `+`, as everywhere in files and names."""
    return "+".join(sorted(modalities))


def player_name(family: str, modalities: tuple[str, ...] | list[str]) -> str:
    """The name of a player, such as `unique:text` or `redundant:audio+text`."""
    return f"{family}:{join_modalities(modalities)}"


def split_player(player: str) -> tuple[str, tuple[str, ...]]:
    """`'redundant:audio+text'` → `('redundant', ('audio', 'text'))`; plain modalities have the family `modality`."""
    family, _, sources = player.partition(":")
    return family, tuple(sources.split("+"))


def players_of(modalities: tuple[str, ...]) -> tuple[str, ...]:
    """The Divide-and-Refine players over these modalities: nine for three of them, four for two, one for one."""
    ordered = [modality for modality in MODALITIES if modality in modalities]
    pairs = sorted(join_modalities(pair) for pair in combinations(ordered, 2))
    unique = [f"unique:{modality}" for modality in ordered]
    return tuple(unique + [f"{family}:{pair}" for family in FAMILIES[1:] for pair in pairs])


def map_parts(players: tuple[str, ...]) -> tuple[str, ...]:
    """What can be put on a map: `all` players, each family, each player; `hidden`: what the network makes of them."""
    families = [family for family in FAMILIES if sum(split_player(player)[0] == family for player in players) > 1]
    return ("all", *families, *players, "hidden")


def players_in(part: str, players: tuple[str, ...]) -> tuple[str, ...]:
    """The players whose vectors a part of a map is made of; itself where it is `hidden` or one player."""
    if part == "all":
        return players
    return tuple(player for player in players if split_player(player)[0] == part) if part in FAMILIES else (part,)


@dataclass(frozen=True)
class Utterance:
    """One turn of a dialogue; `turn` counts from 0, `emotion` is None where nobody labelled it.

    `present` says per modality (order of MODALITIES) whether it was measured; `faults` names what was wrong with it.
    `truth_family` and `truth_sources` are known on planted corpora only.
    """

    utterance_id: str
    dialogue_id: str
    turn: int
    split: str
    speaker: str
    text: str
    emotion: str | None
    present: tuple[bool, bool, bool]
    start_s: float | None = None
    end_s: float | None = None
    media: str | None = None
    faults: tuple[str, ...] = ()
    truth_family: str | None = None
    truth_sources: str | None = None


@dataclass(frozen=True)
class Dialogue:
    """The utterances of one dialogue in the order of their turns."""

    dialogue_id: str
    split: str
    utterances: tuple[Utterance, ...]


@dataclass(frozen=True)
class Predictions:
    """What a model says of every utterance of a split, in corpus order.

    `logits` (N, C) float32; `gold` (N,) int, −1 where unlabelled; `row` (N,) the corpus rows they belong to.
    """

    emotions: tuple[str, ...]
    utterance_ids: tuple[str, ...]
    row: np.ndarray
    logits: np.ndarray
    gold: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, (N, C)."""
        return softmax(self.logits)

    @property
    def predicted(self) -> np.ndarray:
        """The class with the largest logit, (N,)."""
        return self.logits.argmax(axis=1)


@dataclass(frozen=True)
class CoalitionTable:
    """Logits under all 2^K coalitions: `logits` (N, 2^K, C) float16; bit k of the index is 1 where player k is *on*.

    The last index (all bits set) is the full model, index 0 has every player removed.
    """

    players: tuple[str, ...]
    utterance_ids: tuple[str, ...]
    scope: str
    removal: str
    logits: np.ndarray

    def index(self, off: frozenset[str] | set[str] | tuple[str, ...]) -> int:
        """The coalition index that has the players `off` removed and all others on."""
        full = 2 ** len(self.players) - 1
        return full - sum(1 << position for position, player in enumerate(self.players) if player in off)


@dataclass(frozen=True)
class ComponentValues:
    """Exact Shapley values of the players on the logits of N utterances, every class.

    `values` (N, K, C) float32 sum over K to `total − baseline`, both (N, C); `completeness_gap` (N, C) is what is
    missing. `interactions` (N, K, K, C) are exact Shapley interaction indices, symmetric, zero on the diagonal
    (+ synergy, − substitutes), or None where they were not asked for.
    """

    players: tuple[str, ...]
    utterance_ids: tuple[str, ...]
    scope: str
    removal: str
    values: np.ndarray
    baseline: np.ndarray
    total: np.ndarray
    completeness_gap: np.ndarray
    interactions: np.ndarray | None = None


@dataclass(frozen=True)
class SignalValues:
    """What a method says of its own workings for N utterances: name → (N,), or (N, M) in the order of MODALITIES.

    NaN where a value is not defined or the modality is absent (an index is −1 there); `descriptions` has one sentence
    for each name.
    """

    utterance_ids: tuple[str, ...]
    values: dict[str, np.ndarray]
    descriptions: dict[str, str]


@dataclass(frozen=True)
class PartVectors:
    """Per player (and for `hidden`): `vectors` (N, d) float32, and `available` (N,) bool, in corpus order."""

    vectors: dict[str, np.ndarray]
    available: dict[str, np.ndarray]


@dataclass(frozen=True)
class Purity:
    """Mean share of the nearest `neighbours` that have the same gold emotion, asked of `n` labelled utterances.

    `on_map` by coordinates, `in_vectors` by what was mapped, `chance` for neighbours drawn at random; all None where
    fewer than two utterances are labelled.
    """

    on_map: float | None
    in_vectors: float | None
    chance: float | None
    neighbours: int
    n: int


@dataclass(frozen=True)
class Projection:
    """A map of the N utterances of a corpus, all splits, in corpus order.

    `part` is one of `map_parts`, `names` the players that it is made of; `coordinates` (N, 2) float32, NaN where none
    of them is available, and `n` utterances where one is; `method` one of MAPS with its `parameters`.
    `trustworthiness` (Venna and Kaski 2001; 1: no new neighbours on the map) by `trusted_neighbours` neighbours within
    a sample of `trusted` utterances, None where these are fewer than three.
    """

    part: str
    names: tuple[str, ...]
    method: str
    parameters: dict[str, Any]
    coordinates: np.ndarray
    n: int
    trustworthiness: float | None
    trusted_neighbours: int
    trusted: int
    purity: Purity


@dataclass(frozen=True)
class RunInfo:
    """One folder of checkpoints/: `problem` is None, or one line that says why it cannot be opened."""

    name: str
    path: str
    problem: str | None
    method: str | None = None
    backbone: str | None = None
    corpus_name: str | None = None
    corpus_hash: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class RunSummary:
    """What a run says of itself: its configuration, test metrics, per-epoch history and what its method supports."""

    info: RunInfo
    emotions: tuple[str, ...]
    players: tuple[str, ...]
    supports: tuple[str, ...]
    modalities: tuple[str, ...]
    config: dict[str, Any]
    metrics: dict[str, Any]
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class CorpusInfo:
    """One folder of the data directory: `problem` is None, or one line that says why it cannot be read."""

    name: str
    path: str
    problem: str | None
    utterances: int = 0
    dialogues: int = 0
    emotions: tuple[str, ...] = ()
    hash: str | None = None


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis in float64, same shape."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
