"""What every method is: named parts of an utterance, a prediction from them, and losses by stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dnr_core.model.batch import Batch, ComponentMask, Components, LossTerms, MethodOutput, Signals
from dnr_core.types import MODALITIES

Removal = str | Mapping[str, Tensor]
"""What stands in place of a part that is off: 'mean' (its train mean), 'zero', or player → vectors (d,) or (T, d)."""


@dataclass(frozen=True)
class MethodSpec:
    """What a method is built from, as stored in a checkpoint.

    `widths`: raw feature width per modality; `modalities`: those that are modelled (measured in train), in the order
    of MODALITIES; `kept`: principal components per modality, known after the fit (None before it); `divide` and
    `without`: as in RunConfig.
    """

    emotions: int
    widths: dict[str, int]
    modalities: tuple[str, ...]
    backbone: str | None
    width: int
    dropout: float
    options: dict[str, Any]
    kept: dict[str, int] | None = None
    divide: str = "pairwise"
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One part of training.

    `unit`: what a batch is made of ('utterance' or 'dialogue'); `select`: what the best epoch on dev is chosen by,
    'weighted_f1' (ties by loss) or 'loss' (where later stages need calibrated logits more than a good argmax).
    """

    name: str
    unit: str
    select: str = "weighted_f1"


class Method(nn.Module):
    """Base class.

    - `players`: names of the parts, in the order of bits in a coalition
    - `supports`: what a page may show of it: 'components' (named parts with values), 'signals' (see `signals`)
    - `own_network`: it takes no backbone
    - `decompose(batch)` → Components; `predict(components, batch)` → MethodOutput reads the *parts only* for what it
      says of the features; `forward(batch, off)` = decompose → switch off → predict
    - `fit_features(batch)` sets the buffers of the feature front end from train rows; `baselines` are what a
      switched-off part is replaced by, set by `fit_baselines`
    - `loss(batch, stage)` → LossTerms; `stage_logits(batch, stage)` is what selection on dev looks at

    Invariants (tests/contracts): a dialogue's output depends on that dialogue only; padding changes nothing; an absent
    modality's stored values change nothing; parts are switched off before anything is derived from them.
    """

    class_weight: Tensor
    stages: tuple[Stage, ...]
    supports: tuple[str, ...] = ("components",)
    own_network: bool = False

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("class_weight", torch.ones(spec.emotions))

    @classmethod
    def from_spec(cls, spec: MethodSpec) -> Method:
        """The model that a spec describes; a method of several kinds chooses among them here."""
        return cls(spec)

    @property
    def players(self) -> tuple[str, ...]:
        raise NotImplementedError

    def fit_features(self, features: dict[str, Tensor], labels: Tensor) -> None:
        """Fit buffers from measured train rows per modality (n_m, d_m), NaN cells allowed, and train labels (n,)."""
        raise NotImplementedError

    def decompose(self, batch: Batch) -> Components:
        """The parts of every utterance, vectors zero where not available."""
        raise NotImplementedError

    def predict(self, components: Components, batch: Batch) -> MethodOutput:
        """Class logits from the parts; of `batch` only presence, speakers and mask are read."""
        raise NotImplementedError

    def loss(self, batch: Batch, stage: str) -> LossTerms:
        """The loss of one stage on one batch."""
        raise NotImplementedError

    def signals(self, batch: Batch) -> Signals:
        """What the method says of its own workings (nothing, unless overridden and named in `supports`)."""
        return Signals()

    def trained_in(self, stage: str) -> list[nn.Parameter]:
        """The parameters that a stage changes (all, unless overridden)."""
        return list(self.parameters())

    def learning_speed(self, stage: str) -> list[tuple[list[nn.Parameter], float]]:
        """What a stage trains, in groups with the multiple of its learning rate (one group, unless overridden)."""
        return [(self.trained_in(stage), 1.0)]

    def stage_logits(self, batch: Batch, stage: str) -> Tensor:
        """Logits (B, T, C) of the model as it stands in a stage."""
        return self(batch).logits

    def finish(self, dev: list[Batch]) -> None:
        """Anything to be fitted on the selection split once all stages are trained (nothing, unless overridden)."""

    def forward(self, batch: Batch, off: ComponentMask | None = None) -> MethodOutput:
        components = self.decompose(batch)
        keep = (off or ComponentMask()).keep(self.players, batch.mask)
        if keep is not None:
            components = self.switch_off(components, keep)
        return self.predict(components, batch)

    def switch_off(self, components: Components, keep: Tensor, removal: Removal = "mean") -> Components:
        """Replace parts by what `removal` says where keep (B, T, K) is False and the part is available."""
        vectors = {}
        for position, (player, vector) in enumerate(components.vectors.items()):
            replaced = (~keep[..., position] & components.available[player])[..., None]  # (B, T, 1)
            vectors[player] = torch.where(replaced, self.fill(player, removal).to(vector), vector)
        return Components(vectors, components.available)

    def predict_coalitions(self, components: Components, batch: Batch, keep: Tensor, removal: Removal) -> Tensor:
        """Logits (S, T, C) of one dialogue (B = 1) under S masks keep (S, T, K)."""
        many = len(keep)
        wide = Batch(**{f.name: (v := getattr(batch, f.name)).expand(many, *v.shape[1:]) for f in fields(batch)})
        parts = Components(
            {player: vector.expand(many, *vector.shape[1:]) for player, vector in components.vectors.items()},
            {player: there.expand(many, *there.shape[1:]) for player, there in components.available.items()},
        )
        return self.predict(self.switch_off(parts, keep, removal), wide).logits

    def fill(self, player: str, removal: Removal) -> Tensor:
        """What stands in place of a part that is off, (d_player,) or (T, d_player)."""
        if not isinstance(removal, str):
            return removal[player]
        return self.baseline(player) if removal == "mean" else torch.zeros_like(self.baseline(player))

    def baseline(self, player: str) -> Tensor:
        """The mean of a part over the train utterances where it is available, (d_player,)."""
        return getattr(self, baseline_name(player))

    def register_baselines(self, widths: dict[str, int]) -> None:
        """Make room for the baselines; to be called once by each method with the width of every player."""
        for player, width in widths.items():
            self.register_buffer(baseline_name(player), torch.zeros(width))

    @torch.no_grad()
    def fit_baselines(self, batches: list[Batch]) -> None:
        """Set the baselines from train batches."""
        sums: dict[str, Tensor] = {}
        counts: dict[str, Tensor] = {}
        for batch in batches:
            components = self.decompose(batch)
            for player, vector in components.vectors.items():
                weight = (components.available[player] & batch.mask)[..., None].to(torch.float64)
                sums[player] = sums.get(player, 0) + (vector.double() * weight).sum((0, 1))
                counts[player] = counts.get(player, 0) + weight.sum()
        for player in sums:
            self.baseline(player).copy_(sums[player] / counts[player].clamp(min=1))

    def presence(self, batch: Batch) -> Tensor:
        """`present` of the modelled modalities only, (B, T, M')."""
        columns = [MODALITIES.index(modality) for modality in self.spec.modalities]
        return batch.present[..., columns] & batch.mask[..., None]

    def by_modality(self, values: Tensor, present: Tensor) -> Tensor:
        """Values of the modelled modalities (B, T, M') as (B, T, M) over MODALITIES, NaN where not present."""
        columns = [MODALITIES.index(modality) for modality in self.spec.modalities]
        wide = values.new_full((*values.shape[:-1], len(MODALITIES)), torch.nan)
        wide[..., columns] = values.masked_fill(~present, torch.nan)
        return wide

    def cross_entropy(
        self, logits: Tensor, batch: Batch, smoothing: float = 0.0, weight: Tensor | None = None
    ) -> Tensor:
        """Cross-entropy over labelled utterances (weighted by class_weight, or `weight` (C,)); 0 if none is."""
        labelled = batch.label >= 0
        loss = functional.cross_entropy(
            logits.flatten(0, 1).float(),
            batch.label.flatten(),
            weight=self.class_weight if weight is None else weight,
            ignore_index=-1,
            reduction="sum",
            label_smoothing=smoothing,
        )
        return loss / labelled.sum().clamp(min=1)


def baseline_name(player: str) -> str:
    """The buffer that holds a player's baseline (module attributes allow neither dots nor plus signs)."""
    return "baseline_" + player.replace(":", "_").replace("+", "_")
