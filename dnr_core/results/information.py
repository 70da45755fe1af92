"""What the data offer about every utterance, by the subset model of a run."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from dnr_core.catalogue import Recent
from dnr_core.data.corpus import Corpus
from dnr_core.explain.information import InformationValues
from dnr_core.explain.store import ResultStore, StaleResult, save_arrays
from dnr_core.results.predictions import PredictionResults
from dnr_core.types import MODALITIES

ARRAYS = tuple(
    field.name
    for field in fields(InformationValues)
    if field.name not in ("utterance_ids", "explained", "atoms", "subsets")
)


class InformationResults(PredictionResults):
    """The information view: stored, or computed now and stored."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._information = Recent(8)

    def has_information(self, run: str | Path, corpus: str | Path) -> bool:
        """Whether the view can be shown: the run has a subset model and two modalities were measured."""
        header, rows = self.fitting(run, corpus)
        described = header.config.get("subset")
        if not described:
            return False
        columns = [MODALITIES.index(name) for name in described["modalities"]]
        return int(rows.present[:, columns].any(axis=0).sum()) >= 2

    def information(self, run: str | Path, corpus: str | Path, split: str) -> InformationValues:
        """What the data offer about the class that the run predicts, for every utterance of a split.

        Raises CheckpointError where the run has no subset model, DataError where fewer than two modalities were
        measured.
        """
        header, rows = self.fitting(run, corpus)
        self.check_split(rows, split)
        store = self.store(header, rows)

        def make() -> InformationValues:
            stored = read_information(store, rows, split)
            if stored is not None:
                return stored
            predicted = self.predictions(run, corpus, split).predicted
            found = self.compute("information_of_split", header, rows, split=split, classes=predicted)
            arrays = {name: getattr(found, name) for name in ARRAYS}
            self.try_store(lambda: save_arrays(store.path(split, "information"), arrays, store.header()))
            return found

        return self._information.get((header.manifest_hash, rows.hash, split), make)

    def stored_information(self, run: str | Path, corpus: str | Path, split: str) -> InformationValues | None:
        """The same where it is stored, else None; never computes."""
        header, rows = self.fitting(run, corpus)
        store = self.store(header, rows)
        if not store.path(split, "information").is_file():
            return None
        key = ("stored", header.manifest_hash, rows.hash, split, store.path(split, "information").stat().st_mtime_ns)
        return self._information.get(key, lambda: read_information(store, rows, split))


def read_information(store: ResultStore, corpus: Corpus, split: str) -> InformationValues | None:
    """The stored view of a split, or None where there is none that fits."""
    try:
        arrays, _ = store.open(split, "information")
        values = {name: np.array(arrays[name]) for name in ARRAYS}
    except (StaleResult, KeyError):
        return None
    ids = corpus.utterances["utterance_id"].to_numpy(dtype=object)[corpus.rows(split)]
    return InformationValues(utterance_ids=tuple(ids), explained="predicted", **values)
