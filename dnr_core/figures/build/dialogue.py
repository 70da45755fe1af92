"""Figures of one dialogue and of one turn, and the sentences that read them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dnr_core.figures.numbers import DialogueNumbers, Offered
from dnr_core.figures.spec import (
    FigureSpec,
    emotion_colours,
    group_colour,
    group_pattern,
    part_group,
    part_groups,
    readable,
)
from dnr_core.figures.words import listed, p_value, signed
from dnr_core.types import ComponentValues, split_player

SMALLEST_GAP = 1e-12
"""Sums are not said to be closer than this."""


def timeline(numbers: DialogueNumbers, turn: int) -> FigureSpec:
    """Gold, predicted and (with parts off) later emotion of every turn."""
    tracks: list[tuple[str, np.ndarray, np.ndarray | None]] = [("gold", numbers.gold, None)]
    if numbers.before is not None:
        tracks.append(("predicted", numbers.predicted, numbers.before))
    if numbers.after is not None:
        tracks.append(("with parts off", numbers.after.argmax(1), numbers.after))
    return strip(numbers.emotions, numbers.gold, tracks, turn=turn, caption=reading(numbers))


def strip(
    names: tuple[str, ...],
    gold: np.ndarray,
    tracks: Sequence[tuple[str, np.ndarray, np.ndarray | None]],
    *,
    turn: int,
    caption: str,
) -> FigureSpec:
    """An emotion for every turn, a row a track, `turn` marked, what is not gold marked ✗.

    `gold` (T,), −1: no label; `tracks`: name, classes (T,), −1: none in this turn, and their probabilities (T, C).
    """
    letters, records = abbreviations(names), []
    for row, classes, chances in tracks:
        for place in np.flatnonzero(classes >= 0).tolist():
            label = int(classes[place])
            chance = "" if chances is None else f" {chances[place, label]:.2f}"
            wrong = chances is not None and 0 <= gold[place] != label
            records.append({
                "turn": place, "row": row, "emotion": names[label], "mark": ("✗" if wrong else "") + letters[label],
                "says": f"turn {place}, {row}: {names[label]}{chance}{' (wrong)' if wrong else ''}",
            })  # fmt: skip
    columns = ["turn", "row", "emotion", "mark", "says"]
    return FigureSpec(
        "strip", pd.DataFrame(records, columns=columns), x="turn", y="row", colour="emotion", text="mark",
        hover=("says",), colours=emotion_colours(names), mark=turn, height=36 + 32 * len(tracks), x_label="",
        caption=caption,
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
    return part_values(numbers.values, turn, int(numbers.predicted[turn]), numbers.emotions)


def part_values(found: ComponentValues, turn: int, label: int, emotions: tuple[str, ...]) -> FigureSpec:
    """The exact values of the parts of one turn on the logit of the emotion `label`."""
    caption = parts_reading(found, turn, label, emotions)
    return part_bars(found.players, found.values[turn, :, label], caption=caption, height=40 + 26 * len(found.players))


def offered(emotions: tuple[str, ...], found: Offered) -> FigureSpec:
    """The bits of the atoms of what the data offer about one turn."""
    caption = offered_reading(emotions, found)
    return part_bars(found.atoms, found.bits, caption=caption, height=36 + 20 * len(found.atoms))


def about_values(players: tuple[str, ...]) -> str:
    """What the bars of a run's parts show; says so where its parts are whole modalities."""
    if any(split_player(player)[0] != "modality" for player in players):
        return "Exact Shapley value of each part, in logits."
    return "Exact Shapley value of each whole modality, in logits: this method has no smaller parts."


def part_bars(players: tuple[str, ...], values: np.ndarray, *, caption: str, height: int) -> FigureSpec:
    """One signed bar a part, in the colour and pattern of its family or modality."""
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
        caption=caption, height=height,
    )  # fmt: skip


def parts_reading(found: ComponentValues, turn: int, label: int, emotions: tuple[str, ...]) -> str:
    """One sentence that reads the parts of a turn, for the emotion `label`."""
    values = found.values[turn, :, label]
    baseline, total = (float(getattr(found, name)[turn, label]) for name in ("baseline", "total"))
    best = int(values.argmax())
    lead = (
        f"{readable(found.players[best])} speaks most for “{emotions[label]}” ({signed(values[best])})"
        if values[best] > 0
        else f"no part speaks for “{emotions[label]}”"
    )
    return (
        f"{lead}. The values add up to {signed(total - baseline)}: from {signed(baseline)} logits with every part off "
        f"to {signed(total)}."
    )


