"""Figures of the decomposition card: what the parts hold of planted codes, and how well they name planted sources."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dnr_core.figures.build.components import CELL, MARGIN
from dnr_core.figures.spec import QUIET, FigureSpec, group_colour, group_pattern, readable
from dnr_core.types import FAMILIES, split_player


def code_name(source: str, code: str) -> str:
    """A planted code in words: what it is of, and where it stands unless that is the label itself."""
    family, sources = split_player(source)
    name = f"{family} · {'+'.join(sources)}"
    return name if code == "label" else f"{name}: {code}"


def probes(found: dict[str, Any]) -> FigureSpec:
    """How well a small classifier reads each planted code from each part. `found`: the probes of a card."""
    codes = [code_name(source, code) for source, code in found["codes"]]
    rows = [(k, c) for c in range(len(codes)) for k in range(len(found["players"])) if found["score"][k][c] is not None]
    frame = pd.DataFrame({
        "part": [readable(found["players"][k]) for k, _ in rows],
        "code": [codes[c] for _, c in rows],
        "score": [max(0.0, float(found["score"][k][c])) for k, c in rows],
        "label": [f"{found['score'][k][c]:.2f}" for k, c in rows],
    })  # fmt: skip
    own = [found["score"][found["players"].index(part)][c] for c, part in enumerate(found["own"]) if part is not None]
    told = [score for score in own if score is not None]
    return FigureSpec(
        "matrix", frame, x="part", y="code", colour="score", text="label", x_label="part", y_label="planted code",
        height=MARGIN + CELL * len(codes),
        caption=(
            f"Share of a planted code that can be read from a part (0: chance, 1: all). A code's own part holds "
            f"{min(told):.2f} to {max(told):.2f} of it."
        ),
    )  # fmt: skip


def agreement(found: Any, name: str) -> FigureSpec:
    """How often the dominant part is the planted one, by source. `found`: the engine's TruthAgreement.

    `name`: exact (the part) or family.
    """
    entries = [
        (entry.source, share) for entry in found.sources
        if (share := getattr(entry, name)) is not None and share.value is not None
    ]  # fmt: skip
    families = [split_player(source)[0] for source, _ in entries]
    edges = [share.interval or (share.value, share.value) for _, share in entries]
    frame = pd.DataFrame({
        "source": [readable(source) for source, _ in entries],
        "share": [share.value for _, share in entries],
        "low": [low for low, _ in edges],
        "high": [high for _, high in edges],
        "group": families,
        "label": [f"{share.value:.2f}" for _, share in entries],
    })  # fmt: skip
    whole = getattr(found, name)
    what = "is the planted part" if name == "exact" else "has the planted family"
    return FigureSpec(
        "bars", frame, x="share", y="source", colour="group", text="label", low="low", high="high",
        colours={family: group_colour(family) if family in FAMILIES else QUIET for family in families},
        patterns={family: group_pattern(family) for family in families if family in FAMILIES},
        x_label=f"share in which the dominant part {what}", height=60 + 24 * len(frame),
        caption=(
            f"Of the turns predicted right the dominant part {what} in {whole.value:.3f} "
            f"({whole.interval[0]:.2f}–{whole.interval[1]:.2f}; n = {whole.n:,}); intervals over dialogues, 95 %."
        ),
    )  # fmt: skip
