"""What the parts of a model do: coalitions, exact values, parts switched off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dnr_core.catalogue import Recent
from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError, one_of
from dnr_core.explain.nulls import ComponentNull, read_null, save_null
from dnr_core.explain.store import CoalitionStore, StaleResult, fill_table, values_from_logits
from dnr_core.results.base import Progress
from dnr_core.results.predictions import PredictionResults
from dnr_core.training.checkpoint import RunHeader
from dnr_core.types import REMOVALS, SCOPES, CoalitionTable, ComponentValues


@dataclass(frozen=True)
class StoredTurns:
    """Where turns of a dialogue, by `ids`, stand in a stored table."""

    store: CoalitionStore
    positions: slice
    ids: list[str]


class ComponentResults(PredictionResults):
    """Coalition tables: looked up where they are stored, computed for one dialogue or turn where they are not."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._tables = Recent(64)

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
        table = self.store(header, rows).coalitions(
            split, scope, removal, players=header.players, rows=rows.rows(split), emotions=len(header.emotions)
        )
        if not table.complete:
            wanted = np.asarray(table.arrays["row"])[~table.done]
            made = self.pieces("coalitions_of_utterances", header, rows, wanted=wanted, scope=scope, removal=removal)
            with self.compute_lock:
                fill_table(table, made, progress)
        return table

    def dialogue_coalitions(
        self, run: str | Path, corpus: str | Path, dialogue_id: str, scope: str = "dialogue", removal: str = "mean"
    ) -> CoalitionTable:
        """Logits of every turn of a dialogue under all coalitions: stored, or computed for this dialogue now."""
        found = self._dialogue(run, corpus, dialogue_id, scope, removal)
        return found if isinstance(found, CoalitionTable) else found.store.table(found.positions, found.ids)

    def dialogue_values(
        self, run: str | Path, corpus: str | Path, dialogue_id: str, scope: str = "dialogue", removal: str = "mean"
    ) -> ComponentValues:
        """Exact Shapley values and interactions of every turn of a dialogue, for every class."""
        found = self._dialogue(run, corpus, dialogue_id, scope, removal)
        if isinstance(found, CoalitionTable):
            return values_from_logits(found.players, found.utterance_ids, scope, removal, found.logits)
        return found.store.values(found.positions, found.ids)

    def utterance_coalitions(
        self, run: str | Path, corpus: str | Path, utterance_id: str, scope: str = "utterance", removal: str = "mean"
    ) -> CoalitionTable:
        """Logits of one utterance (N = 1) under all coalitions: stored, or computed now."""
        found = self._utterance(run, corpus, utterance_id, scope, removal)
        return found if isinstance(found, CoalitionTable) else found.store.table(found.positions, found.ids)

    def utterance_values(
        self, run: str | Path, corpus: str | Path, utterance_id: str, scope: str = "utterance", removal: str = "mean"
    ) -> ComponentValues:
        """Exact values of one utterance (N = 1): stored, or computed now."""
        found = self._utterance(run, corpus, utterance_id, scope, removal)
        if isinstance(found, CoalitionTable):
            return values_from_logits(found.players, found.utterance_ids, scope, removal, found.logits)
        return found.store.values(found.positions, found.ids)

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
        where = self.rows_of(rows, dialogue_id)
        return self.compute("switched_turn", header, rows, rows=where, off=off, turn=turn, removal=removal)

    def component_null(
        self,
        run: str | Path,
        corpus: str | Path,
        scope: str = "dialogue",
        removal: str = "mean",
        *,
        progress: Progress = lambda done, of: None,
    ) -> ComponentNull | None:
        """What claims about parts are tested against: stored, or computed on dev now; None where it was cancelled."""
        header, rows = self.fitting(run, corpus)
        self.check_scope(header, scope, removal)
        store = self.store(header, rows)
        try:
            return read_null(store, scope, removal)
        except StaleResult:
            null = self.compute("null_of_model", header, rows, progress=progress, scope=scope, removal=removal)
            if null is not None:
                self.try_store(lambda: save_null(store, scope, removal, null))
            return null

    def stored_null(
        self, run: str | Path, corpus: str | Path, scope: str = "dialogue", removal: str = "mean"
    ) -> ComponentNull | None:
        """The null that is stored, or None where it has not been computed."""
        try:
            return read_null(self.store(*self.fitting(run, corpus)), scope, removal)
        except StaleResult:
            return None

    def _dialogue(
        self, run: str | Path, corpus: str | Path, dialogue_id: str, scope: str, removal: str
    ) -> StoredTurns | CoalitionTable:
        header, rows = self.fitting(run, corpus)
        self.check_scope(header, scope, removal)
        stored = self._stored_dialogue(header, rows, dialogue_id, scope, removal)
        return stored or self._fresh_dialogue(header, rows, dialogue_id, scope, removal)

    def _utterance(
        self, run: str | Path, corpus: str | Path, utterance_id: str, scope: str, removal: str
    ) -> StoredTurns | CoalitionTable:
        header, rows = self.fitting(run, corpus)
        self.check_scope(header, scope, removal)
        row = rows.row_of.get(utterance_id)
        if row is None:
            raise UsageError(f"corpus {rows.name} has no utterance {utterance_id!r}", do="choose one from the list")
        utterance = rows.utterance(row)
        if scope == "dialogue":
            return one_turn(self._dialogue(run, corpus, utterance.dialogue_id, scope, removal), utterance.turn)
        stored = self.stored_coalitions(run, corpus, utterance.split, scope, removal)
        if stored is None:
            return self._fresh_utterance(header, rows, row, removal)
        position = int(np.searchsorted(stored.arrays["row"], row))
        return StoredTurns(stored, slice(position, position + 1), [utterance_id])

    def _stored_dialogue(
        self, header: RunHeader, corpus: Corpus, dialogue_id: str, scope: str, removal: str
    ) -> StoredTurns | None:
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
        return StoredTurns(table, positions, list(corpus.utterances["utterance_id"].to_numpy(dtype=object)[rows]))

    def _fresh_dialogue(
        self, header: RunHeader, corpus: Corpus, dialogue_id: str, scope: str, removal: str
    ) -> CoalitionTable:
        def make() -> CoalitionTable:
            rows = self.rows_of(corpus, dialogue_id)
            asked = {"rows": rows, "scope": scope, "removal": removal}
            logits = self.compute("coalitions_of_rows", header, corpus, **asked)
            ids = tuple(corpus.utterances["utterance_id"].to_numpy(dtype=object)[rows])
            return CoalitionTable(header.players, ids, scope, removal, logits)

        key = (header.manifest_hash, corpus.hash, dialogue_id, scope, removal)
        with self.compute_lock:
            return self._tables.get(key, make)

    def _fresh_utterance(self, header: RunHeader, corpus: Corpus, row: int, removal: str) -> CoalitionTable:
        def make() -> CoalitionTable:
            utterance = corpus.utterance(row)
            asked = {"rows": self.rows_of(corpus, utterance.dialogue_id), "turn": utterance.turn, "removal": removal}
            logits = self.compute("coalitions_of_turn", header, corpus, **asked)
            return CoalitionTable(header.players, (utterance.utterance_id,), "utterance", removal, logits[None])

        with self.compute_lock:
            return self._tables.get((header.manifest_hash, corpus.hash, row, "utterance", removal), make)

    @staticmethod
    def check_scope(header: RunHeader, scope: str, removal: str) -> None:
        """Raise UsageError for an unknown scope or removal, or a method without components."""
        if scope not in SCOPES:
            raise one_of("unknown scope", scope, SCOPES)
        if removal not in REMOVALS:
            raise one_of("unknown removal", removal, REMOVALS)
        if "components" not in header.config["supports"]:
            raise UsageError(
                f"method {header.config['run']['method']} has no components",
                got="a request for component values",
                expected=", ".join(header.config["supports"]) or "a method with components",
            )


def one_turn(turns: StoredTurns | CoalitionTable, turn: int) -> StoredTurns | CoalitionTable:
    """One of the turns of a dialogue."""
    if isinstance(turns, CoalitionTable):
        return replace(turns, utterance_ids=turns.utterance_ids[turn : turn + 1], logits=turns.logits[turn : turn + 1])
    start = turns.positions.start + turn
    return StoredTurns(turns.store, slice(start, start + 1), turns.ids[turn : turn + 1])
