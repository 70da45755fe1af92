"""Slices of a split: utterances with something in common, and how well a model does on them. Numpy only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dnr_core.explain.audit import EDGES, Share
from dnr_core.explain.split_values import draw_dialogues
from dnr_core.training.metrics import scores
from dnr_core.types import MODALITIES

LENGTHS = (5, 10, 20, 50)
"""Upper ends of the classes of dialogue length, in turns."""
SPEAKERS = 8


@dataclass(frozen=True)
class Slice:
    """Utterances with something in common: `group` is what is looked at, `name` its value, `member` (N,) bool.

    `emotion`: the class whose utterances these are, None for all other slices.
    """

    group: str
    name: str
    member: np.ndarray
    emotion: int | None = None


@dataclass(frozen=True)
class SliceScore:
    """Scores of the labelled utterances of a slice; intervals are None where fewer than two dialogues have it.

    `f1` is weighted F1 over the slice; of the slice of one emotion (where accuracy is recall) it is the F1 of that
    emotion over all utterances.
    """

    accuracy: Share
    f1: Share

    @property
    def n(self) -> int:
        """Labelled utterances of the slice."""
        return self.accuracy.n


@dataclass(frozen=True)
class Before:
    """Gold emotion (N,) of the last labelled turn before, −1 where there is none.

    `own`: of the same speaker; `other`: of anybody else; `turn`: of whoever it was.
    """

    own: np.ndarray
    other: np.ndarray
    turn: np.ndarray


def emotions_before(gold: np.ndarray, dialogues: np.ndarray, speakers: np.ndarray) -> Before:
    """What was felt before each of N utterances in corpus order; unlabelled turns (`gold` −1) are skipped."""
    found = {name: np.full(len(gold), -1) for name in ("own", "other", "turn")}
    last: dict[str, int] = {}
    for place, (label, dialogue, who) in enumerate(zip(gold, dialogues, speakers, strict=True)):
        if place and dialogue != dialogues[place - 1]:
            last = {}
        latest_first = reversed(last)
        found["own"][place] = last.get(who, -1)
        found["turn"][place] = last[next(reversed(last))] if last else -1
        found["other"][place] = next((last[name] for name in latest_first if name != who), -1)
        if label >= 0:
            last.pop(who, None)
            last[who] = int(label)
    return Before(**found)


def slices_of(group: str, values: np.ndarray, names: Iterable[str]) -> list[Slice]:
    """One slice for each of the names that occurs in `values` (N,)."""
    found = [Slice(group, str(name), values == name) for name in names]
    return [one for one in found if one.member.any()]


def emotion_slices(gold: np.ndarray, emotions: tuple[str, ...]) -> list[Slice]:
    """One slice a gold emotion that occurs."""
    return [Slice("emotion", name, gold == c, c) for c, name in enumerate(emotions) if (gold == c).any()]


def speaker_slices(speakers: np.ndarray) -> list[Slice]:
    """The SPEAKERS speakers with most turns, and all others together; none where there is one speaker only."""
    speakers = speakers.astype(str)
    names, counts = np.unique(speakers, return_counts=True)
    if len(names) < 2:
        return []
    top = [str(name) for name in names[np.argsort(-counts, kind="stable")][:SPEAKERS]]
    found = slices_of("speaker", speakers, top)
    others = ~np.isin(speakers, top)
    return found + ([Slice("speaker", f"{len(names) - len(top):,} others", others)] if others.any() else [])


def length_slices(dialogues: np.ndarray) -> list[Slice]:
    """Classes of dialogue length; `dialogues` (N,) holds whole dialogues."""
    _, block, counts = np.unique(dialogues, return_inverse=True, return_counts=True)
    place = np.searchsorted(LENGTHS, counts[block])
    names = [f"{low + 1}–{high} turns" for low, high in zip((0, *LENGTHS[:-1]), LENGTHS, strict=True)]
    names.append(f"more than {LENGTHS[-1]} turns")
    return slices_of("dialogue length", np.array(names, dtype=object)[place], names)


def shift_slices(gold: np.ndarray, before: Before) -> list[Slice]:
    """Whether the gold emotion differs from the same speaker's last turn, and from the turn before."""
    found = []
    for group, earlier in (("against own last turn", before.own), ("against the turn before", before.turn)):
        names = np.where(earlier == gold, "same emotion", "emotion shift").astype(object)
        names[earlier < 0] = "nothing before"
        found += slices_of(group, names, ("emotion shift", "same emotion", "nothing before"))
    return found


