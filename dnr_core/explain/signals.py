"""What a loaded method says of its own workings, for a split. Needs torch."""

from __future__ import annotations

import numpy as np

from dnr_core.data.batching import dialogue_batches
from dnr_core.data.corpus import Corpus
from dnr_core.explain.predict import BATCH
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.types import SignalValues


def signals_of_split(model: Method, data: TensorCorpus, corpus: Corpus, split: str) -> SignalValues:
    """The signals of a method for every utterance of a split, in corpus order; empty where it has none."""
    rows = corpus.rows(split)
    found: dict[str, np.ndarray] = {}
    descriptions: dict[str, str] = {}
    for index in dialogue_batches(corpus, split, size=BATCH):
        signals = model.signals(data.batch(index))
        descriptions = signals.descriptions
        for name, value in signals.values.items():
            array = value.cpu().numpy()  # (B, T) or (B, T, M)
            if name not in found:
                found[name] = np.zeros((len(corpus), *array.shape[2:]), dtype=array.dtype)
            found[name][index[index >= 0]] = array[index >= 0]
    ids = corpus.utterances["utterance_id"].to_numpy(dtype=object)[rows]
    return SignalValues(tuple(ids), {name: values[rows] for name, values in found.items()}, dict(descriptions))
