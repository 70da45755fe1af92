"""Which rows go into a batch together: index arrays only, so that it serves any tensor library."""

from __future__ import annotations

import numpy as np

from dnr_core.data.corpus import Corpus

PADDING = -1


def pad_rows(groups: list[np.ndarray]) -> np.ndarray:
    """Row arrays of several dialogues as one (B, T) int64 array, −1 where a dialogue is shorter than the longest."""
    rows = np.full((len(groups), max(len(group) for group in groups)), PADDING, dtype=np.int64)
    for position, group in enumerate(groups):
        rows[position, : len(group)] = group
    return rows


def dialogue_batches(
    corpus: Corpus, split: str, *, size: int, limit: int = 4096, rng: np.random.Generator | None = None
) -> list[np.ndarray]:
    """Batches (B, T) of whole dialogues of similar length: at most `size` dialogues and `limit` padded utterances.

    A single dialogue longer than `limit` is a batch of its own. With `rng` the order is random, dialogues of similar
    length still together; without it the order is that of the lengths and always the same.
    """
    corpus.rows(split)
    groups = [corpus.dialogue_rows[dialogue] for dialogue in corpus.dialogue_ids(split)]
    lengths = np.array([len(group) for group in groups], dtype=float)
    jitter = rng.uniform(-0.15, 0.15, len(groups)) if rng is not None else np.zeros(len(groups))
    batches: list[list[np.ndarray]] = [[]]
    for position in np.argsort(lengths * (1 + jitter), kind="stable"):
        group, current = groups[position], batches[-1]
        longest = max([len(group), *(len(other) for other in current)])
        if current and (len(current) >= size or longest * (len(current) + 1) > limit):
            batches.append(current := [])
        current.append(group)
    padded = [pad_rows(batch) for batch in batches]
    return padded if rng is None else [padded[position] for position in rng.permutation(len(padded))]


def utterance_batches(rows: np.ndarray, *, size: int, rng: np.random.Generator | None = None) -> list[np.ndarray]:
    """Batches (B, 1) of single utterances, each a dialogue of one turn; the last may be smaller, but not of one row."""
    order = rows if rng is None else rng.permutation(rows)
    count = max(1, round(len(order) / size))
    return [part[:, None] for part in np.array_split(order, count)]


def speaker_index(corpus: Corpus) -> np.ndarray:
    """Per row the speaker's index by first appearance in the dialogue, (N,) int64."""
    speakers = corpus.utterances["speaker"].to_numpy(dtype=object)
    index = np.zeros(len(corpus), dtype=np.int64)
    for rows in corpus.dialogue_rows.values():
        seen: dict[str, int] = {}
        for row in rows:
            index[row] = seen.setdefault(speakers[row], len(seen))
    return index
