"""The figures of the What-if page as specs, and the sentences that read them. `found`: the engine's Effect."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard.markup import dot, shown
from dnr_core.figures.build.dialogue import strip
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.spec import ACCENT, QUIET, FigureSpec, emotion_colours, readable
from dnr_core.figures.words import signed
from dnr_core.serve import Edit

BEFORE, AFTER = "before", "after"
FLIPS, KEEPS = "flips", "keeps its emotion"
HEADER = ("turn", "speaker", "gold", "before", "after", "Δ of what was predicted", "")
NOTHING = "Nothing is edited: this is the stored prediction."
SMALLEST = 5e-7
"""Probabilities closer than this are the same: the rounding of the model's arithmetic."""
LISTED = 8


def probabilities(numbers: DialogueNumbers, found: Any, *, edited: bool) -> FigureSpec:
    """The probability of each emotion in the edited turn, before and after."""
    turn, gold = found.turn, int(numbers.gold[found.turn])
    sides = [(BEFORE, found.before[turn])] + ([(AFTER, found.after[turn])] if edited else [])
    records = [
        {
            "item": f"{name}{' (gold)' if place == gold else ''} · {side}", "probability": float(chances[place]),
            "side": side, "label": f"{chances[place]:.3f}",
        }
        for place, name in enumerate(found.emotions)
        for side, chances in sides
    ]  # fmt: skip
    return FigureSpec(
        "bars", pd.DataFrame(records), x="probability", y="item", colour="side", text="label",
        colours={BEFORE: QUIET, AFTER: ACCENT}, patterns={BEFORE: "/", AFTER: ""}, height=40 + 20 * len(records),
        caption=turn_reading(numbers, found, edited=edited),
    )  # fmt: skip


def turn_reading(numbers: DialogueNumbers, found: Any, *, edited: bool) -> str:
    """What became of the prediction of the edited turn."""
    turn, names = found.turn, found.emotions
    was, now = int(found.predicted[turn]), int(found.later[turn])
    before, after = found.before[turn], found.after[turn]
    if not edited:
        return f"{NOTHING} “{names[was]}” is predicted ({before[was]:.2f})."
    if unmoved(found):
        return "Nothing moves, in no turn: this model does not use what was edited here."
    moved = f"“{names[was]}” goes from {before[was]:.3f} to {after[was]:.3f} ({signed(after[was] - before[was], 3)})"
    if now == was:
        return f"{moved} and is still predicted."
    gold = int(numbers.gold[turn])
    right = {now: ", which is the gold emotion", was: ", away from the gold emotion"}.get(gold, "")
    return f"{moved}: the prediction flips to “{names[now]}” ({before[now]:.3f} → {after[now]:.3f}){right}."


def unmoved(found: Any) -> bool:
    """Whether no probability of a turn that is read changed."""
    return bool(np.nanmax(np.abs(found.after - found.before)) < SMALLEST)


def timeline(numbers: DialogueNumbers, found: Any) -> FigureSpec:
    """Gold emotion and prediction before and after, of every turn."""
    tracks = (("gold", numbers.gold, None), (BEFORE, found.predicted, found.before), (AFTER, found.later, found.after))
    labelled = tracks if (numbers.gold >= 0).any() else tracks[1:]
    return strip(found.emotions, numbers.gold, labelled, turn=found.turn, caption=dialogue_reading(numbers, found))


def dialogue_reading(numbers: DialogueNumbers, found: Any) -> str:
    """How many turns flip, which, and what that did to the turns that are right (✗ marks the wrong ones)."""
    names, read = found.emotions, int(found.read.sum())
    flips = found.flipped.tolist()
    listed = ", ".join(
        f"turn {turn} {names[found.predicted[turn]]} → {names[found.later[turn]]}" for turn in flips[:LISTED]
    )
    more = f" and {len(flips) - LISTED} more" if len(flips) > LISTED else ""
    says = f"{len(flips)} of {read} predictions flip{': ' + listed + more if flips else ''}."
    known = found.read & (numbers.gold >= 0)
    if known.any():
        right = [int((classes == numbers.gold)[known].sum()) for classes in (found.predicted, found.later)]
        says += (
            f" Right are {right[1]} of {int(known.sum())} labelled turns (before: {right[0]}; ✗ marks the wrong ones)."
        )
    gone = len(found.read) - read
    return says + (f" {gone} turn{'s are' if gone > 1 else ' is'} not read any more." if gone else "")


