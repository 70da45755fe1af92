"""The torch side of the vocabulary: what goes into a model and what comes out of it.

Shape letters: B dialogues, T turns, M modalities, d features, C emotions, h hidden, K players.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
import torch
from torch import Tensor

from dnr_core.data.batching import speaker_index
from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError
from dnr_core.types import MODALITIES


@dataclass(frozen=True)
class Batch:
    """Padded dialogues, features raw (NaN = not measured; models impute and scale inside).

    - `text`, `audio`, `visual`: (B, T, d) float, d may be 0
    - `present`: (B, T, M) bool, M in the order of MODALITIES, False on padding
    - `speaker`: (B, T) int64, index by first appearance in the dialogue
    - `label`: (B, T) int64, −1 on padding and on unlabelled utterances
    - `mask`: (B, T) bool, True on real utterances, which come first
    """

    text: Tensor
    audio: Tensor
    visual: Tensor
    present: Tensor
    speaker: Tensor
    label: Tensor
    mask: Tensor

    def __post_init__(self) -> None:
        shape = self.mask.shape
        if len(shape) != 2 or self.present.shape != (*shape, len(MODALITIES)):
            raise ValueError(f"present {tuple(self.present.shape)} does not fit mask {tuple(shape)}")
        for name in ("text", "audio", "visual", "speaker", "label"):
            if getattr(self, name).shape[:2] != shape:
                raise ValueError(f"{name} {tuple(getattr(self, name).shape)} does not fit mask {tuple(shape)}")

    def modality(self, name: str) -> Tensor:
        """Raw features of one modality, (B, T, d)."""
        return getattr(self, name)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return Batch(**{item.name: getattr(self, item.name).to(device) for item in fields(self)})

    def without(self, modalities: tuple[str, ...]) -> Batch:
        """The same batch with these modalities marked as not present."""
        present = self.present.clone()
        for modality in modalities:
            present[..., MODALITIES.index(modality)] = False
        return replace(self, present=present)


@dataclass(frozen=True)
class Components:
    """The parts of every utterance.

    `vectors`: player → (B, T, d_player); `available`: player → (B, T) bool, False where a modality that the part
    needs was not measured (its vector is zero there, and switching it off changes nothing).
    """

    vectors: dict[str, Tensor]
    available: dict[str, Tensor]

    @property
    def players(self) -> tuple[str, ...]:
        """The players in their fixed order."""
        return tuple(self.vectors)


@dataclass(frozen=True)
class ComponentMask:
    """Which parts are switched off and where; hashable.

    `turn` None: in every turn of the dialogue (scope `dialogue`); a number: in that turn only (scope `utterance`).
    """

    off: frozenset[str] = frozenset()
    turn: int | None = None

    def keep(self, players: tuple[str, ...], mask: Tensor) -> Tensor | None:
        """(B, T, K) bool, False where a player is off; None when nothing is. Raises UsageError: unknown player."""
        unknown = sorted(self.off - set(players))
        if unknown:
            raise UsageError("unknown component", got=repr(unknown[0]), expected="one of " + ", ".join(players))
        if not self.off:
            return None
        keep = torch.ones((*mask.shape, len(players)), dtype=torch.bool, device=mask.device)  # (B, T, K)
        columns = [players.index(player) for player in self.off]
        keep[:, slice(None) if self.turn is None else self.turn, columns] = False
        return keep


@dataclass(frozen=True)
class MethodOutput:
    """`logits` (B, T, C); `hidden` (B, T, h); `components` they were computed from (after switching off)."""

    logits: Tensor
    hidden: Tensor
    components: Components


@dataclass(frozen=True)
class LossTerms:
    """The loss to minimise (a scalar) and its named parts (detached numbers, for the history)."""

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def summed(cls, terms: dict[str, Tensor]) -> LossTerms:
        """The sum of named scalars, which are its parts."""
        return cls(torch.stack(list(terms.values())).sum(), {name: term.detach() for name, term in terms.items()})


@dataclass(frozen=True)
class Signals:
    """What a method says of its own workings, per utterance: `values` and a one-sentence `descriptions` of each name.

    A value is (B, T), or (B, T, M) with M in the order of MODALITIES; NaN where it is not defined or the modality is
    absent (an index is −1 there). What stands at padding means nothing.
    """

    values: dict[str, Tensor] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.values) != set(self.descriptions):
            raise ValueError(f"signals {sorted(self.values)} do not fit descriptions {sorted(self.descriptions)}")


class TensorCorpus:
    """A corpus as tensors on one device; a batch is a look-up by row numbers."""

    def __init__(self, corpus: Corpus, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.features = {name: torch.from_numpy(corpus.features[name]).to(self.device) for name in MODALITIES}
        self.present = torch.from_numpy(corpus.present).to(self.device)
        self.speaker = torch.from_numpy(speaker_index(corpus)).to(self.device)
        self.label = torch.from_numpy(corpus.labels).to(self.device)

    def batch(self, rows: np.ndarray) -> Batch:
        """The batch of row numbers (B, T), −1 = padding."""
        index = torch.from_numpy(rows).to(self.device)  # (B, T)
        mask = index >= 0
        index = index.clamp(min=0)
        return Batch(
            **{name: values[index].masked_fill(~mask[..., None], 0.0) for name, values in self.features.items()},
            present=self.present[index] & mask[..., None],
            speaker=self.speaker[index].masked_fill(~mask, 0),
            label=self.label[index].masked_fill(~mask, -1),
            mask=mask,
        )
