"""What every kind of result needs: a run and a corpus that fit, their store, the model; torch only to compute."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dnr_core.catalogue import Catalogue, Recent
from dnr_core.data.corpus import Corpus
from dnr_core.errors import DnRError, UsageError, one_of
from dnr_core.explain.store import ResultStore
from dnr_core.training.checkpoint import RunHeader, check_fit, load_model
from dnr_core.types import SPLITS

if TYPE_CHECKING:
    from dnr_core.model.batch import TensorCorpus
    from dnr_core.model.methods.base import Method

Progress = Callable[[int, int], bool | None]
"""Called with (utterances done, utterances in all); returning True cancels: what is finished stays stored."""


class Results(Catalogue):
    """A run and a corpus that fit each other, where their results are kept, and the model that computes them."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self.compute_lock = threading.RLock()
        self._models = Recent(2)

    def fitting(self, run: str | Path, corpus: str | Path) -> tuple[RunHeader, Corpus]:
        """A run and a corpus that fit each other. Raises CheckpointError where they do not."""
        header, rows = self.header(run), self.corpus(corpus)
        check_fit(header, rows)
        return header, rows

    def store(self, header: RunHeader, corpus: Corpus) -> ResultStore:
        """Where the results of a run on a corpus are kept."""
        return ResultStore(header.folder, header.manifest_hash, corpus.hash)

    def loaded(self, header: RunHeader, corpus: Corpus) -> tuple[Method, TensorCorpus]:
        """The model of a run and the corpus as tensors, kept for the next call. Imports torch."""
        from dnr_core.model.batch import TensorCorpus

        model = self._models.get(("model", header.folder.resolve(), header.manifest_hash), lambda: load_model(header))
        data = self._models.get(("data", corpus.hash), lambda: TensorCorpus(corpus))
        return model, data

    @staticmethod
    def rows_of(corpus: Corpus, dialogue_id: str) -> np.ndarray:
        """Row numbers of a dialogue. Raises UsageError for an unknown id."""
        corpus_rows = corpus.dialogue_rows.get(dialogue_id)
        if corpus_rows is None:
            raise UsageError(f"corpus {corpus.name} has no dialogue {dialogue_id!r}", do="choose one from the list")
        return corpus_rows

    @staticmethod
    def check_split(corpus: Corpus, split: str) -> None:
        """Raise UsageError where a split is unknown or empty."""
        if split not in SPLITS:
            raise one_of("unknown split", split, SPLITS)
        corpus.rows(split)

    @staticmethod
    def try_store(write: Callable[[], None]) -> None:
        """Store a result where the folder is writable; a read-only checkpoint is still usable."""
        try:
            write()
        except DnRError:
            return
