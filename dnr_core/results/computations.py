"""All that needs a model, by name: what this process, or a service elsewhere, can be asked to compute."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dnr_core.catalogue import Recent
from dnr_core.data.corpus import Corpus
from dnr_core.data.embed import load_encoder
from dnr_core.data.embed import sentence_vectors as vectors_of_sentences
from dnr_core.explain.edits import Edit
from dnr_core.explain.information import InformationValues, explain_information
from dnr_core.explain.information_split import SplitInformation, split_information
from dnr_core.explain.nulls import ComponentNull
from dnr_core.training.checkpoint import RunHeader, load_model, load_subset_model
from dnr_core.types import PartVectors, SignalValues

if TYPE_CHECKING:
    from dnr_core.explain.attribution_values import Attribution, AttributionCheck, SplitAttribution
    from dnr_core.explain.coalitions import Donors
    from dnr_core.model.batch import TensorCorpus
    from dnr_core.model.methods.base import Method
    from dnr_core.model.subset import SubsetModel

Progress = Callable[..., Any]
"""Called with how much is done, and of how much; returning True cancels where a computation can end early."""
Pieces = Generator[tuple[np.ndarray, np.ndarray], None, None]


class Models:
    """Runs and corpora as tensors, the latest kept. Imports torch when something is asked of it.

    `threads`: how many torch may use within one operation (None: as it likes, for the whole process).
    """

    def __init__(self, encoder: Callable[[], Any] = load_encoder, threads: int | None = None) -> None:
        self.encoder, self.threads = encoder, threads
        self._kept, self._donors = Recent(2), Recent(2)

    def loaded(self, header: RunHeader, corpus: Corpus) -> tuple[Method, TensorCorpus]:
        """The model of a run and a corpus as tensors."""
        import torch

        from dnr_core.model.batch import TensorCorpus

        if self.threads:
            torch.set_num_threads(self.threads)
        model = self._kept.get(("model", header.folder.resolve(), header.manifest_hash), lambda: load_model(header))
        return model, self._kept.get(("data", corpus.hash), lambda: TensorCorpus(corpus))

    def subset(self, header: RunHeader) -> SubsetModel:
        """The subset model of a run. Raises CheckpointError where it has none."""
        return load_subset_model(header)

    def donors(self, header: RunHeader, corpus: Corpus, removal: str) -> Donors | None:
        """What stands for parts that are off, where donors do."""
        if removal != "donor":
            return None
        from dnr_core.explain.coalitions import Donors

        key = (header.manifest_hash, corpus.hash)
        return self._donors.get(key, lambda: Donors.of(*self.loaded(header, corpus), corpus))


@dataclass(frozen=True)
class Job:
    """What a computation works on: a run, a corpus that fits it, and whom to tell how far it is."""

    models: Models
    header: RunHeader
    corpus: Corpus
    progress: Progress

    @property
    def loaded(self) -> tuple[Method, TensorCorpus]:
        """The model and the corpus as tensors."""
        return self.models.loaded(self.header, self.corpus)


def predict_split(job: Job, split: str) -> tuple[np.ndarray, np.ndarray]:
    from dnr_core.explain.predict import predict_split

    return predict_split(*job.loaded, job.corpus, split)


def signals_of_split(job: Job, split: str) -> SignalValues:
    from dnr_core.explain.signals import signals_of_split

    return signals_of_split(*job.loaded, job.corpus, split)


def information_of_split(job: Job, split: str, classes: np.ndarray) -> InformationValues:
    return explain_information(job.models.subset(job.header), job.corpus, split, classes=classes)


def measured_information(job: Job, split: str) -> SplitInformation:
    return split_information(job.models.subset(job.header), job.corpus, split, progress=job.progress)


def coalitions_of_utterances(job: Job, wanted: np.ndarray, scope: str, removal: str) -> Pieces:
    from dnr_core.explain.predict import coalitions_of_utterances

    return coalitions_of_utterances(*job.loaded, job.corpus, wanted, scope, removal)


def coalitions_of_rows(job: Job, rows: np.ndarray, scope: str, removal: str) -> np.ndarray:
    from dnr_core.explain.predict import coalitions_of_rows

    donors = job.models.donors(job.header, job.corpus, removal)
    return coalitions_of_rows(*job.loaded, rows, scope, removal, donors=donors)


def coalitions_of_turn(job: Job, rows: np.ndarray, turn: int, removal: str) -> np.ndarray:
    from dnr_core.explain.predict import coalitions_of_turn

    donors = job.models.donors(job.header, job.corpus, removal)
    return coalitions_of_turn(*job.loaded, rows, turn, removal, donors=donors)


def switched_turn(job: Job, rows: np.ndarray, off: frozenset[str], turn: int, removal: str) -> np.ndarray:
    from dnr_core.explain.predict import switched_turn

    donors = job.models.donors(job.header, job.corpus, removal)
    return switched_turn(*job.loaded, rows, off, turn, removal, donors=donors)


def null_of_model(job: Job, scope: str, removal: str) -> ComponentNull | None:
    from dnr_core.explain.predict import null_of_model

    return null_of_model(job.loaded[0], job.corpus, scope, removal, job.progress)


def attribute(job: Job, utterance_id: str, **options: Any) -> Attribution:
    from dnr_core.explain.attribution import attribute

    encoder = job.models.encoder() if options.get("over") == "words" else None
    return attribute(*job.loaded, job.corpus, utterance_id, encoder=encoder, **options)


def check_attribution(job: Job, found: Attribution, others: tuple[str, ...]) -> AttributionCheck:
    from dnr_core.explain.attribution_check import check_attribution

    encoder = job.models.encoder() if found.over == "words" else None
    return check_attribution(*job.loaded, job.corpus, found, others=others, encoder=encoder, progress=job.progress)


def integrated_gradients_split(job: Job, dialogues: list[str], targets: np.ndarray) -> SplitAttribution:
    from dnr_core.explain.attribution_split import integrated_gradients_split

    return integrated_gradients_split(*job.loaded, job.corpus, dialogues, targets=targets, progress=job.progress)


def edited_logits(job: Job, row: int, edit: Edit, words: np.ndarray | None) -> np.ndarray:
    from dnr_core.explain.whatif import edited_logits

    return edited_logits(*job.loaded, job.corpus, row, edit, words)


def sentence_vectors(job: Job, sentences: list[str]) -> np.ndarray:
    return vectors_of_sentences(job.models.encoder(), sentences)


def parts_of_corpus(job: Job) -> PartVectors:
    from dnr_core.explain.vectors import parts_of_corpus

    return parts_of_corpus(*job.loaded, job.corpus, job.progress)


def vectors_of_corpus(job: Job) -> PartVectors:
    from dnr_core.explain.vectors import vectors_of_corpus

    return vectors_of_corpus(*job.loaded, job.corpus, job.progress)


COMPUTATIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        predict_split, signals_of_split, information_of_split, measured_information, coalitions_of_utterances,
        coalitions_of_rows, coalitions_of_turn, switched_turn, null_of_model, attribute, check_attribution,
        integrated_gradients_split, edited_logits, sentence_vectors, parts_of_corpus, vectors_of_corpus,
    )
}  # fmt: skip
"""Each takes a Job and named values, and returns what the function of its name in explain/ returns."""
