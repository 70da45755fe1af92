"""How far the explanations of a run can be trusted: agreement with planted truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dnr_core.explain.audit import TruthAgreement, truth_agreement
from dnr_core.explain.dominance import dominance_of
from dnr_core.results.components import ComponentResults


class TrustResults(ComponentResults):
    """What is measured of explanations, from stored coalitions and the truth of the corpus."""

    def truth_agreement(self, run: str | Path, corpus: str | Path, split: str) -> TruthAgreement | None:
        """Agreement of dominant parts with planted truth; None: no truth, no families, or no stored coalitions."""
        header, rows = self.fitting(run, corpus)
        stored = self.stored_coalitions(run, corpus, split, "dialogue")
        frame = rows.utterances
        families = any(player.startswith("unique:") for player in header.players)
        if stored is None or not families or not (frame["truth_family"] != "").any():
            return None
        found = self.predictions(run, corpus, split)
        values = np.asarray(stored.arrays["values"])[np.arange(len(found.row)), :, found.predicted]  # (N, K)
        columns = (frame[name].to_numpy(dtype=object)[found.row] for name in ("truth_family", "truth_sources"))
        return truth_agreement(
            found.gold == found.predicted,
            dominance_of(values, header.players, found.predicted),
            *columns,
            dialogues=frame["dialogue_id"].to_numpy(dtype=object)[found.row],
        )
