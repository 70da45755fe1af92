"""Decides for each utterance and modality whether it was measured, and names the fault where it was not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dnr_core.data.release import Release
from dnr_core.errors import DataError
from dnr_core.types import MODALITIES

ACTION_UNIT_PREFIX = "visual_AU"
ACTION_UNIT_RANGE = (0.0, 5.0)
NO_FAULT = frozenset({"", "0", "0.0", "ok", "no", "none", "false", "nan"})
RULES = (
    "absent: every cell of the modality is empty",
    "a word in <modality>_fault: not measured, under that name",
    "no_face (visual), all_zero (text, audio): every cell is 0, where there are two features or more",
    f"out_of_range: a {ACTION_UNIT_PREFIX}* intensity below {ACTION_UNIT_RANGE[0]:g} or above {ACTION_UNIT_RANGE[1]:g}",
    "a single empty cell stays empty and is filled in by the model, flagged",
)


def find_faults(release: Release) -> tuple[np.ndarray, list[str]]:
    """`present` (N, 3) bool and N strings such as `visual:no_face`, several joined by `;`.

    A modality of width 0 is present nowhere and has no fault. Raises DataError for an infinite cell.
    """
    present = np.zeros((len(release), len(MODALITIES)), dtype=bool)
    named: list[list[str]] = [[] for _ in range(len(release))]
    for position, modality in enumerate(MODALITIES):
        if not release.features[modality].shape[1]:
            continue
        _check_finite(release, modality)
        faults = modality_faults(
            release.features[modality],
            modality=modality,
            names=release.feature_names[modality],
            declared=release.declared_faults.get(modality),
        )
        present[:, position] = faults == ""
        for row in np.flatnonzero(faults != ""):
            named[row].append(f"{modality}:{faults[row]}")
    return present, [";".join(words) for words in named]


def modality_faults(
    values: np.ndarray, *, modality: str, names: Sequence[str], declared: Sequence[str] | None = None
) -> np.ndarray:
    """The fault of each row of `values` (N, d), '' where there is none: (N,) str. The first of RULES wins."""
    faults = np.full(len(values), "", dtype=object)
    units = [column for column, name in enumerate(names) if name.startswith(ACTION_UNIT_PREFIX)]
    if units:
        low, high = ACTION_UNIT_RANGE
        outside = (values[:, units] < low) | (values[:, units] > high)  # NaN compares false
        faults[outside.any(axis=1)] = "out_of_range"
    if values.shape[1] > 1:
        faults[(values == 0).all(axis=1)] = "no_face" if modality == "visual" else "all_zero"
    for row, word in enumerate(declared or ()):
        if word.strip().lower() not in NO_FAULT:
            faults[row] = "_".join(word.replace(";", " ").replace(":", " ").split())
    faults[np.isnan(values).all(axis=1)] = "absent"
    return faults


def _check_finite(release: Release, modality: str) -> None:
    infinite = np.argwhere(np.isinf(release.features[modality]))
    if len(infinite):
        row, column = infinite[0]
        raise DataError(
            f"infinite {modality} feature {release.feature_names[modality][column]!r}",
            got=f"utterance {release.columns['utterance_id'][row]!r}",
            expected="finite numbers below 3.4e38, or empty where not measured",
        )
