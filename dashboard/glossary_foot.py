"""The glossary at the foot of every page: closed until it is wanted, searched as one types."""

from __future__ import annotations

import streamlit as st

from dashboard.glossary import ENTRIES, matching
from dashboard.markup import entry_html, reads, write


@st.fragment
def show_glossary() -> None:
    """All words of the glossary, or those that a search finds."""
    glossary = st.expander(f"Glossary: {len(ENTRIES)} words", key="glossary", on_change="rerun")
    if not glossary.open:
        return
    with glossary:
        found = matching(st.text_input("Search the glossary", key="glossary_search", placeholder="such as Shapley"))
        if found:
            write(f'<div class="dnr-words">{"".join(map(entry_html, found))}</div>')
        else:
            reads("No word of the glossary has all of this in it.")
