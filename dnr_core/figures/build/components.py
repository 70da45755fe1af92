"""Figures of what the parts of a model do in one turn and over a split, and of what the modalities tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dnr_core.figures.spec import QUIET, FigureSpec, group_colour, group_pattern, part_group, readable
from dnr_core.figures.words import signed
from dnr_core.types import ComponentValues

BELOW_NULL, SEVERAL = "not above its null", "several"
CELL, MARGIN = 30, 110
"""Height of a row of a matrix, and of the names under it, in pixels."""


def interactions(found: ComponentValues, label: int, emotions: tuple[str, ...]) -> FigureSpec:
    """The pairwise interactions of the parts of one turn for the emotion `label`, each pair once, as dark as a value as
    large.
    """
    assert found.interactions is not None
    players, table = found.players, found.interactions[0, :, :, label]
    pairs = [(row, column) for row in range(1, len(players)) for column in range(row)]
    frame = pd.DataFrame({
        "part": [readable(players[row]) for row, _ in pairs],
        "with": [readable(players[column]) for _, column in pairs],
        "interaction": [float(table[pair]) for pair in pairs],
        "label": [signed(float(table[pair])) for pair in pairs],
    })  # fmt: skip
    return FigureSpec(
        "signed_matrix", frame, x="with", y="part", colour="interaction", text="label",
        reach=float(max(np.abs(table).max(), np.abs(found.values[0, :, label]).max())),
        caption=interaction_reading(found, emotions[label], label), height=MARGIN + CELL * (len(players) - 1),
    )  # fmt: skip


def strongest_pair(found: ComponentValues, label: int) -> tuple[str, str, float]:
    """The two parts with the largest interaction in size, and that interaction."""
    assert found.interactions is not None
    table = np.tril(found.interactions[0, :, :, label], -1)
    row, column = np.unravel_index(int(np.abs(table).argmax()), table.shape)
    return found.players[int(row)], found.players[int(column)], float(table[row, column])


def interaction_reading(found: ComponentValues, emotion: str, label: int) -> str:
    """What the strongest interaction means."""
    one, other, value = strongest_pair(found, label)
    if abs(value) < 0.005:
        return f"No two parts interact on “{emotion}”: each says the same whatever the others say."
    meaning = "more than the two alone" if value > 0 else "less than the two alone: one stands in for the other"
    return f"Strongest: {readable(one)} with {readable(other)} ({signed(value)}): together they say {meaning}."


def mean_matrix(found: Any, emotions: tuple[str, ...]) -> FigureSpec:
    """Mean value of each part over the turns predicted as each emotion. `found`: the engine's SplitValues."""
    mean = found.mean
    rows = [(place, k) for place in range(len(emotions)) if mean.n[place] for k in range(len(mean.players))]
    frame = pd.DataFrame({
        "emotion": [f"{emotions[place]} (n = {mean.n[place]:,})" for place, _ in rows],
        "part": [readable(mean.players[k]) for _, k in rows],
        "value": [float(mean.value[place, k]) for place, k in rows],
        "label": [signed(float(mean.value[place, k])) for place, k in rows],
    })  # fmt: skip
    return FigureSpec(
        "signed_matrix", frame, x="part", y="emotion", colour="value", text="label",
        caption=mean_reading(found, emotions), height=MARGIN + CELL * frame["emotion"].nunique(),
    )  # fmt: skip


def mean_reading(found: Any, emotions: tuple[str, ...]) -> str:
    """Where the largest mean is, with its interval, and how wide the intervals are."""
    mean = found.mean
    place, part = np.unravel_index(int(np.nanargmax(mean.value)), mean.value.shape)
    low, high = mean.interval[place, part]
    within = "" if np.isnan(low) else f", 95 % {signed(float(low))} to {signed(float(high))}"
    half = np.diff(mean.interval, axis=2) / 2
    widest = "" if np.isnan(half).all() else f" No interval is wider than ± {np.nanmax(half):.2f}."
    return (
        f"Largest: {readable(mean.players[part])} where “{emotions[place]}” is predicted "
        f"({signed(float(mean.value[place, part]))} logits{within}).{widest}"
    )


def drop_bars(found: Any) -> FigureSpec | None:
    """What weighted F1 loses without parts, modalities and families; None where there are no labels."""
    drops = [drop for drop in found.drops if drop.kind == "component" or len(drop.off) > 1]
    if not drops or drops[0].drop is None:
        return None
    groups = [part_group(drop.name) if drop.kind == "component" else drop.name for drop in drops]
    edges = [drop.interval or (drop.drop, drop.drop) for drop in drops]
    frame = pd.DataFrame({
        "part": [drop_name(drop) for drop in drops],
        "drop": [drop.drop for drop in drops],
        "low": [low for low, _ in edges],
        "high": [high for _, high in edges],
        "group": groups,
        "label": [signed(drop.drop, 3) for drop in drops],
    })  # fmt: skip
    most = max(drops, key=lambda drop: drop.drop)
    return FigureSpec(
        "bars", frame, x="drop", y="part", colour="group", text="label", low="low", high="high",
        colours={group: group_colour(group) for group in groups},
        patterns={group: group_pattern(group) for group in groups}, height=60 + 22 * len(drops),
        caption=f"Without {drop_name(most)} weighted F1 falls most, from {most.full:.3f} to {most.without:.3f} "
        f"(n = {most.n:,}; lines: 95 % intervals of the fall).",
    )  # fmt: skip


