"""The figures of the Figures page: what they are drawn of, the preview, and the files to take away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashboard.state import Selection, engine, shelf
from dnr_core.errors import DnRError
from dnr_core.export.bundle import Wish, bundle, caption, zipped
from dnr_core.export.figures import FIGURES, build
from dnr_core.export.scene import Scene
from dnr_core.figures.paper import Drawn, PaperStyle, save
from dnr_core.figures.spec import FigureSpec

NO_RUN = "Figures cannot be drawn because no checkpoint is chosen: choose one at the left."
DPI = 192
"""Of the preview: two dots a pixel."""
INCH = 96
"""Pixels of an inch in a browser."""


def scene_of(chosen: Selection) -> Scene:
    """What figures are drawn of: the selection of all pages."""
    assert chosen.run is not None
    utterance = chosen.corpus.dialogue(chosen.dialogue).utterances[chosen.turn]
    return Scene(
        engine(), chosen.run.info.name, str(chosen.corpus_name), utterance.split, utterance=utterance.utterance_id,
        emotion=chosen.emotion, removal=chosen.removal, against=chosen.compared.against, part=chosen.map.space,
        colour=chosen.map.colour,
    )  # fmt: skip


def offered(scene: Scene) -> list[str]:
    """The figures that a page can offer: those of a study are made by the command line."""
    return [name for name, entry in FIGURES.items() if entry.of != "study"]


def preview(name: str, scene: Scene, style: PaperStyle) -> tuple[tuple[FigureSpec, ...], Drawn]:
    """The panels of a figure and its picture, drawn anew only where it has changed.

    Raises DnRError where it cannot be shown, or not like this.
    """
    panels = build(name, scene)
    key = ("drawn", style, *(panel.fingerprint() for panel in panels))
    return panels, shelf().get(key, lambda: save(panels, style, "png", dpi=DPI))


def words(name: str, panels: tuple[FigureSpec, ...], scene: Scene, drawn: Drawn) -> list[str]:
    """The lines of the caption, as they are exported."""
    return caption(name, panels, scene, drawn.substitutions)


def one_zip(name: str, scene: Scene, wish: Wish) -> bytes:
    """The zip of one figure. Raises DnRError."""
    return zipped(bundle(name, scene, wish)[0])


def all_in_one(scene: Scene, wish: Wish) -> Iterator[tuple[str, dict[str, bytes] | str]]:
    """Each figure in turn: its files, or in one line why it cannot be shown."""
    for name in offered(scene):
        try:
            yield name, bundle(name, scene, wish)[0]
        except DnRError as error:
            yield name, str(error)


def together(done: dict[str, Any]) -> bytes:
    """One zip with a folder a figure, and a list of what could not be shown."""
    files = {
        f"{name}/{file}": content
        for name, found in done.items() if not isinstance(found, str)
        for file, content in found.items()
    }  # fmt: skip
    missing = "".join(f"{name}: {found}\n" for name, found in done.items() if isinstance(found, str))
    return zipped(files | ({"not_shown.txt": missing.encode()} if missing else {}))