def missing_slices(present: np.ndarray) -> list[Slice]:
    """Utterances without a modality, and those with all; none where the same were measured everywhere."""
    there = [m for m in range(len(MODALITIES)) if present[:, m].any()]
    if present[:, there].all():
        return []
    group = "modality missing"
    found = [Slice(group, f"no {MODALITIES[m]}", ~present[:, m]) for m in there if not present[:, m].all()]
    return [*found, Slice(group, "none missing", present[:, there].all(1))]


def fault_slices(faults: np.ndarray, imputed: np.ndarray) -> list[Slice]:
    """Utterances by what is wrong with their data; none where nothing is wrong anywhere.

    `faults` (N,) str, joined by `;`; `imputed` (N, M) bool: has cells that a model must fill in.
    """
    lists = {words: set(filter(None, words.split(";"))) for words in set(faults)}
    group, names = "data fault", sorted(set().union(*lists.values()))
    found = [
        Slice(group, name.replace(":", ": "), np.array([name in lists[words] for words in faults])) for name in names
    ]
    found += [
        Slice(group, f"{modality}: cells filled in", imputed[:, m])
        for m, modality in enumerate(MODALITIES)
        if imputed[:, m].any()
    ]
    clean = (faults == "") & ~imputed.any(1)
    return [*found, Slice(group, "none known", clean)] if found else []


def slice_scores(
    slices: Iterable[Slice], gold: np.ndarray, predicted: np.ndarray, dialogues: np.ndarray, classes: int
) -> list[SliceScore]:
    """Accuracy and F1 of each slice with 95 % intervals from drawing whole dialogues (the same draws for all).

    `gold` (N,) is −1 where unlabelled (left out).
    """
    draws, block = draw_dialogues(dialogues)
    known, flat = gold >= 0, classes * classes
    cell = block * flat + gold * classes + predicted

    def counted(member: np.ndarray) -> np.ndarray:
        found = np.bincount(cell[member & known], minlength=draws.shape[1] * flat).reshape(-1, flat)  # (D, C²)
        return np.concatenate([found.sum(0)[None], draws @ found.astype(float)]).reshape(-1, classes, classes)

    everything = class_f1(counted(known))  # (1 + R, C): as it is, then every draw
    rows = []
    for one in slices:
        tables, n = counted(one.member), int((one.member & known).sum())
        values = scores(tables)
        f1 = values["weighted_f1"] if one.emotion is None else everything[:, one.emotion]
        drawn = (tables.sum((1, 2)) > 0) & (len(np.unique(block[one.member & known])) > 1)
        rows.append(SliceScore(spread(values["accuracy"], drawn, n), spread(f1, drawn, n)))
    return rows


def class_f1(tables: np.ndarray) -> np.ndarray:
    """F1 (…, C) of each class from confusion counts (…, C, C); 0 where a class occurs nowhere."""
    hits = np.diagonal(tables, axis1=-2, axis2=-1).astype(float)
    return 2 * hits / np.maximum(tables.sum(-1) + tables.sum(-2), 1)


def spread(values: np.ndarray, drawn: np.ndarray, n: int) -> Share:
    """The first of `values` (1 + R,) with the percentiles of the others, of the draws that `drawn` allows."""
    if not n:
        return Share(None, None, 0)
    if not drawn[1:].any():
        return Share(float(values[0]), None, n)
    low, high = np.percentile(values[1:][drawn[1:]], EDGES)
    return Share(float(values[0]), (float(low), float(high)), n)
