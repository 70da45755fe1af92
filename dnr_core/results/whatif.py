"""What a run says where one turn was edited: computed when it is asked for, the latest kept in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dnr_core.catalogue import Recent
from dnr_core.data.corpus import Corpus
from dnr_core.data.embed import SAME_VECTOR, cosine, encoder_of
from dnr_core.errors import UsageError
from dnr_core.explain.edits import Edit, Effect, FeatureRanges, check_edit, draw_donor, feature_ranges
from dnr_core.results.words import WordResults, modalities_of
from dnr_core.training.checkpoint import RunHeader
from dnr_core.types import MODALITIES

INSTEAD = ": move single text features instead"


class WhatIfResults(WordResults):
    """Edits of one turn, and what predictions of its dialogue they move."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._effects, self._ranges = Recent(256), Recent(16)

    def whatif(self, run: str | Path, corpus: str | Path, utterance_id: str, edit: Edit) -> Effect:
        """The predictions of the dialogue of an utterance before and after an edit of it.

        No edit: the stored predictions, without torch. Raises UsageError for an unknown utterance and for what cannot
        be edited (explain.edits), DnRError where words are to be embedded and the encoder is not there.
        """
        header, rows = self.fitting(run, corpus)
        row = self.row_of(rows, utterance_id)
        players = header.players if "components" in header.config["supports"] else ()
        check_edit(edit, rows, row, modalities=modalities_of(header), players=players)
        utterance = rows.utterance(row)
        stored = self.predictions(run, corpus, utterance.split)
        start = int(np.searchsorted(stored.row, row)) - utterance.turn
        before = stored.logits[start : start + len(rows.dialogue_rows[utterance.dialogue_id])]
        if edit == Edit():
            return Effect(header.emotions, utterance.turn, before, before)
        key = (header.manifest_hash, rows.hash, utterance_id, edit)
        with self.compute_lock:
            after, notes = self._effects.get(key, lambda: self._after(header, rows, row, edit))
        return Effect(header.emotions, utterance.turn, before, after, notes)

    def feature_ranges(self, corpus: str | Path, modality: str) -> FeatureRanges:
        """Between which values the features of a modality can be moved: percentiles of train."""
        rows = self.corpus(corpus)
        return self._ranges.get((rows.hash, modality), lambda: feature_ranges(rows, modality))

    def draw_donor(
        self, corpus: str | Path, utterance_id: str, *, parts: tuple[str, ...], emotion: str, seed: int = 0
    ) -> str:
        """The id of a train utterance of an emotion that has all `parts`, drawn by a seed (explain.edits)."""
        rows = self.corpus(corpus)
        return draw_donor(rows, self.row_of(rows, utterance_id), parts=parts, emotion=emotion, seed=seed)

    def words_problem(self, run: str | Path, corpus: str | Path) -> str | None:
        """Why the words of a turn cannot be edited, in one sentence with what to do; None where they can."""
        header, rows = self.fitting(run, corpus)
        why = self.encoder_problem(run, corpus)
        other = "text" in modalities_of(header) and encoder_of(rows) is None
        return why and f"The words cannot be edited because {why}{INSTEAD if other else ''}."

    @staticmethod
    def row_of(corpus: Corpus, utterance_id: str) -> int:
        """The row of an utterance. Raises UsageError for an unknown id."""
        row = corpus.row_of.get(utterance_id)
        if row is None:
            raise UsageError(f"corpus {corpus.name} has no utterance {utterance_id!r}", do="choose one from the list")
        return row

    def _after(self, header: RunHeader, corpus: Corpus, row: int, edit: Edit) -> tuple[np.ndarray, tuple[str, ...]]:
        words, notes = self._words(header, corpus, row, edit)
        logits = self.compute("edited_logits", header, corpus, row=row, edit=edit, words=words)
        return logits, (*notes, *filled(corpus, row, edit))

    def _words(
        self, header: RunHeader, corpus: Corpus, row: int, edit: Edit
    ) -> tuple[np.ndarray | None, tuple[str, ...]]:
        """What the encoder makes of the edited words (d,), and how well it does the stored words again."""
        if "text" not in edit.given or edit.text is None:
            return None, ()
        if encoder_of(corpus) is None:
            raise UsageError(
                f"the words of corpus {corpus.name} cannot be edited", got=f"{corpus.widths['text']} text features",
                expected="those of all-MiniLM-L6-v2", do="move single text features instead",
            )  # fmt: skip
        spoken = corpus.utterance(row).text
        words, again = self.compute("sentence_vectors", header, corpus, sentences=[edit.text, spoken])
        stored = corpus.features["text"][row]
        if not (corpus.present[row, MODALITIES.index("text")] and spoken.strip()) or np.isnan(stored).any():
            return words, ()
        return words, (agreement(cosine(again, stored)),)


def agreement(same: float) -> str:
    """How far the encoder here is the one that made the corpus, told by the words that were really said: a cosine."""
    said = f"the encoder gives the words that were said a vector with cosine {same:.3f} to the stored one"
    if same >= SAME_VECTOR:
        return f"{said[0].upper()}{said[1:]}."
    return f"Do not trust this: {said}, so what changes is the encoder as well as the words."


def filled(corpus: Corpus, row: int, edit: Edit) -> tuple[str, ...]:
    """Which modalities that were not measured count as measured now, and what stands in their other cells."""
    set_cells = {modality for modality, _, _ in edit.cells} - ({"text"} if edit.text is not None else set())
    return tuple(
        f"{modality} was not measured in this turn: its other features take their training mean."
        for place, modality in enumerate(MODALITIES)
        if modality in set_cells and not corpus.present[row, place]
    )
