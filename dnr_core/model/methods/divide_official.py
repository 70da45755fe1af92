"""Divide and Refine with the heads and losses that were released with the paper, their defects mended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from dnr_core.model.batch import Batch, Components, LossTerms, MethodOutput
from dnr_core.model.layers import FeatureScaler, mlp
from dnr_core.model.losses import standardise, symmetric_info_nce
from dnr_core.model.methods.base import Method, MethodSpec, Stage
from dnr_core.model.methods.divide import offered
from dnr_core.model.methods.dnr import VIEW_NOISE, VIEW_TEMPERATURE, backbone_of, unit
from dnr_core.types import MODALITIES, join_modalities, players_of, split_player


class OfficialDivide(nn.Module):
    """LayerNorm and linear heads on the standardised features of each modality: u (one a modality), r and s (one a
    modality and pair; the released code has one r and one s a modality, so that a pair has no part of its own).

    - unique:m = u_m (d)
    - redundant:m+n = [r_m; r_n], synergistic:m+n = [s_m; s_n] (2 d): each half comes from one modality alone
    """

    scalers: Mapping[str, FeatureScaler]

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__()
        self.modalities, self.without = spec.modalities, spec.without
        self.players = players_of(spec.modalities)
        self.pairs = [tuple(sorted(pair)) for pair in combinations(spec.modalities, 2)]
        self.width = int(spec.options["head_width"])
        self.scalers = cast(Any, nn.ModuleDict({name: FeatureScaler(spec.widths[name]) for name in self.modalities}))
        self.norms = nn.ModuleDict({name: nn.LayerNorm(spec.widths[name]) for name in self.modalities})
        sides = {f"{join_modalities(pair)} {name}": spec.widths[name] for pair in self.pairs for name in pair}
        self.unique = nn.ModuleDict({name: nn.Linear(spec.widths[name], self.width) for name in self.modalities})
        self.redundant = nn.ModuleDict({side: nn.Linear(wide, self.width) for side, wide in sides.items()})
        self.synergistic = nn.ModuleDict({side: nn.Linear(wide, self.width) for side, wide in sides.items()})

    def widths(self) -> dict[str, int]:
        """Width of each player's vector."""
        return {player: self.width * len(split_player(player)[1]) for player in self.players}

    def forward(self, batch: Batch) -> Components:
        present = {name: batch.present[..., MODALITIES.index(name)] for name in self.modalities}
        normed = {name: self.norms[name](self.scalers[name](batch.modality(name))) for name in self.modalities}
        parts = {f"unique:{name}": (self.unique[name](normed[name]), present[name]) for name in self.modalities}
        for pair in self.pairs:
            name, both = join_modalities(pair), present[pair[0]] & present[pair[1]]
            for family, heads in (("redundant", self.redundant), ("synergistic", self.synergistic)):
                halves = [heads[f"{name} {modality}"](normed[modality]) for modality in pair]
                parts[f"{family}:{name}"] = (torch.cat(halves, dim=-1), both)
        return offered({player: parts[player] for player in self.players}, self.without)


