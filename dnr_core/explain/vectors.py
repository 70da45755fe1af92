"""The vectors of the parts of a loaded model for every utterance of a corpus. Needs torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from dnr_core.data.batching import dialogue_batches
from dnr_core.data.corpus import Corpus
from dnr_core.explain.predict import BATCH
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.types import SPLITS

HIDDEN = "hidden"


@dataclass(frozen=True)
class PartVectors:
    """Per player and for `hidden`: `vectors` (N, d) float32, and `available` (N,) bool, in corpus order."""

    vectors: dict[str, np.ndarray]
    available: dict[str, np.ndarray]


@torch.no_grad()
def vectors_of_corpus(
    model: Method, data: TensorCorpus, corpus: Corpus, progress: Callable[[int, int], bool | None]
) -> PartVectors:
    """The parts of every utterance, and what the network makes of them in their dialogue."""
    vectors: dict[str, np.ndarray] = {}
    available: dict[str, np.ndarray] = {}
    done = 0
    for split in [name for name in SPLITS if name in set(corpus.split_of.values())]:
        for index in dialogue_batches(corpus, split, size=BATCH):
            out, real = model(data.batch(index)), index >= 0
            there = out.components.available
            for name, vector in {**out.components.vectors, HIDDEN: out.hidden}.items():
                array = vector.float().cpu().numpy()  # (B, T, d)
                if name not in vectors:
                    vectors[name] = np.zeros((len(corpus), array.shape[-1]), dtype=np.float32)
                    available[name] = np.ones(len(corpus), dtype=bool)
                vectors[name][index[real]] = array[real]
                if name in there:
                    available[name][index[real]] = there[name].cpu().numpy()[real]
            done += int(real.sum())
            progress(done, len(corpus))
    return PartVectors(vectors, available)
