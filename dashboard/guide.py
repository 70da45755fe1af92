"""The guided start: five steps from what one sees to a link that others can open; never in the way, never on a link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from dashboard.dialogue_data import split_steps
from dashboard.markup import shown, write
from dashboard.state import Selection, engine, go_to
from dnr_core.errors import DnRError
from dnr_core.figures.spec import readable

COOKIE = "dnr_guide_seen"
NOISE = "none"
"""The planted source of an utterance that has none: its label is drawn at random."""
OVERVIEW, DIALOGUE, ERRORS = "views/overview.py", "views/dialogue.py", "views/errors.py"
REMEMBER = st.components.v2.component(  # pyright: ignore[reportAttributeAccessIssue]
    "dnr_guide_seen",
    js=f"export default () => {{\n  document.cookie = '{COOKIE}=1; max-age=31536000; path=/; SameSite=Lax';\n}}\n",
)
"""Remembers in the browser, and nowhere else, that the guide was closed."""


@dataclass(frozen=True)
class Step:
    """One step: what it says; its `button` does `prepare` and opens `page` (each where there is one)."""

    title: str
    text: str
    button: str | None = None
    page: str | None = None
    prepare: Callable[[Selection], Any] | None = None


def telling_error(chosen: Selection) -> None:
    """Put a wrong prediction that can be understood in focus; where there is none, what is in focus stays."""
    split = chosen.corpus.splits[-1]
    errors = split_steps(chosen, split).errors
    if len(errors):
        utterance = chosen.corpus.utterance(most_telling(chosen, split, errors))
        go_to(utterance.dialogue_id, utterance.turn)


def most_telling(chosen: Selection, split: str, errors: np.ndarray) -> int:
    """Of the rows `errors` the first with a decisive part, else the first; planted noise where there is no other."""
    truth = chosen.corpus.utterances["truth_family"].to_numpy(dtype=object)[errors]
    errors = errors[truth != NOISE] if (truth != NOISE).any() else errors
    assert chosen.run is not None
    try:
        claims = engine().split_claims(chosen.run.info.name, str(chosen.corpus_name), split)
    except DnRError:
        claims = None
    if claims is None:
        return int(errors[0])
    decisive = errors[claims.significant[np.searchsorted(chosen.corpus.rows(split), errors)]]
    return int([*decisive, *errors][0])


def strongest_part(chosen: Selection) -> str | None:
    """The part that speaks most for what is predicted of the turn in focus; None where the run has no parts."""
    if chosen.run is None or "components" not in chosen.run.supports:
        return None
    try:
        found = engine().dialogue_values(chosen.run.info.name, chosen.corpus_name, chosen.dialogue)
    except DnRError:
        return None
    label = int(found.total[chosen.turn].argmax())
    return found.players[int(found.values[chosen.turn, :, label].argmax())]


def switch_off(chosen: Selection) -> None:
    """Switch the strongest part off."""
    part = strongest_part(chosen)
    if part is not None:
        st.session_state.off = [part]


STEPS = (
    Step("What you see", "Predictions divided into parts: unique to text, audio or visual, redundant between two, "
         "synergistic where only both tell. This page: how good they are."),
    Step("A wrong prediction", "The bar under a prediction shows which parts spoke for it (right of the line) and "
         "against it (left).", "Go to one", DIALOGUE, telling_error),
    Step("Switch a part off", "Is it still predicted without the part that speaks most for it? Any part can be "
         "switched beside the conversation.", "Switch it off", DIALOGUE, switch_off),
    Step("Write it down", "A note or a tag on this turn stays on this machine, and can be saved as CSV.",
         "Open the notes", ERRORS),
    Step("Share the link", "The address bar holds corpus, turn and what is off: copy it, and it opens the same "
         "picture.", "Done"),
)  # fmt: skip
FIRST = 1
"""The step that is next when the guide opens: the one before it is looking at the page."""


def notice_visit() -> None:
    """At a first visit (no link, not closed in this session or browser before) the guide is open. Before `select`."""
    if "guide" not in st.session_state:
        fresh = not st.query_params.to_dict() and COOKIE not in st.context.cookies.to_dict()
        st.session_state.guide = FIRST if fresh else None


def guide_button() -> None:
    """Brings the guide back; in the sidebar of every page."""
    if st.button("Guide", key="open_guide", help="Five steps through this dashboard", icon=":material/explore:"):
        st.session_state.guide, st.session_state.guide_closed = FIRST, False
        st.switch_page(OVERVIEW)


def show_guide(chosen: Selection, page: str) -> None:
    """All steps on the Overview page, the next one on the pages that they lead to; nothing once it is closed."""
    state = st.session_state
    if state.get("guide_closed"):
        REMEMBER(key="guide_remember")
    if state.get("guide") is None or chosen.corpus is None or (page != "Overview" and state.guide == FIRST):
        return
    with st.container(border=True, key="guide"):
        if page == "Overview":
            columns = st.columns(len(STEPS), gap="small")
            for place, column in enumerate(columns):
                with column:
                    step_card(chosen, place)
            st.button("Close the guide", key="close_guide", on_click=close, type="tertiary")
        else:
            step_line(chosen, state.guide)


def step_card(chosen: Selection, place: int) -> None:
    """A step with its number; the one that is next has its button in colour."""
    step, current = STEPS[place], st.session_state.guide == place
    write(f"<b>{place + 1} {shown(step.title)}</b><br><small>{shown(step.text)}</small>")
    step_button(chosen, place, primary=current)


def step_line(chosen: Selection, place: int) -> None:
    """The step that is next, in one line."""
    step = STEPS[place]
    left, right, last = st.columns([5, 1.3, 0.8], vertical_alignment="center")
    with left:
        write(f"<b>Guide, {place + 1} of {len(STEPS)}: {shown(step.title)}.</b> {shown(spoken(chosen, step))}")
    with right:
        step_button(chosen, place, primary=True)
    last.button("Close", key="close_guide", on_click=close, type="tertiary", help="Close the guide")


def spoken(chosen: Selection, step: Step) -> str:
    """The text of a step, with the part that it will switch off."""
    part = strongest_part(chosen) if step.prepare is switch_off else None
    return f"{step.text} Here it is {readable(part)}." if part else step.text


def step_button(chosen: Selection, place: int, *, primary: bool) -> None:
    """Do the step and go on to the next; after the last the guide is closed."""
    step = STEPS[place]
    if step.button is None or not st.button(
        step.button, key=f"guide_{place}", type="primary" if primary else "secondary", width="stretch"
    ):
        return
    if step.prepare is not None:
        step.prepare(chosen)
    st.session_state.guide = place + 1
    if place + 1 == len(STEPS):
        close()
    if step.page is None:
        st.rerun()
    st.switch_page(step.page)


def close() -> None:
    """Close the guide, and have the browser remember it."""
    st.session_state.guide, st.session_state.guide_closed = None, True
