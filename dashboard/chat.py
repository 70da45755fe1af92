"""The conversation as a chat: one clickable component, whatever its length, in which every text stands literally."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.dialogue_data import DialogueNumbers
from dashboard.markup import dot, shown, signed
from dnr_core.figures.spec import emotion_colours, group_colour, part_group, part_groups
from dnr_core.types import FAMILIES, MODALITIES, Utterance

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
    """A line that leads to a turn that is not shown."""
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


def clock(seconds: float) -> str:
    """`83.25` → `1:23.2`."""
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def badges(utterance: Utterance) -> str:
    """What was not measured, what was wrong with it, and the planted truth where it is known."""
    absent = [name for name, there in zip(MODALITIES, utterance.present, strict=True) if not there]
    faults = [fault.split(":", 1) for fault in utterance.faults]
    notes = [": ".join(fault) for fault in faults]
    if any(utterance.present):
        notes += [f"no {name}" for name in absent if name not in {fault[0] for fault in faults}]
    found = "".join(f'<i class="badge warn">⚠ {shown(note)}</i>' for note in notes)
    return found + (
        f'<i class="badge" title="planted: {shown(truth(utterance))}">planted: {shown(truth(utterance))}</i>'
        if utterance.truth_family
        else ""
    )


def truth(utterance: Utterance) -> str:
    """The planted source in words."""
    if utterance.truth_family == "none":
        return "noise"
    families, sources = (utterance.truth_family or "").split(";"), (utterance.truth_sources or "").split(";")
    copies = families == ["unique"] and "+" in sources[0]
    pairs = zip(families, sources, strict=False)
    return f"two unique parts {sources[0]}" if copies else ", ".join(f"{family} {source}" for family, source in pairs)


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


def bar_scale(numbers: DialogueNumbers) -> tuple[float, float]:
    """Where zero stands (share of the width) and how many logits fill the bar, over the dialogue."""
    if numbers.values is None:
        return 0.5, 1.0
    values = numbers.value_of_predicted()
    up = float(np.clip(values, 0, None).sum(1).max())
    down = float(np.clip(-values, 0, None).sum(1).max())
    return down / max(up + down, 1e-9), max(up + down, 1e-9)


def part_bar(numbers: DialogueNumbers, turn: int, zero: float, scale: float) -> str:
    """Per family what speaks for the predicted class (right of zero) and against it (left): nothing cancels unseen."""
    if numbers.values is None:
        return ""
    values, players = numbers.value_of_predicted()[turn], numbers.values.players
    for_it, against = {}, {}
    for group in part_groups(players):
        own = values[[part_group(player) == group for player in players]]
        for_it[group], against[group] = float(own[own > 0].sum()), float(own[own < 0].sum())
    right = "".join(segment(group, value, scale * (1 - zero), scale) for group, value in for_it.items())
    left = "".join(segment(group, value, scale * zero, scale) for group, value in reversed(against.items()))
    open_question = numbers.claims is not None and not numbers.claims.reason and not numbers.claims.significant[turn]
    marked = ' class="bar pale" title="no single part decisive"' if open_question else ' class="bar"'
    return (
        f'<div{marked}><span class="left" style="width:{100 * zero:.2f}%">{left}</span>'
        f'<span class="right" style="width:{100 * (1 - zero):.2f}%">{right}</span></div>'
    )


def segment(group: str, value: float, side: float, scale: float) -> str:
    """A piece of the bar, as wide as the value on its side of zero; its letter where there is room."""
    if abs(value) < 0.003 * scale:
        return ""
    letter = group[0].upper() if abs(value) > 0.08 * scale else ""
    style = f"width:{100 * abs(value) / side:.2f}%;--c:{group_colour(group)}"
    return f'<i class="seg {shown(group)}" style="{style}" title="{shown(group)} {signed(value)} logits">{letter}</i>'


def legend(numbers: DialogueNumbers) -> str:
    """What the pieces of the bars mean."""
    assert numbers.values is not None
    players = numbers.values.players
    tested = numbers.claims is not None and not numbers.claims.reason
    pale = "; pale: no single part decisive" if tested else ""
    groups = part_groups(players)
    names = " ".join(f"{dot(group_colour(group))}{group[0].upper()} {shown(group)} &thinsp;" for group in groups)
    return f'<span class="dnr-legend">{names} · right of the line: for the prediction; left: against{pale}</span>'
