"""Divide and Refine (arXiv 2601.14274): unique, redundant and synergistic parts, refined, in front of any backbone."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import torch
from torch import Tensor, nn

from dnr_core.model.backbones.base import BackboneSpec
from dnr_core.model.batch import Batch, Components, LossTerms, MethodOutput
from dnr_core.model.layers import Detector, FeatureScaler, MaskedCentre, Whitener, mlp
from dnr_core.model.losses import cross_covariance, symmetric_info_nce
from dnr_core.model.methods.base import Method, MethodSpec, Stage
from dnr_core.registry import lookup
from dnr_core.types import MODALITIES, join_modalities, player_name, players_of, split_player

GATE_SLOPE, GATE_CENTRE = 6.0, 1.0


class Divide(nn.Module):
    """Heads on whitened features: linear u (one a modality) and r, thresholded detectors s (one a modality and pair).

    - unique:m = u_m, (d_u)
    - redundant:m+n = [r_m; r_n], (2 d_r): each half is computed from one modality alone
    - synergistic:m+n = BN(s_m) ∘ BN(s_n), (d_s): centred factors, so that the product carries nothing that either
      modality says alone on average
    """

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__()
        self.modalities = spec.modalities
        self.pairs = [tuple(sorted(pair)) for pair in combinations(spec.modalities, 2)]
        self.noise = float(spec.options["input_noise"])
        self.detectors, self.dropout = int(spec.options["detectors"]), float(spec.options["detector_dropout"])
        self.sizes = {family: int(spec.options[f"{family}_width"]) for family in ("unique", "redundant", "synergistic")}
        kept = spec.kept or {}
        self.scalers = nn.ModuleDict({name: FeatureScaler(spec.widths[name]) for name in self.modalities})
        self.whiteners = nn.ModuleDict({name: Whitener(spec.widths[name], kept.get(name)) for name in self.modalities})
        self.build_heads()

    def build_heads(self) -> None:
        """(Re)create the heads for the number of components that the whiteners keep."""
        kept = {name: self.whiteners[name].kept for name in self.modalities}
        sides = [(join_modalities(pair), name) for pair in self.pairs for name in pair]
        self.unique = nn.ModuleDict({name: nn.Linear(kept[name], self.sizes["unique"]) for name in self.modalities})
        self.redundant = nn.ModuleDict(
            {f"{pair} {name}": nn.Linear(kept[name], self.sizes["redundant"]) for pair, name in sides}
        )
        self.synergistic = nn.ModuleDict(
            {
                f"{pair} {name}": Detector(kept[name], self.detectors, self.sizes["synergistic"], self.dropout)
                for pair, name in sides
            }
        )
        self.centres = nn.ModuleDict({f"{pair} {name}": MaskedCentre(self.sizes["synergistic"]) for pair, name in sides})

    def widths(self, players: tuple[str, ...]) -> dict[str, int]:
        """Width of each player's vector."""
        return {player: self.sizes[f := split_player(player)[0]] * (2 if f == "redundant" else 1) for player in players}

    def forward(self, batch: Batch) -> Components:
        present = {name: batch.present[..., MODALITIES.index(name)] for name in self.modalities}
        white = {name: self.whiten(batch.modality(name), name) for name in self.modalities}
        vectors = {f"unique:{name}": self.unique[name](white[name]) for name in self.modalities}
        available = {f"unique:{name}": present[name] for name in self.modalities}
        for pair in self.pairs:
            name, both = join_modalities(pair), present[pair[0]] & present[pair[1]]
            sides = [(f"{name} {modality}", white[modality]) for modality in pair]
            vectors[f"redundant:{name}"] = torch.cat([self.redundant[key](rows) for key, rows in sides], dim=-1)
            first, second = (self.centres[key](self.synergistic[key](rows, both), both) for key, rows in sides)
            vectors[f"synergistic:{name}"] = first * second
            available |= {f"redundant:{name}": both, f"synergistic:{name}": both}
        order = players_of(self.modalities)
        vectors = {player: vectors[player].masked_fill(~available[player][..., None], 0.0) for player in order}
        return Components(vectors, {player: available[player] for player in order})

    def whiten(self, raw: Tensor, name: str) -> Tensor:
        """Whitened features (B, T, k), with input noise while training."""
        white = self.whiteners[name](self.scalers[name](raw))
        return white + self.noise * torch.randn_like(white) if self.training and self.noise else white


