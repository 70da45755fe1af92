"""The subset model: one calibrated classifier that says p(y | x_S) of an utterance for every subset S of modalities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from dnr_core.errors import CheckpointError
from dnr_core.model.layers import Detector, FeatureScaler, MaskedCentre, PrincipalComponents
from dnr_core.types import MODALITIES, SUBSETS, join_modalities

PREFIX = "subset."
"""What the names of its tensors start with in a run's model.safetensors."""
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class SubsetSpec:
    """What a subset model is built from: C emotions, feature widths, the modalities it models (in the order of
    MODALITIES), and how many principal components it keeps of each (None before `fit_features`).
    """

    emotions: int
    widths: dict[str, int]
    modalities: tuple[str, ...]
    kept: dict[str, int] | None = None
    prototypes: int = 128
    width: int = 64
    product_width: int = 32
    dropout: float = 0.3


class Prototypes(nn.Module):
    """Softmax over linear scores, then linear: which pattern is this, and what is known of it; (…, k) → (…, d).

    The softmax makes the patterns compete, as the posterior of a mixture does: on planted dialogues a modality alone
    comes within 0.06 nat of the Bayes observer, where thresholded detectors stay 0.13 behind.
    """

    def __init__(self, width: int, patterns: int, out: int) -> None:
        super().__init__()
        self.match = nn.Linear(width, patterns)
        self.read = nn.Linear(patterns, out)
        nn.init.normal_(self.read.weight)

    def forward(self, values: Tensor) -> Tensor:
        return self.read(self.match(values).softmax(-1))


class PairProduct(nn.Module):
    """BN(φ(x_m)) ∘ BN(ψ(x_n)) of two modalities' thresholded detectors: what can hold their synergy, (N, d)."""

    def __init__(self, widths: tuple[int, int], detectors: int, out: int, dropout: float) -> None:
        super().__init__()
        self.sides = nn.ModuleList([Detector(width, detectors, out, dropout) for width in widths])
        self.centres = nn.ModuleList([MaskedCentre(out) for _ in widths])

    def forward(self, first: Tensor, second: Tensor, both: Tensor) -> Tensor:
        pairs = zip(self.sides, self.centres, (first, second), strict=True)
        one, two = (centre(side(values, both), both) for side, centre, values in pairs)
        return one * two