def deltas(found: Any) -> FigureSpec:
    """By how much the probability of the emotion predicted before changes, turn by turn."""
    turns, said = np.flatnonzero(found.read), [found.emotions[label] for label in found.predicted]
    frame = pd.DataFrame({
        "turn": turns,
        "delta": found.delta[turns],
        "kind": np.where(np.isin(turns, found.flipped), FLIPS, KEEPS),
        "says": [f"turn {turn}: {said[turn]} {signed(found.delta[turn], 3)}" for turn in turns],
    })  # fmt: skip
    return FigureSpec(
        "columns", frame, x="turn", y="delta", colour="kind", hover=("says",), colours={KEEPS: QUIET, FLIPS: "#B4500A"},
        patterns={KEEPS: "", FLIPS: "/"}, mark=found.turn, x_label="turn", y_label="Δ probability", height=200,
        caption=spread_reading(found),
    )  # fmt: skip


def spread_reading(found: Any) -> str:
    """How far the edit reaches beyond its own turn."""
    others = np.where(np.arange(len(found.read)) == found.turn, np.nan, found.delta)
    own = f"The edited turn (dotted) changes by {signed(float(found.delta[found.turn]), 3)}"
    if np.isnan(others).all():
        return f"{own}; no other turn is read."
    most = int(np.nanargmax(np.abs(others)))
    if abs(others[most]) < SMALLEST:
        return f"{own}, the other turns not at all: this model does not hear it in them."
    return f"{own}; of the other turns, turn {most} changes most ({signed(float(others[most]), 3)})."


def rows(numbers: DialogueNumbers, found: Any) -> list[list[str]]:
    """One row of HTML cells a turn: prediction before and after, what became of its probability, what flipped."""
    colours, flips = emotion_colours(found.emotions), set(found.flipped.tolist())

    def said(turn: int, label: int, chances: np.ndarray) -> str:
        if label < 0:
            return "<small>not read</small>"
        name = found.emotions[label]
        return f"{dot(colours[name])}{shown(name)} {chances[turn, label]:.3f}"

    made = []
    for turn, utterance in enumerate(numbers.dialogue.utterances):
        delta = float(found.delta[turn])
        made.append([
            f"<b>{turn} (edited)</b>" if turn == found.turn else str(turn), shown(utterance.speaker),
            shown(utterance.emotion or "–"), said(turn, int(found.predicted[turn]), found.before),
            said(turn, int(found.later[turn]), found.after), "–" if np.isnan(delta) else signed(delta, 3),
            "<b>⇄ flips</b>" if turn in flips else "",
        ])  # fmt: skip
    return made


def in_words(edit: Edit, real: dict[tuple[str, str], float | None]) -> list[str]:
    """What was edited, one phrase a change. `real`: what was measured of the features that were moved."""
    said = [] if edit.text is None else [f"words: “{edit.text}”" if edit.text.strip() else "no words"]
    for modality, name, value in edit.cells:
        was = real[modality, name]
        said.append(f"{name} of {modality} {'not measured' if was is None else f'{was:.4g}'} → {value:.4g}")
    said += [f"{readable(part)} from {donor}" for part, donor in edit.parts]
    said += [f"{modality} missing" for modality in edit.absent]
    for side, turns in ((BEFORE, edit.before), (AFTER, edit.after)):
        if turns is not None:
            said.append(f"{turns or 'no'} turn{'' if turns == 1 else 's'} {side} it")
    return said
