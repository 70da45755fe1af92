"""MMGCN (Hu et al., ACL 2021): a graph over utterances × modalities with GCNII layers, dense and per dialogue."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from dnr_core.model.backbones.base import Backbone, BackboneOutput, BackboneSpec
from dnr_core.model.layers import BidirectionalGRU

LAYERS, ALPHA, LAMBDA, SPEAKERS = 3, 0.1, 0.5, 16
COSINE_LIMIT = 1.0 - 1e-6


def angle_weight(cosine: Tensor) -> Tensor:
    """1 − arccos(cos)/π in [0, 1] (MMGCN eq. 3); clamped because the gradient is infinite at ±1.

    In single precision: the limit itself is 1 in bfloat16.
    """
    return 1.0 - torch.arccos(cosine.float().clamp(-COSINE_LIMIT, COSINE_LIMIT)) / math.pi


class MMGCN(Backbone):
    """Nodes are utterance × modality. Within a modality all pairs of turns are linked, weighted by angle_weight of
    their vectors; across modalities the nodes of the same utterance. A node whose modality is absent has no links.

    The (M·T, M·T) adjacency has these two kinds of entries only, so it is kept as its diagonal blocks (B, M, T, T) and
    its same-utterance links (B, T, M, M): the same graph at a third of the work. The first modality (text) passes a
    bidirectional GRU first, as in the paper; speakers are added to every node.
    """

    def __init__(self, spec: BackboneSpec) -> None:
        super().__init__(spec)
        width = spec.width
        self.hidden_width = 2 * width * spec.modalities
        self.context = BidirectionalGRU(width, width)
        self.speakers = nn.Embedding(SPEAKERS, width)
        nn.init.normal_(self.speakers.weight, std=0.1)
        self.layers = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(LAYERS))
        self.dropout = nn.Dropout(spec.dropout)
        self.classifier = nn.Linear(self.hidden_width, spec.emotions)

    def forward(self, inputs: Tensor, present: Tensor, speaker: Tensor, mask: Tensor) -> BackboneOutput:
        read = torch.cat([self.context(inputs[:, :, 0], mask)[:, :, None], inputs[:, :, 1:]], dim=2)
        nodes = (read + self.speakers(speaker % SPEAKERS)[:, :, None]) * mask[..., None, None]  # (B, T, M, h)
        nodes = nodes.transpose(1, 2)  # (B, M, T, h)
        linked = (present & mask[..., None]).transpose(1, 2)  # (B, M, T)
        graph = self.convolve(nodes, *self.adjacency(nodes, linked))
        both = torch.cat([nodes, graph], dim=-1)  # (B, M, T, 2h)
        hidden = both.permute(0, 2, 1, 3).flatten(2)  # (B, T, M·2h)
        return BackboneOutput(self.classifier(self.dropout(hidden)), hidden)

    def adjacency(self, nodes: Tensor, linked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A as its blocks, within (B, M, T, T) and across (B, T, M, M), and D^−½ as (B, M, T, 1)."""
        unit = functional.normalize(nodes, dim=-1, eps=1e-6)
        itself = torch.eye(nodes.shape[2], device=nodes.device)
        link = (linked[..., :, None] & linked[..., None, :]).to(nodes) * (1 - itself)
        within = torch.addcmul(itself, angle_weight(unit @ unit.transpose(-1, -2)), link)  # (B, M, T, T)
        turns = linked.transpose(1, 2)  # (B, T, M)
        cosine = torch.einsum("bmth,bnth->btmn", unit, unit)
        other = ~torch.eye(nodes.shape[1], dtype=torch.bool, device=nodes.device)
        across = angle_weight(cosine) * (turns[..., :, None] & turns[..., None, :] & other)  # (B, T, M, M)
        degree = within.sum(-1) + across.sum(-1).transpose(1, 2)  # (B, M, T)
        return within, across, degree.rsqrt()[..., None]

    def convolve(self, nodes: Tensor, within: Tensor, across: Tensor, scale: Tensor) -> Tensor:
        """All layers over nodes (B, M, T, h)."""
        hidden = nodes
        for number in range(1, LAYERS + 1):
            hidden = self.layer(number, hidden, nodes, within, across, scale)
        return hidden

    def layer(
        self, number: int, hidden: Tensor, nodes: Tensor, within: Tensor, across: Tensor, scale: Tensor
    ) -> Tensor:
        """GCNII (Chen et al., ICML 2020, eq. 5), layer l = 1, 2, …: initial residual ALPHA, identity mapping
        log(LAMBDA/l + 1); (B, M, T, h) → (B, M, T, h).
        """
        beta = math.log(LAMBDA / number + 1.0)
        even = hidden * scale
        spread = within @ even + torch.einsum("btmn,bnth->bmth", across, even)  # (B, M, T, h)
        mixed = (1 - ALPHA) * scale * spread + ALPHA * nodes
        return functional.relu((1 - beta) * mixed + beta * self.layers[number - 1](self.dropout(mixed)))
