"""What both runs say of the utterance in focus of the Compare page."""

from __future__ import annotations

from dashboard.compare_data import Compared
from dashboard.markup import dot, shown, track
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.spec import emotion_colours

ABOUT_PARTS = (
    "Exact Shapley values in logits, each for what that run predicts. Every model has its own scale: compare which "
    "parts lead, not how long the bars are."
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
