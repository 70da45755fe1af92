"""SDT (Ma et al., IEEE TMM 2023): intra- and inter-modal transformers, gated fusion, self-distillation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dnr_core.errors import UsageError
from dnr_core.model.backbones.base import Backbone, BackboneOutput, BackboneSpec
from dnr_core.model.layers import mlp, sinusoids

HEADS, SPEAKERS = 4, 16


class Reader(nn.Module):
    """A transformer layer in which one modality (queries) reads another or itself (keys and values)."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.join = nn.Linear(width, width)
        self.think = mlp(width, width, width, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, target: Tensor, source: Tensor, readable: Tensor) -> Tensor:
        """target and source (B, T, h), readable (B, T) turns of the source → (B, T, h).

        Where no turn of the source is readable, nothing is read.
        """
        own, other = self.before(target), self.before(source)
        query, key, value = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2)  # (B, heads, T, h / heads)
            for part in (self.query(own), self.key(other), self.value(other))
        )
        something = readable.any(-1, keepdim=True)  # (B, 1)
        keep = (readable | ~something)[:, None, None]  # (B, 1, 1, T)
        rate = self.dropout.p if self.training else 0.0
        read = functional.scaled_dot_product_attention(query, key, value, attn_mask=keep, dropout_p=rate)
        read = read.transpose(1, 2).flatten(2) * something[..., None]  # (B, T, h)
        out = target + self.dropout(self.join(read))
        return out + self.dropout(self.think(self.after(out)))


class Gate(nn.Module):
    """Unimodal-level gate: σ(W x) ∘ x, (…, h) → (…, h)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(width, width, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        return torch.sigmoid(self.weigh(values)) * values


class SDT(Backbone):
    """Each modality reads its own dialogue and the other modalities' (M readers a modality), after speaker and position
    are added. What the readers found is gated and projected: one vector a modality, (B, T, M, h).

    - multimodal-level fusion: Σ_m softmax over m of (W x_m) ∘ x_m, a weight for every dimension
    - self-distillation: a classifier on each x_m learns the label and what the fused one says (`students`)

    Turns without a modality are not read by any other, and their x_m has no part in the fusion, unless all are absent:
    then it is what they read in the rest of the dialogue. Where it differs from the released code: layers are pre-norm
    (theirs normalise before the feed-forward part only), width and heads are smaller (theirs 1024 and 8), there is
    dropout before the classifier, gates are learned on every corpus (theirs are fixed for MELD) and the best epoch
    is chosen on dev (theirs on test).
    """

    def __init__(self, spec: BackboneSpec) -> None:
        super().__init__(spec)
        width, kinds = spec.width, spec.modalities
        if width % HEADS:
            raise UsageError("sdt cannot use this width", got=width, expected=f"a multiple of {HEADS}")
        self.hidden_width = width
        self.speakers = nn.Embedding(SPEAKERS, width)
        nn.init.normal_(self.speakers.weight, std=0.1)
        self.readers = nn.ModuleList(Reader(width, spec.dropout) for _ in range(kinds * kinds))
        self.gates = nn.ModuleList(Gate(width) for _ in range(kinds * kinds))
        self.reduce = nn.ModuleList(nn.Linear(kinds * width, width) for _ in range(kinds))
        self.fuse = nn.Linear(width, width, bias=False)
        self.dropout = nn.Dropout(spec.dropout)
        self.classifier = nn.Linear(width, spec.emotions)
        self.classifiers = nn.ModuleList(nn.Linear(width, spec.emotions) for _ in range(kinds))

    def forward(self, inputs: Tensor, present: Tensor, speaker: Tensor, mask: Tensor) -> BackboneOutput:
        present = present & mask[..., None]
        shared = self.speakers(speaker % SPEAKERS) + sinusoids(inputs.shape[1], inputs.shape[-1], like=inputs)
        tokens = self.dropout(inputs + shared[:, :, None]).unbind(2)  # M × (B, T, h)
        kinds = torch.stack([self.gather(place, tokens, present) for place in range(len(tokens))], dim=2)
        hidden = fused(self.fuse(kinds), kinds, present)  # (B, T, h)
        students = [
            classify(self.dropout(functional.relu(kind)))  # (B, T, C)
            for classify, kind in zip(self.classifiers, kinds.unbind(2), strict=True)
        ]
        return BackboneOutput(self.classifier(self.dropout(hidden)), hidden, torch.stack(students, dim=2))

    def gather(self, place: int, tokens: tuple[Tensor, ...], present: Tensor) -> Tensor:
        """What the modality at `place` finds in all modalities, gated and projected to (B, T, h)."""
        first = place * len(tokens)
        found = [
            self.gates[first + other](self.readers[first + other](tokens[place], source, present[..., other]))
            for other, source in enumerate(tokens)
        ]
        return self.reduce[place](torch.cat(found, dim=-1))


def fused(scores: Tensor, kinds: Tensor, present: Tensor) -> Tensor:
    """Σ over modalities of softmax(scores) ∘ kinds, dimension by dimension; (B, T, M, h) twice → (B, T, h).

    Absent modalities have no weight; where all are absent, each has.
    """
    allowed = present | ~present.any(-1, keepdim=True)  # (B, T, M)
    weight = scores.float().masked_fill(~allowed[..., None], -torch.inf).softmax(2)
    return (weight.to(kinds) * kinds).sum(2)
