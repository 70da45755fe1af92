"""Where a prediction comes from: attributions of one utterance, and turn attributions scored against people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from dnr_core.catalogue import Recent
from dnr_core.data.embed import word_spans
from dnr_core.errors import DataError, UsageError
from dnr_core.explain.attribution_cost import passes
from dnr_core.explain.causes import CauseScores, match_causes, read_causes, score_causes
from dnr_core.results.words import WordResults
from dnr_core.types import ATTRIBUTION_VIEWS, MODALITIES, AttributionOptions

if TYPE_CHECKING:
    from dnr_core.data.corpus import Corpus
    from dnr_core.explain.attribution_values import Attribution, AttributionCheck
    from dnr_core.training.checkpoint import RunHeader

MOST_PASSES = 1000
"""Methods that need more passes than this are not compared with an attribution that is checked."""


def attribution_key(
    header: RunHeader, rows: Corpus, utterance_id: str, options: AttributionOptions
) -> tuple[object, ...]:
    """What an attribution is kept under."""
    return (header.manifest_hash, rows.hash, utterance_id, *sorted(options.items()))


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


class AttributionResults(WordResults):
    """Attributions, computed when they are asked for; the latest are kept in memory."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._attributions, self._checks = Recent(64), Recent(64)

    def attribution(
        self,
        run: str | Path,
        corpus: str | Path,
        utterance_id: str,
        **options: Unpack[AttributionOptions],
    ) -> Attribution:
        """The attribution of one utterance (explain.attribution.attribute, with its defaults). Imports torch, captum.

        Raises UsageError: an unknown utterance, class, method, view, baseline or scale; a view that there is not;
        words whose encoder is not there.
        """
        header, rows = self.fitting(run, corpus)
        self._check_encoder(run, corpus, options)

        def make() -> Attribution:
            return self.compute("attribute", header, rows, utterance_id=utterance_id, **options)

        with self.compute_lock:
            return self._attributions.get(attribution_key(header, rows, utterance_id, options), make)

    def kept_attribution(
        self, run: str | Path, corpus: str | Path, utterance_id: str, **options: Unpack[AttributionOptions]
    ) -> Attribution | None:
        """An attribution that is still in memory, else None; computes nothing."""
        return self._attributions.known(attribution_key(*self.fitting(run, corpus), utterance_id, options))

    def word_values_problem(self, run: str | Path, corpus: str | Path) -> str | None:
        """Why no values can be given to words, in one sentence with what to do; None where they can."""
        why = self.encoder_problem(run, corpus)
        return why and f"Values cannot be given to words because {why}."

    def _check_encoder(self, run: str | Path, corpus: str | Path, options: AttributionOptions) -> None:
        """Raise UsageError where values of words are asked for and cannot be given."""
        if options.get("over") == "words" and (why := self.word_values_problem(run, corpus)):
            raise UsageError(why.rstrip("."))

    def attribution_passes(
        self, run: str | Path, corpus: str | Path, utterance_id: str, *, method: str, over: str
    ) -> int:
        """How many copies of the dialogue an attribution sends through the model, at least."""
        header, rows = self.fitting(run, corpus)
        utterance = rows.utterance(rows.row_of[utterance_id])
        items = {
            "features": sum(rows.widths.values()) + 1,
            "turns": len(rows.dialogue_rows[utterance.dialogue_id]),
            "modalities": len(MODALITIES),
            "components": len(header.players),
            "words": len(word_spans(utterance.text)),
        }
        return passes(method, items[over])

    def attribution_check(
        self,
        run: str | Path,
        corpus: str | Path,
        utterance_id: str,
        *,
        progress: Callable[[int, int], object] = lambda done, of: None,
        **options: Unpack[AttributionOptions],
    ) -> AttributionCheck:
        """How faithful an attribution is (explain.attribution_check.check_attribution). Imports torch and captum."""
        header, rows = self.fitting(run, corpus)
        found = self.attribution(run, corpus, utterance_id, **options)

        def make() -> AttributionCheck:
            cost = {
                name: self.attribution_passes(run, corpus, utterance_id, method=name, over=found.over)
                for name, views in ATTRIBUTION_VIEWS.items()
                if found.over in views and name != found.method
            }
            others = tuple(name for name, many in cost.items() if many <= MOST_PASSES)
            return self.compute("check_attribution", header, rows, progress=progress, found=found, others=others)

        with self.compute_lock:
            return self._checks.get(attribution_key(header, rows, utterance_id, options), make)

    def kept_attribution_check(
        self, run: str | Path, corpus: str | Path, utterance_id: str, **options: Unpack[AttributionOptions]
    ) -> AttributionCheck | None:
        """A check that is still in memory, else None; computes nothing."""
        return self._checks.known(attribution_key(*self.fitting(run, corpus), utterance_id, options))

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
        named = [rows.utterance(rows.row_of[utterance]) for utterance in causes.earlier]
        dialogues = list(dict.fromkeys(utterance.dialogue_id for utterance in named))
        asked = {"dialogues": dialogues, "targets": rows.labels}
        found = self.compute("integrated_gradients_split", header, rows, progress=progress, **asked)
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
