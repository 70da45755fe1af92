"""Words that come from a link: chosen among known ones, and quoted where they are not."""

from __future__ import annotations

import streamlit as st


def select_word(name: str, known: tuple[str, ...], messages: list[str]) -> str:
    """One of some words, the first where nothing was chosen."""
    given = st.session_state.setdefault(name, known[0])
    if given not in known:
        messages.append(f"Unknown {name} {short(given)}: expected {', '.join(known[:-1])} or {known[-1]}.")
        st.session_state[name] = known[0]
    return st.session_state[name]


def unless(value: str | None, default: str | None) -> list[str]:
    """A parameter of the address: nothing while its value is the default, or there is none."""
    return [value] if value and value != default else []


def short(value: object) -> str:
    """A value from outside, quoted and cut to a readable length."""
    text = repr(str(value))
    return text if len(text) <= 60 else f"{text[:57]}…'"
