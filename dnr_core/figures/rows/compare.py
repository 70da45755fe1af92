"""A comparison of two runs as rows of HTML cells, and the sentences that read it. `found`: the engine's Comparison."""

from __future__ import annotations

from typing import Any

from dnr_core.figures.words import p_value, points, spelt

SCORES = {"weighted_f1": "weighted F1", "accuracy": "accuracy", "macro_f1": "macro F1"}
SCORE_HEADER = ("", "A", "B", "B − A, points", "95 %")
ABOUT_SCORES = (
    "95 % intervals from drawing whole dialogues, the same for both, with replacement. They speak of these two runs: "
    "other seeds of the same methods may differ."
)
LEVEL = 0.05


def score_rows(found: Any) -> list[list[str]]:
    """One row of HTML cells a score."""
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
