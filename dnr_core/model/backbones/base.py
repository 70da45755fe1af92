"""What every backbone takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

TEMPERATURE = 1.0
"""Of the distillation: that of SDT's released code."""


@dataclass(frozen=True)
class BackboneSpec:
    """What a backbone is built from: hidden width h, emotions C, modelled modalities M, dropout."""

    width: int
    emotions: int
    modalities: int
    dropout: float = 0.3


@dataclass(frozen=True)
class BackboneOutput:
    """`logits` (B, T, C), the representation before the classifier, `hidden` (B, T, h_out), and `students`
    (B, T, M, C): what each modality's own classifier says, where the backbone has them (None else).
    """

    logits: Tensor
    hidden: Tensor
    students: Tensor | None = None

    def distillation(self, label: Tensor, present: Tensor, class_weight: Tensor) -> dict[str, Tensor]:
        """The loss term `distillation`, none where there are no students; see `self_distillation`."""
        if self.students is None:
            return {}
        return {"distillation": self_distillation(self.logits, self.students, label, present, class_weight)}


def self_distillation(
    teacher: Tensor,
    students: Tensor,
    label: Tensor,
    present: Tensor,
    class_weight: Tensor,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """Σ_m CE(label, student m) + KL(teacher ‖ student m) at a temperature, the mean over labelled utterances → scalar.

    teacher (B, T, C), students (B, T, M, C), label (B, T) with −1 = none, present (B, T, M): a modality that is absent
    learns nothing; class_weight (C,) is for the cross-entropy. SDT (Ma et al. 2023, "Self-distillation"), weights 1 as
    in the released code, which also moves the teacher towards its students; here it is fixed. 0 where nothing is
    labelled.
    """
    labelled = label >= 0
    counted = present & labelled[..., None]  # (B, T, M)
    gold = label.masked_fill(~labelled, 0)[..., None, None].expand(*students.shape[:-1], 1)  # (B, T, M, 1)
    hard = (class_weight[gold] * -students.float().log_softmax(-1).gather(-1, gold))[..., 0]  # (B, T, M)
    soft = (teacher.detach().float() / temperature).log_softmax(-1)[:, :, None].expand_as(students)
    given = (students.float() / temperature).log_softmax(-1)
    divergence = functional.kl_div(given, soft, reduction="none", log_target=True).sum(-1)  # (B, T, M)
    return torch.where(counted, hard + divergence, 0.0).sum() / labelled.sum().clamp(min=1)


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
