"""What every kind of result needs: a run and a corpus that fit, their store, the model; torch only to compute."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnr_core.catalogue import Catalogue
from dnr_core.data.corpus import Corpus
from dnr_core.errors import DnRError, UsageError, one_of
from dnr_core.explain.store import ResultStore
from dnr_core.remote.served import Remote, served
from dnr_core.results.computations import COMPUTATIONS, Job, Models, Pieces
from dnr_core.training.checkpoint import RunHeader, check_fit
from dnr_core.types import SPLITS, RunInfo

if TYPE_CHECKING:
    from dnr_core.model.batch import TensorCorpus
    from dnr_core.model.methods.base import Method

Progress = Callable[[int, int], bool | None]
"""Called with (utterances done, utterances in all); returning True cancels: what is finished stays stored."""


def quiet(*done: object) -> None:
    """Tell nobody how far it is."""


class Results(Catalogue):
    """A run and a corpus that fit each other, where their results are kept, and the model that computes them."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self.compute_lock = threading.RLock()
        self.models = Models()
        self.remote = Remote.from_environment()

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
        return self.models.loaded(header, corpus)

    def compute(
        self, name: str, header: RunHeader, corpus: Corpus, *, progress: Callable[..., Any] = quiet, **values: Any
    ) -> Any:
        """One of COMPUTATIONS, one at a time: by the service that has the weights of a run, else here (needs torch)."""
        with self.compute_lock:
            if header.served_by is not None:
                return served(self.remote, header).compute(name, header.manifest_hash, corpus, values, progress)
            return COMPUTATIONS[name](Job(self.models, header, corpus, progress), **values)

    def pieces(self, name: str, header: RunHeader, corpus: Corpus, **values: Any) -> Pieces:
        """The same of a computation whose results come piece by piece; it ends where the generator is closed."""
        with self.compute_lock:
            if header.served_by is not None:
                yield from served(self.remote, header).pieces(name, header.manifest_hash, corpus, values)
            else:
                yield from COMPUTATIONS[name](Job(self.models, header, corpus, quiet), **values)

    def header(self, run: str | Path) -> RunHeader:
        """As of the catalogue; DnRError with why where it stands for a service that cannot be used."""
        if self.remote is not None:
            self.remote.check(run)
        return super().header(run)

    def runs(self) -> list[RunInfo]:
        """Every run folder by name; with $DNR_SERVER the run that is served, too, or why it is not there."""
        problem = self.remote and self.remote.mirror(self.checkpoints)
        return [*super().runs(), *([problem] if problem else [])]

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
