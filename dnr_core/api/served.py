"""The run that a service answers with: read once, kept in memory, and asked. Needs torch."""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dnr_core import __version__
from dnr_core.api.dialogues import Dialogues, batch_of
from dnr_core.data.embed import is_installed
from dnr_core.data.files import file_sha256
from dnr_core.explain.nulls import ComponentNull, read_null
from dnr_core.explain.store import ResultStore, StaleResult
from dnr_core.model.layers import FeatureScaler
from dnr_core.training.checkpoint import RunHeader, load_model, load_subset_model, read_run
from dnr_core.types import REMOVALS, SCOPES

if TYPE_CHECKING:
    from dnr_core.model.methods.base import Method
    from dnr_core.model.subset import SubsetModel

HEADER_FILES = ("config.json", "metrics.json", "history.jsonl", "manifest.json", "card.json")
"""What a dashboard elsewhere needs of a run; not its weights."""


@dataclass(frozen=True)
class Served:
    """A run in memory.

    `subset`: what the data offer (None: it has no such model); `nulls`: (scope, removal) → what claims are tested
    against, of the corpus that it was trained on, where that was stored; `files`: its JSON files as they were read;
    `means`: modality → train mean of its features (d,), as the model fills them in; `drawing`: held by what draws
    random numbers.
    """

    name: str
    header: RunHeader
    model: Method
    subset: SubsetModel | None
    nulls: dict[tuple[str, str], ComponentNull]
    files: dict[str, bytes]
    means: dict[str, np.ndarray]
    drawing: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def read(cls, folder: Path) -> Served:
        """Read a run. Raises CheckpointError."""
        header = read_run(folder)
        subset = load_subset_model(header) if header.config.get("subset") else None
        files = {name: (folder / name).read_bytes() for name in HEADER_FILES if (folder / name).is_file()}
        resolved = folder.resolve()
        named = resolved.name if not resolved.name.startswith("seed-") else f"{resolved.parent.name}-{resolved.name}"
        model = load_model(header)
        return cls(named, header, model, subset, stored_nulls(header), files, train_means(model))

    def changed_on_disk(self) -> bool:
        """Whether another run stands where this one was read from; this one is served all the same."""
        with suppress(OSError):
            return file_sha256(self.header.folder / "manifest.json") != self.header.manifest_hash
        return True

    @torch.no_grad()
    def logits(self, parts: list[tuple[Dialogues, int]]) -> np.ndarray:
        """Logits (B, T, C) of some dialogues (request, place in it), padded."""
        return self.model(batch_of(parts)).logits.float().cpu().numpy()

    def about(self) -> dict[str, Any]:
        """What the run says of itself."""
        config, run = self.header.config, self.header.config["run"]
        return {
            "run": self.name,
            "manifest": self.header.manifest_hash,
            "dnr_core": __version__,
            **{name: run[name] for name in ("method", "backbone", "preset", "seed")},
            "emotions": list(self.header.emotions),
            "widths": config["spec"]["widths"],
            "modalities": list(config["spec"]["modalities"]),
            "parts": list(self.header.players),
            "supports": list(config["supports"]),
            "information": self.subset is not None,
            "tested": [f"{scope}, {removal}" for scope, removal in self.nulls],
            "trained_on": self.header.manifest["corpus"],
            "parameters": config.get("parameters"),
            "text_encoder": is_installed(),
            "changed_on_disk": self.changed_on_disk(),
        }


def train_means(model: Method) -> dict[str, np.ndarray]:
    """What a model takes for features that were not measured; nothing of a model that scales them in its own way."""
    scalers = {name: module for name, module in model.named_modules() if isinstance(module, FeatureScaler)}
    named = [
        (modality, name) for modality in model.spec.modalities for name in scalers if name.endswith(f".{modality}")
    ]
    return {modality: scalers[name].mean.cpu().numpy() for modality, name in named}


def stored_nulls(header: RunHeader) -> dict[tuple[str, str], ComponentNull]:
    """What is stored of the corpus that a run was trained on, for claims about its parts."""
    store, found = ResultStore(header.folder, header.manifest_hash, header.manifest["corpus"]["hash"]), {}
    for scope, removal in itertools.product(SCOPES, REMOVALS):
        with suppress(StaleResult):
            found[scope, removal] = read_null(store, scope, removal)
    return found