class OfficialDivideAndRefine(Method):
    """Stage `divide`: logits = Linear(Σ of all heads), L = NLL + 5 · correlation + 0.5 · synergy, after which the heads
    are frozen. Stage `refine`: z_m = [u, r, s, u_m − u_n, u_m ∘ u_n, …] of each modality, refined, into the backbone,
    L = NLL + 0.1 · contrast of views. Weights are those of the release.

    Where the released code contradicts the paper, the paper is followed: r and s by pair; labels stay with their
    utterances; correlation over all pairs of dimensions; single synergy heads are pushed to be *less* predictive; parts
    are switched off before differences and products are taken, and these are zero where a modality is absent; padding
    and other dialogues are never seen; the contrast is learned from. What reads the heads in the synergy terms is ours.
    """

    stages = (Stage("divide", "utterance", select="loss"), Stage("refine", "dialogue"))

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        if "refine" in spec.without:
            self.stages = self.stages[:1]
        self.divide = OfficialDivide(spec)
        width, others = self.divide.width, len(spec.modalities) - 1
        self.classify = nn.Linear(width, spec.emotions)
        self.together = nn.ModuleDict(
            {join_modalities(pair): mlp(2 * width, width, spec.emotions) for pair in self.divide.pairs}
        )
        self.alone = nn.ModuleDict({side: nn.Linear(width, spec.emotions) for side in self.divide.synergistic})
        self.refiners = nn.ModuleDict(
            {name: mlp(width * (1 + 4 * others), spec.width, spec.width, spec.dropout) for name in spec.modalities}
        )
        self.backbone = backbone_of(spec)
        self.register_baselines(self.divide.widths())

    @property
    def players(self) -> tuple[str, ...]:
        return players_of(self.spec.modalities)

    @torch.no_grad()
    def fit_features(self, features: dict[str, Tensor], labels: Tensor) -> None:
        for name, scaler in self.divide.scalers.items():
            scaler.fit(features[name])

    def decompose(self, batch: Batch) -> Components:
        return self.divide(batch)

    def predict(self, components: Components, batch: Batch) -> MethodOutput:
        present = self.presence(batch)
        out = self.backbone(self.refined(components, present), present, batch.speaker, batch.mask)
        logits = self.said(components) if "refine" in self.spec.without else out.logits
        return MethodOutput(logits, out.hidden, components)

    def said(self, components: Components) -> Tensor:
        """Logits of Divide: one linear layer on the sum of all heads, (B, T, C)."""
        heads = [half for vector in components.vectors.values() for half in vector.split(self.divide.width, dim=-1)]
        return self.classify(torch.stack(heads).sum(0))

    def stage_logits(self, batch: Batch, stage: str) -> Tensor:
        return self(batch).logits if stage == "refine" else self.said(self.divide(batch))

    def trained_in(self, stage: str) -> list[nn.Parameter]:
        return [parameter for group, _ in self.learning_speed(stage) for parameter in group]

    def learning_speed(self, stage: str) -> list[tuple[list[nn.Parameter], float]]:
        if stage == "refine":
            return [([*self.refiners.parameters(), *self.backbone.parameters()], 1.0)]
        fast = list(self.divide.synergistic.parameters())
        known = {id(parameter) for parameter in fast}
        modules = (self.divide, self.classify, self.together, self.alone)
        slow = [one for module in modules for one in module.parameters() if id(one) not in known]
        return [(slow, 1.0), (fast, self.spec.options["synergy_rate"])] if fast else [(slow, 1.0)]

    def loss(self, batch: Batch, stage: str) -> LossTerms:
        components = self.divide(batch)
        if stage == "divide":
            return LossTerms.summed(self.divide_terms(components, batch))
        frozen = {player: vector.detach() for player, vector in components.vectors.items()}
        return LossTerms.summed(self.refine_terms(replace(components, vectors=frozen), batch))

    def divide_terms(self, components: Components, batch: Batch) -> dict[str, Tensor]:
        """NLL; correlation: what heads of a modality share, and redundant halves do not; synergy: as below."""
        options, vectors, present = self.spec.options, components.vectors, self.presence(batch)
        terms = {"task": self.cross_entropy(self.said(components), batch)}
        shared, apart, synergy = [], [], []
        for pair in self.divide.pairs:
            name = join_modalities(pair)
            there = present[..., [self.spec.modalities.index(modality) for modality in pair]].all(-1)  # (B, T)
            red = vectors[f"redundant:{name}"][there].chunk(2, dim=-1)  # 2 × (n, d)
            syn = vectors[f"synergistic:{name}"][there].chunk(2, dim=-1)
            for modality, r, s in zip(pair, red, syn, strict=True):
                u = vectors[f"unique:{modality}"][there]
                shared += [correlation(u, r), correlation(u, s), correlation(r, s)]
            apart.append(disagreement(*red))
            synergy.append(self.synergy(name, syn, batch.label[there]))
        if not synergy:
            return terms
        within, between = torch.stack(shared).mean(), torch.stack(apart).mean()
        return terms | {
            "correlation": options["correlation_weight"] * (within + between),
            "synergy": options["synergy_weight"] * torch.stack(synergy).mean(),
        }

    def synergy(self, pair: str, halves: tuple[Tensor, ...], label: Tensor) -> Tensor:
        """Gap + guard of one pair: halves 2 × (n, d), label (n,) with −1 = none → scalar.

        Gap: softplus(NLL of both halves together − NLL of the better one alone). Guard: each half is read alone, and
        the gradient that would teach it to be read is reversed, so that its reader learns and the half does not.
        """
        first, second = (half[label >= 0] for half in halves)
        label = label[label >= 0]
        if not len(label):
            return (halves[0].sum() + halves[1].sum()) * 0.0
        sides = [f"{pair} {modality}" for modality in split_player(f"synergistic:{pair}")[1]]
        alone = torch.stack(
            [
                self.nll(self.alone[side](reversed_gradient(half)), label)
                for side, half in zip(sides, (first, second), strict=True)
            ]
        )  # (2, n)
        both = self.nll(self.together[pair](torch.cat([first, second], dim=-1)), label)  # (n,)
        gap = functional.softplus(both - alone.detach().amin(0)).mean()
        return gap + alone.mean()

    def nll(self, logits: Tensor, label: Tensor) -> Tensor:
        """Cross-entropy of each row, weighted by its class; (n, C), (n,) → (n,)."""
        return functional.cross_entropy(logits.float(), label, weight=self.class_weight, reduction="none")

    def refine_terms(self, components: Components, batch: Batch) -> dict[str, Tensor]:
        """NLL of the backbone and the contrast of views."""
        present = self.presence(batch)
        out = self.backbone(self.refined(components, present), present, batch.speaker, batch.mask)
        contrast = self.spec.options["contrast_weight"] * self.contrast(components, batch, present)
        terms = {"task": self.cross_entropy(out.logits, batch), "contrast": contrast}
        return terms | out.distillation(batch.label, present, self.class_weight)

    def refined(self, components: Components, present: Tensor) -> Tensor:
        """A vector a modality for the backbone, (B, T, M, h), zero where it is absent."""
        nodes = [refine(self.assembled(components, name)) for name, refine in self.refiners.items()]
        return torch.stack(nodes, dim=2) * present[..., None]

    def assembled(self, components: Components, modality: str) -> Tensor:
        """z of one modality: u, and with each other modality n: r, s, u − u_n, u ∘ u_n; (B, T, d (1 + 4 (M − 1)))."""
        vectors, available = components.vectors, components.available
        own = vectors[f"unique:{modality}"]
        blocks = [own]
        for other in self.spec.modalities:
            if other == modality:
                continue
            pair = join_modalities((modality, other))
            half = split_player(f"redundant:{pair}")[1].index(modality)
            blocks += [vectors[f"{family}:{pair}"].chunk(2, dim=-1)[half] for family in ("redundant", "synergistic")]
            theirs = vectors[f"unique:{other}"]
            both = (available[f"unique:{modality}"] & available[f"unique:{other}"])[..., None]
            blocks += [(own - theirs) * both, own * theirs * both]
        return torch.cat(blocks, dim=-1)

    def contrast(self, components: Components, batch: Batch, present: Tensor) -> Tensor:
        """½ Σ_m InfoNCE(view with modality m alone, noisy view 1) + InfoNCE(noisy view 1, 2), τ = 0.7.

        Noise of standard deviation 0.2 and 0.1 is on redundant parts only. One row an utterance, so no negative shares
        an utterance with its anchor.
        """
        views = [unit(self.refined(noisy(components, batch.mask, sd), present).sum(2)[batch.mask]) for sd in VIEW_NOISE]
        loss = symmetric_info_nce(*views, VIEW_TEMPERATURE)
        for place, (name, refine) in enumerate(self.refiners.items()):
            there = present[..., place]
            single = unit(refine(self.assembled(only(components, name), name))[there])
            loss = loss + 0.5 * symmetric_info_nce(single, views[0][there[batch.mask]], VIEW_TEMPERATURE)
        return loss


