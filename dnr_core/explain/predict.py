"""Predictions and coalition tables of a corpus by a loaded model. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import numpy as np
import torch

from dnr_core.data.batching import dialogue_batches
from dnr_core.data.corpus import Corpus
from dnr_core.explain.coalitions import Donors, dialogue_scope, utterance_scope
from dnr_core.explain.nulls import ComponentNull, component_null
from dnr_core.explain.parallel import in_parallel, threads_for
from dnr_core.explain.store import CoalitionStore, empty_table, fill_table
from dnr_core.model.batch import ComponentMask, TensorCorpus
from dnr_core.model.methods.base import Method, Removal
from dnr_core.types import ComponentValues

BATCH = 64
RowProgress = Callable[[int, int], bool | None]


@torch.no_grad()
def predict_split(model: Method, data: TensorCorpus, corpus: Corpus, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a split in corpus order (N,) and their logits (N, C) float32."""
    rows = corpus.rows(split)
    logits = np.zeros((len(corpus), model.spec.emotions), dtype=np.float32)
    for index in dialogue_batches(corpus, split, size=BATCH):
        out = model(data.batch(index)).logits.float().cpu().numpy()  # (B, T, C)
        logits[index[index >= 0]] = out[index >= 0]
    return rows, logits[rows]


def coalitions_of_rows(
    model: Method, data: TensorCorpus, rows: np.ndarray, scope: str, removal: str, donors: Donors | None = None
) -> np.ndarray:
    """Logits (T, 2^K, C) of the dialogue that stands in `rows`, parts off everywhere or in the turn itself.

    Removal 'donor' needs `donors`; logits are averaged over their draws.
    """
    if scope == "utterance":
        turns = range(len(rows))
        return np.stack([coalitions_of_turn(model, data, rows, turn, removal, donors) for turn in turns])
    batch = data.batch(rows[None])
    return average([dialogue_scope(model, batch, removal=fill) for fill in fills(rows, removal, donors)])


def coalitions_of_turn(
    model: Method, data: TensorCorpus, rows: np.ndarray, turn: int, removal: str, donors: Donors | None = None
) -> np.ndarray:
    """Logits (2^K, C) of one turn, parts off in that turn only."""
    batch = data.batch(rows[None])
    return average([utterance_scope(model, batch, turn, removal=fill) for fill in fills(rows, removal, donors)])


@torch.no_grad()
def switched_turn(
    model: Method,
    data: TensorCorpus,
    rows: np.ndarray,
    off: frozenset[str],
    turn: int,
    removal: str,
    donors: Donors | None = None,
) -> np.ndarray:
    """Logits (T, C) of a dialogue with the parts `off` removed in one turn only."""
    batch = data.batch(rows[None])
    components = model.decompose(batch)
    keep = ComponentMask(off, turn).keep(model.players, batch.mask)
    if keep is None:
        return model.predict(components, batch).logits[0].float().cpu().numpy()
    without = [model.switch_off(components, keep, fill) for fill in fills(rows, removal, donors)]
    return average([model.predict(parts, batch).logits[0].float().cpu().numpy() for parts in without])


def fills(rows: np.ndarray, removal: str, donors: Donors | None) -> Sequence[Removal]:
    """What parts are replaced by in the turns `rows`, one entry a draw."""
    if removal != "donor":
        return [removal]
    if donors is None:
        raise ValueError("removal 'donor' needs donors")
    return donors.draws(rows)


def average(tables: list[np.ndarray]) -> np.ndarray:
    """The mean of float32 arrays of one shape."""
    return tables[0] if len(tables) == 1 else np.stack(tables).mean(axis=0, dtype=np.float64).astype(np.float32)


def coalitions_of_utterances(
    model: Method, data: TensorCorpus, corpus: Corpus, wanted: np.ndarray, scope: str, removal: str
) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
    """Rows (n,) and their logits (n, 2^K, C), dialogue by dialogue (scope 'utterance': turn by turn), until all of the
    rows `wanted` (of one split) are there.
    """
    missing = np.zeros(len(corpus), dtype=bool)
    missing[wanted] = True
    donors = Donors.of(model, data, corpus) if removal == "donor" else None
    work: list[tuple[np.ndarray, np.ndarray]] = []
    for dialogue in corpus.dialogue_ids(corpus.utterance(int(wanted[0])).split if len(wanted) else ""):
        rows = corpus.dialogue_rows[dialogue]
        turns = np.flatnonzero(missing[rows])
        work += [(rows, group) for group in ([turns] if scope == "dialogue" and len(turns) else turns[:, None])]

    def compute(job: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        rows, group = job
        if scope == "dialogue":
            return coalitions_of_rows(model, data, rows, scope, removal, donors)[group]
        return coalitions_of_turn(model, data, rows, int(group[0]), removal, donors)[None]

    for (rows, group), logits in in_parallel(compute, work, workers=threads_for(data.device)):
        yield rows[group], logits


def values_of_rows(
    model: Method, corpus: Corpus, rows: np.ndarray, scope: str, removal: str, progress: RowProgress
) -> ComponentValues | None:
    """Exact values of some rows (sorted, of one split; scope 'dialogue': all of it), kept in memory only.

    None where `progress` returned True before the last one.
    """
    arrays = empty_table(len(model.players), rows, model.spec.emotions)
    table = CoalitionStore(arrays, {"players": list(model.players), "scope": scope, "removal": removal})
    fill_table(table, coalitions_of_utterances(model, TensorCorpus(corpus), corpus, rows, scope, removal), progress)
    ids = corpus.utterances["utterance_id"].to_numpy(dtype=object)[rows]
    return table.values(slice(None), ids) if table.complete else None


def null_of_model(
    model: Method, corpus: Corpus, scope: str, removal: str, progress: RowProgress
) -> ComponentNull | None:
    """Gates and null of a model from the dev split of a corpus (explain.nulls); None where it was cancelled."""
    passes, done, stopped = 2 + len(model.spec.modalities), 0, False

    def explain(shown: Corpus, rows: np.ndarray) -> ComponentValues | None:
        nonlocal done
        before, done = done, done + len(rows)

        def report(now: int, of: int) -> bool:
            nonlocal stopped
            stopped = bool(progress(before + now, passes * of))
            return stopped

        values = values_of_rows(model, shown, rows, scope, removal, report)
        return None if stopped else values

    return component_null(corpus, model.spec.modalities, explain, scope=scope)
