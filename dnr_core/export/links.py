"""The address that opens the view of a figure in the dashboard."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

from dnr_core.export.figures import FIGURES
from dnr_core.export.scene import Scene
from dnr_core.types import REMOVALS

SERVER = "http://localhost:8501"
"""Where `streamlit run dashboard/Home.py` serves the dashboard."""


OVER = {"turn_attribution": "turns", "word_attribution": "words"}


def link(name: str, scene: Scene, server: str = SERVER) -> str:
    """The address of a figure's page with its corpus, checkpoint, dialogue, turn, and what else it depends on."""
    entry = FIGURES[name]
    given = {"corpus": folder_name(scene.corpus_name), "checkpoint": folder_name(scene.run)}
    given |= {"dialogue": scene.dialogue, "turn": str(scene.turn)}
    if entry.focused and scene.emotion is not None:
        given["emotion"] = scene.emotion
    if scene.removal != REMOVALS[0]:
        given["removal"] = scene.removal
    if entry.page == "errors":
        given["split"] = scene.split
    if name == "map":
        given |= {"space": scene.part, "colour": scene.colour}
    if name in OVER:
        given["over"] = OVER[name]
    if name == "class_changes" and scene.against is not None:
        given["against"] = folder_name(scene.against)
    return f"{server.rstrip('/')}/{entry.page}?{urlencode(given, quote_via=quote)}"


def folder_name(given: str | Path) -> str:
    """The name that the dashboard knows a corpus or run by."""
    return Path(given).name
