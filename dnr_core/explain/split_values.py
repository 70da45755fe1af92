"""What the parts do over a split: mean value per emotion, and what the scores lose without them. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass

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
    low_high[there] = np.nanpercentile(drawn[:, there], EDGES, axis=0).transpose(1, 2, 0)
    return MeanValues(players, ratio(sums.sum(0), counts.sum(0)[:, None]), low_high, counts.sum(0).astype(int))


def score_drops(
    players: tuple[str, ...], logits: np.ndarray, total: np.ndarray, gold: np.ndarray, dialogues: np.ndarray
) -> list[ScoreDrop]:
    """Drop in weighted F1 without each part, each modality and each family.

    `logits` (N, 2^K, C) of scope 'dialogue': parts are off in every turn; `total` (N, C) what the whole model says;
    `gold` (N,) −1 where unlabelled (left out); `dialogues` (N,) ids.
    """
    known, classes = gold >= 0, total.shape[1]
    draws, block = draw_dialogues(dialogues)
    cell = gold[known] * classes

    def weighted(predicted: np.ndarray) -> tuple[float, np.ndarray]:
        tables = np.zeros((draws.shape[1], classes * classes))
        np.add.at(tables, (block[known], cell + predicted[known]), 1)
        drawn = (draws @ tables).reshape(-1, classes, classes)
        return float(scores(tables.sum(0).reshape(classes, classes))["weighted_f1"]), scores(drawn)["weighted_f1"]

    rows: list[ScoreDrop] = []
    if not known.any():
        return [ScoreDrop(kind, name, off, None, None, None, None, 0) for kind, name, off in switches(players)]
    full, full_drawn = weighted(total.argmax(1))
    for kind, name, off in switches(players):
        without, drawn = weighted(logits[:, without_index(players, off)].astype(np.float32).argmax(1))
        low, high = np.percentile(full_drawn - drawn, EDGES)
        pair = (float(low), float(high)) if draws.shape[1] > 1 else None
        rows.append(ScoreDrop(kind, name, off, full, without, full - without, pair, int(known.sum())))
    return rows


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
