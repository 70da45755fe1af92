"""What a planted corpus is made of: the sources that can be planted, and the configuration that mixes them."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from dnr_core.types import MODALITIES, join_modalities, split_player

PAIRS = tuple(sorted(join_modalities(pair) for pair in combinations(MODALITIES, 2)))
TRIPLE = join_modalities(MODALITIES)
SOURCES = (
    *(f"unique:{modality}" for modality in MODALITIES),
    *(f"redundant:{members}" for members in (*PAIRS, TRIPLE)),
    *(f"synergistic:{members}" for members in (*PAIRS, TRIPLE)),
    *(f"copy:{pair}" for pair in PAIRS),
    *(f"rdnxor:{pair}" for pair in PAIRS),
)
"""Every source that can be planted, with C emotions and codes counted from 0 (members in alphabetical order).

- `unique`: the label stands in its modality. `redundant`: the label stands in each member.
- `synergistic`: the members' codes sum to the label modulo C, and all but the last are uniform: each alone, and each
  pair of a triple, says nothing.
- `copy`: label = a · C/2 + b, a in {0, 1} in the first member, b in {0 … C/2 − 1} in the second: two unique parts.
- `rdnxor`: label = a · C/2 + (c1 + c2 mod C/2); both members hold a (redundant), each its own c (synergistic).
"""
EMOTIONS = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
MORE_EMOTIONS = ("surprised", "fearful", "disgusted", "calm", "proud", "bored")
WIDTHS = {"text": 96, "audio": 48, "visual": 64}
STREAMS = ("structure", "dialogues", "splits", "speakers", "labels", "noise", "text", "missing", "nuisance", "earlier")
"""Independent random streams: turning one knob leaves what the others drew as it was."""


def emotion_names(number: int) -> tuple[str, ...]:
    """The names of `number` emotions: the usual six, six more, then `emotion_12`, …"""
    known = EMOTIONS + MORE_EMOTIONS
    return tuple(known[i] if i < len(known) else f"emotion_{i}" for i in range(number))


def default_mixture(classes: int) -> dict[str, float]:
    """Equal weights for unique, redundant and pairwise synergistic sources; a third of it for `copy` where defined."""
    mixture = {source: 1.0 for source in SOURCES if split_player(source)[0] in ("unique", "redundant", "synergistic")}
    del mixture["synergistic:audio+text+visual"]
    if classes % 2 == 0 and classes >= 4:
        mixture |= {source: 1 / 3 for source in SOURCES if source.startswith("copy:")}
    return mixture


class PlantedConfig(BaseModel):
    """What to plant; every default gives the published planted corpus, every option beyond it a harder family.

    - `emotions`: C names, or a number of them; `class_weights`: C positive weights of the labels (None: uniform).
      Synergistic codes stay uniform whatever the weights; the two parts of `copy` are independent only without them.
    - `mixture`: weight per source (see SOURCES); empty means `default_mixture`.
    - `noise`, `nuisance`: standard deviation per feature; `nuisance` is one factor shared by all modalities.
    - `code_length`: Euclidean length of a codeword; `nonlinear` bends the codes through a fixed random tanh network.
    - `noise_share`: utterances whose label is random and whose features are noise (`truth_family` 'none').
    - `missing`: chance that a modality was not measured, independent per modality, never all three; the truth columns
      stay, so a source may be out of reach: restrict to `present` rows where that matters.
    - `sources_per_utterance`: 2 plants two different sources of the same label; truth columns hold both, joined by `;`.
    - `earlier_turn_share`: share of utterances after the first turn, noise apart, whose codes stand in the *previous*
      turn's features, in slots of their own; truth columns are unchanged, the ids stand in the notes (`earlier_turn`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=0, ge=0, lt=2**63)
    dialogues: int = Field(default=240, ge=3, le=100_000)
    utterances_per_dialogue: int = Field(default=20, ge=2, le=1_000)
    emotions: tuple[str, ...] = EMOTIONS
    class_weights: tuple[float, ...] | None = None
    widths: dict[str, int] = WIDTHS
    noise: float = Field(default=0.5, ge=0, le=100)
    code_length: float = Field(default=3.0, gt=0, le=1_000)
    noise_share: float = Field(default=0.1, ge=0, le=1)
    missing: float = Field(default=0.0, ge=0, le=0.9)
    mixture: dict[str, float] = Field(default_factory=dict, validate_default=True)
    nonlinear: bool = False
    sources_per_utterance: Literal[1, 2] = 1
    earlier_turn_share: float = Field(default=0.0, ge=0, le=1)
    nuisance: float = Field(default=0.0, ge=0, le=100)

    @field_validator("emotions", mode="before")
    @classmethod
    def _name_emotions(cls, given: Any) -> Any:
        return emotion_names(given) if isinstance(given, int) and not isinstance(given, bool) else given

    @field_validator("emotions")
    @classmethod
    def _check_emotions(cls, emotions: tuple[str, ...]) -> tuple[str, ...]:
        if not 2 <= len(emotions) <= 100 or len(set(emotions)) != len(emotions) or not all(emotions):
            raise ValueError(f"emotions: got {emotions}; expected 2 to 100 different names, or their number")
        return emotions

    @field_validator("widths", mode="before")
    @classmethod
    def _fill_widths(cls, given: Any) -> Any:
        return WIDTHS | given if isinstance(given, dict) else given

    @field_validator("widths")
    @classmethod
    def _check_widths(cls, widths: dict[str, int]) -> dict[str, int]:
        if set(widths) != set(MODALITIES) or not all(2 <= width <= 16_384 for width in widths.values()):
            raise ValueError(f"widths: got {widths}; expected text, audio and visual, each from 2 to 16384")
        return {modality: widths[modality] for modality in MODALITIES}

    @field_validator("mixture")
    @classmethod
    def _check_mixture(cls, mixture: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        classes = len(info.data.get("emotions", EMOTIONS))
        mixture = mixture or default_mixture(classes)
        unknown = sorted(set(mixture) - set(SOURCES))
        if unknown:
            raise ValueError(f"mixture: got {unknown[0]!r}; expected sources among {', '.join(SOURCES)}")
        if not all(0 <= weight < np.inf for weight in mixture.values()) or sum(mixture.values()) <= 0:
            raise ValueError(
                f"mixture: got weights {list(mixture.values())}; expected weights from 0, not all of them 0"
            )
        chosen = {source: float(mixture[source]) for source in SOURCES if mixture.get(source, 0) > 0}
        halves = [source for source in chosen if split_player(source)[0] in ("copy", "rdnxor")]
        if halves and (classes % 2 or classes < 4):
            raise ValueError(
                f"mixture: got {halves[0]!r} with {classes} emotions; expected an even number of emotions from 4 on; "
                "drop that source or change the emotions"
            )
        return chosen

    @model_validator(mode="after")
    def _check_together(self) -> PlantedConfig:
        weights = self.class_weights
        if weights is not None and (len(weights) != self.classes or not all(0 < weight < np.inf for weight in weights)):
            raise ValueError(f"class_weights: got {weights}; expected {self.classes} positive numbers, one an emotion")
        if self.sources_per_utterance > len(self.mixture):
            raise ValueError(
                "sources_per_utterance: got 2 with one source in the mixture; expected two or more sources"
            )
        return self

    @property
    def classes(self) -> int:
        """C, the number of emotions."""
        return len(self.emotions)

    @property
    def label_weights(self) -> np.ndarray:
        """Probability of each label (C,)."""
        weights = np.ones(self.classes) if self.class_weights is None else np.array(self.class_weights)
        return weights / weights.sum()

    @property
    def source_weights(self) -> np.ndarray:
        """Probability of each source of the mixture (S,), noise utterances apart."""
        weights = np.array(list(self.mixture.values()))
        return weights / weights.sum()

    def stream(self, name: str) -> np.random.Generator:
        """A fresh generator of one of STREAMS: the same numbers at each call, on every machine."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(STREAMS.index(name),))))
