"""Maps of the parts: what points are coloured by, and how far a map can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dnr_core.data.corpus import Corpus
from dnr_core.figures.spec import SYMBOLS
from dnr_core.figures.spec import (
    ACCENT,
    OTHER_COLOURS,
    QUIET,
    FigureSpec,
    emotion_colours,
    group_colour,
    part_group,
    readable,
)
from dnr_core.figures.words import percent
from dnr_core.types import SPLITS, Predictions, Projection, split_player

METHODS = {"umap": "UMAP", "pca": "PCA"}
COLOURS = {
    "emotion": "gold emotion", "prediction": "prediction", "correctness": "right or wrong", "confidence": "confidence",
    "dominant": "dominant part", "speaker": "speaker", "split": "split",
}  # fmt: skip
WHOLE = "all"
UNLABELLED, OTHERS, OPEN, UNKNOWN = "no label", "other speakers", "no single part decisive", "not tested"
NOT_EVIDENCE = (
    "Distances between clusters, and their sizes, are not evidence; that points are neighbours is, and these numbers "
    "say how far:"
)
HEIGHT = 640


@dataclass(frozen=True)
class Look:
    """What points are coloured by: a name (N,) each with its colour and symbol, or a number from 0 to 1 (N,)."""

    values: np.ndarray
    colours: dict[str, str]
    symbols: dict[str, str]


def part_name(part: str) -> str:
    """What is mapped, in words."""
    fixed = {WHOLE: "all parts", "hidden": "what the network makes of them"}
    return fixed.get(part) or (readable(part) if ":" in part else f"all {part} parts")


def look(
    corpus: Corpus,
    colour: str,
    players: tuple[str, ...],
    predicted: Callable[[], tuple[np.ndarray, np.ndarray]],
    claimed: Sequence[tuple[np.ndarray, Any]],
) -> Look:
    """What the turns of a corpus are coloured by, one of COLOURS.

    `predicted`: gives the predicted class of every turn and its probability; `claimed`: see dominant_look.
    """
    if colour == "emotion":
        return emotion_look(corpus.emotions, corpus.labels)
    if colour == "prediction":
        return emotion_look(corpus.emotions, predicted()[0])
    if colour == "confidence":
        return Look(predicted()[1], {}, {})
    if colour == "dominant":
        return dominant_look(players, len(corpus), claimed)
    if colour == "correctness":
        known, right = corpus.labels >= 0, predicted()[0] == corpus.labels
        names = np.where(known, np.where(right, "right", "wrong"), UNLABELLED)
        return named_look(names, {"wrong": "#B4500A", "right": ACCENT, UNLABELLED: QUIET})
    if colour == "split":
        names = corpus.utterances["split"].to_numpy(dtype=object)
        return named_look(names, dict(zip(SPLITS, (QUIET, "#E69F00", ACCENT), strict=True)))
    return speaker_look(corpus.utterances["speaker"])


def predicted_rows(corpus: Corpus, of_split: Callable[[str], Predictions]) -> tuple[np.ndarray, np.ndarray]:
    """The predicted class (N,) of every turn of a corpus, and its probability (N,). `of_split`: its predictions."""
    predicted, confidence = np.full(len(corpus), -1), np.full(len(corpus), np.nan)
    for split in corpus.splits:
        found = of_split(split)
        predicted[found.row], confidence[found.row] = found.predicted, found.probabilities.max(1)
    return predicted, confidence


def named_look(names: np.ndarray, colours: dict[str, str]) -> Look:
    """One symbol for each colour, in order."""
    symbols = {name: SYMBOLS[place % len(SYMBOLS)] for place, name in enumerate(colours)}
    return Look(np.asarray(names, dtype=object), colours, symbols)


def emotion_look(emotions: tuple[str, ...], classes: np.ndarray) -> Look:
    """An emotion keeps its colour everywhere, and has a symbol where there are at most ten."""
    names = np.array([*emotions, UNLABELLED], dtype=object)[classes]
    found = named_look(names, emotion_colours(emotions) | {UNLABELLED: QUIET})
    symbols = found.symbols if len(emotions) <= len(SYMBOLS) else {}
    return Look(found.values, found.colours, symbols | {UNLABELLED: "circle-open"})


def speaker_look(speakers: pd.Series) -> Look:
    """The speakers who say most; all others together."""
    first = speakers.value_counts().index[: len(OTHER_COLOURS)]
    names = speakers.where(speakers.isin(first), OTHERS).to_numpy(dtype=object)
    return named_look(names, dict(zip(first, OTHER_COLOURS, strict=False)) | {OTHERS: QUIET})


def dominant_look(players: tuple[str, ...], turns: int, claimed: Sequence[tuple[np.ndarray, Any]]) -> Look:
    """The dominant part where it may be claimed, in the colour of its family and the symbol of its modalities.

    `claimed`: rows of a split of the `turns` of a corpus, and the engine's SplitClaims of them, None: not tested.
    """
    names = np.full(turns, UNKNOWN, dtype=object)
    for rows, found in claimed:
        if found is not None and not found.reason:
            names[rows] = np.where(found.significant, [readable(part) for part in found.component], OPEN)
    sources = list(dict.fromkeys(split_player(player)[1] for player in players))
    symbols = {readable(player): SYMBOLS[sources.index(split_player(player)[1])] for player in players}
    colours = {readable(player): group_colour(part_group(player)) for player in players}
    quiet = {OPEN: "#C9CDD2", UNKNOWN: QUIET}
    return Look(names, colours | quiet, symbols | dict.fromkeys(quiet, "circle-open"))


def figure(
    ids: pd.Series,
    found: Projection,
    colours: Look,
    legend: str,
    *,
    focus: int | None = None,
    picked: Sequence[int] = (),
) -> FigureSpec:
    """The map of the turns `ids`; those that have no place on it are left out. `focus`, `picked`: rows."""
    there = ~np.isnan(found.coordinates[:, 0])
    ringed, chosen = np.zeros((2, len(ids)), dtype=bool)
    ringed[[] if focus is None else [focus]] = True
    chosen[list(picked)] = True
    frame = pd.DataFrame({
        "x": found.coordinates[:, 0], "y": found.coordinates[:, 1], "key": ids,
        "group": colours.values, "focus": ringed, "picked": chosen,
    })[there]  # fmt: skip
    x_label, y_label = axis_labels(found)
    return FigureSpec(
        "scatter", frame, x="x", y="y", colour="group", text=legend, colours=colours.colours,
        patterns=colours.symbols, x_label=x_label, y_label=y_label, caption=worth(found), height=HEIGHT,
    )  # fmt: skip


def axis_labels(found: Projection) -> tuple[str, str]:
    """What the axes of a map are."""
    if found.method != "pca":
        return "", ""
    first, second = (
        f"principal component {k + 1} ({percent(share)})" for k, share in enumerate(found.parameters["variance"])
    )
    return first, second


def worth(found: Projection) -> str:
    """How far the map can be trusted, each number with its n."""
    words = [f"{METHODS[found.method]} of {part_name(found.part)}, n = {found.n:,}. {NOT_EVIDENCE}"]
    if found.trustworthiness is not None:
        words.append(
            f"trustworthiness {found.trustworthiness:.3f} (1: no false neighbours among {found.trusted_neighbours}; "
            f"n = {found.trusted:,})."
        )
    pure = found.purity
    if pure.on_map is not None and pure.in_vectors is not None and pure.chance is not None:
        words.append(
            f"Of {pure.neighbours} neighbours {percent(pure.on_map)} have the same gold emotion on the map, "
            f"{percent(pure.in_vectors)} among the vectors, {percent(pure.chance)} by chance (n = {pure.n:,})."
        )
    return " ".join(words) if len(words) > 1 else words[0].partition("; neighbours")[0] + "."
