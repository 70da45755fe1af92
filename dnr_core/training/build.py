"""A fresh model for a corpus, on the device that was asked for."""

from __future__ import annotations

import numpy as np
import torch

from dnr_core.config import RunConfig
from dnr_core.data.corpus import Corpus
from dnr_core.errors import DataError, DnRError
from dnr_core.model.methods.base import Method, MethodSpec
from dnr_core.registry import check_backbone, lookup
from dnr_core.types import MODALITIES


def choose_device(name: str = "auto") -> torch.device:
    """`auto`: CUDA where there is one, else CPU. Raises DnRError where the device asked for is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise DnRError("no CUDA device", got=name, expected="auto or cpu")
    return torch.device(name)


def modelled_modalities(corpus: Corpus) -> tuple[str, ...]:
    """Modalities that have features and were measured in at least one train row. Raises DataError: there is none."""
    train = corpus.rows("train")
    there = tuple(
        name
        for position, name in enumerate(MODALITIES)
        if corpus.widths[name] and corpus.present[train, position].any()
    )
    if not there:
        raise DataError(
            f"corpus {corpus.name} has no features to train on",
            got="text only",
            expected="features of at least one modality",
            do="embed its sentences with `prepare --embed minilm`, or prepare a release with features",
        )
    return there


def build_model(corpus: Corpus, config: RunConfig) -> Method:
    """A fresh model with its feature front end fitted on the train rows of the corpus. Seeds torch."""
    check_backbone(config.method, config.backbone)
    modalities = modelled_modalities(corpus)
    train = corpus.rows("train")
    labels = corpus.labels[train]
    if len(set(labels[labels >= 0])) < 2:
        raise DataError(f"corpus {corpus.name} has fewer than two emotions in train", do="check its labels")
    torch.manual_seed(config.seed)
    spec = MethodSpec(
        emotions=len(corpus.emotions),
        widths=corpus.widths,
        modalities=modalities,
        backbone=config.backbone,
        width=config.width,
        dropout=config.dropout,
        options=dict(config.options),
        divide=config.divide,
        without=config.without,
    )
    model: Method = lookup("method", config.method).from_spec(spec)
    measured = {
        name: torch.from_numpy(corpus.features[name][train[corpus.present[train, MODALITIES.index(name)]]])
        for name in modalities
    }
    model.fit_features(measured, torch.from_numpy(labels))
    counts = np.bincount(labels[labels >= 0], minlength=len(corpus.emotions)).astype(float)
    weight = np.where(counts > 0, np.maximum(counts, 1) ** -config.class_balance, 0.0)
    weight *= counts.sum() / max((weight * counts).sum(), 1e-12)
    model.class_weight.copy_(torch.from_numpy(weight))  # type: ignore[operator]
    return model
