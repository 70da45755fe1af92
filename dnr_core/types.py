"""The numpy side of the vocabulary: everything the dashboard and the files ever see. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

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
ATTRIBUTIONS: tuple[str, ...] = (
    "integrated_gradients",
    "gradient_x_input",
    "gradient_shap",
    "feature_ablation",
    "shapley_value_sampling",
    "occlusion",
    "layer_integrated_gradients",
)


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
