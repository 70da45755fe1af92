"""DialogueGCN (Ghosal et al., EMNLP 2019): a window graph over utterances whose edges know speaker and direction."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dnr_core.model.backbones.base import Backbone, BackboneOutput, BackboneSpec
from dnr_core.model.layers import BidirectionalGRU

PAST, FUTURE = 10, 10
"""How many turns before and after an utterance it is linked to, as in the paper."""
RELATIONS = ("itself", "same speaker, past", "same speaker, future", "other speaker, past", "other speaker, future")


def window(present: Tensor, mask: Tensor, past: int = PAST, future: int = FUTURE) -> Tensor:
    """(B, T, T) bool: utterance i (row) is linked to itself and to the turns from i − past to i + future.

    Nothing but itself is linked to padding or to an utterance of which no modality is present.
    """
    turns = torch.arange(mask.shape[1], device=mask.device)
    ahead = turns - turns[:, None]  # (T, T), row i, column j: j − i
    near = (ahead >= -past) & (ahead <= future)
    readable = present.any(-1) & mask  # (B, T)
    return near & readable[:, None] | (ahead == 0)


def relations(speaker: Tensor) -> Tensor:
    """Which of RELATIONS holds from utterance i (row) to j, one and only one: (B, T, R, T) bool."""
    turns = torch.arange(speaker.shape[1], device=speaker.device)
    before, after = turns < turns[:, None], turns > turns[:, None]  # (T, T)
    same = speaker[:, :, None] == speaker[:, None]  # (B, T, T)
    itself = (turns == turns[:, None]).expand_as(same)
    return torch.stack([itself, same & before, same & after, ~same & before, ~same & after], dim=2)


class DialogueGCN(Backbone):
    """Utterance i is a node: its modalities, joined, read by a bidirectional GRU, g_i.

    - edge weights (eq. 1): α_ij = softmax over the window of g_iᵀ W_e g_j
    - relational layer (eq. 2): h¹_i = ReLU(Σ_r Σ_j α_ij W_r g_j + α_ii W_0 g_i)
    - graph layer (eq. 3): h²_i = ReLU(mean_j W h¹_j + W_0' h¹_i)
    - classifier (eq. 4–8): h_i = [g_i; h²_i] attends to the dialogue (softmax of h_iᵀ W_β h_j); two linear layers

    Where it differs from the paper: relations are same/other speaker × past/future instead of one for each ordered pair
    of speakers and direction, so that their number is bounded and the names of speakers do not matter; c_{i,r} is 1,
    because α sums to 1 already; the graph layer averages over the window where the paper sums, so that an utterance at
    the edge of a dialogue is on the scale of the others; what the attention of the classifier finds is added to the
    utterance's own vector instead of replacing it. The released code has another edge weight (a linear map of g_j
    alone) and decomposes W_r into bases, which few relations do not need. The paper reads one vector an utterance:
    here modalities are concatenated, absent ones zero, and projected.
    """

    def __init__(self, spec: BackboneSpec) -> None:
        super().__init__(spec)
        width = spec.width
        self.hidden_width = 2 * width
        self.join = nn.Linear(spec.modalities * width, width)
        self.context = BidirectionalGRU(width, width)
        self.edge = nn.Linear(width, width, bias=False)
        self.relational = nn.Linear(width, len(RELATIONS) * width, bias=False)
        self.neighbours = nn.Linear(width, width, bias=False)
        self.own = nn.Linear(width, width)
        self.similar = nn.Linear(2 * width, 2 * width, bias=False)
        self.read = nn.Linear(2 * width, 2 * width)
        self.dropout = nn.Dropout(spec.dropout)
        self.classifier = nn.Linear(2 * width, spec.emotions)

    def forward(self, inputs: Tensor, present: Tensor, speaker: Tensor, mask: Tensor) -> BackboneOutput:
        nodes = self.context(functional.gelu(self.join(inputs.flatten(2))), mask)  # (B, T, h)
        linked = window(present, mask)  # (B, T, T)
        first = self.relate(self.dropout(nodes), linked, relations(speaker))
        share = linked / linked.sum(-1, keepdim=True)
        second = functional.relu(self.neighbours(share.to(first) @ first) + self.own(first))
        both = torch.cat([nodes, second], dim=-1)  # (B, T, 2h)
        everyone = window(present, mask, mask.shape[1], mask.shape[1])
        hidden = functional.relu(self.read(both + attention(self.similar(both), both, everyone) @ both))
        return BackboneOutput(self.classifier(self.dropout(hidden)), hidden)

    def relate(self, nodes: Tensor, linked: Tensor, kind: Tensor) -> Tensor:
        """The relational layer: nodes (B, T, h), linked (B, T, T), kind (B, T, R, T) → (B, T, h)."""
        weight = attention(self.edge(nodes), nodes, linked)
        routes = (weight[:, :, None] * kind).flatten(2)  # (B, T, R·T)
        messages = self.relational(nodes).unflatten(-1, (len(RELATIONS), -1))  # (B, T, R, h)
        return functional.relu(routes @ messages.transpose(1, 2).flatten(1, 2))  # (B, T, h)


def attention(queries: Tensor, keys: Tensor, linked: Tensor) -> Tensor:
    """softmax over the linked j of queries_iᵀ keys_j, (B, T, T); every row has a link."""
    scores = (queries @ keys.transpose(-1, -2)).float()
    return scores.masked_fill(~linked, -torch.inf).softmax(-1).to(keys)
