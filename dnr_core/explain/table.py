"""The table that `explain` writes: one row an utterance, in dialogue order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from dnr_core.data.corpus import Corpus
from dnr_core.data.files import replacing_file
from dnr_core.explain.store import CoalitionStore
from dnr_core.types import ComponentValues, softmax, split_player


def dominant_players(values: ComponentValues) -> tuple[np.ndarray, np.ndarray]:
    """Predicted class (N,) and the index (N,) of the player with the largest value for it."""
    predicted = values.total.argmax(1)
    own = np.take_along_axis(values.values, predicted[:, None, None], axis=2)[..., 0]  # (N, K)
    return predicted, own.argmax(1)


def explanation_table(emotions: tuple[str, ...], corpus: Corpus, stored: CoalitionStore, scope: str) -> pd.DataFrame:
    """Component values on the logit of the predicted class (columns: docs/formats.md); total − baseline = Σ values."""
    rows = np.asarray(stored.arrays["row"])
    frame = corpus.utterances.iloc[rows]
    values = stored.values(np.arange(len(rows)), frame["utterance_id"])
    predicted, dominant = dominant_players(values)
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
        "dominant_component": np.array(values.players, dtype=object)[dominant],
    }
    parts = [split_player(values.players[position]) for position in dominant]
    columns |= {
        "dominant_family": np.array([family for family, _ in parts], dtype=object),
        "dominant_sources": np.array(["+".join(sources) for _, sources in parts], dtype=object),
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a parquet file atomically. Raises DnRError where it cannot be written."""
    with replacing_file(path) as temporary:
        table.to_parquet(temporary, index=False)
