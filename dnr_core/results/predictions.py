"""What a run predicts for a split, and its scores with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dnr_core.catalogue import Recent
from dnr_core.data.corpus import Corpus
from dnr_core.explain.audit import class_intervals
from dnr_core.explain.store import StaleResult
from dnr_core.results.base import Results
from dnr_core.training.checkpoint import RunHeader
from dnr_core.training.metrics import evaluation
from dnr_core.types import Predictions


class PredictionResults(Results):
    """Predictions of a split, stored when they are first asked for."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._predictions = Recent(16)

    def predictions(self, run: str | Path, corpus: str | Path, split: str) -> Predictions:
        """What a run predicts for a split: stored, or computed now and stored."""
        header, rows = self.fitting(run, corpus)
        self.check_split(rows, split)
        key = (header.manifest_hash, rows.hash, split)
        return self._predictions.get(key, lambda: self._read_predictions(header, rows, split))

    def _read_predictions(self, header: RunHeader, corpus: Corpus, split: str) -> Predictions:
        store = self.store(header, corpus)
        try:
            arrays, _ = store.open(split, "predictions")
            row, logits, gold = (np.array(arrays[name]) for name in ("row", "logits", "gold"))
        except (StaleResult, KeyError):
            row, logits = self.compute("predict_split", header, corpus, split=split)
            gold = corpus.labels[row]
            made = self._as_predictions(header, corpus, row, logits, gold)
            self.try_store(lambda: store.save_predictions(split, made))
            return made
        return self._as_predictions(header, corpus, row, logits, gold)

    @staticmethod
    def _as_predictions(
        header: RunHeader, corpus: Corpus, row: np.ndarray, logits: np.ndarray, gold: np.ndarray
    ) -> Predictions:
        ids = corpus.utterances["utterance_id"].to_numpy(dtype=object)[row]
        return Predictions(header.emotions, tuple(ids), row, logits, gold)

    def evaluate(self, run: str | Path, corpus: str | Path, split: str) -> dict[str, Any]:
        """Scores of a split with intervals: see training.metrics.evaluation."""
        header, rows = self.fitting(run, corpus)
        found = self.predictions(run, corpus, split)
        dialogues = rows.utterances["dialogue_id"].to_numpy(dtype=object)[found.row]
        return evaluation(found.gold, found.predicted, dialogues, header.emotions)

    def class_intervals(self, run: str | Path, corpus: str | Path, split: str) -> dict[str, np.ndarray]:
        """95 % intervals of precision, recall and F1 per class, each (C, 2)."""
        header, rows = self.fitting(run, corpus)
        found = self.predictions(run, corpus, split)
        dialogues = rows.utterances["dialogue_id"].to_numpy(dtype=object)[found.row]
        return class_intervals(found.gold, found.predicted, dialogues, len(header.emotions))
