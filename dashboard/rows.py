"""Lists and tables whose rows can be clicked: one component, whatever their length; every text stands literally."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.chat import ASSETS

MOUNT = st.components.v2.component(  # pyright: ignore[reportAttributeAccessIssue]
    "dnr_rows",
    html='<div class="chat"></div>',
    css="\n".join((ASSETS / name).read_text(encoding="utf-8") for name in ("chat.css", "rows.css")),
    js=(ASSETS / "chat.js").read_text(encoding="utf-8"),
)


def show_rows(key: str, html: str, on_pick: Callable[[int], None]) -> None:
    """Draw rows of HTML whose data has passed `shown`; `on_pick` receives the `data-turn` of the clicked row."""

    def picked() -> None:
        clicked = st.session_state[key].clicked
        if isinstance(clicked, int):
            on_pick(clicked)

    MOUNT(key=key, data={"html": html}, on_clicked_change=picked)
