"""DRKF (arXiv 2508.01644): augmented and contrasted modalities, fused by attention, and do they say the same?"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dnr_core.model.batch import Batch, Components, LossTerms, MethodOutput, Signals
from dnr_core.model.layers import mlp
from dnr_core.model.losses import nt_xent, symmetric_info_nce
from dnr_core.model.methods.base import MethodSpec, Stage
from dnr_core.model.methods.drkf_terms import (
    Augmenter,
    alone,
    closeness,
    divergence,
    highest,
    mixed,
    odd_one_out,
    pairs_present,
    shuffled,
    spread,
)
from dnr_core.model.methods.fusion import FusionEncoder
from dnr_core.model.methods.modalities import ModalityMethod

SIGNALS = {
    "dominant_modality": "How much the fused token attends to each modality; sums to 1 over those that are present.",
    "inconsistency": "Probability that two modalities do not carry the same emotion, of the pair that differs most.",
    "odd_one_out": "The modality that differs from both others while these agree, where there is one.",
}


class DRKF(ModalityMethod):
    """Its parts are the modalities after their projection heads.

    Every utterance is read on its own: an emotion classifier on the CLS token of the fusion encoder, and beside it a
    second head that says whether the modalities carry the same emotion. The augmenters and the classifiers of single
    modalities serve the losses only.
    """

    stages = (Stage("train", "utterance"),)
    supports = ("components", "signals")
    own_network = True

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        options, width, names = spec.options, spec.width, spec.modalities
        self.pairs = list(combinations(range(len(names)), 2))
        self.tokens = int(options["tokens"])
        self.project = nn.ModuleDict({name: mlp(spec.widths[name], width, width, spec.dropout) for name in names})
        self.augment = nn.ModuleList(Augmenter(width, int(options["blocks"])) for _ in names)
        self.say = nn.ModuleList(nn.Linear(width, spec.emotions) for _ in names)
        self.tokenise = nn.ModuleList(nn.Linear(width, self.tokens * width) for _ in names)
        self.fusion = FusionEncoder(
            width,
            len(names),
            self.tokens,
            layers=int(options["layers"]),
            heads=int(options["heads"]),
            dropout=spec.dropout,
        )
        self.classify = nn.Linear(width, spec.emotions)
        self.differ = mlp(width, width, 1, spec.dropout)
        self.warmth = nn.Parameter(torch.zeros(()))
        self.dropout = nn.Dropout(spec.dropout)
        self.register_baselines(dict.fromkeys(self.players, width))

    def encode(self, modality: str, features: Tensor) -> Tensor:
        return self.project[modality](self.dropout(features))

    def predict(self, components: Components, batch: Batch) -> MethodOutput:
        encoded, present = self.rows(components, batch, batch.mask)
        fused, _ = self.fusion(self.tokens_of(encoded), present)  # (n, h)
        logits = self.classify(self.dropout(fused))
        return MethodOutput(spread(logits, batch.mask), spread(fused, batch.mask), components)

    def rows(self, components: Components, batch: Batch, where: Tensor) -> tuple[Tensor, Tensor]:
        """Encoded modalities (n, M, h) and their presence (n, M) of the utterances `where` (B, T) is True."""
        encoded = torch.stack([vector[where] for vector in components.vectors.values()], dim=1)
        return encoded, self.presence(batch)[where]

    def tokens_of(self, encoded: Tensor) -> Tensor:
        """A few tokens from each modality's vector, (n, M, h) → (n, M, k, h)."""
        parts = zip(self.tokenise, encoded.unbind(1), strict=True)
        return torch.stack([layer(part).unflatten(-1, (self.tokens, -1)) for layer, part in parts], dim=1)

    def loss(self, batch: Batch, stage: str) -> LossTerms:
        """CE + 0.2 ED + 0.2 contrast + 0.2 MSE + KL, and CE of single modalities, over labelled utterances."""
        options, known = self.spec.options, batch.label >= 0
        components = self.decompose(batch)
        encoded, present = self.rows(components, batch, known)
        label, tokens = batch.label[known], self.tokens_of(encoded)
        fused, _ = self.fusion(tokens, present)
        said = spread(self.classify(self.dropout(fused)), known)
        augmented = torch.stack([net(part) for net, part in zip(self.augment, encoded.unbind(1), strict=True)], dim=1)
        original, changed = self.said_alone(encoded), self.said_alone(augmented)  # (n, M, C)
        terms = {
            "task": self.cross_entropy(said, batch),
            "difference": options["difference_weight"] * self.difference(tokens, present, label),
            "contrast": options["contrast_weight"] * self.contrast(encoded, augmented, present),
            "closeness": options["closeness_weight"] * closeness(encoded, augmented, present),
            "divergence": options["divergence_weight"] * divergence(original, changed, present),
            "alone": options["alone_weight"] * alone(original, label, present),
        }
        return LossTerms.summed(terms)

    def said_alone(self, encoded: Tensor) -> Tensor:
        """Class logits of each modality on its own, (n, M, h) → (n, M, C)."""
        return torch.stack([layer(part) for layer, part in zip(self.say, encoded.unbind(1), strict=True)], dim=1)

    def contrast(self, encoded: Tensor, augmented: Tensor, present: Tensor) -> Tensor:
        """NT-Xent(original, augmented), mean over modalities, + InfoNCE between modalities, mean over pairs.

        Temperature σ(θ), learned. Each utterance has one row a view, so negatives never share an utterance.
        """
        temperature = torch.sigmoid(self.warmth)
        one, other = functional.normalize(encoded, dim=-1), functional.normalize(augmented, dim=-1)
        within = [
            nt_xent(one[there, place], other[there, place], temperature)
            for place, there in enumerate(present.unbind(1))
        ]
        total = torch.stack(within).mean()
        if not self.pairs:
            return total
        between = []
        for (first, second), both in zip(self.pairs, pairs_present(present, self.pairs).unbind(1), strict=True):
            between.append(symmetric_info_nce(one[both, first], one[both, second], temperature))
        return total + torch.stack(between).mean()

    def difference(self, tokens: Tensor, present: Tensor, label: Tensor) -> Tensor:
        """Cross-entropy of the second head on one pair of modalities an utterance: do they carry the same emotion?

        In training the pair is drawn, and in a share `shuffle` of the rows its second modality is that of another
        utterance of this batch; in eval pairs are as they were spoken. 0 where no utterance has two modalities.
        """
        both = pairs_present(present, self.pairs)  # (n, P)
        paired = both.any(1)
        if not paired.any():
            return tokens.sum() * 0.0
        tokens, present, label, both = tokens[paired], present[paired], label[paired], both[paired].float()
        drawn = torch.multinomial(both, 1)[:, 0] if self.training else both.argmax(1)  # (n,)
        ends = torch.tensor(self.pairs, device=label.device)[drawn]  # (n, 2)
        partner = torch.arange(len(label), device=label.device)
        if self.training:
            partner = shuffled(present, ends[:, 1], self.spec.options["shuffle"])
        fused, _ = self.fusion(*mixed(tokens, ends, partner))
        logits = self.differ(fused)[:, 0].float()
        return functional.binary_cross_entropy_with_logits(logits, (label != label[partner]).float())

    @torch.no_grad()
    def signals(self, batch: Batch) -> Signals:
        encoded, present = self.rows(self.decompose(batch), batch, batch.mask)
        tokens = self.tokens_of(encoded)
        attention = self.fusion(tokens, present)[1]
        differing = self.differing(tokens, present)  # (n, P)
        odd = odd_one_out(differing, self.spec.modalities)
        values = {
            "dominant_modality": self.by_modality(spread(attention, batch.mask), self.presence(batch)),
            "inconsistency": spread(highest(differing), batch.mask),
            "odd_one_out": spread(odd, batch.mask),
        }
        return Signals(values, SIGNALS)

    def differing(self, tokens: Tensor, present: Tensor) -> Tensor:
        """Probability that the two modalities of a pair carry different emotions, (n, P); NaN where one is absent."""
        found = []
        for first, second in self.pairs:
            kept = torch.zeros_like(present)
            kept[:, [first, second]] = True
            logits = self.differ(self.fusion(tokens, kept & present)[0])[:, 0]
            found.append(torch.sigmoid(logits))
        if not found:
            return tokens.new_zeros((len(tokens), 0))
        return torch.stack(found, dim=1).masked_fill(~pairs_present(present, self.pairs), torch.nan)
