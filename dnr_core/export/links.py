"""The address that opens a figure in the dashboard."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

from dnr_core.export.figures import FIGURES
from dnr_core.export.scene import Scene
from dnr_core.figures.paper import PaperStyle

SERVER = "http://localhost:8501"
"""Where `streamlit run dashboard/Home.py` serves the dashboard."""
PARAMETERS = {
    "removal": "removal", "emotion": "emotion", "against": "against", "part": "space", "colour": "colour",
}  # fmt: skip
"""The choices of a scene, and what the address calls them."""


def link(name: str, scene: Scene, style: PaperStyle, server: str = SERVER) -> str | None:
    """The address of the Figures page with this figure on this paper, its turn in focus; None for those of a study,
    which no page shows.
    """
    entry = FIGURES[name]
    if entry.of == "study":
        return None
    given = {"corpus": folder_name(scene.corpus_name), "checkpoint": folder_name(scene.run)}
    given |= {"dialogue": scene.dialogue, "turn": str(scene.turn), "figure": name, "preset": style.preset}
    given |= {"shades": "grey"} if style.grey else {}
    given |= {"letters": "serif"} if style.serif else {}
    chosen = {use: getattr(scene, use) for use in entry.uses}
    given |= {PARAMETERS[use]: folder_name(value) for use, value in chosen.items() if value is not None}
    return f"{server.rstrip('/')}/figures?{urlencode(given, quote_via=quote)}"


def folder_name(given: str | Path) -> str:
    """The name that the dashboard knows a corpus or run by."""
    return Path(given).name