class Evidence(nn.Module):
    """Additive class evidence of the parts: logits = Σ U_m(u_m) + Σ R_mn(r_mn) + Σ S_mn(s_mn), each (B, T, C).

    A redundant part speaks only where its two modalities agree: R_mn = gate · net((r_m + r_n)/2) / max(1, Σ gates),
    gate = σ(6 (r_m·r_n − 1)), r_m·r_n being the critic of the alignment loss.
    """

    def __init__(self, spec: MethodSpec, players: tuple[str, ...], widths: dict[str, int]) -> None:
        super().__init__()
        hidden = int(spec.options["evidence_width"])
        drop = float(spec.options["evidence_dropout"])
        self.players = players
        self.nets = nn.ModuleDict()
        for player in players:
            family = split_player(player)[0]
            inputs = widths[player] // (2 if family == "redundant" else 1)
            self.nets[player] = (
                nn.Linear(inputs, spec.emotions, bias=False)
                if family == "synergistic"
                else mlp(inputs, hidden, spec.emotions, drop)
            )

    def forward(self, components: Components) -> dict[str, Tensor]:
        gates = {
            player: agreement_gate(vector) * components.available[player].to(vector)
            for player, vector in components.vectors.items()
            if player.startswith("redundant:")
        }
        crowd = torch.stack(list(gates.values())).sum(0).clamp(min=1.0) if gates else None  # (B, T)
        logits = {}
        for player, vector in components.vectors.items():
            if player in gates:
                agreed = sum(vector.chunk(2, dim=-1)) / 2
                logits[player] = self.nets[player](agreed) * (gates[player] / crowd)[..., None]
            else:
                logits[player] = self.nets[player](vector) * components.available[player][..., None]
        return logits


def agreement_gate(redundant: Tensor) -> Tensor:
    """How far the two halves of a redundant part agree, (B, T, 2 d_r) → (B, T) in (0, 1)."""
    first, second = redundant.chunk(2, dim=-1)
    return torch.sigmoid(GATE_SLOPE * ((first * second).sum(-1) - GATE_CENTRE))