def claim(numbers: DialogueNumbers, turn: int, failed: tuple[str, ...]) -> str:
    """Whether a part of a turn is decisive, and the error of its values. `failed`: parts that fail their null test."""
    assert numbers.values is not None
    gap = float(numbers.values.completeness_gap[turn, numbers.predicted[turn]])
    sums = f"The values sum to the change of the logit within {gap:.1e}."
    found = numbers.claims
    if found is None:
        return f"Whether a part is decisive cannot be said because the null tests of this split are not stored. {sums}"
    if found.reason is not None:
        return f"Whether a part is decisive cannot be said because {found.reason}. {sums}"
    p, players = p_value(found.p[turn]), numbers.values.players
    if found.significant[turn]:
        return f"Decisive: {readable(f'{found.family[turn]}:{found.sources[turn]}')} ({p}). {sums}"
    named = [player for player, own in zip(players, found.named[turn], strict=True) if own and player in failed]
    why = f"; {listed(tuple(named))} fail{'s its' if len(named) == 1 else ' their'} null test on dev" if named else ""
    return f"No single part decisive ({p}{why}). {sums}"


def sets_reading(sets: dict[str, tuple[str, ...] | None], label: str, where: str = "in every turn") -> str:
    """The smallest sets of parts that keep the predicted emotion `label` alone, and that flip it when off."""
    keeping, flipping = sets["keeping"], sets["flipping"]
    keeps = (
        f"“{label}” stays even with every part off"
        if not keeping
        else f"smallest set that keeps “{label}” when all others are off: {listed(keeping)}"
    )
    flips = "no set of parts flips it" if not flipping else f"smallest set that flips it when off: {listed(flipping)}"
    return f"{keeps[0].upper()}{keeps[1:]}; {flips} (off {where})."


def offered_reading(emotions: tuple[str, ...], found: Offered) -> str:
    """One sentence that reads what the data offer about a turn, with the error of the decomposition."""
    label, most = emotions[found.label], readable(found.largest)
    bits, p = signed(float(found.bits.max())), p_value(found.p)
    lead = (
        f"Most about “{label}” is {most} ({bits} bits, {p})"
        if found.significant
        else f"Nothing significant: the largest, {most} ({bits} bits, {p}), may not be claimed"
    )
    gap = max(found.gap, SMALLEST_GAP)
    return f"{lead}. All sum to the {signed(found.total)} bits of all modalities within {gap:.1e}."


def contributions(numbers: DialogueNumbers, turn: int | None = None) -> FigureSpec:
    """What each family of parts adds to the logit of the predicted emotion of every turn, stacked."""
    assert numbers.values is not None
    players, values = numbers.values.players, numbers.value_of_predicted()
    groups, own = part_groups(players), np.array([part_group(player) for player in players])
    rows = [(place, group) for place in range(len(numbers.gold)) for group in groups]
    sums = [float(values[place, own == group].sum()) for place, group in rows]
    frame = pd.DataFrame({
        "turn": [place for place, _ in rows],
        "group": [group for _, group in rows],
        "value": sums,
        "says": [f"turn {place}, {group}: {signed(value)}" for (place, group), value in zip(rows, sums, strict=True)],
    })  # fmt: skip
    return FigureSpec(
        "columns", frame, x="turn", y="value", colour="group", hover=("says",), x_label="turn", y_label="logits",
        colours={group: group_colour(group) for group in groups},
        patterns={group: group_pattern(group) for group in groups},
        mark=turn, height=220, caption=contributions_reading(numbers, turn),
    )  # fmt: skip


def contributions_reading(numbers: DialogueNumbers, turn: int | None = None) -> str:
    """What the stacked values are, and in how many turns one source is decisive."""
    what = "Exact Shapley values on the logit of the predicted emotion, added up by family"
    if all(part_group(player) == split_player(player)[1][0] for player in numbers.values.players):
        what = "Exact Shapley values of whole modalities on the logit of the predicted emotion"
    where = "" if turn is None else f"; dotted: turn {turn}"
    found = numbers.claims
    if found is None or found.reason is not None:
        return f"{what}{where}. Whether a part is decisive is not tested."
    decisive = np.flatnonzero(found.significant).tolist()
    named = f": {', '.join(map(str, decisive))}" if 0 < len(decisive) <= 20 else ""
    return f"{what}{where}. {len(decisive)} of {len(numbers.gold)} turns have a single decisive part{named}."


def case(numbers: DialogueNumbers) -> FigureSpec:
    """The dialogue as a table: who says what, what was felt, what is predicted and which part is decisive."""
    found, turns = numbers.claims, numbers.dialogue.utterances
    tested = found is not None and found.reason is None
    decisive = [
        readable(f"{found.family[place]}:{found.sources[place]}") if tested and found.significant[place] else "–"
        for place in range(len(turns))
    ]
    wrong = numbers.wrong
    frame = pd.DataFrame({
        "turn": range(len(turns)),
        "speaker": [one.speaker for one in turns],
        "words": [one.text for one in turns],
        "gold": [one.emotion or "–" for one in turns],
        "predicted": [
            ("✗ " if wrong[place] else "") + numbers.emotions[label] for place, label in enumerate(numbers.predicted)
        ],
        "decisive": decisive,
    })  # fmt: skip
    return FigureSpec("table", frame, x="turn", y="words", height=60 + 24 * len(turns), caption=reading(numbers))
