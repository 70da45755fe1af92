"""The tables and the figure of the Compare page, and the sentences that read them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard.compare_data import Compared
from dashboard.dialogue_data import DialogueNumbers
from dashboard.dialogue_figures import p_value
from dashboard.markup import dot, shown, signed, track
from dnr_core.figures.spec import FigureSpec, emotion_colours

SCORES = {"weighted_f1": "weighted F1", "accuracy": "accuracy", "macro_f1": "macro F1"}
SCORE_HEADER = ("", "A", "B", "B − A, points", "95 %")
ABOUT_SCORES = (
    "95 % intervals from drawing whole dialogues, the same for both, with replacement. They speak of these two runs: "
    "other seeds of the same methods may differ."
)
ABOUT_PARTS = (
    "Exact Shapley values in logits, each for what that run predicts. Every model has its own scale: compare which "
    "parts lead, not how long the bars are."
)
LEVEL = 0.05


def points(value: float, digits: int = 1) -> str:
    """A difference of scores (0 to 1) in points, signed."""
    return signed(100 * value, digits)


def spelt(interval: tuple[float, float]) -> str:
    """An interval of a difference in points: `−0.4 to 2.9`."""
    return " to ".join(points(end).removeprefix("+") for end in interval)


def score_rows(found: Any) -> list[list[str]]:
    """One row of HTML cells a score. `found`: the engine's Comparison."""
    return [
        [
            label, f"{change.a:.3f}", f"{change.b:.3f}", f"<b>{points(change.difference)}</b>",
            spelt(change.interval) if change.interval else "–",
        ]
        for label, change in ((label, found.scores[name]) for name, label in SCORES.items())
    ]  # fmt: skip


def verdict(found: Any) -> str:
    """The one sentence that reads the scores: by how much B is better in weighted F1, and whether that can be told."""
    change, of = found.scores["weighted_f1"], f"n = {found.n:,} turns in {found.dialogues:,} dialogues"
    size = f"{abs(100 * change.difference):.1f}"
    if change.difference == 0 and (not change.interval or not any(change.interval)):
        return f"A and B score the same in weighted F1 ({of})."
    lead = f"B is {size} points {'better' if change.difference > 0 else 'worse'} in weighted F1"
    if change.interval is None:
        return f"{lead} ({of}): one dialogue has no interval, so cannot tell."
    low, high = change.interval
    says = "cannot tell which is better" if low <= 0 <= high else "more than chance"
    return f"{lead} ({spelt(change.interval)}; {of}): {says}."


def agreement(found: Any) -> list[tuple[str, str, str]]:
    """Tiles: how many turns both, one or neither gets right."""
    one = {"only A right": len(found.only_a_right), "only B right": len(found.only_b_right)}
    counts = {"both right": found.both_right} | one | {"both wrong": found.both_wrong}
    return [(label, f"{count:,}", f"{count / found.n:.0%} of {found.n:,} turns") for label, count in counts.items()]


def mcnemar_reading(found: Any) -> str:
    """Whether the turns that only one side gets right are split more unevenly than by chance."""
    only_a, only_b = len(found.only_a_right), len(found.only_b_right)
    if not only_a + only_b:
        return "There is no turn that only one of them gets right."
    says = "an even split by chance is not excluded" if found.p_value >= LEVEL else "too uneven for chance"
    return (
        f"Of the {only_a + only_b:,} turns that only one gets right, A has {only_a:,} and B {only_b:,}: {says} "
        f"(McNemar's exact test, {p_value(found.p_value)}; it takes turns as independent)."
    )


def class_changes(found: Any) -> FigureSpec | None:
    """The change of the F1 of each emotion that occurs, with its interval; None where there is no interval."""
    there = {name: change for name, change in found.per_class.items() if found.support[name]}
    if any(change.interval is None for change in there.values()):
        return None
    frame = pd.DataFrame({
        "label": [f"{name} (n = {found.support[name]:,})" for name in there],
        "emotion": list(there),
        "points": [100 * change.difference for change in there.values()],
        "low": [100 * change.interval[0] for change in there.values()],
        "high": [100 * change.interval[1] for change in there.values()],
        "written": [points(change.difference) for change in there.values()],
    })  # fmt: skip
    return FigureSpec(
        "intervals", frame, x="points", y="label", colour="emotion", text="written", low="low", high="high",
        colours=emotion_colours(tuple(found.per_class)), x_label="change of F1 from A to B, points",
        caption=class_reading(there), height=70 + 40 * len(there),
    )  # fmt: skip


def class_reading(there: dict[str, Any]) -> str:
    """Which emotion changes most, and how many intervals leave zero out."""
    most = max(there, key=lambda name: abs(there[name].difference))
    told = sum(not change.interval[0] <= 0 <= change.interval[1] for change in there.values())
    return (
        f"Most changed: {most} ({points(there[most].difference)} points, {spelt(there[most].interval)}). "
        f"{told} of {len(there)} intervals leave 0 out (filled; not corrected for looking at {len(there)} emotions)."
    )


def chances(a: DialogueNumbers, b: DialogueNumbers, turn: int) -> list[list[str]]:
    """One row of HTML cells an emotion: its probability in A and in B, the predicted one bold."""
    colours, rows = emotion_colours(a.emotions), []
    for place, name in enumerate(a.emotions):
        gold = " <small>gold</small>" if a.gold[turn] == place else ""
        cells = [f"{dot(colours[name])}{shown(name)}{gold}"]
        for numbers in (a, b):
            assert numbers.before is not None
            chance = float(numbers.before[turn, place])
            written = f"<b>{chance:.3f}</b>" if numbers.predicted[turn] == place else f"{chance:.3f}"
            cells.append(f"{written}{track(chance, colours[name])}")
        rows.append(cells)
    return rows


def both_say(both: Compared, a: DialogueNumbers, b: DialogueNumbers) -> str:
    """What both runs predict for the turn in focus, against its label."""
    turn = both.a.turn
    said = [numbers.emotions[int(numbers.predicted[turn])] for numbers in (a, b)]
    gold = a.emotions[a.gold[turn]] if a.gold[turn] >= 0 else None
    marks = ["" if gold is None else " ✓" if name == gold else " ✗" for name in said]
    label = f"gold: {gold}" if gold else "no label"
    return f"A says {said[0]}{marks[0]}, B says {said[1]}{marks[1]}; {label}."
