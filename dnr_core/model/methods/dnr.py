"""Divide and Refine (arXiv 2601.14274): unique, redundant and synergistic parts, refined, in front of any backbone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn import functional

from dnr_core.model.backbones.base import Backbone, BackboneOutput, BackboneSpec
from dnr_core.model.batch import Batch, Components, LossTerms, MethodOutput
from dnr_core.model.losses import symmetric_info_nce
from dnr_core.model.methods.base import Method, MethodSpec, Removal, Stage
from dnr_core.model.methods.divide import Divide, Evidence, role_losses
from dnr_core.registry import lookup
from dnr_core.types import players_of, split_player

VIEW_NOISE = (0.2, 0.1)
"""Noise of the two views of Refine, relative to the spread of each redundant part (DnR, released code)."""
VIEW_TEMPERATURE = 0.7


@dataclass(frozen=True)
class Encoded:
    """What is computed from each part on its own, K players in order: mixing these *is* switching parts off before
    anything is derived from them, because nothing here looks at two parts.

    - `evidence` (B, T, K, C): class evidence before gating
    - `gate` (B, T, K): how far the part may speak, 0 where it is not available
    - `refined` (B, T, K, h): the part as the backbone gets it, zero where not available
    """

    evidence: Tensor
    gate: Tensor
    refined: Tensor

    def speaking(self, off: Encoded, keep: Tensor) -> tuple[Tensor, Tensor]:
        """Evidence (S, T, K, C) and gate (S, T, K): this one's where keep (S, T, K) is True, those of `off` elsewhere;
        one dialogue (B = 1) → S versions of it.
        """
        one = keep.to(self.gate)
        return torch.lerp(off.evidence, self.evidence, one[..., None]), torch.lerp(off.gate, self.gate, one)

    def nodes(self, off: Encoded, keep: Tensor, member: Tensor) -> Tensor:
        """What the backbone gets, (S, T, M, h), under S masks keep (S, T, K); member (M, K).

        A sum over parts is linear in which of them are on, so the S · K refined parts need not be written down. What
        is off is taken away, so that with nothing off the numbers are those of the whole model to the last bit.
        """
        change = (off.refined - self.refined)[0, :, :, None] * member.T[..., None]  # (T, K, M, h)
        changed = (~keep).to(change).transpose(0, 1) @ change.flatten(2)  # (T, S, M·h)
        return (member @ self.refined) + changed.transpose(0, 1).unflatten(-1, (len(member), -1))


class PartsAlone(Backbone):
    """In place of a backbone, without Refine: nothing stands on top of what the parts say."""

    def forward(self, inputs: Tensor, present: Tensor, speaker: Tensor, mask: Tensor) -> BackboneOutput:
        logits = inputs.new_zeros(*inputs.shape[:2], self.spec.emotions)
        return BackboneOutput(logits, inputs.flatten(2))  # (B, T, C), (B, T, M h)


def backbone_of(spec: MethodSpec) -> Backbone:
    """What reads the refined parts in context."""
    kind = PartsAlone if "refine" in spec.without else lookup("backbone", spec.backbone or "late_fusion")
    return kind(BackboneSpec(spec.width, spec.emotions, len(spec.modalities), spec.dropout))


class DivideAndRefine(Method):
    """Stage `divide` learns the parts and what each says on its own, utterance by utterance; stage `refine` learns a
    refined representation of every part and the backbone that reads them in context, the roles of the parts being held
    by the losses of `divide`. Logits = sharpness · (loudness · Σ evidence of the parts + backbone(refined parts)): what
    context adds stands on top of what the parts say. `loudness` and `sharpness` are fitted on dev at the end.

    `spec.without` leaves out families of parts, or `refine`: then there is no second stage and no backbone.
    `spec.divide` 'official' stands for another model (divide_official.py).
    """

    stages = (Stage("divide", "utterance", select="loss"), Stage("refine", "dialogue"))
    member: Tensor
    synergistic: Tensor
    loudness: Tensor
    sharpness: Tensor

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        if "refine" in spec.without:
            self.stages = self.stages[:1]
        self.divide = Divide(spec)
        widths = self.divide.widths()
        self.evidence = Evidence(spec, widths)
        self.refiners = nn.ModuleDict(
            {
                player: nn.Sequential(nn.Dropout(spec.dropout), nn.Linear(width, spec.width))
                for player, width in widths.items()
            }
        )
        sources = [split_player(player)[1] for player in self.players]
        member = [[modality in own for own in sources] for modality in spec.modalities]
        self.register_buffer(
            "synergistic", torch.tensor([p.startswith("synergistic:") for p in self.players]), persistent=False
        )
        self.register_buffer("member", torch.tensor(member, dtype=torch.float32), persistent=False)  # (M, K)
        self.register_buffer("loudness", torch.ones(()))
        self.register_buffer("sharpness", torch.ones(()))
        self.backbone = backbone_of(spec)
        self.register_baselines(widths)

    @classmethod
    def from_spec(cls, spec: MethodSpec) -> Method:
        if spec.divide == "pairwise":
            return cls(spec)
        from dnr_core.model.methods.divide_official import OfficialDivideAndRefine

        return OfficialDivideAndRefine(spec)

    @property
    def players(self) -> tuple[str, ...]:
        return players_of(self.spec.modalities)

    @torch.no_grad()
    def fit_features(self, features: dict[str, Tensor], labels: Tensor) -> None:
        self.spec = replace(self.spec, kept=self.divide.fit(features))

    def decompose(self, batch: Batch) -> Components:
        return self.divide(batch)

    def predict(self, components: Components, batch: Batch) -> MethodOutput:
        said, out = self.read(self.encode(components), self.presence(batch), batch.speaker, batch.mask)
        return MethodOutput(self.sharpness * (self.loudness * said.sum(2) + out.logits), out.hidden, components)

    def predict_coalitions(self, components: Components, batch: Batch, keep: Tensor, removal: Removal) -> Tensor:
        """As the base class, but each part is encoded twice (on, off) instead of once a coalition."""
        on = self.encode(components)
        off = self.encode(self.switch_off(components, torch.zeros_like(keep[:1]), removal))
        many = len(keep)
        there = (self.presence(batch).expand(many, -1, -1), batch.speaker.expand(many, -1), batch.mask.expand(many, -1))
        said = self.evidence.speak(*on.speaking(off, keep)).sum(2)  # (S, T, C)
        return self.sharpness * (self.loudness * said + self.backbone(on.nodes(off, keep, self.member), *there).logits)

    def encode(self, components: Components) -> Encoded:
        """Evidence, gate and refined vector of every part, each from that part alone."""
        refined = [
            self.refiners[player](vector) * components.available[player][..., None]
            for player, vector in components.vectors.items()
        ]
        return Encoded(*self.evidence(components), torch.stack(refined, dim=2))

    def read(self, encoded: Encoded, present: Tensor, speaker: Tensor, mask: Tensor) -> tuple[Tensor, BackboneOutput]:
        """What each part says (B, T, K, C) and what the backbone makes of them all.

        The backbone gets a vector a modality: the sum of the refined parts that the modality takes part in.
        """
        said = self.evidence.speak(encoded.evidence, encoded.gate)
        nodes = self.member @ encoded.refined  # (B, T, M, h)
        return said, self.backbone(nodes, present, speaker, mask)

    def stage_logits(self, batch: Batch, stage: str) -> Tensor:
        if stage == "refine":
            return self(batch).logits
        return self.evidence.speak(*self.evidence(self.divide(batch))).sum(2)

    def trained_in(self, stage: str) -> list[nn.Parameter]:
        modules = [self.divide, self.evidence] if stage == "divide" else list(self.children())
        return [parameter for module in modules for parameter in module.parameters()]

    def loss(self, batch: Batch, stage: str) -> LossTerms:
        components = self.divide(batch)
        if stage == "divide":
            said = self.evidence.speak(*self.evidence(components))
            terms = self.divide_terms(components, said, batch)
        else:
            terms = self.refine_terms(components, batch)
        return LossTerms.summed(terms)

    def divide_terms(self, components: Components, said: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Task loss in order of degree (synergy sees the lower orders detached and pays for speaking), the roles of
        the parts, and a task loss for each redundant pair on its own; `said` (B, T, K, C).
        """
        options = self.spec.options
        parts = said[:, :, self.synergistic]  # (B, T, pairs, C)
        low, high = said[:, :, ~self.synergistic].sum(2), parts.sum(2)
        terms = {"task_low": self.cross_entropy(low, batch)}
        roles = role_losses(components, batch.mask)
        if roles is None:
            return terms
        pairs = [
            said[:, :, position] for position, player in enumerate(self.players) if player.startswith("redundant:")
        ]
        auxiliary = torch.stack([self.cross_entropy(pair, batch) for pair in pairs]).mean()
        return terms | {
            "task": self.cross_entropy(low.detach() + high, batch),
            "silence": options["silence_weight"] * self.silence(low.detach(), parts, batch),
            "align": options["align_weight"] * roles[0],
            "decorrelate": options["decorrelate_weight"] * roles[1],
            "auxiliary": options["auxiliary_weight"] * auxiliary,
        }

    def silence(self, low: Tensor, parts: Tensor, batch: Batch) -> Tensor:
        """What synergistic parts (B, T, pairs, C) pay for speaking where lower orders (B, T, C) know the emotion.

        Mean of p(gold | lower orders) · Σ log(1 + squared length of the evidence around its mean over classes): steep
        near silence and flat far from it, so that what lower orders can do without falls silent, and what is needed
        keeps its voice.
        """
        known = low.softmax(-1).gather(-1, batch.label.clamp(min=0)[..., None])[..., 0]  # (B, T)
        length = torch.log1p((parts - parts.mean(-1, keepdim=True)).square().sum(-1)).sum(-1)  # (B, T)
        labelled = batch.label >= 0
        return (known * length * labelled).sum() / labelled.sum().clamp(min=1)

    def refine_terms(self, components: Components, batch: Batch) -> dict[str, Tensor]:
        """Task loss of the whole (the evidence detached: only the losses of `divide` shape what a part says) and of the
        backbone alone (so that what the parts already say of train does not keep it from learning), the contrast of
        views, and the losses of `divide` to hold the roles.

        In half of the batches the backbone does not hear the synergistic parts: what lower orders can say, it reads
        from them.
        """
        options = self.spec.options
        encoded = heard = self.encode(components)
        if self.training and float(torch.rand(())) < options["synergy_dropout"]:
            heard = replace(encoded, refined=encoded.refined.masked_fill(self.synergistic[:, None], 0.0))
        present = self.presence(batch)
        said, out = self.read(heard, present, batch.speaker, batch.mask)
        roles = self.divide_terms(components, said, batch)
        return {
            "task": self.cross_entropy(said.sum(2).detach() + out.logits, batch),
            "context": options["context_weight"] * self.cross_entropy(out.logits, batch),
            "contrast": options["contrast_weight"] * self.contrast(encoded.refined, batch),
            "roles": options["roles_weight"] * torch.stack(list(roles.values())).sum(),
            **out.distillation(batch.label, present, self.class_weight),
        }

    def contrast(self, refined: Tensor, batch: Batch) -> Tensor:
        """½ Σ_m InfoNCE(modality m alone, noisy view 1) + InfoNCE(view 1, view 2), τ = 0.7 (DnR, Refine).

        Noise is on redundant parts only, scaled to each part's own spread. All vectors of a row belong to one
        utterance, and each utterance has one row, so no negative shares an utterance with its anchor.
        """
        rows = refined[batch.mask]  # (n, K, h)
        if len(rows) < 2:
            return rows.sum() * 0.0
        shared = self.evidence.shared.to(rows)[:, None]  # (K, 1)
        spread = rows.detach().std(0, keepdim=True) * shared
        views = [unit((rows + sd * spread * torch.randn_like(rows)).sum(1)) for sd in VIEW_NOISE]
        loss = symmetric_info_nce(*views, VIEW_TEMPERATURE)
        for position, there in enumerate(self.presence(batch)[batch.mask].unbind(-1)):
            alone = unit((self.member[position] @ rows)[there])
            loss = loss + 0.5 * symmetric_info_nce(alone, views[0][there], VIEW_TEMPERATURE)
        return loss

    @torch.no_grad()
    def finish(self, dev: list[Batch]) -> None:
        """Fit `loudness` in [0, 1] and the temperature of the whole on dev cross-entropy.

        On train the parts' own evidence is surer than it should be; the temperature makes probabilities calibrated.
        """
        said, context, label = [], [], []
        for batch in dev:
            parts, out = self.read(self.encode(self.divide(batch)), self.presence(batch), batch.speaker, batch.mask)
            known = batch.label >= 0
            said.append(parts.sum(2)[known].double())
            context.append(out.logits[known].double())
            label.append(batch.label[known])
        own, rest, gold = torch.cat(said), torch.cat(context), torch.cat(label)
        if not len(gold):
            return
        best = minimize(
            lambda x: float(functional.cross_entropy(x[1] * (x[0] * own + rest), gold)),
            x0=[0.5, 0.7],
            bounds=[(0.0, 1.0), (0.05, 2.0)],
            method="L-BFGS-B",
        )
        self.loudness.fill_(round(float(best.x[0]), 3))
        self.sharpness.fill_(round(float(best.x[1]), 3))


def unit(rows: Tensor) -> Tensor:
    """Rows of length 1."""
    return functional.normalize(rows, dim=-1)