def drop_name(drop: Any) -> str:
    """What is off, in words."""
    return {"component": readable(drop.name), "family": f"all {drop.name}"}.get(
        drop.kind, f"everything with {drop.name}"
    )


def bits_rows(found: Any) -> list[tuple[str, str, Any]]:
    """(name, family, bits) of every number of a split's information. `found`: the engine's SplitInformation."""
    rows = []
    for pair, parts_of_pair in found.pairs.items():
        first, second = pair.split("+")
        names = {"unique_1": f"unique {first}", "unique_2": f"unique {second}"}
        for part, bits in parts_of_pair.items():
            rows.append((f"{pair}: {names.get(part, part)}", part.partition("_")[0], bits))
    return rows


def bits_bars(found: Any) -> FigureSpec:
    """What each pair of modalities tells of the gold emotion, in bits."""
    rows = bits_rows(found)
    groups = [family if bits.significant else BELOW_NULL for _, family, bits in rows]
    frame = pd.DataFrame({
        "atom": [name for name, _, _ in rows],
        "bits": [bits.value for _, _, bits in rows],
        "low": [bits.interval[0] for _, _, bits in rows],
        "high": [bits.interval[1] for _, _, bits in rows],
        "group": groups,
        "label": [f"{bits.value:.2f}" for _, _, bits in rows],
    })  # fmt: skip
    known = set(groups) - {BELOW_NULL}
    return FigureSpec(
        "bars", frame, x="bits", y="atom", colour="group", text="label", low="low", high="high",
        colours={BELOW_NULL: QUIET} | {group: group_colour(group) for group in known},
        patterns={group: group_pattern(group) for group in known}, height=60 + 22 * len(rows),
        caption=bits_reading(found),
    )  # fmt: skip


def bits_reading(found: Any) -> str:
    """What all modalities tell together."""
    union, synergistic, total = (found.whole[name] for name in ("union", "synergistic", "total"))
    return (
        f"All modalities together tell {bits_spelt(total)} bits of the gold emotion: {bits_spelt(union)} are told by "
        f"single modalities (what several tell counted once), {bits_spelt(synergistic)} only by their combination "
        f"(n = {found.n:,} labelled turns; 95 % intervals over dialogues)."
    )


def bits_spelt(bits: Any) -> str:
    """`0.89 (0.83–0.96)`."""
    return f"{bits.value:.2f} ({bits.interval[0]:.2f}–{bits.interval[1]:.2f})"


def subset_bars(found: Any) -> FigureSpec | None:
    """Weighted F1 with the parts of each subset of the modalities alone; None where there are no labels.

    `found`: the engine's SplitValues.
    """
    if not found.subsets:
        return None
    names = [" + ".join(one.modalities) or "none" for one in found.subsets]
    edges = [one.interval or (one.value, one.value) for one in found.subsets]
    alone = [one.modalities[0] if len(one.modalities) == 1 else SEVERAL for one in found.subsets]
    frame = pd.DataFrame({
        "modalities": names,
        "weighted F1": [one.value for one in found.subsets],
        "low": [low for low, _ in edges],
        "high": [high for _, high in edges],
        "group": alone,
        "label": [f"{one.value:.3f}" for one in found.subsets],
    })  # fmt: skip
    single = {name: group_colour(name) for name in dict.fromkeys(alone) if name != SEVERAL}
    return FigureSpec(
        "bars", frame, x="weighted F1", y="modalities", colour="group", text="label", low="low", high="high",
        colours={SEVERAL: QUIET} | single, patterns={name: group_pattern(name) for name in single},
        x_label="weighted F1", height=60 + 26 * len(frame), caption=subset_reading(found),
    )  # fmt: skip


def subset_reading(found: Any) -> str:
    """What the best single modality reaches, and what all reach."""
    whole = found.subsets[-1]
    singles = [one for one in found.subsets if len(one.modalities) == 1]
    best = max(singles, key=lambda one: one.value)
    return (
        f"Best alone: {best.modalities[0]} ({best.value:.3f}); all together {whole.value:.3f}. A part is on where all "
        f"its modalities are; the others stand at their mean (n = {whole.n:,}; 95 % intervals over dialogues)."
    )
