"""Figures: every figure of the pages as it goes into a paper, with its numbers, caption and link."""

import streamlit as st

from dashboard import controls, figures_controls, figures_data, figures_files
from dashboard.charts import show_picture
from dashboard.glossary import words_in
from dashboard.markup import heading, notice, reads, shown, write
from dnr_core.errors import DnRError
from dnr_core.export.bundle import Wish
from dnr_core.export.figures import FIGURES
from dnr_core.export.scene import Scene


def page() -> None:
    """The whole page, from the selection to the files."""
    chosen = controls.open_page("Figures", "Every figure as it goes into a paper, with its numbers and its caption.")
    if chosen.run is None:
        if not chosen.messages:
            notice(figures_data.NO_RUN, kind="info")
        return
    controls.step_buttons(chosen, controls.dialogue_picker(chosen))
    scene = figures_data.scene_of(chosen)
    try:
        _ = scene.corpus  # run and corpus fit each other
        name, wish = figures_controls.wish_of(chosen, figures_data.offered(scene), server())
    except DnRError as error:
        notice(str(error))
        return
    buttons = st.container(horizontal=True, vertical_alignment="center")
    if preview(name, scene, wish):
        buttons.download_button(
            "Download this figure", lambda: figures_data.one_zip(name, scene, wish), f"{name}.zip", "application/zip",
            key="take_figure", on_click="ignore", type="primary",
        )  # fmt: skip
    with buttons:
        figures_files.every_figure(scene, wish)
        figures_files.whole_report(scene)


def server() -> str:
    """The address of this dashboard, for links."""
    return (st.context.url or "http://localhost:8501").partition("?")[0].rpartition("/")[0]


def preview(name: str, scene: Scene, wish: Wish) -> bool:
    """The figure in its true size and its caption; where it cannot be shown, why. Returns whether it is shown."""
    entry, top = FIGURES[name], st.container()
    words = entry.title
    try:
        if not entry.ready(scene) and not st.button("Compute what this figure needs", key="ask_figure"):
            reads("It takes a while: nothing of it is stored yet.")
            return False
        with st.spinner("Drawing …", show_time=True):
            panels, drawn = figures_data.preview(name, scene, wish.style)
            said = figures_data.words(name, panels, scene, drawn)
            words = f"{entry.title} {said[0]}"
    except DnRError as error:
        notice(str(error), kind="info")
        return False
    finally:
        about = "In its true size." + (" Made for two columns." if entry.wide else "")
        with top:
            heading(entry.title, about, term=[found.word for found in words_in(words)])
    show_picture(drawn.content, drawn.width_in * figures_data.INCH, said[0])
    reads(f"{drawn.width_in:.2f} × {drawn.height_in:.2f} inches.")
    heading("Caption", "As it is exported: what is shown, and all that is needed to make it again.")
    write(f"<p><bdi>{shown(said[0])}</bdi></p>" + "".join(f"<small>{shown(line)}</small><br>" for line in said[1:]))
    return True


page()
