"""Where a prediction comes from: attributions of one utterance, and turn attributions scored against people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dnr_core.catalogue import Recent
from dnr_core.errors import DataError
from dnr_core.explain.causes import CauseScores, match_causes, read_causes, score_causes
from dnr_core.results.base import Results

if TYPE_CHECKING:
    from dnr_core.explain.attribution import Attribution


@dataclass(frozen=True)
class CauseReport:
    """Turn attributions (integrated gradients, baseline mean, logit of the gold emotion) against human causes.

    `counts` as in `Causes`; `splits`: split → utterances to score; `share_within_tolerance` of the utterances of their
    dialogues whose values are complete (None: there are none); `seconds` to compute the attributions.
    """

    counts: dict[str, int]
    splits: dict[str, int]
    scores: CauseScores
    share_within_tolerance: float | None
    seconds: float


class AttributionResults(Results):
    """Attributions, computed when they are asked for; the latest are kept in memory."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._attributions = Recent(64)

    def attribution(
        self,
        run: str | Path,
        corpus: str | Path,
        utterance_id: str,
        *,
        method: str = "integrated_gradients",
        target: str | None = None,
        baseline: str = "mean",
        scale: str = "logit",
        over: str | None = None,
    ) -> Attribution:
        """The attribution of one utterance (explain.attribution.attribute). Imports torch and captum.

        Raises UsageError: an unknown utterance, class, method, view, baseline or scale; a view that there is not.
        """
        header, rows = self.fitting(run, corpus)
        options = {"method": method, "target": target, "baseline": baseline, "scale": scale, "over": over}

        def make() -> Attribution:
            from dnr_core.explain.attribution import attribute

            return attribute(*self.loaded(header, rows), rows, utterance_id, **options)

        with self.compute_lock:
            return self._attributions.get((header.manifest_hash, rows.hash, utterance_id, *options.values()), make)

    def cause_scores(
        self,
        run: str | Path,
        corpus: str | Path,
        file: Path,
        *,
        progress: Callable[[int, int], object] = lambda done, of: None,
    ) -> CauseReport:
        """Score the turns that a run relies on against those that people named in `file` (RECCON's layout).

        Raises DataError: a file that cannot be read, or of whose dialogues none is in the corpus.
        """
        header, rows = self.fitting(run, corpus)
        causes = match_causes(read_causes(file), rows)
        if causes.counts["dialogues"] == causes.counts["dialogues_unmatched"]:
            raise DataError(
                f"no dialogue of {file} is in corpus {rows.name}",
                got=f"{causes.counts['dialogues']} dialogues",
                expected="at least one with the key or the texts of a dialogue of the corpus",
            )
        from dnr_core.explain.attribution_split import integrated_gradients_split

        named = [rows.utterance(rows.row_of[utterance]) for utterance in causes.earlier]
        dialogues = list(dict.fromkeys(utterance.dialogue_id for utterance in named))
        with self.compute_lock:
            found = integrated_gradients_split(
                *self.loaded(header, rows), rows, dialogues, targets=rows.labels, progress=progress
            )
        turns = {
            rows.utterance(int(row)).utterance_id: values
            for dialogue in found.dialogues
            for row, values in zip(dialogue.rows, dialogue.turns, strict=True)
        }
        return CauseReport(
            counts=causes.counts,
            splits=dict(Counter(utterance.split for utterance in named)),
            scores=score_causes(causes, turns, rows),
            share_within_tolerance=found.share_within_tolerance if found.dialogues else None,
            seconds=found.seconds,
        )
