"""Maps of the parts of a run over a whole corpus: stored, computed now, or fitted by a process of their own."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from pathlib import Path

from dnr_core.catalogue import Recent
from dnr_core.data.corpus import Corpus
from dnr_core.errors import one_of
from dnr_core.explain.projection import check_enough, part_matrix, project, read_projection, save_projection
from dnr_core.explain.store import StaleResult
from dnr_core.results.background import Background
from dnr_core.results.base import Results
from dnr_core.training.checkpoint import RunHeader
from dnr_core.types import MAPS, PartVectors, Projection, map_parts, players_in

Steps = Callable[[str, int, int], bool | None]
"""Called with what is being done, how much of it is done, and of how much."""


AT_ONCE = 20_000
"""Utterances up to which a PCA is computed when it is asked for; of more, it takes a minute and is begun on request."""


class ProjectionResults(Results):
    """A PCA of a corpus that is not large is computed when it is asked for; all else is read, or fitted on request."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._projections, self._vectors = Recent(16), Recent(1)
        self._fits: dict[tuple[str, str, str, str], Background] = {}
        self._fits_lock = threading.Lock()

    def projection(self, run: str | Path, corpus: str | Path, part: str, method: str) -> Projection | None:
        """A map of all splits: stored, or (PCA of at most AT_ONCE utterances) computed now and stored; None: it is not
        there yet. Raises UsageError: unknown part or method.
        """
        header, rows = self.fitting(run, corpus)
        check_map(header, part, method)
        stored = self._stored(header, rows, part, method)
        if stored is not None or method != "pca" or len(rows) > AT_ONCE:
            return stored
        key = (header.manifest_hash, rows.hash, part, method, "now")
        return self._projections.get(key, lambda: self._kept(header, rows, part, method))

    def compute_projection(
        self,
        run: str | Path,
        corpus: str | Path,
        part: str,
        method: str,
        *,
        progress: Steps = lambda what, done, of: None,
    ) -> Projection:
        """A map that is stored, or is computed now and stored. Raises UsageError, DnRError (cannot be written)."""
        header, rows = self.fitting(run, corpus)
        check_map(header, part, method)
        stored = self._stored(header, rows, part, method)
        if stored is not None:
            return stored
        if method == "umap":
            check_enough(len(rows))
        found = self._made(header, rows, part, method, progress)
        save_projection(self.store(header, rows), found)
        return found

    def begin_fit(self, run: str | Path, corpus: str | Path, part: str, method: str = "umap") -> Background:
        """Start to fit a map in a process of its own, where none is at it; sessions share it."""
        header, rows = self.fitting(run, corpus)
        check_map(header, part, method)
        folders = (header.folder.resolve(), self.folder(corpus, self.data).resolve())
        words = ["project", "--checkpoint", str(folders[0]), "--corpus", str(folders[1])]
        words += ["--parts", part, "--method", method, "--json"]
        with self._fits_lock:
            key = (header.manifest_hash, rows.hash, part, method)
            known = self._fits.get(key)
            if known is None or not known.running:
                if known is not None:
                    atexit.unregister(known.cancel)
                known = self._fits[key] = Background(words, self.data, self.checkpoints)
                atexit.register(known.cancel)
            return known

    def fit(self, run: str | Path, corpus: str | Path, part: str, method: str = "umap") -> Background | None:
        """The process that fits, or fitted, a map; None where none was begun."""
        header, rows = self.fitting(run, corpus)
        return self._fits.get((header.manifest_hash, rows.hash, part, method))

    def end_fit(self, run: str | Path, corpus: str | Path, part: str, method: str = "umap") -> None:
        """Cancel a fit, or forget one that has ended."""
        header, rows = self.fitting(run, corpus)
        with self._fits_lock:
            known = self._fits.pop((header.manifest_hash, rows.hash, part, method), None)
        if known is not None:
            known.cancel()
            atexit.unregister(known.cancel)

    def _stored(self, header: RunHeader, corpus: Corpus, part: str, method: str) -> Projection | None:
        store = self.store(header, corpus)
        try:
            return self._projections.get(
                (header.manifest_hash, corpus.hash, part, method),
                lambda: read_projection(store, part, method, count=len(corpus)),
            )
        except StaleResult:
            return None

    def _kept(self, header: RunHeader, corpus: Corpus, part: str, method: str) -> Projection:
        found = self._made(header, corpus, part, method, lambda what, done, of: None)
        self.try_store(lambda: save_projection(self.store(header, corpus), found))
        return found

    def _made(self, header: RunHeader, corpus: Corpus, part: str, method: str, progress: Steps) -> Projection:
        def make() -> PartVectors:
            def rows_done(done: int, of: int) -> None:
                progress("vectors of the parts", done, of)

            return self.compute("vectors_of_corpus", header, corpus, progress=rows_done)

        names = players_in(part, header.players)
        with self.compute_lock:
            found = self._vectors.get((header.manifest_hash, corpus.hash), make)
            rows, vectors = part_matrix(found.vectors, found.available, names)
            progress(f"{method} of {part}, {len(rows):,} utterances", 0, 1)
            made = project(part, names, method, rows, vectors, corpus.labels)
            progress(f"{method} of {part}, {len(rows):,} utterances", 1, 1)
        return made


def check_map(header: RunHeader, part: str, method: str) -> None:
    """Raise UsageError for a part or a method that there is not."""
    if part not in map_parts(header.players):
        raise one_of("unknown part", part, map_parts(header.players))
    if method not in MAPS:
        raise one_of("unknown map", method, MAPS)
