"""What the Compare page adds to the address: the run to compare with, its seeds, and whose right answers are listed."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard.words import select_word, short, unless
from dnr_core.types import RunSummary

COMPARE_LINK = ("against", "flips", "seeds")
FLIPS = {"a": "only A right", "b": "only B right"}
SEEDS = {"one": "these two runs", "all": "all their seeds"}


@dataclass(frozen=True)
class CompareChoice:
    """`against`: the name of run B, None: not chosen; `flips`: which utterances are listed, of FLIPS; `seeds`: whether
    the runs stand for all seeds of their configuration, of SEEDS.
    """

    against: str | None
    flips: str
    seeds: str

    def link(self) -> dict[str, list[str]]:
        """What goes into the address: nothing for what is at its default."""
        return {
            "against": unless(self.against, None),
            "flips": unless(self.flips, next(iter(FLIPS))),
            "seeds": unless(self.seeds, next(iter(SEEDS))),
        }


def select_comparison(
    run: RunSummary | None, known: tuple[str, ...], messages: list[str], taken: set[str]
) -> CompareChoice:
    """The choice of this rerun among the `known` runs; what does not exist is left out, and reported where it was asked
    for.
    """
    against = select_against(run, known, messages, reported="against" in taken)
    flips, seeds = select_word("flips", tuple(FLIPS), messages), select_word("seeds", tuple(SEEDS), messages)
    return CompareChoice(against, flips, seeds)


def select_against(
    run: RunSummary | None, known: tuple[str, ...], messages: list[str], *, reported: bool
) -> str | None:
    """The run to compare with; none where it is unknown, or run A itself."""
    wanted, own = st.session_state.get("against"), run.info.name if run else None
    if wanted is None or (wanted in known and wanted != own):
        return wanted
    if reported:
        why = "it is run A already" if wanted == own else "there is no such checkpoint"
        messages.append(f"Cannot compare with {short(wanted)}: {why}.")
    st.session_state.against = None
    return None
