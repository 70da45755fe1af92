"""The Divide half of DnR: from raw features to the nine parts of an utterance, and what each of them says."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, cast

import torch
from torch import Tensor, nn

from dnr_core.model.batch import Batch, Components
from dnr_core.model.layers import Detector, FeatureScaler, MaskedCentre, PrincipalComponents, mlp
from dnr_core.model.losses import cross_covariance, symmetric_info_nce
from dnr_core.model.methods.base import MethodSpec
from dnr_core.types import MODALITIES, join_modalities, players_of, split_player

GATE_SLOPE, GATE_CENTRE = 6.0, 1.0


class Divide(nn.Module):
    """Heads on each modality's features: u (one a modality), r and s (one a modality and pair).

    - unique:m = u_m, linear in the softened features, (d_u)
    - redundant:m+n = [r_m; r_n], linear in the whitened features, (2 d_r): each half comes from one modality alone
    - synergistic:m+n = BN(s_m) ∘ BN(s_n), thresholded detectors on the whitened features, (d_s): centred factors, so
      that the product carries nothing that either modality says alone on average

    The parts of the families in `spec.without` are computed and never available.
    """

    scalers: Mapping[str, FeatureScaler]
    principal: Mapping[str, PrincipalComponents]

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__()
        options = spec.options
        self.modalities, self.without = spec.modalities, spec.without
        self.players = players_of(spec.modalities)
        self.pairs = [tuple(sorted(pair)) for pair in combinations(spec.modalities, 2)]
        self.sizes = {family: int(options[f"{family}_width"]) for family in ("unique", "redundant", "synergistic")}
        self.detectors, self.detector_dropout = int(options["detectors"]), float(options["detector_dropout"])
        self.noise, self.dropout = float(options["input_noise"]), nn.Dropout(float(options["feature_dropout"]))
        kept = spec.kept or {}
        scalers = nn.ModuleDict({name: FeatureScaler(spec.widths[name]) for name in self.modalities})
        principal = nn.ModuleDict(
            {name: PrincipalComponents(spec.widths[name], kept.get(name)) for name in self.modalities}
        )
        self.scalers, self.principal = cast(Any, scalers), cast(Any, principal)
        self.unique = nn.ModuleDict(
            {name: nn.Linear(spec.widths[name], self.sizes["unique"]) for name in self.modalities}
        )
        self.build_pair_heads()

    def build_pair_heads(self) -> None:
        """(Re)create the heads of the pairs for the number of components that are kept."""
        red, syn = self.sizes["redundant"], self.sizes["synergistic"]
        sides = {f"{join_modalities(pair)} {name}": self.principal[name].kept for pair in self.pairs for name in pair}
        self.redundant = nn.ModuleDict({side: nn.Linear(kept, red) for side, kept in sides.items()})
        self.synergistic = nn.ModuleDict(
            {side: Detector(kept, self.detectors, syn, self.detector_dropout) for side, kept in sides.items()}
        )
        self.centres = nn.ModuleDict({side: MaskedCentre(syn) for side in sides})

    def fit(self, features: dict[str, Tensor]) -> dict[str, int]:
        """Fit scalers and principal components on measured train rows; returns the components kept per modality."""
        for name in self.modalities:
            self.scalers[name].fit(features[name])
            self.principal[name].fit(self.scalers[name](features[name]))
        self.build_pair_heads()
        return {name: self.principal[name].kept for name in self.modalities}

    def widths(self) -> dict[str, int]:
        """Width of each player's vector."""
        families = {player: split_player(player)[0] for player in self.players}
        return {player: self.sizes[f] * (2 if f == "redundant" else 1) for player, f in families.items()}

    def forward(self, batch: Batch) -> Components:
        present = {name: batch.present[..., MODALITIES.index(name)] for name in self.modalities}
        scaled = {name: self.scalers[name](batch.modality(name)) for name in self.modalities}
        white = {name: self.noisy(self.principal[name].whiten(scaled[name])) for name in self.modalities}
        clean = {name: self.dropout(self.principal[name].soften(scaled[name])) for name in self.modalities}
        vectors = {f"unique:{name}": self.unique[name](clean[name]) for name in self.modalities}
        available = {f"unique:{name}": present[name] for name in self.modalities}
        for pair in self.pairs:
            name, both = join_modalities(pair), present[pair[0]] & present[pair[1]]
            sides = [(f"{name} {modality}", white[modality]) for modality in pair]
            vectors[f"redundant:{name}"] = torch.cat([self.redundant[side](rows) for side, rows in sides], dim=-1)
            first, second = (self.centres[side](self.synergistic[side](rows, both), both) for side, rows in sides)
            vectors[f"synergistic:{name}"] = first * second
            available |= {f"redundant:{name}": both, f"synergistic:{name}": both}
        return offered({player: (vectors[player], available[player]) for player in self.players}, self.without)

    def noisy(self, white: Tensor) -> Tensor:
        """Input noise while training (RECIPES: without it synergy is memorised, not learned)."""
        return white + self.noise * torch.randn_like(white) if self.training and self.noise else white