class SubsetModel(nn.Module):
    """Logits of a subset = MLP(codes of its modalities, a learned token for each that is left out, one bit each)
    + Σ over its pairs of linear(product): an MLP alone does not find synergy.

    Everything is computed from whitened principal components; an utterance is seen alone, without its dialogue.
    Buffers: `temperature` (7,) per subset of SUBSETS, fitted on dev; `prior` (C,) the share of each class in train.
    """

    temperature: Tensor
    prior: Tensor
    scalers: Mapping[str, FeatureScaler]
    principal: Mapping[str, PrincipalComponents]

    def __init__(self, spec: SubsetSpec) -> None:
        super().__init__()
        self.spec = spec
        names, kept = spec.modalities, spec.kept or {}
        self.scalers = cast(Any, nn.ModuleDict({name: FeatureScaler(spec.widths[name]) for name in names}))
        principal = {name: PrincipalComponents(spec.widths[name], kept.get(name)) for name in names}
        self.principal = cast(Any, nn.ModuleDict(principal))
        self.pairs = [(join_modalities(pair), *pair) for pair in combinations(names, 2)]
        self.register_buffer("temperature", torch.ones(len(SUBSETS)))
        self.register_buffer("prior", torch.full((spec.emotions,), 1 / spec.emotions))
        self.build_heads()

    def build_heads(self) -> None:
        """(Re)create what is trained, for the number of components that are kept."""
        spec, kept = self.spec, {name: self.principal[name].kept for name in self.spec.modalities}
        self.encoders = nn.ModuleDict({n: Prototypes(kept[n], spec.prototypes, spec.width) for n in spec.modalities})
        self.tokens = nn.ParameterDict({name: nn.Parameter(torch.zeros(spec.width)) for name in spec.modalities})
        self.products = nn.ModuleDict(
            {
                pair: PairProduct((kept[one], kept[two]), spec.prototypes, spec.product_width, spec.dropout)
                for pair, one, two in self.pairs
            }
        )
        self.speak = nn.ModuleDict(
            {pair: nn.Linear(spec.product_width, spec.emotions, bias=False) for pair, _, _ in self.pairs}
        )
        self.classify = nn.Sequential(
            nn.Linear(len(spec.modalities) * (spec.width + 1), 256), nn.ReLU(), nn.Dropout(spec.dropout),
            nn.Linear(256, 128), nn.ReLU(), nn.Dropout(spec.dropout), nn.Linear(128, spec.emotions),
        )  # fmt: skip

    @torch.no_grad()
    def fit_features(self, features: dict[str, Tensor]) -> None:
        """Fit scaling and principal components on measured train rows, modality → (n, d), and build what is trained."""
        for name in self.spec.modalities:
            self.scalers[name].fit(features[name])
            self.principal[name].fit(self.scalers[name](features[name]))
        self.spec = replace(self.spec, kept={name: self.principal[name].kept for name in self.spec.modalities})
        self.build_heads()

    def whiten(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Raw features (N, d) → scores on the kept components (N, k), per modality."""
        return {name: self.principal[name].whiten(self.scalers[name](features[name])) for name in self.spec.modalities}

    def encode(self, white: dict[str, Tensor], there: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Codes (N, width) per modality and products (N, d) per pair; `there` (N, M) in the order of the modalities."""
        column = {name: there[:, position] for position, name in enumerate(self.spec.modalities)}
        codes = {name: encoder(white[name]) for name, encoder in self.encoders.items()}
        products = {
            pair: self.products[pair](white[one], white[two], column[one] & column[two])
            for pair, one, two in self.pairs
        }
        return codes, products

    def read(self, codes: dict[str, Tensor], products: dict[str, Tensor], keep: Tensor) -> Tensor:
        """Logits (N, C) of the subset that `keep` (N, M) bool says of each row; its modalities must be there."""
        column = {name: keep[:, [position]] for position, name in enumerate(self.spec.modalities)}
        seen = [torch.where(column[name], codes[name], self.tokens[name]) for name in self.spec.modalities]
        logits = self.classify(torch.cat([*seen, keep.to(seen[0])], dim=-1))
        for pair, one, two in self.pairs:
            logits = logits + self.speak[pair](products[pair] * (column[one] & column[two]))
        return logits

    def masks(self) -> Tensor:
        """Which modelled modalities belong to each subset, (7, M) bool."""
        return torch.tensor([[name in subset for name in self.spec.modalities] for subset in SUBSETS])

    @torch.no_grad()
    def logits(self, white: dict[str, Tensor], there: Tensor) -> Tensor:
        """Logits (N, 7, C) of every subset before its temperature; modalities that are not there count as left out."""
        codes, products = self.encode(white, there)
        return torch.stack([self.read(codes, products, keep & there) for keep in self.masks()], dim=1)

    @torch.no_grad()
    def log_posteriors(self, features: Mapping[str, np.ndarray], present: np.ndarray) -> np.ndarray:
        """log p(y | x_S) (N, 7, C) float64 (nats) from raw features (N, d) and present (N, 3); deterministic.

        Call in eval mode. A subset none of whose modalities is there or modelled says nothing: the prior.
        """
        columns = [MODALITIES.index(name) for name in self.spec.modalities]
        found = []
        for start in range(0, len(present), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            raw = {name: torch.from_numpy(np.ascontiguousarray(features[name][rows])) for name in self.spec.modalities}
            there = torch.from_numpy(np.ascontiguousarray(present[rows][:, columns]))  # (n, M)
            scaled = self.logits(self.whiten(raw), there).double() / self.temperature[:, None]
            silent = ~(self.masks() & there[:, None]).any(-1)  # (n, 7)
            found.append(torch.where(silent[..., None], self.prior.double().log(), scaled.log_softmax(-1)).numpy())
        return np.concatenate(found) if found else np.zeros((0, len(SUBSETS), self.spec.emotions))


def subset_tensors(model: SubsetModel) -> dict[str, Tensor]:
    """What is stored of the model in a run's model.safetensors, under names that start with `subset.`."""
    return {PREFIX + name: value.contiguous() for name, value in model.state_dict().items()}


def subset_description(model: SubsetModel) -> dict[str, Any]:
    """The spec as JSON-ready values, to stand in a run's config.json."""
    return asdict(model.spec)


def rebuild_subset_model(described: dict[str, Any], tensors: Mapping[str, Tensor]) -> SubsetModel:
    """The model of a run in eval mode, from `subset_description` and the tensors of model.safetensors.

    Raises CheckpointError: the description or a tensor is missing or has another shape.
    """
    own = {name.removeprefix(PREFIX): value for name, value in tensors.items() if name.startswith(PREFIX)}
    try:
        with torch.random.fork_rng(devices=[]):
            model = SubsetModel(SubsetSpec(**{**described, "modalities": tuple(described["modalities"])}))
        model.load_state_dict(own)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        got = " ".join(str(error).split())[:200]
        raise CheckpointError("the subset model of the run is damaged", got=got, do="train the run again") from error
    return model.eval()
