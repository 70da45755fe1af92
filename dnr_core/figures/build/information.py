"""Figures of what the data offer about each turn of a dialogue. `found`: the engine's InformationValues."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dnr_core.figures.build.components import CELL, MARGIN
from dnr_core.figures.spec import FigureSpec
from dnr_core.figures.words import signed


def pointwise(found: Any, places: np.ndarray, emotions: tuple[str, ...]) -> FigureSpec:
    """Bits that each subset of the modalities offers about the predicted emotion of some turns, `places` (T,)."""
    names = [" + ".join(subset) for subset in found.subsets]
    rows = [(int(turn), int(place), k) for turn, place in enumerate(places) for k in range(len(names))]
    frame = pd.DataFrame({
        "modalities": [names[k] for _, _, k in rows],
        "turn": [f"{turn} {emotions[found.classes[place]]}" for turn, place, _ in rows],
        "bits": [float(found.pointwise[place, k]) for _, place, k in rows],
        "label": [signed(float(found.pointwise[place, k])) for _, place, k in rows],
    })  # fmt: skip
    whole = found.pointwise[places, -1]
    best = int(np.nanargmax(whole))
    return FigureSpec(
        "signed_matrix", frame, x="modalities", y="turn", colour="bits", text="label", y_label="turn, predicted",
        height=MARGIN + CELL * len(places),
        caption=(
            "Bits about the predicted emotion: log2 p(emotion | modalities) − log2 p(emotion). All modalities offer "
            f"most in turn {best} ({signed(float(whole[best]))}); an absent modality adds exactly 0."
        ),
    )  # fmt: skip
