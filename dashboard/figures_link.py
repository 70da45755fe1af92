"""What the Figures page adds to the address: which figure, and how it goes on paper."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard.words import select_word, short, unless

FIGURE_LINK = ("figure", "preset", "shades", "letters")
SHADES = {"colour": "colour", "grey": "safe in greyscale"}
LETTERS = {"sans": "sans serif", "serif": "serif"}
FIRST, COLUMN = "timeline", "acl1"
"""What is drawn where nothing was chosen."""


@dataclass(frozen=True)
class FigureChoice:
    """`figure`: a name of the registry of figures; `preset`: of paper; `shades`, `letters`: of SHADES and LETTERS."""

    figure: str
    preset: str
    shades: str
    letters: str

    def link(self) -> dict[str, list[str]]:
        """What goes into the address: nothing for what is at its default."""
        return {
            "figure": unless(self.figure, FIRST),
            "preset": unless(self.preset, COLUMN),
            "shades": unless(self.shades, next(iter(SHADES))),
            "letters": unless(self.letters, next(iter(LETTERS))),
        }


def select_figure(messages: list[str]) -> FigureChoice:
    """The choice of this rerun; what does not exist is replaced and reported."""
    state = st.session_state
    if state.get("figure", FIRST) != FIRST or state.get("preset", COLUMN) != COLUMN:  # matplotlib is not quick
        from dnr_core.export.figures import FIGURES
        from dnr_core.figures.paper import PRESETS

        for name, known, first in (("figure", FIGURES, FIRST), ("preset", PRESETS, COLUMN)):
            if state.setdefault(name, first) not in known:
                messages.append(f"Unknown {name} {short(state[name])}: expected one of {', '.join(known)}.")
                state[name] = first
    shades, letters = select_word("shades", tuple(SHADES), messages), select_word("letters", tuple(LETTERS), messages)
    return FigureChoice(state.setdefault("figure", FIRST), state.setdefault("preset", COLUMN), shades, letters)
