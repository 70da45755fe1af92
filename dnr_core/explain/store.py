"""Results on disk: safetensors files that are memory-mapped, written atomically and keyed by the run they belong to."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from dnr_core.data.files import replacing_file
from dnr_core.errors import one_of
from dnr_core.explain.shapley import shapley_interactions, shapley_values, square
from dnr_core.types import CoalitionTable, ComponentValues, Predictions, softmax

FORMAT_VERSION = 1
SCALES = ("logit", "probability")
"""What values are measured on: the logits, or their softmax."""
DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8", "U8": "|u1", "BOOL": "|b1"}


class StaleResult(Exception):
    """A stored result is missing, damaged, or belongs to other weights: compute it again."""


def save_arrays(path: Path, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Write arrays and a JSON header to a safetensors file. Raises DnRError where it cannot be written."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with replacing_file(path) as temporary:
        save_file(contiguous, temporary, metadata={"meta": json.dumps(meta)})


def map_arrays(path: Path, *, writable: bool = False) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Memory-map a file written by save_arrays. Raises StaleResult where it is missing or damaged."""
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 0 < length < 10_000_000:
                raise ValueError("header length")
            header = json.loads(stream.read(length))
        meta = json.loads(header.pop("__metadata__")["meta"])
        size = path.stat().st_size
        arrays = {}
        for name, entry in header.items():
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            dtype, shape = np.dtype(DTYPES[entry["dtype"]]), tuple(entry["shape"])
            if end > size or dtype.itemsize * int(np.prod(shape)) != end - start:
                raise ValueError(f"{name} is cut short")
            mode = "r+" if writable else "r"
            arrays[name] = (
                np.memmap(path, dtype=dtype, mode=mode, offset=start, shape=shape)
                if end > start
                else np.zeros(shape, dtype)
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StaleResult(f"{path}: {error}") from error
    return arrays, meta


@dataclass(frozen=True)
class ResultStore:
    """The stored results of one run on one corpus: `<run>/results/<first 8 of the corpus hash>/<split>/`."""

    run: Path
    manifest_hash: str
    corpus_hash: str

    def path(self, split: str, name: str) -> Path:
        """Where a result is kept."""
        return self.run / "results" / self.corpus_hash[:8] / split / f"{name}.safetensors"

    def header(self, **more: Any) -> dict[str, Any]:
        """What a result is keyed by."""
        key = {"format_version": FORMAT_VERSION, "manifest": self.manifest_hash, "corpus": self.corpus_hash}
        return key | more

    def open(self, split: str, name: str, *, writable: bool = False) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Memory-map a result. Raises StaleResult where it is missing, damaged or of another run, corpus or format."""
        arrays, meta = map_arrays(self.path(split, name), writable=writable)
        if any(meta.get(key) != value for key, value in self.header().items()):
            raise StaleResult(f"{self.path(split, name)} belongs to other weights")
        return arrays, meta

    def save_predictions(self, split: str, predictions: Predictions) -> None:
        """Store the logits of a split."""
        arrays = {"logits": predictions.logits.astype(np.float32), "row": predictions.row, "gold": predictions.gold}
        save_arrays(self.path(split, "predictions"), arrays, self.header())

    def coalitions(
        self, split: str, scope: str, removal: str, *, players: Iterable[str], rows: np.ndarray, emotions: int
    ) -> CoalitionStore:
        """The (possibly unfinished) coalition table of a split, made empty where there is none that fits."""
        name = coalition_name(scope, removal)
        try:
            arrays, meta = self.open(split, name, writable=True)
            if meta["players"] != list(players) or len(arrays["row"]) != len(rows):
                raise StaleResult("another shape")
        except (StaleResult, KeyError):
            save_arrays(
                self.path(split, name),
                empty_table(len(list(players)), rows, emotions),
                self.header(players=list(players), scope=scope, removal=removal),
            )
            arrays, meta = self.open(split, name, writable=True)
        return CoalitionStore(arrays, meta)

    def read_coalitions(self, split: str, scope: str, removal: str) -> CoalitionStore:
        """The stored table, read-only. Raises StaleResult where there is none."""
        return CoalitionStore(*self.open(split, coalition_name(scope, removal)))


def coalition_name(scope: str, removal: str) -> str:
    """File name (without ending) of a coalition table."""
    return f"coalitions-{scope}-{removal}"


def empty_table(players: int, rows: np.ndarray, emotions: int) -> dict[str, np.ndarray]:
    """The arrays of a coalition table before anything is computed."""
    count, pairs = len(rows), players * (players - 1) // 2
    return {
        "row": rows.astype(np.int64),
        "done": np.zeros(count, dtype=np.uint8),
        "logits": np.zeros((count, 2**players, emotions), dtype=np.float16),
        "values": np.zeros((count, players, emotions), dtype=np.float32),
        "interactions": np.zeros((count, pairs, emotions), dtype=np.float32),
        "probability_values": np.zeros((count, players, emotions), dtype=np.float32),
        "baseline": np.zeros((count, emotions), dtype=np.float32),
        "total": np.zeros((count, emotions), dtype=np.float32),
    }


@dataclass(frozen=True)
class CoalitionStore:
    """A coalition table that is filled utterance by utterance; `done` marks finished ones, so a kill loses little."""

    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]

    @property
    def done(self) -> np.ndarray:
        """Which utterances are finished, (N,) bool."""
        return np.asarray(self.arrays["done"]).astype(bool)

    @property
    def complete(self) -> bool:
        """Whether every utterance is finished."""
        return bool(self.done.all())

    @property
    def largest_gap(self) -> float:
        """What the values miss, at most, of what they must sum to: over all utterances and classes, in logits."""
        values, total, baseline = (np.asarray(self.arrays[name]) for name in ("values", "total", "baseline"))
        return float(sum_gap(values, total, baseline).max())

    def write(self, positions: np.ndarray, logits: np.ndarray) -> None:
        """Store coalition logits (n, 2^K, C) float32 and what follows from them, then mark them as done."""
        arrays = self.arrays
        arrays["logits"][positions] = logits.astype(np.float16)
        arrays["values"][positions] = shapley_values(logits)
        arrays["interactions"][positions] = shapley_interactions(logits)
        if "probability_values" in arrays:
            arrays["probability_values"][positions] = shapley_values(softmax(logits))
        arrays["baseline"][positions] = logits[:, 0]
        arrays["total"][positions] = logits[:, -1]
        arrays["done"][positions] = 1

    def table(self, positions: np.ndarray | slice, ids: Iterable[str]) -> CoalitionTable:
        """The logits of some utterances (no copy for a slice)."""
        meta = self.meta
        logits = self.arrays["logits"][positions]
        return CoalitionTable(tuple(meta["players"]), tuple(ids), meta["scope"], meta["removal"], logits)

    def values(self, positions: np.ndarray | slice, ids: Iterable[str], *, scale: str = "logit") -> ComponentValues:
        """Exact values of some utterances for every class, on the scale of logits or of probabilities.

        They were computed from the logits before these were stored as float16. Interactions of probabilities come
        from the float16 logits (to about 0.002), and so do probability values in tables written before these were
        stored; `completeness_gap` holds their rounding error.
        Raises UsageError: unknown scale.
        """
        check_scale(scale)
        arrays, meta = self.arrays, self.meta
        values, interactions = (np.array(part) for part in self._scaled(positions, scale))
        ends = (np.array(arrays[name][positions]) for name in ("baseline", "total"))
        baseline, total = (softmax(end) if scale == "probability" else end for end in ends)
        return component_values(
            tuple(meta["players"]), tuple(ids), meta["scope"], meta["removal"], values, interactions, baseline, total
        )

    def _scaled(self, positions: np.ndarray | slice, scale: str) -> tuple[np.ndarray, np.ndarray]:
        arrays = self.arrays
        if scale == "logit":
            return arrays["values"][positions], arrays["interactions"][positions]
        chances = softmax(arrays["logits"][positions])
        interactions = shapley_interactions(chances)
        if "probability_values" in arrays:
            return arrays["probability_values"][positions], interactions
        return shapley_values(chances), interactions


def fill_table(
    table: CoalitionStore,
    found: Generator[tuple[np.ndarray, np.ndarray], None, None],
    progress: Callable[[int, int], bool | None],
) -> None:
    """Write logits into a table as they come (rows (n,), logits (n, 2^K, C)); stops where `progress` returns True."""
    order = np.asarray(table.arrays["row"])
    finished = int(table.done.sum())
    with closing(found):
        for rows, logits in found:
            table.write(np.searchsorted(order, rows), logits)
            finished += len(rows)
            if progress(finished, len(order)):
                return


def check_scale(scale: str) -> None:
    """Raise UsageError for a scale that is not one of SCALES."""
    if scale not in SCALES:
        raise one_of("unknown scale", scale, SCALES)


def component_values(
    players: tuple[str, ...],
    ids: tuple[str, ...],
    scope: str,
    removal: str,
    values: np.ndarray,
    interactions: np.ndarray,
    baseline: np.ndarray,
    total: np.ndarray,
) -> ComponentValues:
    """ComponentValues with its completeness gap |Σ values − (total − baseline)|."""
    gap = sum_gap(values, total, baseline)
    return ComponentValues(
        players, ids, scope, removal, values, baseline, total, gap, square(interactions, len(players))
    )


def sum_gap(values: np.ndarray, total: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """|Σ values − (total − baseline)|, (N, K, C) and twice (N, C) → (N, C)."""
    return np.abs(values.sum(1, dtype=np.float64) - (total.astype(np.float64) - baseline))


def values_from_logits(
    players: tuple[str, ...],
    ids: tuple[str, ...],
    scope: str,
    removal: str,
    logits: np.ndarray,
    *,
    scale: str = "logit",
) -> ComponentValues:
    """ComponentValues straight from coalition logits (N, 2^K, C). Raises UsageError: unknown scale."""
    check_scale(scale)
    table = softmax(logits) if scale == "probability" else logits
    return component_values(
        players, ids, scope, removal, shapley_values(table), shapley_interactions(table), table[:, 0], table[:, -1]
    )
