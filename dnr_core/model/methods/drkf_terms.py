"""The formulas of DRKF: augmentation and what keeps it close, re-shuffled pairs, and which modality is the odd one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dnr_core.types import MODALITIES

Pairs = list[tuple[int, int]]


class Augmenter(nn.Module):
    """Progressive augmentation by residual auto-encoders (h, h/2, h/4, h/2, h): x_k = x_{k−1} + out_{k−1}."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(autoencoder(width) for _ in range(blocks))

    def forward(self, vectors: Tensor) -> Tensor:
        for block in self.blocks:
            vectors = vectors + block(vectors)
        return vectors


def autoencoder(width: int) -> nn.Sequential:
    """h → h/2 → h/4 → h/2 → h with GELU between."""
    half, quarter = width // 2, width // 4
    return nn.Sequential(
        nn.Linear(width, half), nn.GELU(), nn.Linear(half, quarter), nn.GELU(),
        nn.Linear(quarter, half), nn.GELU(), nn.Linear(half, width),
    )  # fmt: skip


def mean_present(values: Tensor, present: Tensor) -> Tensor:
    """Mean of values (n, M) over present modalities (n, M); 0 where there is none."""
    return (values * present).sum() / present.sum().clamp(min=1)


def closeness(original: Tensor, augmented: Tensor, present: Tensor) -> Tensor:
    """MSE of the augmented to the original vectors (n, M, h), these being the target (detached)."""
    return mean_present((augmented - original.detach()).square().mean(-1), present)


def divergence(original: Tensor, augmented: Tensor, present: Tensor) -> Tensor:
    """KL(p_original ‖ p_augmented) = Σ_c p (log p − log q) in nats, from class logits (n, M, C).

    The original is the target (detached). The released code gives probabilities where logarithms are expected.
    """
    target, other = original.detach().float().log_softmax(-1), augmented.float().log_softmax(-1)
    return mean_present((target.exp() * (target - other)).sum(-1), present)


def alone(said: Tensor, label: Tensor, present: Tensor) -> Tensor:
    """Cross-entropy of the classifiers of single modalities, (n, M, C) and (n,) → scalar.

    Without it nothing but the divergence would train them, and the same answer to everything would be best.
    """
    gold = label[:, None, None].expand(-1, said.shape[1], 1)  # (n, M, 1)
    return mean_present(-said.float().log_softmax(-1).gather(-1, gold)[..., 0], present)


def pairs_present(present: Tensor, pairs: Pairs) -> Tensor:
    """Whether both modalities of each pair are present, (n, M) → (n, P)."""
    there = [present[:, first] & present[:, second] for first, second in pairs]
    return torch.stack(there, dim=1) if there else present[:, :0]


def shuffled(present: Tensor, modality: Tensor, share: float) -> Tensor:
    """Whose `modality` (n,) each utterance is paired with: its own, or in a share of them any that has it, (n,)."""
    drawn = torch.multinomial(present.T[modality].float(), 1)[:, 0]
    swap = torch.rand(len(drawn), device=drawn.device) < share
    return torch.where(swap, drawn, torch.arange(len(drawn), device=drawn.device))


def mixed(tokens: Tensor, ends: Tensor, partner: Tensor) -> tuple[Tensor, Tensor]:
    """The first of two modalities `ends` (n, 2) from each utterance, the second from its partner (n,).

    tokens (n, M, k, h) → the same with the second modality exchanged, and which modalities count, (n, M).
    """
    row = torch.arange(len(ends), device=ends.device)
    exchanged = tokens.clone()
    exchanged[row, ends[:, 1]] = tokens[partner, ends[:, 1]]
    kept = torch.zeros(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
    kept[row[:, None], ends] = True
    return exchanged, kept


def highest(differing: Tensor) -> Tensor:
    """The largest probability over pairs that are there, (n, P) with NaN → (n,), NaN where no pair is."""
    known = functional.pad(differing.nan_to_num(-1.0), (0, 1), value=-1.0).amax(1)
    return torch.where(known < 0, torch.nan, known)


def odd_one_out(differing: Tensor, modalities: tuple[str, ...]) -> Tensor:
    """Index in MODALITIES of the one whose two pairs differ (p > ½) while the third does not, (n, P) → (n,) int64.

    −1 where there is none, or a modality is absent. Pairs are in the order of `itertools.combinations`.
    """
    odd = torch.full(differing.shape[:1], -1, device=differing.device)
    if differing.shape[1] != 3:
        return odd
    for place, name in enumerate(modalities):
        third = 2 - place  # (0, 1), (0, 2), (1, 2): the pair without modality 0 is the last
        with_it = [pair for pair in range(3) if pair != third]
        found = (differing[:, with_it] > 0.5).all(1) & (differing[:, third] <= 0.5)
        odd[found] = MODALITIES.index(name)
    return odd


def spread(values: Tensor, where: Tensor) -> Tensor:
    """Values (n, …) of the utterances where (B, T) is True at their places, (B, T, …), zero elsewhere."""
    wide = values.new_zeros((*where.shape, *values.shape[1:]))
    wide[where] = values
    return wide
