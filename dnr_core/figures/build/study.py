"""Figures of a study: every model's score, and what a method adds to the baseline. `found`: a study's Summary."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dnr_core.figures.spec import ACCENT, OTHER_COLOURS, QUIET, FigureSpec
from dnr_core.figures.words import points


def model_name(method: str, backbone: str | None) -> str:
    """`dnr + mmgcn`, or the method alone."""
    return f"{method} + {backbone}" if backbone else method


def method_colours(methods: list[str], baseline: str) -> dict[str, str]:
    """A colour a method; the baseline is grey."""
    others = [method for method in methods if method != baseline]
    return {baseline: QUIET} | dict(zip(others, (ACCENT, *OTHER_COLOURS), strict=False))


def scores(found: Any, corpus: str, baseline: str) -> FigureSpec:
    """Weighted F1 of every model on a corpus, mean over seeds with its interval."""
    rows = [row for row in found.rows if row.corpus == corpus]
    told = [row.scores["weighted_f1"] for row in rows]
    edges = [one["interval"] or (one["mean"], one["mean"]) for one in told]
    frame = pd.DataFrame({
        "model": [model_name(row.method, row.backbone) for row in rows],
        "weighted F1": [one["mean"] for one in told],
        "low": [low for low, _ in edges],
        "high": [high for _, high in edges],
        "method": [row.method for row in rows],
        "label": [f"{one['mean']:.3f}" for one in told],
    })  # fmt: skip
    best = max(zip(told, rows, strict=True), key=lambda pair: pair[0]["mean"])
    seeds = sorted({len(row.seeds) for row in rows})
    many = " to ".join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))
    return FigureSpec(
        "bars", frame, x="weighted F1", y="model", colour="method", text="label", low="low", high="high",
        colours=method_colours(list(dict.fromkeys(frame["method"])), baseline),
        x_label=f"weighted F1 on {corpus}, {rows[0].split}",
        height=60 + 26 * len(rows),
        caption=(
            f"{corpus}: best is {model_name(best[1].method, best[1].backbone)} ({best[0]['mean']:.3f}). "
            + (f"Means over {many} seeds with 95 % t-intervals." if seeds[-1] > 1 else "One seed each: no intervals.")
        ),
    )  # fmt: skip


def differences(found: Any, corpus: str, baseline: str) -> FigureSpec | None:
    """What methods add to the baseline, in points of weighted F1; None where no difference has an interval."""
    rows = [one for one in found.differences if one.corpus == corpus and one.found["interval"]]
    if not rows:
        return None
    frame = pd.DataFrame({
        "label": [f"{one.method} − {one.baseline}, {one.backbone or 'all backbones'}" for one in rows],
        "points": [100 * one.found["mean"] for one in rows],
        "low": [100 * one.found["interval"][0] for one in rows],
        "high": [100 * one.found["interval"][1] for one in rows],
        "written": [points(one.found["mean"]) for one in rows],
        "method": [one.method for one in rows],
    })  # fmt: skip
    told = int(((frame["low"] > 0) | (frame["high"] < 0)).sum())
    return FigureSpec(
        "intervals", frame, x="points", y="label", colour="method", text="written", low="low", high="high",
        colours=method_colours(list(dict.fromkeys(frame["method"])), baseline),
        x_label=f"points of weighted F1 on {corpus}",
        height=70 + 34 * len(frame),
        caption=(
            f"{corpus}: {told} of {len(frame)} intervals leave 0 out (filled). Paired by seed, 95 % t-intervals; over "
            "all backbones every backbone and seed counts as independent."
        ),
    )  # fmt: skip
