"""What stands beside a turn in a conversation, as HTML: its parts as one bar, its faults, what was planted in it."""

from __future__ import annotations

import numpy as np

from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.rows.markup import dot, shown
from dnr_core.figures.spec import group_colour, part_group, part_groups
from dnr_core.figures.words import signed
from dnr_core.types import MODALITIES, Utterance


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
