"""The baseline: standardised raw features, one linear layer a modality, and a backbone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnr_core.model.backbones.base import BackboneOutput, BackboneSpec
from dnr_core.model.batch import Batch, Components, LossTerms, MethodOutput
from dnr_core.model.methods.base import MethodSpec, Stage
from dnr_core.model.methods.modalities import ModalityMethod
from dnr_core.registry import lookup


class Plain(ModalityMethod):
    """Raw features into a backbone. Its only parts are the modalities, standardised."""

    stages = (Stage("train", "dialogue"),)

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        self.project = nn.ModuleDict({name: nn.Linear(spec.widths[name], spec.width) for name in spec.modalities})
        self.dropout = nn.Dropout(spec.dropout)
        self.backbone = lookup("backbone", spec.backbone or "late_fusion")(
            BackboneSpec(spec.width, spec.emotions, len(spec.modalities), spec.dropout)
        )
        self.register_baselines({f"modality:{name}": spec.widths[name] for name in spec.modalities})

    def encode(self, modality: str, features: Tensor) -> Tensor:
        return features

    def predict(self, components: Components, batch: Batch) -> MethodOutput:
        out = self.read(components, batch)
        return MethodOutput(out.logits, out.hidden, components)

    def read(self, components: Components, batch: Batch) -> BackboneOutput:
        """What the backbone makes of the projected modalities."""
        present = self.presence(batch)
        nodes = [
            layer(self.dropout(vector))  # (B, T, h)
            for layer, vector in zip(self.project.values(), components.vectors.values(), strict=True)
        ]
        inputs = torch.stack(nodes, dim=2) * present[..., None]  # (B, T, M, h)
        return self.backbone(inputs, present, batch.speaker, batch.mask)

    def loss(self, batch: Batch, stage: str) -> LossTerms:
        out = self.read(self.decompose(batch), batch)
        terms = {"task": self.cross_entropy(out.logits, batch)}
        terms |= out.distillation(batch.label, self.presence(batch), self.class_weight)
        return LossTerms.summed(terms)
