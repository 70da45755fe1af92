"""The numbers of the Projection page: which map is shown, what its points are coloured by, and what it is worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.state import Selection, engine, shelf
from dnr_core.figures.build import maps
from dnr_core.figures.build.maps import COLOURS, Look, part_name
from dnr_core.figures.spec import FigureSpec
from dnr_core.types import MAP_FEWEST, Projection

MAP = ("UMAP", "PCA", "trustworthiness", "purity", "part")
"""Words of the glossary behind the map."""
NO_RUN = "A map cannot be shown because no checkpoint is chosen: choose one at the left."
NOTHING = "A map cannot be shown because {part} is not available in any turn of this corpus."
TOO_FEW = "UMAP needs at least {least} turns, and {part} is available in {n} only: PCA is shown."
NO_CLAIMS = (
    "Dominant parts are known only where they are stored and tested: `python -m dnr_core explain --split {split}` does "
    "so for {split}."
)


def map_shown(chosen: Selection) -> Projection | None:
    """The map that was asked for, else PCA in its place; None where neither is there yet. Raises DnRError."""
    assert chosen.run is not None
    key = (chosen.run.info.name, chosen.corpus_name, chosen.map.space)
    return engine().projection(*key, chosen.map.method) or engine().projection(*key, "pca")


def predicted_rows(chosen: Selection) -> tuple[np.ndarray, np.ndarray]:
    """The predicted class (N,) of every turn of the corpus, and its probability (N,)."""
    assert chosen.run is not None
    key = (chosen.run.info.name, chosen.corpus_name)
    return maps.predicted_rows(chosen.corpus, lambda split: engine().predictions(*key, split))


def look(chosen: Selection) -> tuple[Look, tuple[str, ...]]:
    """What the points are coloured by, and what is to be said of it."""
    run, corpus = chosen.run, chosen.corpus
    assert run is not None
    claimed: list[tuple[np.ndarray, Any]] = []
    if chosen.map.colour == "dominant" and "components" in run.supports:
        key = (run.info.name, chosen.corpus_name)
        claimed = [(corpus.rows(split), engine().split_claims(*key, split)) for split in corpus.splits]
    untested = [split for split, (_, claims) in zip(corpus.splits, claimed, strict=False) if claims is None]
    notes = (NO_CLAIMS.format(split=untested[-1]),) if untested else ()
    found = maps.look(corpus, chosen.map.colour, run.players, lambda: predicted_rows(chosen), claimed)
    return found, notes


def figure(chosen: Selection, found: Projection, colours: Look, picked: frozenset[str]) -> FigureSpec:
    """The map with the turn in focus and the picked ones."""
    return maps.figure(
        chosen.corpus.utterances["utterance_id"], found, colours, COLOURS[chosen.map.colour],
        focus=int(chosen.corpus.dialogue_rows[chosen.dialogue][chosen.turn]), picked=picked_rows(chosen, picked),
    )  # fmt: skip


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
