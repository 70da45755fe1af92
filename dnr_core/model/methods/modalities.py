"""Methods whose parts are the modalities: standardised features of each, encoded or as they are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnr_core.model.batch import Batch, Components
from dnr_core.model.layers import FeatureScaler
from dnr_core.model.methods.base import Method, MethodSpec
from dnr_core.types import MODALITIES


class ModalityMethod(Method):
    """Players `modality:text` and so on; a subclass says how a modality is encoded, and registers the baselines."""

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        self.scalers = nn.ModuleDict({name: FeatureScaler(spec.widths[name]) for name in spec.modalities})

    @property
    def players(self) -> tuple[str, ...]:
        return tuple(f"modality:{name}" for name in self.spec.modalities)

    @torch.no_grad()
    def fit_features(self, features: dict[str, Tensor], labels: Tensor) -> None:
        for name, scaler in self.scalers.items():
            scaler.fit(features[name])  # type: ignore[operator]

    def encode(self, modality: str, features: Tensor) -> Tensor:
        """The vectors of a modality from its standardised features, (B, T, d_m) → (B, T, d_player)."""
        raise NotImplementedError

    def decompose(self, batch: Batch) -> Components:
        vectors, available = {}, {}
        for player, (name, scaler) in zip(self.players, self.scalers.items(), strict=True):
            present = batch.present[..., MODALITIES.index(name)]
            encoded = self.encode(name, scaler(batch.modality(name)))
            vectors[player] = encoded.masked_fill(~present[..., None], 0.0)
            available[player] = present
        return Components(vectors, available)
