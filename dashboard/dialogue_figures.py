"""The figures of the Dialogue page as specs, and the sentences that read them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.dialogue_data import DialogueNumbers
from dashboard.markup import signed
from dnr_core.figures.spec import (
    FigureSpec,
    emotion_colours,
    group_colour,
    group_pattern,
    part_group,
    part_groups,
    readable,
)


def timeline(numbers: DialogueNumbers, turn: int) -> FigureSpec:
    """Gold, predicted and (with parts off) later emotion of every turn."""
    names, count = numbers.emotions, len(numbers.gold)
    letters = abbreviations(names)
    tracks: list[tuple[str, np.ndarray, np.ndarray | None]] = [("gold", numbers.gold, None)]
    if numbers.before is not None:
        tracks.append(("predicted", numbers.predicted, numbers.before))
    if numbers.after is not None:
        tracks.append(("with parts off", numbers.after.argmax(1), numbers.after))
    records = []
    for row, classes, chances in tracks:
        for position in range(count):
            label = int(classes[position])
            if label < 0:
                continue
            chance = "" if chances is None else f" {chances[position, label]:.2f}"
            wrong = chances is not None and 0 <= numbers.gold[position] != label
            records.append({
                "turn": position, "row": row, "emotion": names[label], "mark": ("✗" if wrong else "") + letters[label],
                "says": f"turn {position}, {row}: {names[label]}{chance}{' (wrong)' if wrong else ''}",
            })  # fmt: skip
    columns = ["turn", "row", "emotion", "mark", "says"]
    return FigureSpec(
        "strip", pd.DataFrame(records, columns=columns), x="turn", y="row", colour="emotion", text="mark",
        hover=("says",), colours=emotion_colours(names), mark=turn, height=36 + 32 * len(tracks), x_label="",
        caption=reading(numbers),
    )  # fmt: skip


def abbreviations(names: tuple[str, ...]) -> list[str]:
    """The shortest beginnings, of two letters or more, that tell the names apart; of long ones the first and last."""
    found = []
    for name in names:
        others = [other for other in names if other != name]
        lengths = (size for size in range(2, len(name) + 1) if not any(o.startswith(name[:size]) for o in others))
        beginning = name[: next(lengths, len(name))]
        found.append(beginning if len(beginning) <= 3 else f"{beginning[0]}…{beginning[-1]}")
    return found


def reading(numbers: DialogueNumbers) -> str:
    """One sentence that reads the timeline."""
    count, labelled = len(numbers.gold), int((numbers.gold >= 0).sum())
    if numbers.before is None:
        return f"{count} turns, {labelled} of them labelled."
    if not labelled:
        return f"{count} turns without labels: what is right cannot be shown."
    right = labelled - int(numbers.wrong.sum())
    sentence = f"{right} of {labelled} labelled turns are predicted right (✗ marks the wrong ones)"
    if numbers.after is None:
        return sentence + "."
    later = int((numbers.after.argmax(1)[numbers.gold >= 0] == numbers.gold[numbers.gold >= 0]).sum())
    return f"{sentence}; with the parts off {later} of {labelled}."


def effect(numbers: DialogueNumbers) -> str:
    """What switching off did, in one sentence, with every flip named (the first eight)."""
    flips, count = numbers.flipped, len(numbers.gold)
    assert numbers.after is not None
    names, later = numbers.emotions, numbers.after.argmax(1)
    listed = ", ".join(
        f"turn {turn} {names[numbers.predicted[turn]]} → {names[later[turn]]}" for turn in map(int, flips[:8])
    )
    more = f" and {len(flips) - 8} more" if len(flips) > 8 else ""
    mean = float(numbers.delta.mean())
    return (
        f"{len(flips)} of {count} predictions flip{': ' + listed + more if len(flips) else ''}. "
        f"The probability of what was predicted changes by {signed(mean, 3)} on average (n = {count})."
    )


def parts(numbers: DialogueNumbers, turn: int) -> FigureSpec:
    """The exact values of the parts of one turn on the logit of its predicted emotion."""
    assert numbers.values is not None
    players = numbers.values.players
    values = numbers.value_of_predicted()[turn]
    groups = part_groups(players)
    frame = pd.DataFrame({
        "part": [readable(player) for player in players],
        "value": values.astype(float),
        "group": [part_group(player) for player in players],
        "label": [signed(value) for value in values],
    })  # fmt: skip
    return FigureSpec(
        "bars", frame, x="value", y="part", colour="group", text="label",
        colours={group: group_colour(group) for group in groups},
        patterns={group: group_pattern(group) for group in groups},
        caption=parts_reading(numbers, turn), height=40 + 26 * len(players),
    )  # fmt: skip


def parts_reading(numbers: DialogueNumbers, turn: int) -> str:
    """One sentence that reads the parts of a turn, with the error of the decomposition."""
    assert numbers.values is not None
    values, label = numbers.value_of_predicted()[turn], int(numbers.predicted[turn])
    baseline, total = (float(getattr(numbers.values, name)[turn, label]) for name in ("baseline", "total"))
    gap = float(numbers.values.completeness_gap[turn, label])
    best = int(values.argmax())
    lead = (
        f"{readable(numbers.values.players[best])} speaks most for “{numbers.emotions[label]}” ({signed(values[best])})"
        if values[best] > 0
        else f"no part speaks for “{numbers.emotions[label]}”"
    )
    return (
        f"{lead}. The values add up to {signed(total - baseline)}: from {signed(baseline)} logits with every part off "
        f"to {signed(total)} (error {gap:.1e})."
    )
