"""DF-ERC (arXiv 2308.04502): disentangle modality from utterance, fuse by confidence, add context where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dnr_core.model.batch import Batch, Components, LossTerms, MethodOutput, Signals
from dnr_core.model.layers import BidirectionalLSTM, mlp
from dnr_core.model.losses import supervised_contrast
from dnr_core.model.methods.base import MethodSpec, Stage
from dnr_core.model.methods.modalities import ModalityMethod

SIGNALS = {
    "confidence": "How far the method trusts each modality in this utterance; sums to 1 over those that are present.",
    "agreement": "Mean cosine between the modalities after alignment to the emotions, −1 to 1; two are needed.",
    "context_weight": "How strongly the turns beside this one are read: high where the modalities disagree.",
}


@dataclass(frozen=True)
class Reading:
    """What is read from the encoded modalities.

    - `modal`, `own` (B, T, M, h): what shows the modality (M_m) and what shows the utterance (U_m)
    - `said` (B, T, M, C): class logits of each modality; `confidence` (B, T, M) in (0, 1), 0 where absent
    - `aligned` (B, T, M, q): the modalities in the space of the class prototypes
    - `logits` (B, T, C), `hidden` (B, T, ·): of the whole
    """

    modal: Tensor
    own: Tensor
    said: Tensor
    confidence: Tensor
    aligned: Tensor
    logits: Tensor
    hidden: Tensor


class DFERC(ModalityMethod):
    """Its parts are the modalities, encoded: h_m = tanh(W_m x_m).

    logits = W [fused; context], fused from x_m = [h_m; 0.4 (M_m + U_m)] by confidence, context from a two-layer BiLSTM
    over the dialogue, scaled by 0.8 (1 − agreement). The class prototypes are buffers that move in training only.
    """

    stages = (Stage("train", "dialogue"),)
    supports = ("components", "signals")
    own_network = True
    prototypes: Tensor
    seen: Tensor
    rarity: Tensor

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        width, aligned = spec.width, int(spec.options["alignment_width"])
        self.project = nn.ModuleDict({name: nn.Linear(spec.widths[name], width) for name in spec.modalities})
        self.modal = nn.ModuleList(mlp(width, width, width) for _ in spec.modalities)
        self.own = nn.ModuleList(mlp(width, width, width) for _ in spec.modalities)
        self.say = nn.ModuleList(nn.Linear(2 * width, spec.emotions) for _ in spec.modalities)
        self.trust = nn.Linear(2 * width, 1)
        self.align = mlp(2 * width, width, aligned)
        self.earlier = BidirectionalLSTM(4 * width, width)
        self.later = BidirectionalLSTM(width, width)
        self.classify = nn.Linear(5 * width, spec.emotions)
        self.dropout = nn.Dropout(spec.dropout)
        self.register_buffer("prototypes", torch.zeros(spec.emotions, aligned))
        self.register_buffer("seen", torch.zeros(spec.emotions))
        self.register_buffer("rarity", torch.ones(spec.emotions))
        self.register_baselines(dict.fromkeys(self.players, width))

    @torch.no_grad()
    def fit_features(self, features: dict[str, Tensor], labels: Tensor) -> None:
        """Also the weight of the classes in the loss: 1 for the most frequent one, `other_class_weight` for others."""
        super().fit_features(features, labels)
        self.rarity.fill_(self.spec.options["other_class_weight"])
        self.rarity[torch.bincount(labels[labels >= 0], minlength=len(self.rarity)).argmax()] = 1.0

    def encode(self, modality: str, features: Tensor) -> Tensor:
        return torch.tanh(self.project[modality](features))

    def predict(self, components: Components, batch: Batch) -> MethodOutput:
        reading = self.read(components, batch)
        return MethodOutput(reading.logits, reading.hidden, components)

    def read(self, components: Components, batch: Batch) -> Reading:
        """Everything from the encoded modalities to the logits."""
        options, present = self.spec.options, self.presence(batch)
        encoded = self.dropout(torch.stack(list(components.vectors.values()), dim=2))  # (B, T, M, h)
        modal = each(self.modal, encoded)
        own = each(self.own, modal)
        vectors = disentangled(encoded, modal, own, options["disentangled_scale"]) * present[..., None]
        confidence = torch.sigmoid(self.trust(vectors)).squeeze(-1) * present  # (B, T, M)
        fused = fuse(vectors, shares(confidence), options["fused_scale"])  # (B, T, 4h)
        aligned = self.align(vectors)  # (B, T, M, q)
        weight = context_weight(agreement(aligned, present), options["context_scale"])  # (B, T)
        states = self.later(self.dropout(self.earlier(fused, batch.mask)), batch.mask)  # (B, T, h)
        hidden = torch.cat([fused, weight[..., None] * beside(states)], dim=-1)  # (B, T, 5h)
        logits = self.classify(self.dropout(hidden))
        return Reading(modal, own, each(self.say, vectors), confidence, aligned, logits, hidden)

    def loss(self, batch: Batch, stage: str) -> LossTerms:
        """CE + 0.4 (L_modality + L_utterance) + 0.7 L_similarity + L_confidence, over labelled utterances."""
        options, known = self.spec.options, batch.label >= 0
        reading = self.read(self.decompose(batch), batch)
        there, label = self.presence(batch)[known], batch.label[known]  # (n, M), (n,)
        aligned = reading.aligned[known].float()  # (n, M, q)
        if self.training:
            self.move_prototypes(aligned.detach(), label, there)
        modality, utterance = dual_contrast(
            reading.modal[known], reading.own[known], there, options["contrast_temperature"]
        )
        similarity = prototype_hinge(aligned, label, there, self.prototypes, self.seen > 0, options["margin"])
        terms = {
            "task": self.cross_entropy(reading.logits, batch, weight=self.class_weight * self.rarity),
            "modality": options["contrast_weight"] * modality,
            "utterance": options["contrast_weight"] * utterance,
            "similarity": options["similarity_weight"] * similarity,
            "confidence": options["confidence_weight"]
            * confidence_loss(reading.said[known], reading.confidence[known], label, there),
        }
        return LossTerms.summed(terms)

    @torch.no_grad()
    def move_prototypes(self, aligned: Tensor, label: Tensor, present: Tensor) -> None:
        """Running mean of the aligned vectors (n, M, q) of each class; a class that is new starts at its first mean."""
        target = functional.one_hot(label, len(self.seen)).to(aligned)[:, None] * present[..., None]  # (n, M, C)
        count = target.sum((0, 1))  # (C,)
        mean = torch.einsum("nmc,nmq->cq", target, aligned) / count.clamp(min=1)[:, None]
        rate = torch.where(self.seen > 0, 1 - self.spec.options["prototype_momentum"], 1.0) * (count > 0)
        self.prototypes.lerp_(mean, rate[:, None])
        self.seen.copy_(torch.maximum(self.seen, (count > 0).to(self.seen)))

    @torch.no_grad()
    def signals(self, batch: Batch) -> Signals:
        present, reading = self.presence(batch), self.read(self.decompose(batch), batch)
        agreed = agreement(reading.aligned, present)
        values = {
            "confidence": self.by_modality(shares(reading.confidence), present),
            "agreement": agreed.masked_fill(present.sum(-1) < 2, torch.nan),
            "context_weight": context_weight(agreed, self.spec.options["context_scale"]),
        }
        return Signals(values, SIGNALS)


def each(layers: nn.ModuleList, vectors: Tensor) -> Tensor:
    """Layer m on modality m, (B, T, M, d) → (B, T, M, d')."""
    return torch.stack([layer(part) for layer, part in zip(layers, vectors.unbind(2), strict=True)], dim=2)


def disentangled(encoded: Tensor, modal: Tensor, own: Tensor, scale: float) -> Tensor:
    """x_m = [h_m; 0.4 (M_m + U_m)], (…, h) three times → (…, 2h)."""
    return torch.cat([encoded, scale * (modal + own)], dim=-1)


def shares(confidence: Tensor) -> Tensor:
    """ĉ_m = c_m / Σ c, (…, M) → (…, M); 0 where no modality is present."""
    return confidence / confidence.sum(-1, keepdim=True).clamp(min=1e-9)


def fuse(vectors: Tensor, share: Tensor, scale: float) -> Tensor:
    """[0.9 Σ ĉ_m x_m; Σ x_m], (…, M, d) and (…, M) → (…, 2d)."""
    return torch.cat([scale * (share[..., None] * vectors).sum(-2), vectors.sum(-2)], dim=-1)


def agreement(aligned: Tensor, present: Tensor) -> Tensor:
    """Mean cosine over pairs of present modalities, (…, M, q), (…, M) → (…) in [−1, 1].

    0 where there is no pair: nothing confirms a single modality, so its context is read in full.
    """
    rows = functional.normalize(aligned, dim=-1)
    total, count = torch.zeros_like(present[..., 0], dtype=rows.dtype), torch.zeros_like(present[..., 0], dtype=int)
    for first, second in combinations(range(present.shape[-1]), 2):
        both = present[..., first] & present[..., second]
        total = total + (rows[..., first, :] * rows[..., second, :]).sum(-1) * both
        count = count + both
    return total / count.clamp(min=1)


def context_weight(agreed: Tensor, scale: float) -> Tensor:
    """0.8 (1 − s): where the modalities disagree, more context."""
    return scale * (1 - agreed)


def beside(states: Tensor) -> Tensor:
    """o_{i−1} + o_{i+1}, zero beyond the ends; (B, T, h) → (B, T, h), padding being zero."""
    edge = states.new_zeros(states[:, :1].shape)
    return torch.cat([edge, states[:, :-1]], dim=1) + torch.cat([states[:, 1:], edge], dim=1)


def dual_contrast(modal: Tensor, own: Tensor, present: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Supervised contrast of M_m (positives: same modality) and of U_m (positives: same utterance).

    (n, M, h), (n, M, h), (n, M) → two scalars. Negatives never share an utterance: those of M_m are other modalities of
    other utterances, those of U_m are all of other utterances. Both are 0 for a single modality.
    """
    utterance, modality = present.nonzero(as_tuple=True)  # (r,), (r,)
    same_utterance = utterance[:, None] == utterance
    same_modality = modality[:, None] == modality
    modal, own = (functional.normalize(rows[present].float(), dim=-1) for rows in (modal, own))  # (r, h)
    by_modality = supervised_contrast(
        modal, same_modality & ~same_utterance, ~same_modality & ~same_utterance, temperature
    )
    if present.shape[-1] < 2:
        return by_modality, own.sum() * 0.0
    return by_modality, supervised_contrast(own, same_utterance & ~same_modality, ~same_utterance, temperature)


def prototype_hinge(
    aligned: Tensor, label: Tensor, present: Tensor, prototypes: Tensor, seen: Tensor, margin: float
) -> Tensor:
    """Mean of max(0, 0.1 + MSE(q_m, own prototype) − MSE(q_m, other prototype)) over present modalities and others.

    aligned (n, M, q), prototypes (C, q), seen (C,) → scalar, 0 where fewer than two classes were seen. Against the own
    prototype alone, the same vector everywhere would be best, and agreement would say nothing.
    """
    distance = (aligned[:, :, None] - prototypes).square().mean(-1)  # (n, M, C)
    own = distance.gather(-1, label[:, None, None].expand(-1, distance.shape[1], 1))  # (n, M, 1)
    others = seen & (torch.arange(len(seen), device=label.device) != label[:, None])  # (n, C)
    counted = others[:, None] & present[..., None]  # (n, M, C)
    return ((margin + own - distance).clamp(min=0) * counted).sum() / counted.sum().clamp(min=1)


def confidence_loss(said: Tensor, confidence: Tensor, label: Tensor, present: Tensor) -> Tensor:
    """Σ_m MSE(c_m, p_m[y]) + Σ_m CE(p_m, y), the mean over utterances; said (n, M, C), confidence (n, M) → scalar.

    The probability is a target here (detached): confidence follows it, not the other way round.
    """
    own = said.float().log_softmax(-1).gather(-1, label[:, None, None].expand(-1, said.shape[1], 1))[..., 0]  # (n, M)
    error = (confidence - own.detach().exp()).square() - own
    return (error * present).sum() / max(len(label), 1)
