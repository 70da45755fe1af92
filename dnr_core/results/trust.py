"""How far the explanations of a run can be trusted: agreement with planted truth, and which claims may be made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dnr_core.catalogue import Recent
from dnr_core.explain.audit import TruthAgreement, truth_agreement
from dnr_core.explain.dominance import dominance, dominance_of
from dnr_core.explain.nulls import claims
from dnr_core.explain.sets import flipping_sets, keeping_sets
from dnr_core.results.components import ComponentResults
from dnr_core.types import CoalitionTable


@dataclass(frozen=True)
class SplitClaims:
    """What the component view claims of the N utterances of a split (dialogue scope, removal by the mean).

    `component`, `family`, `sources` (N,) names; `named` (N, K) bool: the parts that a claim speaks of; `p` (N,) NaN and
    `significant` (N,) False where `reason` says that nothing can be tested.
    """

    component: np.ndarray
    family: np.ndarray
    sources: np.ndarray
    named: np.ndarray
    p: np.ndarray
    significant: np.ndarray
    reason: str | None


class TrustResults(ComponentResults):
    """What is measured of explanations, from stored coalitions and the truth of the corpus."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._claims = Recent(8)

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

    def split_claims(self, run: str | Path, corpus: str | Path, split: str) -> SplitClaims | None:
        """The claims of a split; None where its coalitions or the null are not stored."""
        header, rows = self.fitting(run, corpus)
        stored, null = self.stored_coalitions(run, corpus, split, "dialogue"), self.stored_null(run, corpus)
        if stored is None or null is None:
            return None

        def make() -> SplitClaims:
            ids = rows.utterances["utterance_id"].to_numpy(dtype=object)[stored.arrays["row"]]
            values = stored.values(slice(None), ids)
            found, tested = dominance(values), claims(null, values)
            component = np.array(values.players, dtype=object)[found.component]
            told = (component, found.family, found.sources, found.named)
            return SplitClaims(*told, tested.p, tested.significant, tested.reason)

        return self._claims.get((header.manifest_hash, rows.hash, split), make)

    def dialogue_claims(self, run: str | Path, corpus: str | Path, dialogue_id: str) -> SplitClaims | None:
        """The claims of one dialogue (T,), tested among all of its split; None where they are not stored."""
        _, rows = self.fitting(run, corpus)
        own, split = self.rows_of(rows, dialogue_id), rows.split_of.get(dialogue_id, "")
        known = self.split_claims(run, corpus, split)
        if known is None:
            return None
        place = np.searchsorted(rows.rows(split), own)
        names = ("component", "family", "sources", "named", "p", "significant")
        return SplitClaims(*(getattr(known, name)[place] for name in names), known.reason)

    def dialogue_sets(
        self, run: str | Path, corpus: str | Path, dialogue_id: str
    ) -> list[dict[str, tuple[str, ...] | None]]:
        """Per turn the smallest set of parts that keeps the prediction alone, and the one that flips it when off.

        `keeping` is empty where nothing is needed; `flipping` is None where no set of parts flips it.
        """
        predicted = self.dialogue_values(run, corpus, dialogue_id).total.argmax(1)
        return smallest_sets(self.dialogue_coalitions(run, corpus, dialogue_id), predicted)

    def utterance_sets(
        self, run: str | Path, corpus: str | Path, utterance_id: str, scope: str = "dialogue", removal: str = "mean"
    ) -> dict[str, tuple[str, ...] | None]:
        """The same of one utterance, parts off in every turn or in this one only."""
        predicted = self.utterance_values(run, corpus, utterance_id, scope, removal).total.argmax(1)
        table = self.utterance_coalitions(run, corpus, utterance_id, scope, removal)
        return smallest_sets(table, predicted)[0]


def smallest_sets(table: CoalitionTable, predicted: np.ndarray) -> list[dict[str, tuple[str, ...] | None]]:
    """Smallest sets of N utterances that keep and that flip the class `predicted` (N,)."""
    logits = np.asarray(table.logits, dtype=np.float32)
    keeping = keeping_sets(table.players, logits, predicted=predicted)
    flipping = flipping_sets(table.players, logits, predicted=predicted)
    turns = range(len(table.utterance_ids))
    return [{"keeping": keeping.names(turn), "flipping": flipping.names(turn)} for turn in turns]