class DivideAndRefine(Method):
    """Stage `divide` learns the parts and their additive evidence utterance by utterance; stage `refine` learns a
    refined representation of every part and the backbone that reads them in context. The prediction is the sum of the
    parts' own evidence and the backbone's logits, so what context adds stands on top of what the parts say.
    """

    stages = (Stage("divide", "utterance"), Stage("refine", "dialogue"))

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        self.divide = Divide(spec)
        widths = self.divide.widths(self.players)
        self.evidence = Evidence(spec, self.players, widths)
        self.refiners = nn.ModuleDict(
            {player: mlp(widths[player], spec.width, spec.width, spec.dropout) for player in self.players}
        )
        self.norm = nn.LayerNorm(spec.width)
        self.dropout = nn.Dropout(spec.dropout)
        self.backbone = lookup("backbone", spec.backbone or "late_fusion")(
            BackboneSpec(spec.width, spec.emotions, len(spec.modalities), spec.dropout)
        )
        self.views = nn.Linear(self.backbone.hidden_width, spec.width)
        self.register_baselines(widths)

    @property
    def players(self) -> tuple[str, ...]:
        return players_of(self.spec.modalities)

    @torch.no_grad()
    def fit_features(self, features: dict[str, Tensor], labels: Tensor) -> None:
        for name in self.spec.modalities:
            scaler, whitener = self.divide.scalers[name], self.divide.whiteners[name]
            scaler.fit(features[name])
            whitener.fit(scaler(features[name]))
        self.divide.build_heads()
        self.divide.to(labels.device)
        self.spec = replace(self.spec, kept={name: self.divide.whiteners[name].kept for name in self.spec.modalities})

    def decompose(self, batch: Batch) -> Components:
        return self.divide(batch)

    def predict(self, components: Components, batch: Batch) -> MethodOutput:
        evidence = torch.stack(list(self.evidence(components).values())).sum(0)  # (B, T, C)
        out = self.backbone(self.refine(components), self.presence(batch), batch.speaker, batch.mask)
        return MethodOutput(evidence + out.logits, out.hidden, components)

    def refine(self, components: Components) -> Tensor:
        """Modality vectors (B, T, M, h): each is the sum of the refined parts that the modality takes part in."""
        refined = {
            player: self.refiners[player](vector) * components.available[player][..., None]  # (B, T, h)
            for player, vector in components.vectors.items()
        }
        nodes = [
            sum(part for player, part in refined.items() if modality in split_player(player)[1])
            for modality in self.spec.modalities
        ]
        return self.dropout(self.norm(torch.stack(nodes, dim=2)))  # (B, T, M, h)

    def stage_logits(self, batch: Batch, stage: str) -> Tensor:
        if stage == "refine":
            return self(batch).logits
        return torch.stack(list(self.evidence(self.divide(batch)).values())).sum(0)

    def trained_in(self, stage: str) -> list[nn.Parameter]:
        own = [self.divide, self.evidence]
        chosen = own if stage == "divide" else [m for m in self.children() if m not in own or self.spec.options.get("joint")]
        return [parameter for module in chosen for parameter in module.parameters()]

    def loss(self, batch: Batch, stage: str) -> LossTerms:
        return self.divide_loss(batch) if stage == "divide" else self.refine_loss(batch)

    def divide_loss(self, batch: Batch) -> LossTerms:
        """Task loss in order of degree (synergy sees the lower orders detached), alignment of the redundant halves
        (InfoNCE), decorrelation of unique from redundant parts, and a task loss for each redundant pair.
        """
        options = self.spec.options
        components = self.divide(batch)
        evidence = self.evidence(components)
        low = sum(part for player, part in evidence.items() if not player.startswith("synergistic:"))
        high = sum(part for player, part in evidence.items() if player.startswith("synergistic:"))
        terms = {"task_low": self.cross_entropy(low, batch)}
        if isinstance(high, Tensor):
            terms["task"] = self.cross_entropy(low.detach() + high, batch)
        align, auxiliary, decorrelate = [], [], []
        for player, vector in components.vectors.items():
            if not player.startswith("redundant:"):
                continue
            there = components.available[player] & batch.mask
            first, second = vector[there].chunk(2, dim=-1)
            align.append(symmetric_info_nce(first, second))
            for modality, half in zip(split_player(player)[1], (first, second), strict=True):
                decorrelate.append(cross_covariance(components.vectors[f"unique:{modality}"][there], half))
            auxiliary.append(self.cross_entropy(evidence[player], batch))
        if align:
            terms["align"] = options["align_weight"] * torch.stack(align).mean()
            terms["decorrelate"] = options["decorrelate_weight"] * torch.stack(decorrelate).mean()
            terms["auxiliary"] = options["auxiliary_weight"] * torch.stack(auxiliary).mean()
        return LossTerms(torch.stack(list(terms.values())).sum(), {k: v.detach() for k, v in terms.items()})

    def refine_loss(self, batch: Batch) -> LossTerms:
        o = self.spec.options
        components = self.divide(batch)
        evidence = torch.stack(list(self.evidence(components).values())).sum(0)
        out = self.backbone(self.refine(components), self.presence(batch), batch.speaker, batch.mask)
        terms = {"task": self.cross_entropy(evidence.detach() * o.get("detach_scale", 1.0) + out.logits, batch) if o.get("detach_e") else self.cross_entropy(evidence + out.logits, batch)}
        if o.get("context_weight"):
            terms["context"] = o["context_weight"] * self.cross_entropy(out.logits, batch)
        if o.get("roles_weight"):
            terms["roles"] = o["roles_weight"] * self.divide_loss(batch).total
        return LossTerms(torch.stack(list(terms.values())).sum(), {k: v.detach() for k, v in terms.items()})


__all__ = ["DivideAndRefine", "player_name"]
