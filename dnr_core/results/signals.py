"""What the methods of runs say of their own workings, stored beside the predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dnr_core.catalogue import Recent
from dnr_core.data.corpus import Corpus
from dnr_core.explain.store import ResultStore, StaleResult, save_arrays
from dnr_core.results.base import Results
from dnr_core.types import SignalValues


class SignalResults(Results):
    """The signals of a split: stored, or computed now and stored."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._signals = Recent(8)

    def signals(self, run: str | Path, corpus: str | Path, split: str) -> SignalValues:
        """What the method of a run says of its workings, for every utterance of a split; empty where it has nothing."""
        header, rows = self.fitting(run, corpus)
        self.check_split(rows, split)
        ids = tuple(rows.utterances["utterance_id"].to_numpy(dtype=object)[rows.rows(split)])
        if "signals" not in header.config["supports"]:
            return SignalValues(ids, {}, {})
        store = self.store(header, rows)

        def make() -> SignalValues:
            stored = read_signals(store, rows, split)
            if stored is not None:
                return stored
            found = self.compute("signals_of_split", header, rows, split=split)
            meta = store.header(descriptions=found.descriptions)
            self.try_store(lambda: save_arrays(store.path(split, "signals"), found.values, meta))
            return found

        return self._signals.get((header.manifest_hash, rows.hash, split), make)


def read_signals(store: ResultStore, corpus: Corpus, split: str) -> SignalValues | None:
    """The stored signals of a split, or None where there are none that fit."""
    rows = corpus.rows(split)
    try:
        arrays, meta = store.open(split, "signals")
        descriptions = dict(meta["descriptions"])
        values = {name: np.array(arrays[name]) for name in descriptions}
        if any(len(value) != len(rows) for value in values.values()):
            raise StaleResult("another number of utterances")
    except (StaleResult, KeyError, TypeError, ValueError):
        return None
    ids = corpus.utterances["utterance_id"].to_numpy(dtype=object)[rows]
    return SignalValues(tuple(ids), values, descriptions)
