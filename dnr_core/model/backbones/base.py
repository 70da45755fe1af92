"""What every backbone takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class BackboneSpec:
    """What a backbone is built from: hidden width h, emotions C, modelled modalities M, dropout."""

    width: int
    emotions: int
    modalities: int
    dropout: float = 0.3


@dataclass(frozen=True)
class BackboneOutput:
    """`logits` (B, T, C) and the representation before the classifier, `hidden` (B, T, h_out)."""

    logits: Tensor
    hidden: Tensor


class Backbone(nn.Module):
    """Base class. A backbone never lets one dialogue see another, nor any utterance see padding.

    `forward(inputs, present, speaker, mask)`: inputs (B, T, M, h), zero where `present` (B, T, M) is False; speaker
    (B, T) int64; mask (B, T) bool, valid turns first. Returns BackboneOutput.
    """

    hidden_width: int

    def __init__(self, spec: BackboneSpec) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, inputs: Tensor, present: Tensor, speaker: Tensor, mask: Tensor) -> BackboneOutput:
        raise NotImplementedError
