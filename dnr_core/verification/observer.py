"""What the Bayes-optimal observer of the generator would answer, scored as the methods are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.data.planted_codes import truth_of
from dnr_core.data.planted_config import PlantedConfig
from dnr_core.data.planted_oracle import joint_posterior, source_sets
from dnr_core.explain.agreement import Told, agreement

UNKNOWN = {"bayes_accuracy": None, "bayes_family": None, "bayes_exact": None}


def observer_row(corpus: Corpus, split: str = "test") -> tuple[dict[str, Any], str | None]:
    """Accuracy and agreement of the observer on a split of a planted corpus, and why there are none (earlier turns: it
    sees single utterances). It names the most probable source given its class; with two sources an utterance, none.
    """
    config = PlantedConfig.model_validate(corpus.notes["planted"])
    if config.earlier_turn_share:
        return UNKNOWN, "the Bayes observer sees single utterances"
    shown = only(corpus, corpus.rows(split))
    joint = joint_posterior(shown, config)  # (n, S + 1, C)
    predicted = joint.sum(1).argmax(1)
    sources = [truth_of(list(names)) for names, _ in source_sets(config)]
    own = joint[np.arange(len(shown)), :-1, predicted]  # (n, S)
    family, members = np.array(sources, dtype=object)[own.argmax(1)].T
    rows = np.arange(len(shown))
    found = agreement(Told(rows, predicted, (), np.zeros((len(rows), 0)), family, members), shown)
    named = (found.family.value, found.exact.value) if config.sources_per_utterance == 1 else (None, None)
    return dict(zip(UNKNOWN, (found.accuracy, *named), strict=True)), None


def only(corpus: Corpus, rows: np.ndarray) -> Corpus:
    """Some whole dialogues of a corpus, as a corpus."""
    features = {modality: values[rows] for modality, values in corpus.features.items()}
    frame = corpus.utterances.iloc[rows].reset_index(drop=True)
    return replace(corpus, utterances=frame, features=features, present=corpus.present[rows], stored_hash=None)
