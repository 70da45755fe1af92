"""What is wrong in a split: slices, calibration, errors that follow the conversation, suspect labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dnr_core.catalogue import Recent
from dnr_core.data.corpus import Corpus
from dnr_core.errors import DataError, UsageError
from dnr_core.explain.calibration import Calibration, calibration, fit_temperature
from dnr_core.explain.errors import ErrorKind, Suspects, error_kinds, label_suspects
from dnr_core.explain.slices import (
    Before,
    Slice,
    SliceScore,
    emotion_slices,
    emotions_before,
    fault_slices,
    length_slices,
    missing_slices,
    shift_slices,
    slice_scores,
    slices_of,
    speaker_slices,
)  # fmt: skip
from dnr_core.results.trust import SplitClaims, TrustResults
from dnr_core.types import MODALITIES, Predictions, softmax

TRAIN, DEV = "train", "dev"
OPEN = "no single part decisive"


@dataclass(frozen=True)
class ErrorAudit:
    """What is wrong in a split of N utterances, in the order of its predictions.

    `slices` and `scores` belong together; `kinds` of errors that follow the conversation; `calibration` of the labelled
    utterances as they are; `temperature` fitted on dev and `scaled` calibration with it, None where dev has no labels.
    """

    slices: tuple[Slice, ...]
    scores: tuple[SliceScore, ...]
    kinds: tuple[ErrorKind, ...]
    calibration: Calibration
    temperature: float | None
    scaled: Calibration | None


class ErrorResults(TrustResults):
    """Audits of errors, computed from stored predictions when they are asked for."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._audits, self._suspects = Recent(8), Recent(8)

    def error_audit(self, run: str | Path, corpus: str | Path, split: str) -> ErrorAudit:
        """Slices, kinds of errors and calibration of a split. Raises DataError where it has no labels."""
        header, rows = self.fitting(run, corpus)
        found = self.predictions(run, corpus, split)
        if not (found.gold >= 0).any():
            raise DataError(
                f"errors of {split} cannot be shown", got="no labelled utterance", do="choose another split"
            )
        claims = self.split_claims(run, corpus, split)

        def make() -> ErrorAudit:
            before = before_of(rows, found)
            slices = all_slices(rows, found, before, claims)
            dialogues = rows.dialogue_places[found.row]
            scores = slice_scores(slices, found.gold, found.predicted, dialogues, len(header.emotions))
            hotter = self.dev_temperature(run, corpus)
            scaled = None if hotter is None else calibrated(rows, found, hotter)
            told = calibrated(rows, found)
            kinds = error_kinds(found.gold, found.predicted, dialogues, before)
            return ErrorAudit(tuple(slices), tuple(scores), tuple(kinds), told, hotter, scaled)

        return self._audits.get((header.manifest_hash, rows.hash, split, claims is not None), make)

    def emotion_shifts(self, corpus: str | Path, split: str) -> np.ndarray:
        """Corpus rows of a split whose gold emotion differs from that of the same speaker's last labelled turn."""
        rows = self.corpus(corpus)
        place = rows.rows(split)
        gold, speakers = rows.labels[place], rows.utterances["speaker"].to_numpy(dtype=object)[place]
        own = emotions_before(gold, rows.dialogue_places[place], speakers).own
        return place[(gold >= 0) & (own >= 0) & (own != gold)]

    def dev_temperature(self, run: str | Path, corpus: str | Path) -> float | None:
        """The temperature that makes probabilities of dev fit best; None where dev has no labels or is not there."""
        _, rows = self.fitting(run, corpus)
        if DEV not in rows.split_of.values():
            return None
        found = self.predictions(run, corpus, DEV)
        known = found.gold >= 0
        return fit_temperature(found.logits[known], found.gold[known]) if known.any() else None

    def suspects(self, run: str | Path, corpus: str | Path, split: str) -> Suspects:
        """Utterances of a split whose label is doubtful. Raises UsageError on train, which the model has learnt."""
        header, rows = self.fitting(run, corpus)
        if split == TRAIN:
            raise UsageError("doubtful labels cannot be told on train", got="labels that the model has learnt",
                             expected="dev or test", do="choose one of them")  # fmt: skip
        found = self.predictions(run, corpus, split)
        return self._suspects.get(
            (header.manifest_hash, rows.hash, split), lambda: label_suspects(found.probabilities, found.gold)
        )


def column(corpus: Corpus, found: Predictions, name: str) -> np.ndarray:
    """A column of the corpus for the utterances of a split, (N,) object."""
    return corpus.utterances[name].to_numpy(dtype=object)[found.row]


def before_of(corpus: Corpus, found: Predictions) -> Before:
    """The emotions before each utterance of a split."""
    return emotions_before(found.gold, corpus.dialogue_places[found.row], column(corpus, found, "speaker"))


def calibrated(corpus: Corpus, found: Predictions, temperature: float = 1.0) -> Calibration:
    """Calibration of the labelled utterances of a split after logits were divided by a temperature."""
    known = found.gold >= 0
    chances = softmax(found.logits[known] / temperature)
    return calibration(chances, found.gold[known], corpus.dialogue_places[found.row[known]])


def all_slices(corpus: Corpus, found: Predictions, before: Before, claims: SplitClaims | None) -> list[Slice]:
    """Every slice with a labelled utterance; dominant parts where claims are stored and something could be tested."""
    imputed = np.stack([corpus.imputed[modality][found.row].any(1) for modality in MODALITIES], axis=1)  # (N, M)
    made = [
        *emotion_slices(found.gold, found.emotions),
        *speaker_slices(column(corpus, found, "speaker")),
        *length_slices(corpus.dialogue_places[found.row]),
        *shift_slices(found.gold, before),
        *missing_slices(corpus.present[found.row]),
        *fault_slices(column(corpus, found, "faults"), imputed),
    ]
    if claims is not None and claims.reason is None:
        parts = np.where(claims.significant, claims.component, OPEN).astype(str)
        names = sorted(set(parts) - {OPEN})
        made += slices_of("dominant part", parts, [*names, OPEN])
    return [one for one in made if (one.member & (found.gold >= 0)).any()]
