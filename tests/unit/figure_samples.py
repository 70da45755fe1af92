"""Specs of every kind with invented numbers, as small, as large and as awkward as pages can make them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from dnr_core.figures.spec import (
    ACCENT,
    QUIET,
    FigureSpec,
    emotion_colours,
    group_colour,
    group_pattern,
    part_group,
    readable,
)

EMOTIONS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust", "calm", "proud", "bored", "awe", "shy")
PLAYERS = (
    "unique:text", "unique:audio", "unique:visual", "redundant:audio+text", "redundant:text+visual",
    "redundant:audio+visual", "synergistic:audio+text", "synergistic:text+visual", "synergistic:audio+visual",
)  # fmt: skip
WORDS = (
    "Oh my God, he’s lost it. He’s lost it.", "What?", "You know what? It costs $5, 100 % of it, & more_or_less",
    "No no no, I said that I would come as soon as the train from Edinburgh had arrived, and it has not arrived yet",
)  # fmt: skip


def signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def numbers(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.4, count)


def bars(count: int = 9, **more) -> FigureSpec:
    values = numbers(count, 3)
    players = [PLAYERS[place % 9] for place in range(count)]
    names = [readable(one) + ("" if place < 9 else f" {place}") for place, one in enumerate(players)]
    groups = [part_group(one) for one in players]
    frame = pd.DataFrame({"part": names, "value": values, "group": groups, "label": [signed(v) for v in values]})
    return FigureSpec(
        "bars", frame, x="value", y="part", colour="group", text="label", x_label="value, logits",
        colours={group: group_colour(group) for group in groups},
        patterns={group: group_pattern(group) for group in groups}, title="Parts of a turn", **more,
    )  # fmt: skip


def drops() -> FigureSpec:
    spec = bars()
    frame = spec.data.assign(low=spec.data["value"] - 0.1, high=spec.data["value"] + 0.15).drop(columns="label")
    frame["group"] = np.where(frame["value"] > 0.1, frame["group"], "not above its null")
    colours = spec.colours | {"not above its null": QUIET}
    return FigureSpec(
        "bars", frame, x="value", y="part", colour="group", low="low", high="high", colours=colours,
        patterns=spec.patterns, x_label="drop of weighted F1",
    )  # fmt: skip


def whiskers() -> FigureSpec:
    spec = drops()
    return replace(spec, data=spec.data.assign(label=[signed(v) for v in spec.data["value"]]), text="label")


def lines() -> FigureSpec:
    epochs = np.arange(1, 41)
    frame = pd.concat([
        pd.DataFrame({"epoch": epochs, "f1": 0.6 - 0.4 / (epochs + place) + 0.02 * numbers(40, place), "stage": stage})
        for place, stage in enumerate(("decompose", "refine", "predict", "random order"))
    ])  # fmt: skip
    colours = dict(zip(frame["stage"].unique(), (QUIET, ACCENT, "#D55E00", "#009E73"), strict=True))
    return FigureSpec(
        "lines", frame, x="epoch", y="f1", colour="stage", colours=colours, x_label="epoch", mark=17,
        y_label="weighted F1 on dev", title="Training",
    )  # fmt: skip


def confusion(count: int = 7, kind: str = "matrix") -> FigureSpec:
    names = EMOTIONS[:count]
    counts = np.random.default_rng(1).integers(0, 400, (count, count)) + 900 * np.eye(count, dtype=int)
    share = counts / counts.sum(1, keepdims=True)
    frame = pd.DataFrame(
        [(names[i], names[j], f"{counts[i, j]:,}", share[i, j]) for i in range(count) for j in range(count)],
        columns=["gold", "predicted", "count", "share"],
    )
    if kind == "squares":
        frame["frame"] = [("focus" if place == 2 else "chosen" if place == 9 else "") for place in frame.index]
        frame["what"] = "hover"
    return FigureSpec(
        kind, frame, x="predicted", y="gold", colour="share", text="count", x_label="predicted", y_label="gold",
        hover=("what",) if kind == "squares" else (),
    )  # fmt: skip


def means(parts: int = 9, emotions: int = 7) -> FigureSpec:
    values = numbers(parts * emotions, 5).reshape(emotions, parts)
    players = PLAYERS[:parts]
    frame = pd.DataFrame([
        {"emotion": f"{EMOTIONS[e]} (n = {100 * (e + 1):,})", "part": readable(players[p]), "value": values[e, p],
         "label": signed(values[e, p])}
        for e in range(emotions) for p in range(parts)
    ])  # fmt: skip
    return FigureSpec("signed_matrix", frame, x="part", y="emotion", colour="value", text="label")


def interactions(parts: int = 9) -> FigureSpec:
    rows = [(row, column) for row in range(1, parts) for column in range(row)]
    values = numbers(len(rows), 8)
    frame = pd.DataFrame({
        "part": [readable(PLAYERS[r]) for r, _ in rows], "with": [readable(PLAYERS[c]) for _, c in rows],
        "interaction": values, "label": [signed(v) for v in values],
    })  # fmt: skip
    return FigureSpec("signed_matrix", frame, x="with", y="part", colour="interaction", text="label", reach=1.3)


def strip(turns: int = 14, emotions: int = 7) -> FigureSpec:
    picks = np.random.default_rng(2).integers(0, emotions, (2, turns))
    rows = [
        {"turn": turn, "row": row, "emotion": EMOTIONS[picks[place, turn]],
         "mark": ("✗" if place and picks[0, turn] != picks[1, turn] else "") + EMOTIONS[picks[place, turn]][:2],
         "says": f"turn {turn}"}
        for place, row in enumerate(("gold", "predicted")) for turn in range(turns)
    ]  # fmt: skip
    return FigureSpec(
        "strip", pd.DataFrame(rows), x="turn", y="row", colour="emotion", text="mark", hover=("says",),
        colours=emotion_colours(EMOTIONS[:emotions]), mark=min(4, turns - 1),
    )  # fmt: skip


def columns(turns: int = 14, *, stacked: bool = False) -> FigureSpec:
    groups = ("unique", "redundant", "synergistic") if stacked else ("earlier",)
    rows = [
        {"turn": turn, "value": value, "group": group, "says": f"turn {turn}"}
        for place, group in enumerate(groups) for turn, value in enumerate(numbers(turns, place))
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    if not stacked:
        frame["group"] = ["earlier" if turn < 4 else "itself" if turn == 4 else "later" for turn in frame["turn"]]
    names = frame["group"].unique()
    shades = {"earlier": ACCENT, "itself": QUIET, "later": "#B4500A"}
    signs = {"earlier": "", "itself": "x", "later": "/"}
    return FigureSpec(
        "columns", frame, x="turn", y="value", colour="group", hover=("says",), x_label="turn", y_label="logits",
        colours={name: group_colour(name) if stacked else shades[name] for name in names},
        patterns={name: group_pattern(name) if stacked else signs[name] for name in names}, mark=min(4, turns - 1),
    )  # fmt: skip


def reliability() -> FigureSpec:
    confidence = np.array([0.23, 0.31, 0.38, 0.46, 0.55, 0.65, 0.75, 0.85, 0.96])
    share = np.array([0.3, 0.22, 0.41, 0.43, 0.5, 0.56, 0.69, 0.77, 0.91])
    frame = pd.DataFrame({
        "confidence": confidence, "accuracy": share, "low": share - 0.07, "high": np.minimum(share + 0.06, 1.0),
        "label": [f"{n:,}" for n in (12, 43, 120, 333, 290, 310, 402, 512, 1204)], "what": "hover",
    })  # fmt: skip
    return FigureSpec(
        "reliability", frame, x="confidence", y="accuracy", low="low", high="high", text="label", hover=("what",),
        x_label="confidence: probability of the predicted emotion", y_label="share right",
    )  # fmt: skip


def intervals(count: int = 7) -> FigureSpec:
    value = 4 * numbers(count, 11)
    frame = pd.DataFrame({
        "label": [f"{name} (n = {place + 12:,})" for place, name in enumerate(EMOTIONS[:count])],
        "emotion": EMOTIONS[:count], "points": value, "low": value - 1.0, "high": value + 1.2,
        "written": [signed(one) for one in value],
    })  # fmt: skip
    return FigureSpec(
        "intervals", frame, x="points", y="label", colour="emotion", text="written", low="low", high="high",
        colours=emotion_colours(EMOTIONS), x_label="change of F1 from A to B, points",
    )  # fmt: skip


def scatter(count: int = 900, groups: int = 7, *, picked: int = 0, number: bool = False) -> FigureSpec:
    draw = np.random.default_rng(4)
    names = [EMOTIONS[place % 12] + ("" if place < 12 else f" {place}") for place in range(groups)]
    middles = draw.normal(0, 3, (groups, 2))
    which = draw.integers(0, groups, count)
    points = middles[which] + draw.normal(0, 1.0, (count, 2))
    frame = pd.DataFrame({
        "x": points[:, 0], "y": points[:, 1], "key": [f"dia{place}_utt0" for place in range(count)],
        "group": draw.uniform(0, 1, count) if number else [names[one] for one in which],
        "focus": np.arange(count) == 5, "picked": np.arange(count) < picked,
    })  # fmt: skip
    shapes = ("circle", "diamond", "square", "triangle-up", "cross", "x", "triangle-down", "circle-open")
    return FigureSpec(
        "scatter", frame, x="x", y="y", colour="group", text="share right" if number else "emotion",
        colours={} if number else emotion_colours(tuple(names)),
        patterns={} if number else {name: shapes[place % 8] for place, name in enumerate(names)},
    )  # fmt: skip


def table(rows: int = 8) -> FigureSpec:
    frame = pd.DataFrame({
        "turn": range(rows), "speaker": [("Chandler", "Monica")[turn % 2] for turn in range(rows)],
        "words": [WORDS[turn % 4] for turn in range(rows)], "gold": [EMOTIONS[turn % 5] for turn in range(rows)],
        "predicted": [EMOTIONS[(2 * turn) % 5] for turn in range(rows)],
        "probability": np.linspace(0.31, 0.97, rows).round(2),
    })  # fmt: skip
    return FigureSpec("table", frame, x="turn", y="speaker", colour="predicted", colours=emotion_colours(EMOTIONS))


EVERY = {
    "bars": bars, "drops": drops, "whiskers": whiskers, "lines": lines, "matrix": confusion,
    "squares": lambda: confusion(kind="squares"), "signed_matrix": means, "interactions": interactions, "strip": strip,
    "columns": columns, "stacked": lambda: columns(stacked=True), "reliability": reliability, "intervals": intervals,
    "scatter": scatter, "picked": lambda: scatter(picked=80), "shaded": lambda: scatter(number=True), "table": table,
}  # fmt: skip
"""One figure of each kind, and of kinds with more than one face."""