def offered(parts: dict[str, tuple[Tensor, Tensor]], without: tuple[str, ...]) -> Components:
    """Parts from vectors (B, T, d) and where these can be computed (B, T), none of the families `without`."""
    available = {
        player: torch.zeros_like(there) if split_player(player)[0] in without else there
        for player, (_, there) in parts.items()
    }
    vectors = {player: vector.masked_fill(~available[player][..., None], 0.0) for player, (vector, _) in parts.items()}
    return Components(vectors, available)


class Evidence(nn.Module):
    """What each part says of the classes, from that part alone.

    A redundant part speaks only where its two modalities agree, through the gate σ(6 (r_m·r_n − 1)), r_m·r_n being the
    critic of the alignment loss; and redundant parts share one voice: gate_k / max(1, Σ gates). While training, gate
    and evidence leave the vectors of redundant parts as the alignment made them: shaped by the task, too, they would
    take up what the two modalities only say together.
    """

    shared: Tensor

    def __init__(self, spec: MethodSpec, widths: dict[str, int]) -> None:
        super().__init__()
        self.nets = nn.ModuleDict({player: evidence_net(player, width, spec) for player, width in widths.items()})
        shared = torch.tensor([player.startswith("redundant:") for player in widths])
        self.register_buffer("shared", shared, persistent=False)

    def forward(self, components: Components) -> tuple[Tensor, Tensor]:
        """Evidence before gating (B, T, K, C) and gate (B, T, K), 0 where a part is not available."""
        evidence, gates = [], []
        for player, vector in components.vectors.items():
            gate = components.available[player].to(vector)
            if player.startswith("redundant:"):
                vector = vector.detach() if self.training else vector  # explanations need the gradient
                gate = gate * agreement_gate(vector)
                first, second = vector.chunk(2, dim=-1)
                vector = (first + second) / 2
            evidence.append(self.nets[player](vector))
            gates.append(gate)
        return torch.stack(evidence, dim=2), torch.stack(gates, dim=2)

    def speak(self, evidence: Tensor, gate: Tensor) -> Tensor:
        """What each part adds to the logits, (B, T, K, C)."""
        crowd = (gate * self.shared).sum(-1, keepdim=True).clamp(min=1.0)  # (B, T, 1)
        return evidence * torch.where(self.shared, gate / crowd, gate)[..., None]


def evidence_net(player: str, width: int, spec: MethodSpec) -> nn.Module:
    """The class evidence of a part from its vector (redundant: from the mean of its halves)."""
    family = split_player(player)[0]
    if family == "synergistic":
        return nn.Linear(width, spec.emotions, bias=False)
    hidden, dropout = int(spec.options["evidence_width"]), float(spec.options["evidence_dropout"])
    return mlp(width // 2 if family == "redundant" else width, hidden, spec.emotions, dropout)


def agreement_gate(redundant: Tensor) -> Tensor:
    """How far the two halves of a redundant part agree, (B, T, 2 d_r) → (B, T) in (0, 1)."""
    first, second = redundant.chunk(2, dim=-1)
    return torch.sigmoid(GATE_SLOPE * ((first * second).sum(-1) - GATE_CENTRE))


def role_losses(components: Components, mask: Tensor) -> tuple[Tensor, Tensor] | None:
    """Alignment of the two halves of each redundant part (InfoNCE) and correlation of unique with redundant parts.

    Means over pairs; None where there is no pair.
    """
    align, decorrelate = [], []
    for player, vector in components.vectors.items():
        family, sources = split_player(player)
        if family != "redundant":
            continue
        there = components.available[player] & mask
        first, second = vector[there].chunk(2, dim=-1)
        align.append(symmetric_info_nce(first, second))
        for modality, half in zip(sources, (first, second), strict=True):
            decorrelate.append(cross_covariance(components.vectors[f"unique:{modality}"][there], half))
    if not align:
        return None
    return torch.stack(align).mean(), torch.stack(decorrelate).mean()
