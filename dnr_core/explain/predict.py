"""Predictions and coalition tables of a corpus by a loaded model. Needs torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from dnr_core.data.batching import dialogue_batches
from dnr_core.data.corpus import Corpus
from dnr_core.explain.coalitions import dialogue_scope, utterance_scope
from dnr_core.explain.store import CoalitionStore
from dnr_core.model.batch import ComponentMask, TensorCorpus
from dnr_core.model.methods.base import Method

BATCH = 64


@torch.no_grad()
def predict_split(model: Method, data: TensorCorpus, corpus: Corpus, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a split in corpus order (N,) and their logits (N, C) float32."""
    rows = corpus.rows(split)
    logits = np.zeros((len(corpus), model.spec.emotions), dtype=np.float32)
    for index in dialogue_batches(corpus, split, size=BATCH):
        out = model(data.batch(index)).logits.float().cpu().numpy()  # (B, T, C)
        logits[index[index >= 0]] = out[index >= 0]
    return rows, logits[rows]


def coalitions_of_rows(model: Method, data: TensorCorpus, rows: np.ndarray, scope: str, removal: str) -> np.ndarray:
    """Logits (T, 2^K, C) of the dialogue that stands in `rows`, parts off everywhere or in the turn itself."""
    batch = data.batch(rows[None])
    if scope == "dialogue":
        return dialogue_scope(model, batch, removal=removal)
    return np.stack([utterance_scope(model, batch, turn, removal=removal) for turn in range(len(rows))])


def coalitions_of_turn(model: Method, data: TensorCorpus, rows: np.ndarray, turn: int, removal: str) -> np.ndarray:
    """Logits (2^K, C) of one turn, parts off in that turn only."""
    return utterance_scope(model, data.batch(rows[None]), turn, removal=removal)


@torch.no_grad()
def switched_turn(
    model: Method, data: TensorCorpus, rows: np.ndarray, off: frozenset[str], turn: int, removal: str
) -> np.ndarray:
    """Logits (T, C) of a dialogue with the parts `off` removed in one turn only."""
    batch = data.batch(rows[None])
    components = model.decompose(batch)
    keep = ComponentMask(off, turn).keep(model.players, batch.mask)
    if keep is not None:
        components = model.switch_off(components, keep, removal)
    return model.predict(components, batch).logits[0].float().cpu().numpy()


def fill_coalitions(
    model: Method,
    data: TensorCorpus,
    corpus: Corpus,
    table: CoalitionStore,
    scope: str,
    removal: str,
    progress: Callable[[int, int], bool | None],
) -> None:
    """Compute what a table lacks, dialogue by dialogue; stops early where `progress` returns True."""
    order = np.asarray(table.arrays["row"])
    done = table.done
    finished, total = int(done.sum()), len(order)
    for dialogue in corpus.dialogue_ids(corpus.utterance(int(order[0])).split):
        rows = corpus.dialogue_rows[dialogue]
        positions = np.searchsorted(order, rows)
        missing = positions[~done[positions]]
        if not len(missing):
            continue
        if scope == "dialogue":
            table.write(positions, coalitions_of_rows(model, data, rows, scope, removal))
            finished += len(missing)
            if progress(finished, total):
                return
            continue
        for position in missing:
            turn = int(position - positions[0])
            table.write(np.array([position]), coalitions_of_turn(model, data, rows, turn, removal)[None])
            finished += 1
            if progress(finished, total):
                return
