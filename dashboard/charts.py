"""Hands a finished figure and its configuration to Streamlit."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from html import escape, unescape
from typing import Any

import streamlit as st

from dashboard.markup import reads
from dnr_core.figures.screen import CONFIG, MAP_CONFIG, render
from dnr_core.figures.spec import FigureSpec
from dnr_core.serve import Recent


@st.cache_resource
def drawn() -> Recent:
    """Charts of all sessions: plotly takes longer to check one than the engine to find its numbers."""
    return Recent(256)


def chart(spec: FigureSpec) -> Any:
    """The plotly figure of a spec, drawn once; not to be changed."""
    return drawn().get(spec.fingerprint(), lambda: render(spec))


def show(spec: FigureSpec, key: str) -> None:
    """Draw a figure and, under it, the sentence that reads it."""
    st.plotly_chart(chart(spec), key=key, config=CONFIG, alt=spec.caption or None)
    if spec.caption:
        reads(spec.caption)


def show_clickable(spec: FigureSpec, key: str, on_pick: Callable[[list[Any]], None]) -> None:
    """Draw a figure whose points can be clicked; `on_pick` receives the customdata of the point."""

    def picked() -> None:
        points = st.session_state[key].selection.points
        if points:
            on_pick(points[0]["customdata"])

    st.plotly_chart(
        chart(spec), key=key, config=CONFIG, on_select=picked, selection_mode="points", alt=spec.caption or None
    )
    if spec.caption:
        reads(spec.caption)


def show_map(spec: FigureSpec, key: str, on_pick: Callable[[list[str]], None]) -> None:
    """Draw a map of points; `on_pick` receives the ids of the points in the box or lasso, none where it was undone."""

    def picked() -> None:
        points = st.session_state[key].selection.points
        on_pick([unescape(point["customdata"]) for point in points if "customdata" in point])

    st.plotly_chart(
        render(spec), key=key, config=MAP_CONFIG, on_select=picked, selection_mode=("points", "box", "lasso"),
        alt=spec.caption or None,
    )  # fmt: skip
    if spec.caption:
        reads(spec.caption)


def show_picture(content: bytes, width: float, alt: str) -> None:
    """A drawn page in its true size on a white ground, whatever the theme; `width` in pixels."""
    picture = (
        f'<img alt="{escape(alt)}" style="width:{width:.0f}px;max-width:none;display:block" '
        f'src="data:image/png;base64,{b64encode(content).decode()}">'
    )
    ground = "background:#fff;padding:12px;border-radius:4px;display:inline-block"
    st.html(f'<div style="overflow-x:auto"><div style="{ground}">{picture}</div></div>')
