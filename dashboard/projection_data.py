"""The numbers of the Projection page: which map is shown, what its points are coloured by, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashboard.projection_link import COLOURS, METHODS, WHOLE
from dashboard.state import Selection, engine, shelf
from dnr_core.figures.scatter import SYMBOLS
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
from dnr_core.types import MAP_FEWEST, SPLITS, Projection, split_player

MAP = ("UMAP", "PCA", "trustworthiness", "purity", "part")
"""Words of the glossary behind the map."""
NO_RUN = "A map cannot be shown because no checkpoint is chosen: choose one at the left."
NOTHING = "A map cannot be shown because {part} is not available in any turn of this corpus."
TOO_FEW = "UMAP needs at least {least} turns, and {part} is available in {n} only: PCA is shown."
UNLABELLED, OTHERS, OPEN, UNKNOWN = "no label", "other speakers", "no single part decisive", "not tested"
NO_CLAIMS = (
    "Dominant parts are known only where they are stored and tested: `python -m dnr_core explain --split {split}` does "
    "so for {split}."
)
NOT_EVIDENCE = "Distances between clusters, and their sizes, are not evidence; neighbours are, as far as this:"
HEIGHT = 640


@dataclass(frozen=True)
class Look:
    """What points are coloured by: a name (N,) each with its colour and symbol, or a number from 0 to 1 (N,)."""

    values: np.ndarray
    colours: dict[str, str]
    symbols: dict[str, str]
    notes: tuple[str, ...] = ()


def map_shown(chosen: Selection) -> Projection | None:
    """The map that was asked for, else PCA in its place; None where neither is there yet. Raises DnRError."""
    assert chosen.run is not None
    key = (chosen.run.info.name, chosen.corpus_name, chosen.map.space)
    return engine().projection(*key, chosen.map.method) or engine().projection(*key, "pca")


def part_name(part: str) -> str:
    """What is mapped, in words."""
    fixed = {WHOLE: "all parts", "hidden": "what the network makes of them"}
    return fixed.get(part) or (readable(part) if ":" in part else f"all {part} parts")


def predicted_rows(chosen: Selection) -> tuple[np.ndarray, np.ndarray]:
    """The predicted class (N,) of every turn of the corpus, and its probability (N,)."""
    assert chosen.run is not None
    predicted = np.full(len(chosen.corpus), -1)
    confidence = np.full(len(chosen.corpus), np.nan)
    for split in chosen.corpus.splits:
        found = engine().predictions(chosen.run.info.name, chosen.corpus_name, split)
        predicted[found.row], confidence[found.row] = found.predicted, found.probabilities.max(1)
    return predicted, confidence


def look(chosen: Selection) -> Look:
    """What the points are coloured by."""
    corpus, colour = chosen.corpus, chosen.map.colour
    if colour == "emotion":
        return emotion_look(corpus.emotions, corpus.labels)
    if colour == "prediction":
        return emotion_look(corpus.emotions, predicted_rows(chosen)[0])
    if colour == "confidence":
        return Look(predicted_rows(chosen)[1], {}, {})
    if colour == "dominant":
        return dominant_look(chosen)
    if colour == "correctness":
        known, right = corpus.labels >= 0, predicted_rows(chosen)[0] == corpus.labels
        names = np.where(known, np.where(right, "right", "wrong"), UNLABELLED)
        return named_look(names, {"wrong": "#B4500A", "right": ACCENT, UNLABELLED: QUIET})
    if colour == "split":
        names = corpus.utterances["split"].to_numpy(dtype=object)
        return named_look(names, dict(zip(SPLITS, (QUIET, "#E69F00", ACCENT), strict=True)))
    return speaker_look(corpus.utterances["speaker"])


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


def dominant_look(chosen: Selection) -> Look:
    """The dominant part where it may be claimed, in the colour of its family and the symbol of its modalities."""
    assert chosen.run is not None
    names, untested = np.full(len(chosen.corpus), UNKNOWN, dtype=object), []
    for split in chosen.corpus.splits if "components" in chosen.run.supports else ():
        found = engine().split_claims(chosen.run.info.name, chosen.corpus_name, split)
        if found is None:
            untested.append(split)
        elif not found.reason:
            named = [readable(part) for part in found.component]
            names[chosen.corpus.rows(split)] = np.where(found.significant, named, OPEN)
    players = chosen.run.players
    sources = list(dict.fromkeys(split_player(player)[1] for player in players))
    symbols = {readable(player): SYMBOLS[sources.index(split_player(player)[1])] for player in players}
    colours = {readable(player): group_colour(part_group(player)) for player in players}
    notes = (NO_CLAIMS.format(split=untested[-1]),) if untested else ()
    quiet = {OPEN: "#C9CDD2", UNKNOWN: QUIET}
    return Look(names, colours | quiet, symbols | dict.fromkeys(quiet, "circle-open"), notes)


def figure(chosen: Selection, found: Projection, colours: Look, picked: frozenset[str]) -> FigureSpec:
    """The map; turns that have no place on it are left out."""
    corpus = chosen.corpus
    there = ~np.isnan(found.coordinates[:, 0])
    focus, chosen_ones = np.zeros((2, len(corpus)), dtype=bool)
    focus[corpus.dialogue_rows[chosen.dialogue][chosen.turn]] = True
    chosen_ones[picked_rows(chosen, picked)] = True
    frame = pd.DataFrame({
        "x": found.coordinates[:, 0], "y": found.coordinates[:, 1], "key": corpus.utterances["utterance_id"],
        "group": colours.values, "focus": focus, "picked": chosen_ones,
    })[there]  # fmt: skip
    x_label, y_label = axis_labels(found)
    return FigureSpec(
        "scatter", frame, x="x", y="y", colour="group", text=COLOURS[chosen.map.colour], colours=colours.colours,
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


def percent(share: float) -> str:
    """`0.8604` → `86.0 %`."""
    return f"{100 * share:.1f} %"


def too_few(found: Projection) -> str | None:
    """Why UMAP is impossible, where it is."""
    if found.n >= MAP_FEWEST:
        return None
    return TOO_FEW.format(least=MAP_FEWEST, part=part_name(found.part), n=found.n)


def picked_rows(chosen: Selection, picked: frozenset[str]) -> list[int]:
    """The rows of the picked turns that this corpus has, in its order."""
    rows = chosen.corpus.row_of
    return sorted(rows[name] for name in picked if name in rows)


def spoken(chosen: Selection, rows: list[int]) -> list[tuple[str, float]]:
    """Predicted emotion and its probability of some rows."""
    assert chosen.run is not None
    manifest = engine().header(chosen.run.info.name).manifest_hash
    predicted, confidence = shelf().get(("rows", manifest, chosen.corpus.hash), lambda: predicted_rows(chosen))
    return [(chosen.corpus.emotions[predicted[row]], float(confidence[row])) for row in rows]
