"""The utterance in focus: its clip, its probabilities before and after, and what the data offer about it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.charts import show
from dashboard.chat import truth_terms
from dashboard.components_data import about_turn
from dashboard.dialogue_data import DialogueNumbers, offered_to
from dashboard.markup import dot, heading, notice, shown, table, track, write
from dashboard.state import Selection
from dnr_core.figures.build import dialogue as dialogue_figures
from dnr_core.figures.spec import emotion_colours
from dnr_core.figures.words import signed

OFFERED = ("bits", "atom", "BROJA", "modality", "null")
VIDEO = {".mp4", ".mkv", ".avi", ".webm"}


def opened_turn(chosen: Selection, numbers: DialogueNumbers) -> bool:
    """Who says what in the turn in focus, and whether its predictions are known; where not, a notice says why."""
    utterance = numbers.dialogue.utterances[chosen.turn]
    heading(f"Turn {chosen.turn} · {utterance.speaker}", about_turn(numbers, chosen.turn), term=truth_terms(utterance))
    write(f"<bdi>{shown(utterance.text)}</bdi>")
    if chosen.run is not None and numbers.before is not None:
        return True
    notice(numbers.problem or "", kind="problem" if chosen.run else "info")
    return False


def media(path: str | None) -> None:
    """Play the clip of the utterance, where there is one."""
    if not path:
        return
    if not Path(path).is_file():
        notice(f"The clip cannot be played because {path} is not there any more.", kind="info")
        return
    (st.video if Path(path).suffix.lower() in VIDEO else st.audio)(path)


def emotion_legend(numbers: DialogueNumbers) -> str:
    """Which colour stands for which emotion."""
    colours = emotion_colours(numbers.emotions)
    names = "&emsp;".join(f"{dot(colours[name])}{shown(name)}" for name in numbers.emotions)
    return f'<span class="dnr-legend">{names}</span>'


def probabilities(numbers: DialogueNumbers, turn: int) -> None:
    """A table of the emotions with their probability before and after; a tick marks where it was."""
    colours, before = emotion_colours(numbers.emotions), numbers.before
    assert before is not None
    after, rows = numbers.after, []
    for place, name in enumerate(numbers.emotions):
        colour, was = colours[name], before[turn, place]
        gold = " <small>gold</small>" if numbers.gold[turn] == place else ""
        cells = [f"{dot(colour)}{shown(name)}{gold}"]
        if after is None:
            cells.append(f"{was:.3f}{track(was, colour)}")
        else:
            now = after[turn, place]
            cells += [
                f"{was:.3f}",
                f"{now:.3f}{track(now, colour, was if abs(now - was) >= 0.005 else None)}",
                signed(now - was, 3),
            ]
        rows.append(cells)
    table(["emotion", "probability"] if after is None else ["emotion", "before", "after", "Δ"], rows)


def offered(chosen: Selection) -> None:
    """What the data offer about the predicted emotion, apart from what the model used; or why it cannot be shown."""
    found = offered_to(chosen)
    if isinstance(found, str):
        notice(found, kind="info")
        return
    emotions = chosen.corpus.emotions
    about = "Bits that the modalities tell about this emotion (the predicted one), whatever the model uses."
    heading(f"What the data offer about “{emotions[found.label]}”", about, term=OFFERED)
    show(dialogue_figures.offered(emotions, found), "offered")
