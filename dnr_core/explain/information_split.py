"""The information view of a whole split: BROJA of each pair, the union of all, with intervals and a shuffle null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.errors import DataError
from dnr_core.explain.atoms import PAIRS
from dnr_core.explain.broja import couple, decompose, information
from dnr_core.explain.information import check_modalities, log_posteriors
from dnr_core.types import MODALITIES, SUBSETS, join_modalities

if TYPE_CHECKING:
    from dnr_core.model.subset import SubsetModel

CELLS_BEYOND_CLASSES, MOST_CELLS = 2, 16
"""Each subset's class posterior is grouped into C + 2 cells, at most 16: more would find information in label noise."""
RESAMPLES, SHUFFLES = 40, 20
LEVEL = 0.95
PARTS = ("redundant", "unique_1", "unique_2", "synergistic")


@dataclass(frozen=True)
class SplitBits:
    """One number of a split in bits: `interval` by bootstrap over dialogues (95 %), `null` the 95 % quantile of the
    same number with shuffled labels, and whether it stands above it.
    """

    value: float
    interval: tuple[float, float]
    null: float

    @property
    def significant(self) -> bool:
        """Whether the number is above its null."""
        return self.value > self.null


@dataclass(frozen=True)
class SplitInformation:
    """What the modalities tell of the gold label over the n labelled utterances of a split.

    - `pairs`: pair (such as `audio+text`) → BROJA: `redundant`, `unique_1`, `unique_2`, `synergistic`, where 1 and 2
      are the modalities in the order of the name
    - `whole`: `union` (what single modalities tell, counted once), `synergistic` (what only more than one tells) and
      `total`, over the modalities that are modelled and measured
    """

    n: int
    pairs: dict[str, dict[str, SplitBits]]
    whole: dict[str, SplitBits]


def split_information(
    model: SubsetModel,
    corpus: Corpus,
    split: str,
    *,
    seed: int = 0,
    progress: Callable[[int, int], object] = lambda done, of: None,
) -> SplitInformation:
    """Measure a split with plug-in estimates from gold labels and quantised class posteriors of the subset model.

    Only p(x_i, y) enters Q*, and the class posterior of x_i is all that p(x_i, y) needs; what a pair tells together
    comes from the posterior of the pair. Raises DataError: fewer than two modalities or two labels.
    """
    rows = corpus.rows(split)
    check_modalities(model, corpus, rows)
    rows = rows[corpus.labels[rows] >= 0]
    gold = corpus.labels[rows]
    if len(set(gold)) < 2:
        got = f"{len(set(gold))} different labels in {split}"
        raise DataError(f"the information of corpus {corpus.name} cannot be shown", got=got, expected="at least two")
    posteriors = np.exp(log_posteriors(model, corpus.features, corpus.present, rows))
    count = min(len(corpus.emotions) + CELLS_BEYOND_CLASSES, MOST_CELLS)
    cells = [quantise(posteriors[:, position], count) for position in range(len(SUBSETS))]
    names = [name for name in model.spec.modalities if corpus.present[rows, MODALITIES.index(name)].any()]
    _, block = np.unique(corpus.utterances["dialogue_id"].to_numpy(dtype=object)[rows], return_inverse=True)
    random, classes = np.random.default_rng((seed, 3)), len(corpus.emotions)
    even = np.ones(len(rows))
    asked = [(gold, even), *((gold, dialogue_weights(block, random)) for _ in range(RESAMPLES))]
    asked += [(random.permutation(gold), even) for _ in range(SHUFFLES)]
    measured = []
    for labels, weight in asked:
        measured.append(measure(cells, labels, classes, names, weight))
        progress(len(measured), len(asked))
    point, drawn, null = measured[0], measured[1 : 1 + RESAMPLES], measured[1 + RESAMPLES :]
    found = {key: summarise(value, [d[key] for d in drawn], [d[key] for d in null]) for key, value in point.items()}
    pairs = sorted({pair for pair, _ in found if pair})
    by_pair = {pair: {part: found[pair, part] for part in PARTS} for pair in pairs}
    return SplitInformation(len(rows), by_pair, {part: bits for (pair, part), bits in found.items() if not pair})


def measure(
    cells: list[np.ndarray], gold: np.ndarray, classes: int, names: list[str], weight: np.ndarray
) -> dict[tuple[str, str], float]:
    """Bits by (pair, part), and ('', part) for all modalities, of utterances with weights (n,)."""
    tables = [cell_table(own, gold, classes, weight) for own in cells]
    found: dict[tuple[str, str], float] = {}
    for position, members in enumerate(PAIRS, start=len(MODALITIES)):
        if not set(members) <= set(names):
            continue
        one, two = (tables[MODALITIES.index(name)] for name in sorted(members))
        union = couple((one, two)).union_bits
        bits = decompose(one, two, max(information(tables[position]), union), union)
        found |= {(join_modalities(members), part): value for part, value in zip(PARTS, bits, strict=True)}
    union = couple(tuple(tables[MODALITIES.index(name)] for name in names)).union_bits
    total = max(information(tables[SUBSETS.index(tuple(names))]), union)
    return found | {("", "union"): union, ("", "synergistic"): total - union, ("", "total"): total}


def cell_table(cells: np.ndarray, gold: np.ndarray, classes: int, weight: np.ndarray) -> np.ndarray:
    """p(cell, y) (cells, C) of utterances in cells (n,) with labels (n,) and weights (n,)."""
    table = np.zeros((int(cells.max()) + 1, classes))
    np.add.at(table, (cells, gold), weight)
    return table / table.sum()


def quantise(posteriors: np.ndarray, cells: int) -> np.ndarray:
    """Group class posteriors (n, C) into at most `cells` cells (n,) by Hellinger distance; always the same way."""
    from sklearn.cluster import KMeans

    roots = np.sqrt(posteriors)
    count = min(cells, len(np.unique(np.round(roots, 6), axis=0)))
    return KMeans(count, n_init=2, random_state=0).fit_predict(roots)


def dialogue_weights(block: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """How often each utterance (n,) is drawn when whole dialogues are drawn with replacement."""
    count = int(block.max()) + 1
    return random.multinomial(count, np.full(count, 1 / count))[block].astype(float)


def summarise(value: float, drawn: list[float], null: list[float]) -> SplitBits:
    """A number with its interval and the upper quantile of its null.

    Plug-in information grows when utterances are drawn twice, so the percentiles are moved to be centred on the value.
    """
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - np.mean(drawn) + value
    return SplitBits(value, (max(0.0, float(low)), float(high)), float(np.quantile(null, LEVEL)))
