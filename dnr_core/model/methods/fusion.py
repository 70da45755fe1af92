"""Self-attention over the tokens of several modalities, read by one token whose attention is returned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnr_core.errors import UsageError
from dnr_core.model.layers import mlp


class FusionLayer(nn.Module):
    """A pre-norm transformer layer of which only the first tokens are wanted, and their attention with them.

    Keys have no bias: softmax does not see one.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.join = nn.Linear(width, width)
        self.think = mlp(width, 2 * width, width, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, keep: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
        """tokens (n, S, h), keep (n, S) → the first `wanted` tokens (n, w, h), their attention (n, w, S) over heads."""
        normed = self.before(tokens)
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (n, heads, ·, h / heads)
            for part in (self.query(normed[:, :wanted]), self.key(normed), self.value(normed))
        )
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5  # (n, heads, w, S)
        attention = scores.masked_fill(~keep[:, None, None], -torch.inf).softmax(-1)
        read = (self.dropout(attention) @ value).transpose(1, 2).flatten(2)  # (n, w, h)
        tokens = tokens[:, :wanted] + self.dropout(self.join(read))
        return tokens + self.dropout(self.think(self.after(tokens))), attention.mean(1)


class FusionEncoder(nn.Module):
    """Self-attention over [CLS; (separator, tokens) of each modality]; absent modalities are not attended to."""

    def __init__(self, width: int, modalities: int, tokens: int, *, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise UsageError("the fusion encoder cannot use this width", got=width, expected=f"a multiple of {heads}")
        self.start = nn.Parameter(0.1 * torch.randn(width))
        self.separators = nn.Parameter(0.1 * torch.randn(modalities, 1, width))
        self.places = nn.Parameter(0.1 * torch.randn(modalities, tokens, width))
        self.layers = nn.ModuleList(FusionLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """tokens (n, M, k, h), present (n, M) → CLS (n, h) and its last attention by modality (n, M).

        The attention sums to 1 over present modalities (that to CLS and separators left out), 0 where there is none.
        """
        count, modalities, each, width = tokens.shape
        separators = self.separators.expand(count, -1, -1, -1)
        sequence = torch.cat([separators, tokens + self.places], dim=2).flatten(1, 2)  # (n, M (k + 1), h)
        sequence = torch.cat([self.start.expand(count, 1, width), sequence], dim=1)  # (n, S, h)
        keep = present[..., None].expand(-1, -1, each + 1).flatten(1)  # (n, M (k + 1))
        keep = torch.cat([torch.ones_like(keep[:, :1]), keep], dim=1)  # (n, S)
        attention = sequence
        for position, layer in enumerate(self.layers, start=1):
            wanted = 1 if position == len(self.layers) else sequence.shape[1]
            sequence, attention = layer(sequence, keep, wanted)
        on_tokens = attention[:, 0, 1:].unflatten(-1, (modalities, each + 1))[..., 1:].sum(-1)  # (n, M)
        return self.norm(sequence[:, 0]), on_tokens / on_tokens.sum(-1, keepdim=True).clamp(min=1e-9)
