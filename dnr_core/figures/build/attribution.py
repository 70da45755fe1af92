"""Figures of an attribution, and the sentences that read them. `found`: the engine's Attribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dnr_core.figures.build.dialogue import part_bars
from dnr_core.figures.spec import ACCENT, QUIET, FigureSpec, group_colour, group_pattern, readable
from dnr_core.figures.words import signed

CONTEXT, OTHERS = "all other turns", "other features"
TURN_COLOURS = {"earlier": ACCENT, "itself": QUIET, "later": "#B4500A"}
TURN_PATTERNS = {"earlier": "", "itself": "x", "later": "/"}
CURVES = {
    "largest values first": ACCENT,
    "random order": QUIET,
    "smallest values first": "#B4500A",
}
FOR_IT, AGAINST_IT, OTHER_WORDS = "for it", "against it", "all other words"
WORD_COLOURS = {FOR_IT: ACCENT, AGAINST_IT: "#B4500A", OTHER_WORDS: QUIET}
WORD_PATTERNS = {FOR_IT: "", AGAINST_IT: "/", OTHER_WORDS: "x"}
MOST_WORDS = 40
"""So many words have a bar of their own."""
SMALLEST = 0.005
"""Values below this are written as 0.00, and are not said to speak for anything."""


def features(found: Any, top: int) -> FigureSpec:
    """The `top` features of the turn by size, then all others and all other turns: the bars sum to the whole."""
    own = np.array([kind != "context" for kind in found.kinds])
    order = np.argsort(-np.abs(np.where(own, found.values, 0.0)), kind="stable")[: min(top, int(own.sum()))]
    rows = [
        (f"{found.kinds[place]} · {found.names[place]}", float(found.values[place]), found.kinds[place],
         measured(found, int(place)))
        for place in order
    ]  # fmt: skip
    left = own.copy()
    left[order] = False
    if left.any():
        rows.append((f"{int(left.sum())} {OTHERS}", float(found.values[left].sum()), OTHERS, "their sum"))
    if not own.all():
        rows.append((CONTEXT, float(found.values[~own].sum()), CONTEXT, "their sum"))
    frame = pd.DataFrame(rows, columns=["item", "value", "group", "says"])
    frame["label"] = [signed(value) for value in frame["value"]]
    frame["says"] = frame["item"] + ", " + frame["says"]
    groups = frame["group"].unique()
    return FigureSpec(
        "bars", frame, x="value", y="item", colour="group", text="label", hover=("says",),
        colours={group: group_colour(group) for group in groups},
        patterns={group: group_pattern(group) for group in groups},
        caption=reading(found), height=40 + 24 * len(frame),
    )  # fmt: skip


def measured(found: Any, place: int) -> str:
    """The value that a feature was measured at."""
    value = float(found.observed[place])
    return "not measured" if np.isnan(value) else f"measured {value:.4g}"


def turns(found: Any) -> FigureSpec:
    """What each turn of the dialogue adds."""
    frame = pd.DataFrame({
        "turn": range(len(found.values)),
        "value": found.values.astype(float),
        "kind": list(found.kinds),
        "says": [f"turn {turn}: {signed(value, 3)}" for turn, value in enumerate(found.values)],
    })  # fmt: skip
    return FigureSpec(
        "columns", frame, x="turn", y="value", colour="kind", hover=("says",), colours=TURN_COLOURS,
        patterns=TURN_PATTERNS, mark=found.kinds.index("itself"), x_label="turn", y_label=f"{found.scale}",
        caption=reading(found), height=220,
    )  # fmt: skip


def blocks(found: Any) -> FigureSpec:
    """What each modality, or each part, adds over the whole dialogue."""
    names = tuple(name if found.over == "components" else f"modality:{name}" for name in found.names)
    return part_bars(names, found.values, caption=reading(found), height=40 + 26 * len(names))


def words(found: Any) -> FigureSpec:
    """What each word adds, in the order of the sentence; of a long one the MOST_WORDS largest, then the sum of the others."""
    own = np.sort(np.argsort(-np.abs(found.values), kind="stable")[:MOST_WORDS])
    rows = [(f"{place + 1} · {short(found.names[place])}", float(found.values[place])) for place in own]
    groups = [FOR_IT if value >= 0 else AGAINST_IT for _, value in rows]
    if len(own) < len(found.values):
        rows.append((f"{len(found.values) - len(own)} other words", float(np.delete(found.values, own).sum())))
        groups.append(OTHER_WORDS)
    frame = pd.DataFrame(rows, columns=["item", "value"]).assign(group=groups)
    frame["label"] = [signed(value) for value in frame["value"]]
    frame["says"] = frame["item"] + ": " + [signed(value, 3) for value in frame["value"]]
    return FigureSpec(
        "bars", frame, x="value", y="item", colour="group", text="label", hover=("says",), colours=WORD_COLOURS,
        patterns=WORD_PATTERNS, caption=reading(found), height=40 + 24 * len(frame),
    )  # fmt: skip


def short(word: str) -> str:
    """A word cut to what fits beside a bar."""
    return word if len(word) <= 24 else f"{word[:23]}…"


def item_name(found: Any, place: int) -> str:
    """An item in words."""
    name, kind = found.names[place], found.kinds[place]
    if kind == "context":
        return "the rest of the dialogue"
    if found.over == "turns":
        return f"turn {place}" + (" (this one)" if kind == "itself" else "")
    if found.over == "words":
        return f"the word “{name}”"
    return (
        readable(name) if found.over == "components" else name if found.over == "modalities" else f"“{name}” of {kind}"
    )


def reading(found: Any) -> str:
    """Which item speaks most for the emotion and which against it, and what all of them add up to."""
    best, worst = int(found.values.argmax()), int(found.values.argmin())
    says = [
        f"{item_name(found, place)} speaks most {side} “{found.target}” ({signed(float(found.values[place]))} "
        f"{found.scale})"
        for place, side, there in (
            (best, "for", found.values[best] >= SMALLEST), (worst, "against", found.values[worst] <= -SMALLEST)
        )
        if there
    ]  # fmt: skip
    lead = "; ".join(says) or f"nothing speaks for or against “{found.target}”"
    return (
        f"{lead[0].upper()}{lead[1:]}.{strongest_other(found)} "
        f"All values together: {signed(float(found.values.sum()))}; the model goes from "
        f"{signed(found.baseline_total)} at the baseline to {signed(found.total)}."
    )


def strongest_other(found: Any) -> str:
    """Which turn but this one matters most, as a sentence; nothing for views other than turns."""
    if found.over != "turns":
        return ""
    others = np.array(
        [0.0 if kind == "itself" else value for kind, value in zip(found.kinds, found.values, strict=True)]
    )
    place = int(np.abs(others).argmax())
    return f" Of the other turns, turn {place} matters most ({signed(float(others[place]))})."


def insertion(found: Any, tested: Any) -> FigureSpec:
    """The output while items take their value back, in three orders. `tested`: the engine's AttributionCheck."""
    drawn = tested.curves
    orders = zip(CURVES, (drawn.insertion, drawn.random.mean(0), drawn.deletion), strict=True)
    frame = pd.concat([pd.DataFrame({"share": drawn.share, "output": y, "order": name}) for name, y in orders])
    return FigureSpec(
        "lines", frame, x="share", y="output", colour="order", colours=CURVES, x_label="share of items put back",
        y_label=f"{found.scale} of {found.target}", caption=insertion_reading(tested), height=300,
    )  # fmt: skip


def insertion_reading(tested: Any) -> str:
    """Whether the order of the values is better than chance, with the areas."""
    areas = tested.curves.areas
    spread = 2 * areas.random_deviation
    good = areas.insertion > areas.random + spread and areas.deletion < areas.random - spread
    lead = "Faithful here: the order beats chance both ways" if good else "Not clearly better than a random order"
    return (
        f"{lead}. Area under the curve: insertion {areas.insertion:.2f}, random {areas.random:.2f} ± "
        f"{areas.random_deviation:.2f} ({len(tested.curves.random)} orders), smallest first {areas.deletion:.2f} (read "
        "from the right it is deletion: the largest leave first)."
    )
