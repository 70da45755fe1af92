"""The Engine: the one door through which pages, the command line and the service reach corpora, runs and results.

Reading stored results needs no torch; it is imported when something has to be computed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnr_core.catalogue import DEMO_CORPUS, DEMO_RUN, Catalogue, Recent
from dnr_core.data.corpus import Corpus
from dnr_core.errors import DnRError, UsageError, one_of
from dnr_core.explain.audit import TruthAgreement, class_intervals, truth_agreement
from dnr_core.explain.store import CoalitionStore, ResultStore, StaleResult, values_from_logits
from dnr_core.training.checkpoint import RunHeader, check_fit, load_model
from dnr_core.training.metrics import evaluation
from dnr_core.types import (
    SCOPES,
    SPLITS,
    CoalitionTable,
    ComponentValues,
    Predictions,
)

if TYPE_CHECKING:
    from dnr_core.model.batch import TensorCorpus
    from dnr_core.model.methods.base import Method

Progress = Callable[[int, int], bool | None]
"""Called with (utterances done, utterances in all); returning True cancels: what is finished stays stored."""
STORED_REMOVALS = ("mean", "zero")


class Engine(Catalogue):
    """What runs say of corpora, computed once and stored (what there is to ask about: Catalogue).

    One engine serves all sessions of a process: what it keeps in memory is shared and bounded.
    """

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self.compute_lock = threading.RLock()
        self._models, self._tables, self._predictions = Recent(2), Recent(64), Recent(16)

    # ---- what a run says of a corpus ------------------------------------------------------------------------------

    def fitting(self, run: str | Path, corpus: str | Path) -> tuple[RunHeader, Corpus]:
        """A run and a corpus that fit each other. Raises CheckpointError where they do not."""
        header, rows = self.header(run), self.corpus(corpus)
        check_fit(header, rows)
        return header, rows

    def store(self, header: RunHeader, corpus: Corpus) -> ResultStore:
        """Where the results of a run on a corpus are kept."""
        return ResultStore(header.folder, header.manifest_hash, corpus.hash)

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
            with self.compute_lock:
                from dnr_core.explain.predict import predict_split

                row, logits = predict_split(*self.loaded(header, corpus), corpus, split)
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

    def truth_agreement(self, run: str | Path, corpus: str | Path, split: str) -> TruthAgreement | None:
        """Agreement of dominant parts with planted truth; None: no truth, no families, or no stored coalitions."""
        header, rows = self.fitting(run, corpus)
        stored = self.stored_coalitions(run, corpus, split, "dialogue")
        frame = rows.utterances
        families = any(player.startswith("unique:") for player in header.players)
        if stored is None or not families or not (frame["truth_family"] != "").any():
            return None
        found = self.predictions(run, corpus, split)
        values = np.asarray(stored.arrays["values"])[np.arange(len(found.row)), :, found.predicted]  # (N, K)
        columns = (frame[name].to_numpy(dtype=object)[found.row] for name in ("truth_family", "truth_sources"))
        return truth_agreement(
            found.gold == found.predicted,
            np.array(header.players, dtype=object)[values.argmax(1)],
            *columns,
            dialogues=frame["dialogue_id"].to_numpy(dtype=object)[found.row],
            players=header.players,
        )

    def stored_coalitions(
        self, run: str | Path, corpus: str | Path, split: str, scope: str, removal: str = "mean"
    ) -> CoalitionStore | None:
        """The finished coalition table of a split, or None where it has not been computed."""
        header, rows = self.fitting(run, corpus)
        try:
            stored = self.store(header, rows).read_coalitions(split, scope, removal)
        except StaleResult:
            return None
        return stored if stored.complete else None

    def compute_coalitions(
        self,
        run: str | Path,
        corpus: str | Path,
        split: str,
        scope: str = "dialogue",
        removal: str = "mean",
        *,
        progress: Progress = lambda done, of: None,
    ) -> CoalitionStore:
        """All coalitions of a split, going on where an earlier call was stopped; stored as they are made."""
        header, rows = self.fitting(run, corpus)
        self.check_scope(header, scope, removal)
        self.check_split(rows, split)
        from dnr_core.explain.predict import fill_coalitions

        table = self.store(header, rows).coalitions(
            split, scope, removal, players=header.players, rows=rows.rows(split), emotions=len(header.emotions)
        )
        if not table.complete:
            with self.compute_lock:
                fill_coalitions(*self.loaded(header, rows), rows, table, scope, removal, progress)
        return table

    def dialogue_coalitions(
        self, run: str | Path, corpus: str | Path, dialogue_id: str, scope: str = "dialogue", removal: str = "mean"
    ) -> CoalitionTable:
        """Logits of every turn of a dialogue under all coalitions: stored, or computed for this dialogue now."""
        header, rows = self.fitting(run, corpus)
        self.check_scope(header, scope, removal)
        found = self._stored_dialogue(header, rows, dialogue_id, scope, removal)
        if found:
            table, positions, ids = found
            return table.table(positions, ids)
        return self._fresh_dialogue(header, rows, dialogue_id, scope, removal)

    def dialogue_values(
        self, run: str | Path, corpus: str | Path, dialogue_id: str, scope: str = "dialogue", removal: str = "mean"
    ) -> ComponentValues:
        """Exact Shapley values and interactions of every turn of a dialogue, for every class."""
        header, rows = self.fitting(run, corpus)
        self.check_scope(header, scope, removal)
        found = self._stored_dialogue(header, rows, dialogue_id, scope, removal)
        if found:
            table, positions, ids = found
            return table.values(positions, ids)
        fresh = self._fresh_dialogue(header, rows, dialogue_id, scope, removal)
        return values_from_logits(fresh.players, fresh.utterance_ids, scope, removal, fresh.logits)

    def utterance_values(
        self,
        run: str | Path,
        corpus: str | Path,
        utterance_id: str,
        scope: str = "utterance",
        removal: str = "mean",
    ) -> ComponentValues:
        """Exact values of one utterance (N = 1): stored, or computed now."""
        header, rows = self.fitting(run, corpus)
        self.check_scope(header, scope, removal)
        row = rows.row_of.get(utterance_id)
        if row is None:
            raise UsageError(f"corpus {rows.name} has no utterance {utterance_id!r}", do="choose one from the list")
        utterance = rows.utterance(row)
        if scope == "dialogue":
            whole = self.dialogue_values(run, corpus, utterance.dialogue_id, scope, removal)
            return pick_values(whole, [utterance.turn])
        stored = self.stored_coalitions(run, corpus, utterance.split, scope, removal)
        if stored:
            position = int(np.searchsorted(stored.arrays["row"], row))
            return stored.values(np.array([position]), (utterance_id,))
        table = self._fresh_utterance(header, rows, row, removal)
        return values_from_logits(table.players, table.utterance_ids, scope, removal, table.logits)

    def switched(
        self,
        run: str | Path,
        corpus: str | Path,
        dialogue_id: str,
        off: frozenset[str],
        *,
        turn: int | None = None,
        removal: str = "mean",
    ) -> np.ndarray:
        """Logits (T, C) of a dialogue with some parts off: in every turn (a look-up), or in turn `turn` only."""
        header, rows = self.fitting(run, corpus)
        unknown = sorted(off - set(header.players))
        if unknown:
            raise one_of("unknown component", unknown[0], header.players)
        if turn is None:
            table = self.dialogue_coalitions(run, corpus, dialogue_id, "dialogue", removal)
            return np.asarray(table.logits[:, table.index(off)], dtype=np.float32)
        with self.compute_lock:
            from dnr_core.explain.predict import switched_turn

            return switched_turn(*self.loaded(header, rows), self.rows_of(rows, dialogue_id), off, turn, removal)

    # ---- below the door -------------------------------------------------------------------------------------------

    def loaded(self, header: RunHeader, corpus: Corpus) -> tuple[Method, TensorCorpus]:
        """The model of a run and the corpus as tensors, kept for the next call. Imports torch."""
        from dnr_core.model.batch import TensorCorpus

        model = self._models.get(("model", header.folder.resolve(), header.manifest_hash), lambda: load_model(header))
        data = self._models.get(("data", corpus.hash), lambda: TensorCorpus(corpus))
        return model, data

    def _stored_dialogue(
        self, header: RunHeader, corpus: Corpus, dialogue_id: str, scope: str, removal: str
    ) -> tuple[CoalitionStore, slice, list[str]] | None:
        rows = self.rows_of(corpus, dialogue_id)
        split = corpus.split_of[dialogue_id]
        try:
            table = self.store(header, corpus).read_coalitions(split, scope, removal)
        except StaleResult:
            return None
        start = int(np.searchsorted(table.arrays["row"], rows[0]))
        positions = slice(start, start + len(rows))
        if not np.all(table.arrays["done"][positions]):
            return None
        return table, positions, list(corpus.utterances["utterance_id"].to_numpy(dtype=object)[rows])

    def _fresh_dialogue(
        self, header: RunHeader, corpus: Corpus, dialogue_id: str, scope: str, removal: str
    ) -> CoalitionTable:
        def make() -> CoalitionTable:
            from dnr_core.explain.predict import coalitions_of_rows

            rows = self.rows_of(corpus, dialogue_id)
            logits = coalitions_of_rows(*self.loaded(header, corpus), rows, scope, removal)
            ids = tuple(corpus.utterances["utterance_id"].to_numpy(dtype=object)[rows])
            return CoalitionTable(header.players, ids, scope, removal, logits)

        key = (header.manifest_hash, corpus.hash, dialogue_id, scope, removal)
        with self.compute_lock:
            return self._tables.get(key, make)

    def _fresh_utterance(self, header: RunHeader, corpus: Corpus, row: int, removal: str) -> CoalitionTable:
        def make() -> CoalitionTable:
            from dnr_core.explain.predict import coalitions_of_turn

            utterance = corpus.utterance(row)
            rows = self.rows_of(corpus, utterance.dialogue_id)
            logits = coalitions_of_turn(*self.loaded(header, corpus), rows, utterance.turn, removal)
            return CoalitionTable(header.players, (utterance.utterance_id,), "utterance", removal, logits[None])

        with self.compute_lock:
            return self._tables.get((header.manifest_hash, corpus.hash, row, "utterance", removal), make)

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
    def check_scope(header: RunHeader, scope: str, removal: str) -> None:
        """Raise UsageError for an unknown scope or removal, or a method without components."""
        if scope not in SCOPES:
            raise one_of("unknown scope", scope, SCOPES)
        if removal not in STORED_REMOVALS:
            raise one_of("unknown removal", removal, STORED_REMOVALS)
        if "components" not in header.config["supports"]:
            raise UsageError(
                f"method {header.config['run']['method']} has no components",
                got="a request for component values",
                expected=", ".join(header.config["supports"]) or "a method with components",
            )

    @staticmethod
    def try_store(write: Callable[[], None]) -> None:
        """Store a result where the folder is writable; a read-only checkpoint is still usable."""
        try:
            write()
        except DnRError:
            return


def pick_values(values: ComponentValues, positions: list[int]) -> ComponentValues:
    """The values of some utterances of a set."""
    return ComponentValues(
        values.players,
        tuple(values.utterance_ids[position] for position in positions),
        values.scope,
        values.removal,
        *(getattr(values, name)[positions] for name in ("values", "baseline", "total", "completeness_gap")),
        None if values.interactions is None else values.interactions[positions],
    )


__all__ = ["DEMO_CORPUS", "DEMO_RUN", "Engine", "pick_values"]
