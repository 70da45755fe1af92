"""What a person chooses and picks on the Projection page: part, map, colour, the fit of a UMAP, the picked turns."""

from __future__ import annotations

import streamlit as st

from dashboard.markup import dot, notice, reads, shown
from dashboard.projection_data import picked_rows, spoken, too_few
from dashboard.rows import show_rows
from dashboard.state import Selection, engine, go_to
from dnr_core.errors import DnRError
from dnr_core.figures.build.maps import COLOURS, METHODS, part_name
from dnr_core.figures.spec import emotion_colours
from dnr_core.types import Projection, map_parts

DIALOGUE_PAGE = "views/dialogue.py"
CHART = "map_chart"
LISTED = 200
HOW = "Draw a box or a lasso on the map to list its turns; one click on a row opens its dialogue."
NOT_FITTED, INSTEAD = "{method} of {part} is not fitted yet", ": PCA is shown."


def choices(chosen: Selection) -> None:
    """What is mapped, how, and what colours the points."""
    state, run = st.session_state, chosen.run
    assert run is not None
    columns = st.columns([1.6, 0.8, 1.2, 1.6], vertical_alignment="bottom")

    def changed(name: str) -> None:
        state[name] = state[f"pick_{name}"]

    state.pick_space, state.pick_map, state.pick_colour = chosen.map.space, chosen.map.method, chosen.map.colour
    columns[0].selectbox(
        "Map of", map_parts(run.players), key="pick_space", on_change=changed, args=("space",), format_func=part_name
    )
    columns[1].segmented_control(
        "by", list(METHODS), key="pick_map", on_change=changed, args=("map",), format_func=METHODS.get, required=True,
        help="PCA: the two directions in which the vectors differ most. UMAP: keeps neighbours together.",
    )  # fmt: skip
    columns[2].selectbox(
        "coloured by", list(COLOURS), key="pick_colour", on_change=changed, args=("colour",), format_func=COLOURS.get
    )


def fit_of(chosen: Selection, found: Projection | None) -> None:
    """Where the map that was asked for is not there: why, a button that fits it, or how far the fit is.

    `found` is the one that is shown in its place, if any.
    """
    method = chosen.map.method
    if found is not None and found.method == method:
        return
    assert chosen.run is not None
    key = (chosen.run.info.name, chosen.corpus_name, chosen.map.space, method)
    if found is not None and (impossible := too_few(found)):
        notice(impossible, kind="info")
        return
    name, instead = METHODS[method], "" if found is None else INSTEAD
    fit = engine().fit(*key)
    if fit is not None and fit.running:
        waiting(*key, instead=instead)
        return
    if fit is not None:
        notice(f"{name} was not fitted: {fit.line or 'its process was ended'}")
    notice(NOT_FITTED.format(method=name, part=part_name(chosen.map.space)) + (instead or "."), kind="info")
    count = len(chosen.corpus) if found is None else found.n
    st.button(f"Fit {name} of {count:,} turns", key="begin_fit", on_click=engine().begin_fit, args=key)


@st.fragment(run_every=1.0)
def waiting(run: str, corpus: str, space: str, method: str, *, instead: str) -> None:
    """How far a fit is, every second, and a button that cancels it; the page goes on when it has ended."""
    key = (run, corpus, space, method)
    fit = engine().fit(*key)
    if fit is None or not fit.running:
        st.rerun()
    left, right = st.columns([5, 1], vertical_alignment="center")
    with left:
        said = f" · {fit.line}" if fit.line else ""
        meanwhile = " PCA is shown meanwhile." if instead else ""
        notice(f"Fitting {METHODS[method]} of {part_name(space)}: {fit.seconds:.0f} s{said}.{meanwhile}", kind="info")
    right.button("Cancel", key="end_fit", on_click=engine().end_fit, args=key, width="stretch")


def picked(chosen: Selection) -> tuple[frozenset[str], frozenset[str]]:
    """Ids that are picked, and ids that the map is to draw as picked.

    A map that changes forgets what was picked on it, so it is drawn with it; while it stays, the browser keeps it.
    """
    state = st.session_state
    drawn = (chosen.corpus.hash, chosen.run and chosen.run.info, chosen.map, chosen.dialogue, chosen.turn)
    if CHART not in state or state.get("map_drawn") != drawn:
        state.map_drawn, state.map_begun_with = drawn, state.get("map_picked", frozenset())
    return state.get("map_picked", frozenset()), state.map_begun_with


def pick(ids: list[str]) -> None:
    """Keep what the box or lasso holds."""
    st.session_state.map_picked = frozenset(ids)


def picked_table(chosen: Selection, ids: frozenset[str]) -> None:
    """The picked turns; a click opens the dialogue of one."""
    rows = picked_rows(chosen, ids)
    if not rows:
        reads(HOW)
        return
    listed = rows[:LISTED]

    def opened(place: int) -> None:
        utterance = chosen.corpus.utterance(listed[place])
        go_to(utterance.dialogue_id, utterance.turn)
        st.session_state.map_opened = True

    left, right = st.columns([3, 1], vertical_alignment="center")
    with left:
        cut = f"; the first {LISTED} are listed" if len(rows) > LISTED else ""
        reads(f"{len(rows):,} turns picked{cut}. Click one to open its dialogue.")
    right.button("Clear", key="clear_map", on_click=clear, width="stretch")
    try:
        show_rows("map_rows", table_html(chosen, listed), opened)
    except DnRError as error:
        notice(str(error))
    if st.session_state.pop("map_opened", False):
        st.switch_page(DIALOGUE_PAGE)


def clear() -> None:
    """Nothing is picked any more, on the map neither."""
    st.session_state.map_picked = frozenset()
    st.session_state.pop("map_drawn", None)


def table_html(chosen: Selection, rows: list[int]) -> str:
    """One row a turn: what was said, by whom and where; gold and predicted emotion."""
    colours = emotion_colours(chosen.corpus.emotions)
    lines = []
    for place, (row, (said, chance)) in enumerate(zip(rows, spoken(chosen, rows), strict=True)):
        one = chosen.corpus.utterance(row)
        focus = " class=focus" if (one.dialogue_id, one.turn) == (chosen.dialogue, chosen.turn) else ""
        sign = "·" if one.emotion is None else "✓" if one.emotion == said else "✗"
        gold = f"gold {dot(colours[one.emotion])}{shown(one.emotion)}" if one.emotion else "no label"
        lines.append(
            f'<tr data-turn="{place}" tabindex="0"{focus}><td><bdi dir="auto">{shown(one.text[:160]) or "–"}</bdi><br>'
            f"<small>{shown(one.speaker)} · {shown(one.utterance_id)} · {shown(one.split)}</small></td>"
            f"<td>{sign} {dot(colours[said])}{shown(said)} {chance:.2f}<br><small>{gold}</small></td></tr>"
        )
    head = "<thead><tr><th>turn</th><th>predicted</th></tr></thead>"
    return f"<table>{head}<tbody>{''.join(lines)}</tbody></table>"
