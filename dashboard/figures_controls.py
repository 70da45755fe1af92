"""The controls of the Figures page: which figure, for which paper, in which files."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboard.figures_link import LETTERS, SHADES
from dashboard.state import Selection
from dnr_core.export.bundle import Wish
from dnr_core.export.figures import FIGURES
from dnr_core.figures.paper import FORMATS, PRESETS, PaperStyle

RESOLUTIONS = (300, 600)
ABOUT_SIZE = "Leave empty to take that of the preset."
AS_NEEDED = "as needed"


def wish_of(chosen: Selection, names: list[str], server: str) -> tuple[str, Wish]:
    """Which figure, and how it goes into which files."""
    left, middle, right = st.columns([1.1, 1, 1], gap="medium")
    with left:
        name = figure_picker(names)
        forms = st.pills("Files", FORMATS, default=FORMATS[0], selection_mode="multi", key="figure_forms")
        paths = st.toggle("Letters as shapes in svg", key="figure_paths", help="For where the font is not installed.")
    with middle:
        style = paper(chosen)
    with right:
        shades, letters, title = looks(chosen)
        dpi = st.segmented_control(
            "Dots per inch", RESOLUTIONS, default=RESOLUTIONS[0], key="figure_dpi", required=True,
            help="Of png, and of the points of large maps.",
        )  # fmt: skip
    style = replace(style, grey=shades == "grey", serif=letters == "serif", title=title)
    return name, Wish(style, tuple(forms) or FORMATS[:1], int(dpi), bool(paths), server)


def figure_picker(names: list[str]) -> str:
    """Which figure."""
    state = st.session_state

    def changed() -> None:
        state.figure = state.pick_figure

    state.pick_figure = state.figure
    return st.selectbox(
        "Figure", names, key="pick_figure", on_change=changed, format_func=lambda name: FIGURES[name].title
    )


def paper(chosen: Selection) -> PaperStyle:
    """The paper, and sizes other than its own."""
    state = st.session_state

    def changed() -> None:
        state.preset = state.pick_preset

    state.pick_preset = chosen.drawn.preset
    st.selectbox("Paper", list(PRESETS), key="pick_preset", on_change=changed, format_func=in_words)
    preset = PRESETS[chosen.drawn.preset]
    usual = {
        "Width, in": (preset.width, "figure_width", 0.25),
        "Height, in": (preset.height, "figure_height", 0.25),
        "Letters, pt": (preset.font_size, "figure_points", 0.5),
    }
    given = [
        st.number_input(
            label, value=None, placeholder=AS_NEEDED if value is None else f"{value:g}", key=key, step=step,
            help=ABOUT_SIZE,
        )
        for label, (value, key, step) in usual.items()
    ]  # fmt: skip
    return PaperStyle(chosen.drawn.preset, *given)


def looks(chosen: Selection) -> tuple[str, str, bool]:
    """Shades, letters, and whether the title stands in the figure."""
    state = st.session_state

    def changed() -> None:
        state.update(shades=state.pick_shades, letters=state.pick_letters)

    state.pick_shades, state.pick_letters = chosen.drawn.shades, chosen.drawn.letters
    st.segmented_control(
        "Shades", list(SHADES), key="pick_shades", on_change=changed, format_func=SHADES.get, required=True
    )
    st.segmented_control(
        "Letters", list(LETTERS), key="pick_letters", on_change=changed, format_func=LETTERS.get, required=True
    )
    title = st.toggle("Title in the figure", key="figure_title")
    return chosen.drawn.shades, chosen.drawn.letters, bool(title)


def in_words(name: str) -> str:
    """A preset and its width."""
    return f"{name}, {PRESETS[name].width:g} in"
