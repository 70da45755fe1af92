"""What is chosen on the Compare page, and the list of utterances that only one of two runs gets right."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.chat import window
from dashboard.compare_data import Compared, described, others, sides
from dashboard.compare_link import FLIPS, SEEDS
from dashboard.errors_queue import DIALOGUE_PAGE
from dashboard.markup import dot, reads, shown, write
from dashboard.rows import show_rows
from dashboard.state import Selection, go_to
from dnr_core.figures.spec import emotion_colours


def choices(chosen: Selection) -> None:
    """Run B, the split, which of both runs is A, whether they stand for all their seeds, and what they are."""
    assert chosen.run is not None
    state, known = st.session_state, {info.name: info for info in others(chosen)}

    def run_changed() -> None:
        state.against = state.pick_against

    def split_changed() -> None:
        state.split = state.pick_compare_split

    def seeds_changed() -> None:
        state.seeds = state.pick_seeds

    def swap() -> None:
        state.update(checkpoint=chosen.compared.against, against=chosen.run.info.name)

    columns = st.columns([3.2, 1.6, 1.2], vertical_alignment="bottom")
    state.pick_against, state.pick_compare_split = chosen.compared.against, chosen.errors.split
    columns[0].selectbox(
        "Run B", list(known), key="pick_against", on_change=run_changed, placeholder="choose a run",
        format_func=lambda name: f"⚠ {name}" if known[name].problem else name,
    )  # fmt: skip
    columns[1].segmented_control(
        "Split", chosen.corpus.splits, key="pick_compare_split", on_change=split_changed, required=True
    )
    columns[2].button("swap A and B", disabled=chosen.compared.against is None, on_click=swap)
    groups = sides(chosen)
    if groups is not None:
        state.pick_seeds = chosen.compared.seeds
        st.segmented_control(
            "Compare", list(SEEDS), key="pick_seeds", on_change=seeds_changed, format_func=SEEDS.get, required=True,
            help="All seeds that were trained together with a run, where there are several: their mean, with intervals "
            "that speak of other seeds, too.",
        )  # fmt: skip
    against = known.get(chosen.compared.against or "")
    folders = groups if groups is not None and chosen.compared.seeds == "all" else (None, None)
    runs = [("A", chosen.run.info, folders[0]), *([("B", against, folders[1])] if against else [])]
    write("<br>".join(f"<b>{side}</b> {shown(described(info, folder))}" for side, info, folder in runs))


def show_flips(both: Compared) -> None:
    """Which side's right answers are listed, the list, and the way to the Dialogue page."""
    state, corpus = st.session_state, both.a.corpus
    counts = {"a": len(both.found.only_a_right), "b": len(both.found.only_b_right)}

    def side_changed() -> None:
        state.flips = state.pick_flips

    def pick(place: int) -> None:
        utterance = corpus.utterance(corpus.row_of[both.listed[place].utterance_id])
        go_to(utterance.dialogue_id, utterance.turn)

    state.pick_flips = both.a.compared.flips
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    left.segmented_control(
        "List", list(FLIPS), key="pick_flips", on_change=side_changed, required=True,
        format_func=lambda side: f"{FLIPS[side]} ({counts[side]:,})",
    )  # fmt: skip
    if right.button("open in Dialogue", shortcut="o", help="The utterance in focus, in its dialogue"):
        st.switch_page(DIALOGUE_PAGE)
    show_rows("flip_rows", rows_html(both), pick)
    reads("A click puts an utterance into focus.")


def rows_html(both: Compared) -> str:
    """The listed utterances around the focus as an HTML table; all data is escaped."""
    if not both.listed:
        return '<div class="empty">There is no such utterance.</div>'
    focus = int(both.a.corpus.dialogue_rows[both.a.dialogue][both.a.turn])
    here = [both.a.corpus.row_of[flip.utterance_id] == focus for flip in both.listed]
    span = window(len(both.listed), here.index(True) if any(here) else 0)
    rows = [row_html(both, place, focused=here[place]) for place in span]
    if span.start:
        rows.insert(0, more(span.start - 1, f"↑ {span.start:,} before"))
    if span.stop < len(both.listed):
        rows.append(more(span.stop, f"↓ {len(both.listed) - span.stop:,} more"))
    head = "".join(f"<th>{name}</th>" for name in ("utterance", "gold", "A says", "B says"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def more(place: int, words: str) -> str:
    """A row that stands for those that are not shown."""
    link = f'<span class="more" role="button" tabindex="0" data-turn="{place}">{words}</span>'
    return f'<tr><td colspan="4">{link}</td></tr>'


def row_html(both: Compared, place: int, *, focused: bool) -> str:
    """One utterance: what was said, where it is, its label, and what both runs say."""
    flip: Any = both.listed[place]
    utterance = both.a.corpus.utterance(both.a.corpus.row_of[flip.utterance_id])
    colours = emotion_colours(both.a.corpus.emotions)
    marks = [("✓", "hit") if name == flip.gold else ("✗", "miss") for name in (flip.a, flip.b)]
    says = "".join(
        f'<td class="says"><b class="{kind}">{mark}</b>&thinsp;{dot(colours[name])}{shown(name)}</td>'
        for (mark, kind), name in zip(marks, (flip.a, flip.b), strict=True)
    )
    return (
        f'<tr data-turn="{place}" tabindex="0"{" class=focus" if focused else ""}>'
        f'<td><div class="text"><bdi>{shown(utterance.text) or "<em>no text</em>"}</bdi></div>'
        f"<small>{shown(utterance.speaker)} · {shown(utterance.dialogue_id)} · turn {utterance.turn}</small></td>"
        f"<td>{dot(colours[flip.gold])}{shown(flip.gold)}</td>{says}</tr>"
    )
