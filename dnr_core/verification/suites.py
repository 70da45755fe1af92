"""The planted corpora that explanations are tested on, and the controls that leave nothing to explain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.data.planted_config import default_mixture

FIRST_SEED = 101
"""Seeds of corpora and runs count from here: development and tests use lower ones."""
CONTROL_SEED = 7
TRIPLE = "synergistic:audio+text+visual"


@dataclass(frozen=True)
class Case:
    """A planted corpus under a short name; its seed is set by the suite."""

    name: str
    config: PlantedConfig

    def corpus(self, seed: int) -> Corpus:
        """The corpus of this seed."""
        return generate(self.config.model_copy(update={"seed": seed}), name=self.name)


@dataclass(frozen=True)
class Control:
    """A corpus in which `spoil` destroys what there is to explain: all of it, or one `modality`."""

    case: Case
    spoil: Callable[[Corpus, np.random.Generator], Corpus]
    modality: str | None = None

    @property
    def name(self) -> str:
        return self.case.name

    def corpus(self, seed: int) -> Corpus:
        """The spoilt corpus of this seed."""
        return self.spoil(self.case.corpus(seed), np.random.default_rng((CONTROL_SEED, seed)))


@dataclass(frozen=True)
class Suite:
    """What `verify` runs."""

    cases: tuple[Case, ...]
    controls: tuple[Control, ...] = ()


def random_labels(corpus: Corpus, random: np.random.Generator) -> Corpus:
    """The emotions of all utterances in random order."""
    emotion = random.permutation(corpus.utterances["emotion"].to_numpy(dtype=object))
    return replace(corpus, utterances=corpus.utterances.assign(emotion=emotion), stored_hash=None)


def permuted_visual(corpus: Corpus, random: np.random.Generator) -> Corpus:
    """The visual feature rows of all utterances in random order."""
    features = {**corpus.features, "visual": corpus.features["visual"][random.permutation(len(corpus))]}
    return replace(corpus, features=features, stored_hash=None)


def large(name: str, **options: object) -> Case:
    """A case of 480 dialogues, about 6,700 train utterances, noise 0.5."""
    return Case(name, PlantedConfig.model_validate({"dialogues": 480, "noise": 0.5} | options))


WITHOUT_COPIES = {source: weight for source, weight in default_mixture(6).items() if not source.startswith("copy")}
STANDARD = Suite(
    (
        large("noise-0.5"),
        large("noise-0.6", noise=0.6),
        large("half-the-size", dialogues=240),
        large("noise-1.0", noise=1.0),
    ),
    (
        Control(large("random-labels", dialogues=240), random_labels),
        Control(large("permuted-visual", dialogues=240), permuted_visual, "visual"),
    ),
)
HARD = Suite(
    (
        large("nonlinear-codes", nonlinear=True),
        large("two-sources", sources_per_utterance=2),
        large("earlier-turn", earlier_turn_share=0.3),
        large("triple-synergy", mixture={**default_mixture(6), TRIPLE: 1.0}),
        large("shared-nuisance", nuisance=1.0),
        large("unbalanced", class_weights=(8, 4, 3, 2, 2, 1), mixture=WITHOUT_COPIES),
        large("missing-20-percent", missing=0.2),
        large("wide", widths={"text": 768, "audio": 512, "visual": 1024}),
    )
)
SUITES = {"standard": STANDARD, "hard": HARD}
