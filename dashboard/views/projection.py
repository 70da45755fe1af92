"""Projection: every turn of the corpus on a map, coloured by what one asks; an area of it, and the dialogues in it."""

import streamlit as st

from dashboard import controls, projection_controls, projection_data
from dashboard.charts import show_map
from dashboard.markup import heading, notice
from dashboard.state import Selection
from dnr_core.errors import DnRError
from dnr_core.figures.build.maps import part_name


def page() -> None:
    """The whole page, from the selection to the pictures."""
    chosen = controls.open_page("Projection", "Every turn of the corpus on a map, by the vectors of a part.")
    if chosen.run is None:
        if not chosen.messages:
            notice(projection_data.NO_RUN, kind="info")
        return
    projection_controls.choices(chosen)
    try:
        with st.spinner("Computing this map …", show_time=True):
            found = projection_data.map_shown(chosen)
            colours, notes = projection_data.look(chosen)
    except DnRError as error:
        notice(str(error))
        return
    if found is None:
        projection_controls.fit_of(chosen, found)
        return
    if not found.n:
        notice(projection_data.NOTHING.format(part=part_name(found.part)), kind="info")
        return
    projection_controls.fit_of(chosen, found)
    for note in notes:
        notice(note, kind="info")
    ids, drawn = projection_controls.picked(chosen)
    left, right = st.columns([1.75, 1], gap="medium")
    with left:
        heading("Map", "One point a turn; neighbours have alike vectors.", term=projection_data.MAP)
        show_map(
            projection_data.figure(chosen, found, colours, drawn), projection_controls.CHART, projection_controls.pick
        )
    with right:
        in_focus(chosen)
        projection_controls.picked_table(chosen, ids)


def in_focus(chosen: Selection) -> None:
    """Which turn the ring marks, and a way to it."""
    label = f"Open turn {chosen.turn} of {chosen.dialogue} (ringed)"
    st.page_link(projection_controls.DIALOGUE_PAGE, label=label, icon=":material/arrow_forward:")


page()
