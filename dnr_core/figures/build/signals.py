"""The figure of a signal that has a number for every modality."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dnr_core.figures.spec import FigureSpec, group_colour, group_pattern
from dnr_core.types import MODALITIES


def modality_bars(values: np.ndarray) -> FigureSpec:
    """One bar a modality that was measured, in its colour and pattern."""
    there = [(modality, float(value)) for modality, value in zip(MODALITIES, values, strict=True) if value == value]
    frame = pd.DataFrame({
        "modality": [modality for modality, _ in there],
        "value": [value for _, value in there],
        "label": [f"{value:.2f}" for _, value in there],
    })  # fmt: skip
    absent = [modality for modality in MODALITIES if modality not in set(frame["modality"])]
    leads, most = max(there, key=lambda pair: pair[1])
    return FigureSpec(
        "bars", frame, x="value", y="modality", colour="modality", text="label",
        colours={modality: group_colour(modality) for modality in MODALITIES},
        patterns={modality: group_pattern(modality) for modality in MODALITIES}, height=30 + 24 * len(there),
        caption=f"{leads.capitalize()} has most ({most:.2f})"
        + (f"; not measured: {', '.join(absent)}." if absent else "."),
    )  # fmt: skip
