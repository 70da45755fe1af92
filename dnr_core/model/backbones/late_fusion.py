"""Late fusion: a transformer encoder for each modality, their class logits summed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnr_core.errors import UsageError
from dnr_core.model.backbones.base import Backbone, BackboneOutput, BackboneSpec
from dnr_core.model.layers import sinusoids

LAYERS, HEADS, SPEAKERS = 1, 4, 16


class LateFusion(Backbone):
    """Each modality reads its own dialogue; a turn without the modality holds a learned token there."""

    def __init__(self, spec: BackboneSpec) -> None:
        super().__init__(spec)
        if spec.width % HEADS:
            raise UsageError("late_fusion cannot use this width", got=spec.width, expected=f"a multiple of {HEADS}")
        self.hidden_width = spec.width * spec.modalities
        self.missing = nn.Parameter(torch.zeros(spec.modalities, spec.width))
        self.speakers = nn.Embedding(SPEAKERS, spec.width)
        self.encoders = nn.ModuleList(
            nn.TransformerEncoder(
                nn.TransformerEncoderLayer(
                    spec.width, HEADS, 2 * spec.width, spec.dropout, "gelu", batch_first=True, norm_first=True
                ),
                LAYERS,
                norm=nn.LayerNorm(spec.width),
                enable_nested_tensor=False,
            )
            for _ in range(spec.modalities)
        )
        self.classifiers = nn.ModuleList(nn.Linear(spec.width, spec.emotions) for _ in range(spec.modalities))
        nn.init.normal_(self.speakers.weight, std=0.1)

    def forward(self, inputs: Tensor, present: Tensor, speaker: Tensor, mask: Tensor) -> BackboneOutput:
        shared = self.speakers(speaker % SPEAKERS) + sinusoids(inputs.shape[1], inputs.shape[-1], like=inputs)
        tokens = torch.where(present[..., None], inputs, self.missing) + shared[:, :, None]  # (B, T, M, h)
        hidden = [
            encoder(tokens[:, :, position], src_key_padding_mask=~mask)  # (B, T, h)
            for position, encoder in enumerate(self.encoders)
        ]
        logits = torch.stack([head(part) for head, part in zip(self.classifiers, hidden, strict=True)])  # (M, B, T, C)
        return BackboneOutput(logits.sum(0), torch.cat(hidden, dim=-1))
