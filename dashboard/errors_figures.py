"""The figures and tables of the Errors page, and the sentences that read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import confusions
from dashboard.errors_data import SplitErrors
from dashboard.errors_link import slice_name
from dashboard.markup import shown
from dnr_core.figures.spec import FigureSpec, readable

KIND_HEADER = ("", "share of errors", "of", "by chance", "p")
MEANING = {
    "emotion shift": "at an emotion shift: the same speaker felt otherwise before",
    "inertia": "inertia: repeats the same speaker's last emotion",
    "contagion": "contagion: repeats the last emotion of somebody else",
}
ABOUT_KINDS = (
    "Share of the errors that can be of a kind, with 95 % interval; by chance: right and wrong, or the predictions of "
    "errors, exchanged among turns of the same gold emotion (mean, middle 95 %)."
)
ABOUT_SLICES = (
    "Click one to list its utterances. 95 % intervals from drawing whole dialogues. Of an emotion: accuracy is recall, "
    "F1 is that of the class."
)
FEW = 20
"""A slice with fewer labelled utterances is not called the worst."""


def confusion(errors: SplitErrors, cell: tuple[int, int] | None, cells: str) -> FigureSpec:
    """Gold × predicted as squares that can be clicked; the chosen cell and that of the focus are framed."""
    found, names = errors.found, errors.found.emotions
    focus = errors.focus
    counts, of_gold = confusions.counted(found.gold, errors.predicted, len(names))
    at = None if focus is None else (int(found.gold[focus]), int(errors.predicted[focus]))
    frame = pd.DataFrame(
        [
            {
                "gold": names[i], "predicted": names[j], "count": int(counts[i, j]), "share": of_gold[i, j],
                "label": ("• " if (i, j) == at else "")
                + (f"{counts[i, j]:,}" if cells == "counts" else f"{100 * of_gold[i, j]:.0f} %"),
                "frame": "focus" if (i, j) == at else "chosen" if (i, j) == cell else "",
                "what": f"gold {names[i]}, predicted {names[j]}",
                "many": f"{counts[i, j]:,} of {counts[i].sum():,} ({100 * of_gold[i, j]:.0f} %)",
            }
            for i in range(len(names)) for j in range(len(names))
        ]
    )  # fmt: skip
    return FigureSpec(
        "squares", frame, x="predicted", y="gold", colour="share", text="label", hover=("what", "many"),
        x_label="predicted", y_label="gold", caption=confusion_reading(counts, names, cell is not None, at is not None),
        height=84 + 46 * len(names) + confusions.room_for(names),
    )  # fmt: skip


def confusion_reading(counts: np.ndarray, names: tuple[str, ...], chosen: bool, focused: bool) -> str:
    """The most frequent confusion, and what the frames mean."""
    most = confusions.most_frequent(counts, names)
    frames = " Framed green: the chosen cell." if chosen else ""
    frames += " Framed orange, with a dot: the cell of the utterance in focus." if focused else ""
    return f"{most} n = {counts.sum():,}; shade: share of the row. Click a cell to list its utterances.{frames}"


def slice_table(errors: SplitErrors, chosen: str | None) -> str:
    """The slices as rows of HTML to click, by group; the line in a bar is where all utterances are."""
    audit, whole = errors.audit, 1 - float(errors.wrong.sum() / (errors.found.gold >= 0).sum())
    rows, group = [], None
    for place, (one, score) in enumerate(zip(audit.slices, audit.scores, strict=True)):
        if one.group != group:
            group = one.group
            rows.append(f'<tr class="group"><td colspan="4">{shown(group)}</td></tr>')
        focus = " focus" if slice_name(one.group, one.name) == chosen else ""
        cells = [
            slice_label(one),
            f"{sign(score.accuracy, whole)}{cell(score.accuracy)}{interval_bar(score.accuracy, whole)}",
            cell(score.f1),
            f"{score.n:,}",
        ]
        inner = "".join(f"<td>{text}</td>" for text in cells)
        rows.append(f'<tr class="slice{focus}" data-turn="{place}" tabindex="0">{inner}</tr>')
    head = "".join(f"<th>{name}</th>" for name in ("slice", "accuracy", "weighted F1", "n"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def slice_label(one: Any) -> str:
    """The name of a slice as HTML; parts of the model in words."""
    return shown(readable(one.name)) if one.group == "dominant part" and ":" in one.name else shown(one.name)


def sign(share: Any, whole: float) -> str:
    """▼ or ▲ where the interval lies wholly below or above the accuracy of all."""
    if share.interval is None:
        return ""
    low, high = share.interval
    return (
        '<span title="below all">▼</span> '
        if high < whole
        else '<span title="above all">▲</span> '
        if low > whole
        else ""
    )


def cell(share: Any) -> str:
    """A score, its interval small beside it."""
    if share.interval is None:
        return f"{share.value:.3f}"
    return f"{share.value:.3f} <small>{share.interval[0]:.2f}–{share.interval[1]:.2f}</small>"


def interval_bar(share: Any, whole: float) -> str:
    """Value and interval on a line from 0 to 1; a mark where all utterances are."""
    low, high = share.interval or (share.value, share.value)
    return (
        f'<span class="track"><i style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></i>'
        f'<u style="left:{100 * whole:.1f}%"></u><b style="left:{100 * share.value:.1f}%"></b></span>'
    )


def slice_reading(errors: SplitErrors) -> str:
    """Which slice is the worst apart from single emotions."""
    pairs = [
        (score.accuracy.value, one, score)
        for one, score in zip(errors.audit.slices, errors.audit.scores, strict=True)
        if one.emotion is None and score.n >= FEW
    ]
    marks = (
        "▼ ▲: the interval lies below or above the accuracy of all (orange line); with this many slices, about one in "
        "twenty does so by chance."
    )
    if not pairs:
        return marks
    value, one, score = min(pairs, key=lambda pair: pair[0])
    name = readable(one.name) if one.group == "dominant part" and ":" in one.name else one.name
    return f"Hardest, apart from single emotions: {one.group}, {name} (accuracy {value:.3f}, n = {score.n:,}). {marks}"


def reliability(errors: SplitErrors) -> FigureSpec:
    """Accuracy over confidence by bins of confidence."""
    found = errors.audit.calibration
    there = np.flatnonzero(found.n)
    low_high = np.where(np.isnan(found.accuracy_interval), found.accuracy[:, None], found.accuracy_interval)
    frame = pd.DataFrame({
        "confidence": found.confidence[there],
        "accuracy": found.accuracy[there],
        "low": low_high[there, 0],
        "high": low_high[there, 1],
        "label": [f"{found.n[b]:,}" for b in there],
        "what": [f"says {found.confidence[b]:.2f}, right in {found.accuracy[b]:.2f}" for b in there],
        "many": [f"n = {found.n[b]:,}, 95 % {low_high[b, 0]:.2f}–{low_high[b, 1]:.2f}" for b in there],
    })  # fmt: skip
    return FigureSpec(
        "reliability", frame, x="confidence", y="accuracy", low="low", high="high", text="label",
        hover=("what", "many"), x_label="confidence: probability of the predicted emotion", y_label="share right",
        caption=reliability_reading(errors), height=330,
    )  # fmt: skip


def reliability_reading(errors: SplitErrors) -> str:
    """Calibration error with its interval, in which direction, and what a temperature would do."""
    audit, found = errors.audit, errors.audit.calibration
    count = found.n.sum()
    gap = float(np.nansum(found.n * (found.confidence - found.accuracy)) / count)
    way = (
        "surer than it is right"
        if gap > 0.01
        else "less sure than it is right"
        if gap < -0.01
        else "about as sure as right"
    )
    line = (
        f"Below the dotted line the model is too sure; numbers: utterances in a bin. Expected calibration error "
        f"{with_interval(found)} (n = {count:,}; 0 is perfect): on average it is {way} ({abs(gap):.3f})."
    )
    if audit.temperature is None:
        return f"{line} The temperature that would fit cannot be told because dev has no labels."
    scaled = with_interval(audit.scaled)
    return f"{line} Dividing the logits by T = {audit.temperature:.2f}, fitted on dev, gives {scaled}."


def with_interval(found: Any) -> str:
    """A calibration error with its interval."""
    if found.interval is None:
        return f"{found.error:.3f}"
    return f"{found.error:.3f} ({found.interval[0]:.3f}–{found.interval[1]:.3f})"


def kind_rows(errors: SplitErrors) -> list[list[str]]:
    """One row of HTML cells a kind of error."""
    rows = []
    for kind in errors.audit.kinds:
        label = shown(MEANING[kind.name])
        if kind.chance is None:
            rows.append([label, "–", "0", "–", "–"])
            continue
        low, high = kind.chance_range
        chance = f"{kind.chance:.3f} <small>{low:.2f}–{high:.2f}</small>"
        rows.append([label, cell(kind.share), f"{kind.share.n:,}", chance, f"{kind.p:.3f}"])
    return rows


def kind_reading(errors: SplitErrors) -> str:
    """Which kinds of errors are more frequent than chance gives."""
    above = [kind.name for kind in errors.audit.kinds if kind.p is not None and kind.p < 0.05]
    tested = sum(kind.p is not None for kind in errors.audit.kinds)
    if not tested:
        return "Nothing can be said: no error has an earlier turn."
    if not above:
        return "No kind is more frequent than chance gives (p ≥ 0.05)."
    return f"More frequent than chance gives (p < 0.05, {tested} kinds tested): {', '.join(above)}."
