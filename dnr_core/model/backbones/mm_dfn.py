"""MM-DFN (Hu et al., ICASSP 2022): the graph of MMGCN with gates that fuse its layers dynamically."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnr_core.model.backbones.base import BackboneSpec
from dnr_core.model.backbones.mmgcn import LAYERS, MMGCN


class MMDFN(MMGCN):
    """Nodes, speakers and edges are those of MMGCN, on which the paper builds; what the layers find is gated.

    With H'⁰ = the nodes and g⁰ = C⁰ = 0, for every node and layer k (paper, "Graph-based Dynamic Fusion"):

    - gates Γ_u, Γ_f, Γ_o = σ(W [H'^{k−1}; g^{k−1}] + b), candidate C̃ = tanh(W_c [H'^{k−1}; g^{k−1}] + b_c)
    - memory C^k = Γ_f ∘ C^{k−1} + Γ_u ∘ C̃, dynamic features g^k = Γ_o ∘ tanh(C^k)
    - H'^k = H^k + g^k, where H^k is the GCNII layer of H'^{k−1}

    That is an LSTM cell whose time is the layers, and is computed as one; all layers share it. The released code
    differs from the paper, which is followed here: there the graph layer reads g^k, and H'^{k−1} is added to what it
    gives. The released scripts stack 16 or 32 layers; here there are those of MMGCN, at a fifth of the cost or less.
    """

    def __init__(self, spec: BackboneSpec) -> None:
        super().__init__(spec)
        self.gates = nn.LSTMCell(spec.width, spec.width)

    def convolve(self, nodes: Tensor, within: Tensor, across: Tensor, scale: Tensor) -> Tensor:
        """H' of the last layer, (B, M, T, h)."""
        hidden = nodes
        fused = memory = torch.zeros_like(nodes.flatten(0, 2))  # (B·M·T, h)
        for number in range(1, LAYERS + 1):
            fused, memory = self.gates(hidden.flatten(0, 2), (fused, memory))
            hidden = self.layer(number, hidden, nodes, within, across, scale) + fused.view_as(nodes)
        return hidden
