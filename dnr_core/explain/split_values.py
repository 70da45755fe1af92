"""What the parts do over a split: mean value per emotion, and what the scores lose without them. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from dnr_core.explain.audit import EDGES, resampled
from dnr_core.training.metrics import scores
from dnr_core.types import FAMILIES, MODALITIES, split_player


@dataclass(frozen=True)
class MeanValues:
    """Mean value of each part over the utterances of each emotion.

    `value` (C, K), NaN where an emotion has no utterance; `interval` (C, K, 2) 95 % by drawing whole dialogues, NaN
    where fewer than two dialogues have it; `n` (C,) utterances.
    """

    players: tuple[str, ...]
    value: np.ndarray
    interval: np.ndarray
    n: np.ndarray


@dataclass(frozen=True)
class ScoreDrop:
    """How much weighted F1 falls when some parts are off everywhere: `drop` = `full` − `without`.

    `kind`: 'component', 'modality' or 'family'; `interval` 95 % of the paired drop by drawing whole dialogues, None
    where there are fewer than two; `n` labelled utterances, the scores are None where there is none.
    """

    kind: str
    name: str
    off: tuple[str, ...]
    full: float | None
    without: float | None
    drop: float | None
    interval: tuple[float, float] | None
    n: int


@dataclass(frozen=True)
class SubsetScore:
    """Weighted F1 when only the parts of some `modalities` are on everywhere; `interval`, `n` as in ScoreDrop."""

    modalities: tuple[str, ...]
    value: float
    interval: tuple[float, float] | None
    n: int


def mean_values(
    players: tuple[str, ...], values: np.ndarray, emotion: np.ndarray, dialogues: np.ndarray, classes: int
) -> MeanValues:
    """Means over the utterances of each emotion.

    `values` (N, K): of the class that is explained; `emotion` (N,) int: the emotion that an utterance counts for, gold
    or predicted, −1 = none; `dialogues` (N,) ids.
    """
    draws, block = draw_dialogues(dialogues)
    known = emotion >= 0
    sums = np.zeros((draws.shape[1], classes, len(players)))
    counts = np.zeros((draws.shape[1], classes))
    np.add.at(sums, (block[known], emotion[known]), values[known])
    np.add.at(counts, (block[known], emotion[known]), 1)
    drawn = ratio((draws @ sums.reshape(len(sums), -1)).reshape(-1, *sums.shape[1:]), (draws @ counts)[..., None])
    low_high = np.full((classes, len(players), 2), np.nan)
    there = (counts > 0).sum(0) >= 2
    if there.any():
        low_high[there] = np.nanpercentile(drawn[:, there], EDGES, axis=0).transpose(1, 2, 0)
    return MeanValues(players, ratio(sums.sum(0), counts.sum(0)[:, None]), low_high, counts.sum(0).astype(int))


class WeightedF1:
    """Weighted F1 of predictions (N,) of one split, and of each bootstrap sample of its dialogues (R,).

    `gold` (N,) −1 where unlabelled (left out); `dialogues` (N,) ids; `classes`: their number.
    """

    def __init__(self, gold: np.ndarray, dialogues: np.ndarray, classes: int) -> None:
        self.known, self.classes = gold >= 0, classes
        self.draws, block = draw_dialogues(dialogues)
        self.block, self.cell = block[self.known], gold[self.known] * classes
        self.n, self.dialogues = int(self.known.sum()), self.draws.shape[1]

    def __call__(self, predicted: np.ndarray) -> tuple[float, np.ndarray]:
        tables = np.zeros((self.dialogues, self.classes * self.classes))
        np.add.at(tables, (self.block, self.cell + predicted[self.known]), 1)
        drawn = (self.draws @ tables).reshape(-1, self.classes, self.classes)
        whole = scores(tables.sum(0).reshape(self.classes, self.classes))
        return float(whole["weighted_f1"]), scores(drawn)["weighted_f1"]


def score_drops(
    players: tuple[str, ...], logits: np.ndarray, total: np.ndarray, gold: np.ndarray, dialogues: np.ndarray
) -> list[ScoreDrop]:
    """Drop in weighted F1 without each part, each modality and each family.

    `logits` (N, 2^K, C) of scope 'dialogue': parts are off in every turn; `total` (N, C) what the whole model says;
    `gold` (N,) −1 where unlabelled (left out); `dialogues` (N,) ids.
    """
    rows: list[ScoreDrop] = []
    if not (gold >= 0).any():
        return [ScoreDrop(kind, name, off, None, None, None, None, 0) for kind, name, off in switches(players)]
    score = WeightedF1(gold, dialogues, total.shape[1])
    full, full_drawn = score(total.argmax(1))
    for kind, name, off in switches(players):
        without, drawn = score(logits[:, without_index(players, off)].astype(np.float32).argmax(1))
        low, high = np.percentile(full_drawn - drawn, EDGES)
        pair = (float(low), float(high)) if score.dialogues > 1 else None
        rows.append(ScoreDrop(kind, name, off, full, without, full - without, pair, score.n))
    return rows


def subset_scores(
    players: tuple[str, ...], logits: np.ndarray, total: np.ndarray, gold: np.ndarray, dialogues: np.ndarray
) -> list[SubsetScore]:
    """Weighted F1 of every subset of the modalities, from none to all; arguments as of score_drops.

    A part is on where all modalities that it is made of are in the subset. Empty where nothing is labelled.
    """
    if not (gold >= 0).any():
        return []
    score = WeightedF1(gold, dialogues, total.shape[1])
    there = [modality for modality in MODALITIES if any(modality in split_player(player)[1] for player in players)]
    found = []
    for kept in (subset for size in range(len(there) + 1) for subset in combinations(there, size)):
        off = tuple(player for player in players if not set(split_player(player)[1]) <= set(kept))
        said = logits[:, without_index(players, off)].astype(np.float32) if off else total
        value, drawn = score(said.argmax(1))
        low, high = np.percentile(drawn, EDGES)
        interval = (float(low), float(high)) if score.dialogues > 1 else None
        found.append(SubsetScore(kept, value, interval, score.n))
    return found


def switches(players: tuple[str, ...]) -> list[tuple[str, str, tuple[str, ...]]]:
    """(kind, name, parts that are off): each part, each modality with all parts it takes part in, each family."""
    found = [("component", player, (player,)) for player in players]
    for modality in MODALITIES:
        found.append(("modality", modality, tuple(p for p in players if modality in split_player(p)[1])))
    for family in FAMILIES:
        found.append(("family", family, tuple(p for p in players if split_player(p)[0] == family)))
    return [switch for switch in found if switch[2]]


def without_index(players: tuple[str, ...], off: tuple[str, ...]) -> int:
    """The coalition that has the parts `off` removed and all others on."""
    return 2 ** len(players) - 1 - sum(1 << players.index(player) for player in off)


def draw_dialogues(dialogues: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How often each dialogue is drawn in each resample (R, D), and the dialogue of each utterance (N,); seed fixed."""
    names, block = np.unique(dialogues, return_inverse=True)
    return resampled(len(names)), block


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)
