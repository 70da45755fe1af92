"""The files of the Figures page that take a while: all figures in one zip, and the whole report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import figures_data
from dashboard.markup import notice, reads
from dnr_core.errors import DnRError
from dnr_core.export.bundle import Wish
from dnr_core.export.figures import FIGURES
from dnr_core.export.scene import Scene


def every_figure(scene: Scene, wish: Wish) -> None:
    """All figures in one zip, made on request."""
    names = figures_data.offered(scene)

    def make(progress: Callable[[str, int, int], None]) -> tuple[bytes, str, str]:
        done: dict[str, Any] = {}
        for place, (name, found) in enumerate(figures_data.all_in_one(scene, wish), start=1):
            done[name] = found
            progress(FIGURES[name].title, place, len(names))
        left_out = [f"{FIGURES[name].title}: {found}" for name, found in done.items() if isinstance(found, str)]
        said = "Left out: " + " · ".join(left_out) if left_out else ""
        return figures_data.together(done), f"Download {len(done) - len(left_out)} figures", said

    file = f"{Path(scene.run).name}-figures.zip"
    made_on_request("all_figures", f"Make all {len(names)} figures", (scene, wish), make, file, "application/zip")


def whole_report(scene: Scene) -> None:
    """The report of the split as one HTML file, made on request."""

    def make(progress: Callable[[str, int, int], None]) -> tuple[bytes, str, str]:
        from dnr_core.export.report import report

        made = report(scene, progress=progress)
        said = "Left out: " + " · ".join(f"{FIGURES[name].title}: {why}" for name, why in made.left_out.items())
        return made.html.encode(), "Download the report", said if made.left_out else ""

    file = f"{Path(scene.run).name}-{scene.split}.html"
    made_on_request("report", f"Make the report of {scene.split}", scene, make, file, "text/html")


def made_on_request(
    key: str,
    question: str,
    asked: object,
    make: Callable[[Callable[[str, int, int], None]], tuple[bytes, str, str]],
    file: str,
    mime: str,
) -> None:
    """A button that makes a file with progress, then one that downloads it, as long as `asked` is the same.

    `make` gives the content, what the download is called, and what is to be said under it.
    """
    if st.button(question, key=f"ask_{key}"):
        bar = st.progress(0.0)
        try:
            made = make(
                lambda what, done, of: bar.progress(min(1.0, done / max(1, of)), text=f"{what}: {done} of {of}")
            )
            st.session_state[f"made_{key}"] = (asked, *made)
        except DnRError as error:
            notice(str(error))
        finally:
            bar.empty()
    made = st.session_state.get(f"made_{key}")
    if made and made[0] == asked:
        _, content, label, said = made
        st.download_button(
            f"{label} ({len(content) / 1e6:.1f} MB)", content, file, mime, key=f"take_{key}", on_click="ignore"
        )
        if said:
            reads(said)
