"""Logits under all 2^K coalitions of the parts, for a dialogue at a time. Needs torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dnr_core.model.batch import Batch
from dnr_core.model.methods.base import Method

WORK_LIMIT = 400_000
"""Largest coalitions × turns × (turns + 40) computed at once, so that a chunk stays in the cache."""


def coalition_bits(players: int) -> Tensor:
    """(2^K, K) bool: which players are on in each coalition; row 0 has none, the last has all."""
    index = torch.arange(2**players)
    return (index[:, None] >> torch.arange(players)) & 1 == 1


@torch.no_grad()
def dialogue_scope(model: Method, batch: Batch, *, removal: str = "mean") -> np.ndarray:
    """Parts off in every turn at once: logits (T, 2^K, C) float32 of a single dialogue, batch (1, T)."""
    bits = coalition_bits(len(model.players)).to(batch.mask.device)  # (S, K)
    keep = bits[:, None, :].expand(-1, batch.mask.shape[1], -1)  # (S, T, K)
    return run_coalitions(model, batch, keep, removal).transpose(0, 1).cpu().numpy()  # (T, S, C)


@torch.no_grad()
def utterance_scope(model: Method, batch: Batch, turn: int, *, removal: str = "mean") -> np.ndarray:
    """Parts off in one turn only, its context whole: logits (2^K, C) float32 of that turn; batch (1, T)."""
    bits = coalition_bits(len(model.players)).to(batch.mask.device)
    keep = torch.ones((len(bits), batch.mask.shape[1], bits.shape[1]), dtype=torch.bool, device=bits.device)
    keep[:, turn] = bits
    return run_coalitions(model, batch, keep, removal)[:, turn].cpu().numpy()


def run_coalitions(model: Method, batch: Batch, keep: Tensor, removal: str) -> Tensor:
    """Logits (S, T, C) of one dialogue under S masks keep (S, T, K); parts are computed once."""
    if batch.mask.shape[0] != 1:
        raise ValueError(f"one dialogue at a time, got {batch.mask.shape[0]}")
    components = model.decompose(batch)
    turns = batch.mask.shape[1]
    chunk = max(1, WORK_LIMIT // (turns * (turns + 40)))
    logits = [model.predict_coalitions(components, batch, part, removal).float() for part in keep.split(chunk)]
    return torch.cat(logits)
