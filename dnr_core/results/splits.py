"""Whole splits: what the parts do there on average, and what the modalities tell of its labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dnr_core.catalogue import Recent
from dnr_core.data.corpus import Corpus
from dnr_core.explain.information_split import SplitBits, SplitInformation
from dnr_core.explain.split_values import MeanValues, ScoreDrop, SubsetScore, mean_values, score_drops, subset_scores
from dnr_core.explain.store import CoalitionStore, ResultStore, StaleResult, save_arrays
from dnr_core.results.base import Progress
from dnr_core.results.components import ComponentResults
from dnr_core.results.information import InformationResults
from dnr_core.training.checkpoint import RunHeader

NAME = "split_information"


@dataclass(frozen=True)
class SplitValues:
    """What the parts do over the N utterances of a split, on the logit of the class that is predicted for each.

    `mean`: by predicted emotion; `drops`: of weighted F1 without single parts, modalities and families; `subsets`:
    weighted F1 of each subset of the modalities; `largest_gap` (logits): the largest completeness gap.
    """

    mean: MeanValues
    drops: tuple[ScoreDrop, ...]
    subsets: tuple[SubsetScore, ...]
    largest_gap: float
    n: int


class SplitResults(InformationResults, ComponentResults):
    """Values from stored coalitions; information stored, or computed now and stored."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._split_values, self._split_information = Recent(8), Recent(8)

    def split_values(
        self,
        run: str | Path,
        corpus: str | Path,
        split: str,
        scope: str = "dialogue",
        removal: str = "mean",
        *,
        progress: Progress = lambda done, of: None,
    ) -> SplitValues | None:
        """What the parts do over a split, computing what its coalition table lacks; None where it was cancelled."""
        self.compute_coalitions(run, corpus, split, scope, removal, progress=progress)
        return self.stored_split_values(run, corpus, split, scope, removal)

    def stored_split_values(
        self, run: str | Path, corpus: str | Path, split: str, scope: str = "dialogue", removal: str = "mean"
    ) -> SplitValues | None:
        """The same where the coalition table of the split is complete, else None; never computes coalitions."""
        header, rows = self.fitting(run, corpus)
        self.check_scope(header, scope, removal)
        table = self.stored_coalitions(run, corpus, split, scope, removal)
        if table is None:
            return None
        key = (header.manifest_hash, rows.hash, split, scope, removal)
        return self._split_values.get(key, lambda: values_of_split(header, rows, table))

    def split_information(
        self,
        run: str | Path,
        corpus: str | Path,
        split: str,
        *,
        progress: Callable[[int, int], object] = lambda done, of: None,
    ) -> SplitInformation:
        """What the modalities tell of the gold labels of a split: stored, or computed now and stored.

        Raises CheckpointError where the run has no subset model, DataError where fewer than two modalities were
        measured or there are fewer than two labels.
        """
        header, rows = self.fitting(run, corpus)
        self.check_split(rows, split)
        store = self.store(header, rows)

        def make() -> SplitInformation:
            stored = read_split_information(store, split)
            if stored is not None:
                return stored
            found = self.compute("measured_information", header, rows, progress=progress, split=split)
            self.try_store(lambda: save_split_information(store, split, found))
            return found

        return self._split_information.get((header.manifest_hash, rows.hash, split), make)

    def stored_split_information(self, run: str | Path, corpus: str | Path, split: str) -> SplitInformation | None:
        """The same where it is stored, else None; never computes."""
        return read_split_information(self.store(*self.fitting(run, corpus)), split)


def values_of_split(header: RunHeader, corpus: Corpus, table: CoalitionStore) -> SplitValues:
    """Means and drops from a complete coalition table."""
    arrays, rows = table.arrays, np.asarray(table.arrays["row"])
    total, values = np.asarray(arrays["total"]), np.asarray(arrays["values"])  # (N, C), (N, K, C)
    predicted = total.argmax(1)
    dialogues = corpus.utterances["dialogue_id"].to_numpy(dtype=object)[rows]
    own = values[np.arange(len(rows)), :, predicted]  # (N, K)
    said = (header.players, arrays["logits"], total, corpus.labels[rows], dialogues)
    return SplitValues(
        mean_values(header.players, own, predicted, dialogues, len(header.emotions)),
        tuple(score_drops(*said)),
        tuple(subset_scores(*said)),
        table.largest_gap,
        len(rows),
    )


def save_split_information(store: ResultStore, split: str, found: SplitInformation) -> None:
    """Store what was measured of a split. Raises DnRError where it cannot be written."""
    named = [(pair, part, bits) for pair, parts in found.pairs.items() for part, bits in parts.items()]
    named += [("", part, bits) for part, bits in found.whole.items()]
    arrays = {
        "bits": np.array([(bits.value, *bits.interval, bits.null) for _, _, bits in named]),  # (A, 4)
        "n": np.array([found.n]),
    }
    save_arrays(store.path(split, NAME), arrays, store.header(names=[[pair, part] for pair, part, _ in named]))


def read_split_information(store: ResultStore, split: str) -> SplitInformation | None:
    """What is stored of a split, or None where there is nothing that fits."""
    try:
        arrays, meta = store.open(split, NAME)
        bits = [SplitBits(value, (low, high), null) for value, low, high, null in np.array(arrays["bits"]).tolist()]
        names = [tuple(name) for name in meta["names"]]
        found = dict(zip(names, bits, strict=True))
        pairs = {pair: {} for pair, _ in names if pair}
        for (pair, part), number in found.items():
            if pair:
                pairs[pair][part] = number
        count = int(arrays["n"][0])
    except (StaleResult, KeyError, ValueError):
        return None
    return SplitInformation(count, pairs, {part: one for (pair, part), one in found.items() if not pair})
