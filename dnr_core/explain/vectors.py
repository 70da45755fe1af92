"""The vectors of the parts of a loaded model for every utterance of a corpus. Needs torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from dnr_core.data.batching import dialogue_batches
from dnr_core.data.corpus import Corpus
from dnr_core.explain.predict import BATCH
from dnr_core.model.batch import Batch, Components, TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.types import PartVectors

__all__ = ["HIDDEN", "PartVectors", "parts_of_corpus", "vectors_of_corpus"]
HIDDEN = "hidden"
Progress = Callable[[int, int], object]
"""Called with (utterances done, utterances in all)."""


def parts_of_corpus(
    model: Method, data: TensorCorpus, corpus: Corpus, progress: Progress = lambda done, of: None
) -> PartVectors:
    """The parts of every utterance."""
    return gathered(model.decompose, data, corpus, progress)


def vectors_of_corpus(model: Method, data: TensorCorpus, corpus: Corpus, progress: Progress) -> PartVectors:
    """The parts of every utterance, and what the network makes of them in their dialogue (`hidden`)."""

    def read(batch: Batch) -> Components:
        out = model(batch)
        parts = out.components
        return Components({**parts.vectors, HIDDEN: out.hidden}, {**parts.available, HIDDEN: batch.mask})

    return gathered(read, data, corpus, progress)


@torch.no_grad()
def gathered(
    read: Callable[[Batch], Components], data: TensorCorpus, corpus: Corpus, progress: Progress
) -> PartVectors:
    """What `read` makes of every dialogue, utterance by utterance."""
    vectors: dict[str, np.ndarray] = {}
    available: dict[str, np.ndarray] = {}
    done = 0
    for split in corpus.splits:
        for index in dialogue_batches(corpus, split, size=BATCH):
            parts, real = read(data.batch(index)), index >= 0  # (B, T)
            for name, vector in parts.vectors.items():
                array = vector.float().cpu().numpy()  # (B, T, d)
                if name not in vectors:
                    vectors[name] = np.zeros((len(corpus), array.shape[-1]), dtype=np.float32)
                    available[name] = np.zeros(len(corpus), dtype=bool)
                vectors[name][index[real]] = array[real]
                available[name][index[real]] = parts.available[name].cpu().numpy()[real]
            done += int(real.sum())
            progress(done, len(corpus))
    return PartVectors(vectors, available)
