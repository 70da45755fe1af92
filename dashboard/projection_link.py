"""What the Projection page adds to the address: what is mapped, how, and what colours the points."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard.words import select_word, short, unless
from dnr_core.figures.build.maps import COLOURS, WHOLE
from dnr_core.types import MAPS, RunSummary, map_parts

MAP_LINK = ("space", "map", "colour")


@dataclass(frozen=True)
class MapChoice:
    """`space`: one of the run's map_parts; `method`: one of MAPS; `colour`: one of COLOURS."""

    space: str
    method: str
    colour: str

    def link(self) -> dict[str, list[str]]:
        """What goes into the address: nothing for what is at its default."""
        return {
            "space": unless(self.space, WHOLE),
            "map": unless(self.method, MAPS[0]),
            "colour": unless(self.colour, next(iter(COLOURS))),
        }


def select_map(run: RunSummary | None, messages: list[str], taken: set[str]) -> MapChoice:
    """The choice of this rerun; what does not exist is replaced, and reported where the reader asked for it."""
    space = select_space(run, messages, reported="space" in taken)
    return MapChoice(space, select_word("map", MAPS, messages), select_word("colour", tuple(COLOURS), messages))


def select_space(run: RunSummary | None, messages: list[str], *, reported: bool) -> str:
    """What is mapped: all parts where nothing was chosen, or another run was that does not have it."""
    wanted = st.session_state.setdefault("space", WHOLE).replace(" ", "+")
    if run is not None and wanted not in map_parts(run.players):
        if reported:
            messages.append(f"Unknown space {short(wanted)}: expected one of {', '.join(map_parts(run.players))}.")
        wanted = WHOLE
    st.session_state.space = wanted
    return wanted