def noisy(components: Components, mask: Tensor, sd: float) -> Components:
    """The parts with Gaussian noise on redundant ones where they are available; drawn for the rows of `mask` (B, T)."""
    vectors = {}
    for player, vector in components.vectors.items():
        if player.startswith("redundant:"):
            noise = torch.zeros_like(vector)
            noise[mask] = sd * torch.randn_like(vector[mask])
            vector = vector + noise * components.available[player][..., None]
        vectors[player] = vector
    return Components(vectors, components.available)


def only(components: Components, modality: str) -> Components:
    """The parts as they are where no other modality is measured, for the heads of this one."""
    others = {player for player in components.players if player.startswith("unique:")} - {f"unique:{modality}"}
    available = {
        player: torch.zeros_like(there) if player in others else there for player, there in components.available.items()
    }
    return Components(components.vectors, available)


def reversed_gradient(values: Tensor) -> Tensor:
    """The same values; their gradient is the negative of what reaches them."""
    return 2 * values.detach() - values


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """Mean |correlation| over *all* pairs of dimensions, (n, d1), (n, d2) → scalar in [0, 1]; 0 for one row or none.

    The released code compares equal-numbered dimensions only, so that a rotated copy passes.
    """
    if len(first) < 2:
        return first.sum() * 0.0
    return (standardise(first.float()).T @ standardise(second.float()) / len(first)).abs().mean()


def disagreement(first: Tensor, second: Tensor) -> Tensor:
    """Mean 1 − |correlation| over equal-numbered dimensions, (n, d), (n, d) → scalar; 0 for fewer than two rows."""
    if len(first) < 2:
        return first.sum() * 0.0
    return 1 - (standardise(first.float()) * standardise(second.float())).mean(0).abs().mean()
