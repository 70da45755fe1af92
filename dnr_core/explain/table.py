"""The table that `explain` writes: one row an utterance, in dialogue order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from dnr_core.data.corpus import Corpus
from dnr_core.data.files import replacing_file
from dnr_core.explain.atoms import ATOMS
from dnr_core.explain.dominance import dominance
from dnr_core.explain.information import InformationValues
from dnr_core.explain.store import CoalitionStore
from dnr_core.types import softmax


def explanation_table(
    emotions: tuple[str, ...],
    corpus: Corpus,
    stored: CoalitionStore,
    scope: str,
    *,
    significant: np.ndarray | None = None,
    information: InformationValues | None = None,
) -> pd.DataFrame:
    """Component values on the logit of the predicted class (columns: docs/formats.md); total − baseline = Σ values.

    `significant` (N,) bool: which dominant parts may be claimed (explain.nulls.claims); None: none was tested, so none.
    `information`: what the data offer in the same split; None: it cannot be shown, and its columns are NaN and empty.
    """
    rows = np.asarray(stored.arrays["row"])
    frame = corpus.utterances.iloc[rows]
    values = stored.values(np.arange(len(rows)), frame["utterance_id"])
    found = dominance(values)
    predicted = found.predicted
    every = np.arange(len(rows))
    own = values.values[every, :, predicted]  # (N, K)
    columns = {
        "utterance_id": frame["utterance_id"].to_numpy(),
        "dialogue_id": frame["dialogue_id"].to_numpy(),
        "turn": frame["turn"].to_numpy(),
        "split": frame["split"].to_numpy(),
        "scope": scope,
        "gold": frame["emotion"].to_numpy(),
        "predicted": np.array(emotions, dtype=object)[predicted],
        "probability": softmax(values.total)[every, predicted],
    }
    columns |= {f"value:{player}": own[:, position] for position, player in enumerate(values.players)}
    columns |= {
        "baseline": values.baseline[every, predicted],
        "total": values.total[every, predicted],
        "completeness_gap": values.completeness_gap[every, predicted],
        **information_columns(information, len(rows)),
        "dominant_component": np.array(values.players, dtype=object)[found.component],
        "dominant_family": found.family,
        "dominant_sources": found.sources,
        "significant": np.zeros(len(rows), dtype=bool) if significant is None else significant,
        **information_claims(information, len(rows)),
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def information_columns(information: InformationValues | None, count: int) -> dict[str, np.ndarray]:
    """Bits of every atom."""
    nothing = np.full((count, len(ATOMS)), np.nan)
    bits = nothing if information is None else information.values
    return {f"information:{atom}": bits[:, position] for position, atom in enumerate(ATOMS)}


def information_claims(information: InformationValues | None, count: int) -> dict[str, np.ndarray]:
    """The dominant atom, and whether it may be claimed."""
    if information is None:
        named = dict.fromkeys(("component", "family", "sources"), np.full(count, "", dtype=object))
        claimed = np.zeros(count, dtype=bool)
    else:
        named = {name: getattr(information, f"dominant_{name}") for name in ("component", "family", "sources")}
        claimed = information.significant
    columns = {f"information_dominant_{name}": values for name, values in named.items()}
    return columns | {"information_significant": claimed}


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a parquet file atomically. Raises DnRError where it cannot be written."""
    with replacing_file(path) as temporary:
        table.to_parquet(temporary, index=False)
