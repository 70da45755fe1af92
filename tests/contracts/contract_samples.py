"""Models of every registered method and backbone, untrained but fitted to random rows, and ragged random batches."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dnr_core.config import RunConfig, preset
from dnr_core.model.batch import Batch
from dnr_core.model.methods.base import Method, MethodSpec
from dnr_core.registry import lookup, names
from dnr_core.types import MODALITIES, split_player

WIDTHS = {"text": 7, "audio": 5, "visual": 6}
NO_VISUAL = {"text": 7, "audio": 5, "visual": 0}
EMOTIONS = 4
LENGTHS = (5, 3, 4, 1)


def configurations() -> list:
    """Every method with every backbone, once with None where it carries its own network; dnr as released with two."""
    found = [
        (method, backbone)
        for method in names("method")
        for backbone in ([None] if lookup("method", method).own_network else names("backbone"))
    ]
    found += [("dnr", backbone, "official") for backbone in ("late_fusion", "mmgcn")]
    return [pytest.param(pair, id="-".join(filter(None, pair))) for pair in found]


def configured(method: str, backbone: str | None, divide: str = "pairwise") -> RunConfig:
    """The preset of an entry of PAIRS."""
    return preset(method, backbone, divide=divide)


PAIRS = configurations()


def random_batch(lengths: tuple[int, ...] = LENGTHS, *, widths: dict[str, int] = WIDTHS, seed: int = 0) -> Batch:
    """Dialogues of these lengths with NaN cells, absent modalities (junk stored there) and unlabelled utterances."""
    draw = torch.Generator().manual_seed(seed)
    shape = (len(lengths), max(lengths))
    mask = torch.arange(shape[1]) < torch.tensor(lengths)[:, None]
    features = {}
    for name in MODALITIES:
        values = 2.0 * torch.randn(*shape, widths[name], generator=draw) + 1.0
        values[torch.rand(values.shape, generator=draw) < 0.1] = torch.nan
        features[name] = values.masked_fill(~mask[..., None], 0.0)
    present = torch.rand(*shape, 3, generator=draw) > 0.25
    present[:, 0] = True
    present &= torch.tensor([widths[name] > 0 for name in MODALITIES])
    label = torch.randint(-1, EMOTIONS, shape, generator=draw)
    label[:, 0] = torch.arange(len(lengths)) % EMOTIONS
    return Batch(
        **features,
        present=present & mask[..., None],
        speaker=torch.randint(0, 3, shape, generator=draw).masked_fill(~mask, 0),
        label=label.masked_fill(~mask, -1),
        mask=mask,
    )


def build(
    method: str,
    backbone: str | None,
    divide: str = "pairwise",
    *,
    widths: dict[str, int] = WIDTHS,
    still: bool = False,
    without: tuple[str, ...] = (),
) -> Method:
    """A model in eval mode whose every buffer and parameter does something; `still`: without dropout and noise."""
    torch.manual_seed(0)
    options = dict(configured(method, backbone, divide).options)
    if still:
        options |= {key: 0.0 for key in options if key.endswith(("dropout", "noise"))}
    modalities = tuple(name for name in MODALITIES if widths[name])
    spec = MethodSpec(
        EMOTIONS, widths, modalities, backbone, 24, 0.0 if still else 0.2, options, divide=divide, without=without
    )
    model: Method = lookup("method", method).from_spec(spec)
    rows = {name: 2.0 * torch.randn(60, widths[name]) + 1.0 for name in modalities}
    for values in rows.values():
        values[torch.rand(values.shape) < 0.1] = torch.nan
    model.fit_features(rows, torch.randint(0, EMOTIONS, (60,)))
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.3)
        batches = [random_batch((6, 6, 5), widths=widths, seed=seed) for seed in range(5)]
        for batch in batches:
            model.train()(batch)
    model.eval().fit_baselines(batches)
    return model


def with_features(batch: Batch, **features: Tensor) -> Batch:
    """The batch with other raw features."""
    return replace(batch, **features)


def padded(batch: Batch, turns: int, *, junk: float | None = None) -> Batch:
    """The batch with padded turns appended; `junk` is stored in all padding, instead of zero."""

    def longer(values: Tensor, fill: float) -> Tensor:
        extra = torch.full((values.shape[0], turns, *values.shape[2:]), fill).to(values.dtype)
        return torch.cat([values, extra], dim=1)

    mask = longer(batch.mask, False)
    features = {name: longer(batch.modality(name), 0.0) for name in MODALITIES}
    if junk is not None:
        features = {name: values.masked_fill(~mask[..., None], junk) for name, values in features.items()}
    speaker = longer(batch.speaker, 0).masked_fill(~mask, 0 if junk is None else 2)
    return Batch(
        **features, present=longer(batch.present, False), speaker=speaker, label=longer(batch.label, -1), mask=mask
    )


def row(batch: Batch, position: int) -> Batch:
    """One dialogue of a batch, without its padding."""
    turns = int(batch.mask[position].sum())
    return Batch(**{name: getattr(batch, name)[position : position + 1, :turns] for name in vars(batch)})


def players_with(model: Method, modality: str) -> frozenset[str]:
    """The parts that a modality takes part in."""
    return frozenset(player for player in model.players if modality in split_player(player)[1])
