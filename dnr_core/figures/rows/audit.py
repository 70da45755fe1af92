"""The audit of errors as rows of HTML cells, and the sentences that read them. `audit`: the engine's ErrorAudit."""

from __future__ import annotations

from typing import Any

from dnr_core.figures.rows.markup import shown
from dnr_core.figures.spec import readable

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
FEW = 20
"""A slice with fewer labelled utterances is not called the worst."""


def slice_name(one: Any) -> str:
    """The name of a slice; parts of the model in words."""
    return readable(one.name) if one.group == "dominant part" and ":" in one.name else one.name


def sign(share: Any, whole: float) -> str:
    """▼ or ▲ where the interval lies wholly below or above the accuracy of all."""
    if share.interval is None:
        return ""
    low, high = share.interval
    if high < whole:
        return '<span title="below all">▼</span> '
    return '<span title="above all">▲</span> ' if low > whole else ""


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


def slice_cells(one: Any, score: Any, whole: float) -> list[str]:
    """A slice as HTML cells: name, accuracy, weighted F1, n. `whole`: the accuracy of all."""
    accuracy = f"{sign(score.accuracy, whole)}{cell(score.accuracy)}{interval_bar(score.accuracy, whole)}"
    return [shown(slice_name(one)), accuracy, cell(score.f1), f"{score.n:,}"]


def slice_reading(audit: Any) -> str:
    """Which slice is the worst apart from single emotions, and what the marks mean."""
    pairs = [
        (score.accuracy.value, one, score)
        for one, score in zip(audit.slices, audit.scores, strict=True)
        if one.emotion is None and score.n >= FEW
    ]
    marks = (
        "▼ ▲: the interval lies below or above the accuracy of all (orange line); with this many slices, about one in "
        "twenty does so by chance."
    )
    if not pairs:
        return marks
    value, one, score = min(pairs, key=lambda pair: pair[0])
    lead = f"{one.group}, {slice_name(one)} (accuracy {value:.3f}, n = {score.n:,})"
    return f"Hardest, apart from single emotions: {lead}. {marks}"


def kind_rows(audit: Any) -> list[list[str]]:
    """One row of HTML cells a kind of error."""
    rows = []
    for kind in audit.kinds:
        label = shown(MEANING[kind.name])
        if kind.chance is None:
            rows.append([label, "–", "0", "–", "–"])
            continue
        low, high = kind.chance_range
        chance = f"{kind.chance:.3f} <small>{low:.2f}–{high:.2f}</small>"
        rows.append([label, cell(kind.share), f"{kind.share.n:,}", chance, f"{kind.p:.3f}"])
    return rows


def kind_reading(audit: Any) -> str:
    """Which kinds of errors are more frequent than chance gives."""
    above = [kind.name for kind in audit.kinds if kind.p is not None and kind.p < 0.05]
    tested = sum(kind.p is not None for kind in audit.kinds)
    if not tested:
        return "Nothing can be said: no error has an earlier turn."
    if not above:
        return "No kind is more frequent than chance gives (p ≥ 0.05)."
    return f"More frequent than chance gives (p < 0.05, {tested} kinds tested): {', '.join(above)}."
