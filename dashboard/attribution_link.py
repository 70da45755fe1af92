"""What the Attribution page adds to the address: the method, what it gives values to, and its baseline."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard.words import select_word, short, unless
from dnr_core.types import ATTRIBUTION_VIEWS, ATTRIBUTIONS, OVERS, REMOVALS, RunSummary

ATTRIBUTION_LINK = ("method", "over", "baseline")
COMPONENTS = "components"
PREFERRED = ("integrated_gradients", "layer_integrated_gradients")
"""The method of a view is the first of these that it has, where nothing else was chosen."""


@dataclass(frozen=True)
class AttributionChoice:
    """`method`: one of ATTRIBUTIONS that offers `over`, one of OVERS; `baseline`: one of REMOVALS."""

    method: str
    over: str
    baseline: str

    def link(self) -> dict[str, list[str]]:
        """What goes into the address: nothing for what is at its default."""
        return {
            "method": unless(self.method, preferred(self.over)),
            "over": unless(self.over, OVERS[0]),
            "baseline": unless(self.baseline, REMOVALS[0]),
        }


def methods_of(over: str) -> tuple[str, ...]:
    """The methods that give values to a view."""
    return tuple(name for name in ATTRIBUTIONS if over in ATTRIBUTION_VIEWS[name])


def preferred(over: str) -> str:
    """The method of a view where none was chosen."""
    return next(name for name in PREFERRED if name in methods_of(over))


def views_of(run: RunSummary | None) -> tuple[str, ...]:
    """The views that a run has: parts only where they can be switched off."""
    hidden = run is not None and COMPONENTS not in run.supports
    return tuple(over for over in OVERS if not (hidden and over == COMPONENTS))


def select_attribution(run: RunSummary | None, messages: list[str], taken: set[str]) -> AttributionChoice:
    """The choice of this rerun; what does not exist is replaced, and reported where the reader asked for it."""
    over = select_word("over", OVERS, messages)
    if over not in views_of(run):
        if "over" in taken and run is not None:
            messages.append(f"Method {run.info.method} has no parts to give values to: showing {OVERS[0]}.")
        over = st.session_state.over = OVERS[0]
    method = select_method(over, messages, reported="method" in taken)
    return AttributionChoice(method, over, select_word("baseline", REMOVALS, messages))


def select_method(over: str, messages: list[str], *, reported: bool) -> str:
    """The method: the preferred one where nothing was chosen, or something that does not offer the view."""
    wanted, offered = st.session_state.get("method"), methods_of(over)
    if wanted is not None and wanted not in offered and (reported or wanted not in ATTRIBUTIONS):
        messages.append(f"No method {short(wanted)} for {over}: expected one of {', '.join(offered)}.")
    st.session_state.method = wanted if wanted in offered else preferred(over)
    return st.session_state.method
