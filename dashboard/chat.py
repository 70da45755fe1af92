"""The conversation as a chat: one clickable component, whatever its length, in which every text stands literally."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard.markup import dot, shown
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.rows.turns import badges, bar_scale, clock, part_bar
from dnr_core.figures.spec import emotion_colours
from dnr_core.figures.words import signed
from dnr_core.types import FAMILIES, Utterance

WINDOW = 40
SPEAKER_COLOURS = ("#51606D", "#7A5C3E", "#3E6B5C", "#6B4E71", "#7A6A2F", "#2F5D7A", "#8A5561", "#555555")
ASSETS = Path(__file__).parent / "assets"
MOUNT = st.components.v2.component(  # pyright: ignore[reportAttributeAccessIssue]
    "dnr_chat",
    html='<div class="chat" role="list"></div>',
    css=(ASSETS / "chat.css").read_text(encoding="utf-8"),
    js=(ASSETS / "chat.js").read_text(encoding="utf-8"),
)


def show_chat(
    numbers: DialogueNumbers, turn: int, on_pick: Callable[[int], None], bar: Callable[[int], str] | None = None
) -> None:
    """Draw the turns around the one in focus; `on_pick` receives the turn that was clicked.

    `bar` gives what stands under the prediction of a turn, as HTML (None: the values of its parts).
    """

    def picked() -> None:
        clicked = st.session_state.chat.clicked
        if isinstance(clicked, int) and 0 <= clicked < len(numbers.gold):
            on_pick(clicked)

    MOUNT(key="chat", data={"html": chat_html(numbers, turn, bar), "focus": turn}, on_clicked_change=picked)


def window(count: int, turn: int) -> range:
    """The turns that are shown: all of a dialogue of ordinary length, else WINDOW around the one in focus."""
    if count <= WINDOW + 20:
        return range(count)
    start = min(max(turn - WINDOW // 2, 0), count - WINDOW)
    return range(start, start + WINDOW)


def chat_html(numbers: DialogueNumbers, turn: int, bar: Callable[[int], str] | None = None) -> str:
    """The rows of the chat as HTML; all data is escaped."""
    turns, count = window(len(numbers.gold), turn), len(numbers.gold)
    speakers = list(dict.fromkeys(utterance.speaker for utterance in numbers.dialogue.utterances))
    if bar is None:
        zero, scale = bar_scale(numbers)
        bar = partial(part_bar, numbers, zero=zero, scale=scale)
    rows = [row_html(numbers, position, speakers, focused=position == turn, bar=bar(position)) for position in turns]
    if turns.start:
        rows.insert(0, more(turns.start - 1, f"↑ earlier turns (0–{turns.start - 1})"))
    if turns.stop < count:
        rows.append(more(turns.stop, f"↓ later turns ({turns.stop}–{count - 1})"))
    return "".join(rows)


def more(turn: int, words: str) -> str:
    """A line that leads to a row that is not shown."""
    return f'<div class="more" role="button" tabindex="0" data-turn="{turn}">{words}</div>'


def row_html(numbers: DialogueNumbers, turn: int, speakers: list[str], *, focused: bool, bar: str) -> str:
    """One utterance: who, when, what, and what the model says of it."""
    utterance = numbers.dialogue.utterances[turn]
    place = speakers.index(utterance.speaker)
    start = utterance.start_s
    when = "" if start is None else f" · {clock(start)}"
    colour = SPEAKER_COLOURS[place % len(SPEAKER_COLOURS)]
    return (
        f'<div class="row{" focus" if focused else ""}" data-turn="{turn}" role="listitem" tabindex="0"'
        f"{' aria-current=true' if focused else ''}>"
        f'<span class="who" style="background:{colour}">{shown(initials(utterance.speaker))}</span>'
        f'<div class="said"><div class="meta"><b>{shown(utterance.speaker or "unknown")}</b>'
        f"<span>turn {turn}{when}</span>{badges(utterance)}</div>"
        f'<div class="text"><bdi dir="auto">{shown(utterance.text) or "<em>no text</em>"}'
        f'</bdi></div></div><div class="verdict">{verdict(numbers, turn)}'
        f"{bar}</div></div>"
    )


def initials(speaker: str) -> str:
    """Up to two letters for a speaker."""
    words = speaker.split()
    letters = "".join(word[0] for word in words[:2]) if len(words) > 1 else speaker.strip()[:2]
    return letters or "?"


def truth_terms(utterance: Utterance) -> tuple[str, ...]:
    """The words of the glossary that the planted source of an utterance needs, none where it is not known."""
    families = (utterance.truth_family or "").split(";")
    return () if not utterance.truth_family else ("planted truth", *(name for name in families if name in FAMILIES))


def verdict(numbers: DialogueNumbers, turn: int) -> str:
    """Predicted against gold, by sign and words; the prediction after switching off under it."""
    gold, colours = int(numbers.gold[turn]), emotion_colours(numbers.emotions)
    gold_name = numbers.emotions[gold] if gold >= 0 else None
    if numbers.before is None:
        name = gold_name or "unlabelled"
        return f'<div class="says">{dot(colours.get(name, "transparent"))}{shown(name)}</div>'
    predicted = int(numbers.predicted[turn])
    name, chance = numbers.emotions[predicted], numbers.before[turn, predicted]
    sign, kind = ("✓", "hit") if gold == predicted else ("✗", "miss") if gold >= 0 else ("·", "open")
    against = (
        ""
        if gold == predicted
        else f" <small>gold {shown(gold_name)}</small>"
        if gold >= 0
        else " <small>no label</small>"
    )
    line = (
        f'<div class="says"><b class="{kind}">{sign}</b>{dot(colours[name])}{shown(name)} {chance:.2f}{against}</div>'
    )
    if numbers.after is None:
        return line
    later = int(numbers.after[turn].argmax())
    delta = numbers.delta[turn]
    changed = (
        f"<b>⇄ {shown(numbers.emotions[later])} {numbers.after[turn, later]:.2f}</b>"
        if later != predicted
        else f"{numbers.after[turn, predicted]:.2f}"
    )
    return f'{line}<div class="after">after: {changed} <small>Δ {signed(delta)}</small></div>'
