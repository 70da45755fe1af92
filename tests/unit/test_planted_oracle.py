"""The Bayes-optimal observer: right where it can be, and as sure as it should be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.data.planted_config import SOURCES, emotion_names
from dnr_core.data.planted_oracle import bayes_posterior, joint_posterior
from dnr_core.errors import UsageError


def only(*sources: str, **options: object) -> PlantedConfig:
    """A small corpus without any noise in which these sources are equally frequent."""
    settings = {"dialogues": 30, "noise": 0.0, "noise_share": 0.0, "mixture": dict.fromkeys(sources, 1.0)} | options
    return PlantedConfig(**settings)  # type: ignore[arg-type]


def test_the_observer_gets_everything_right_without_noise_and_guesses_noise_utterances():
    quiet = only(*[source for source in SOURCES if not source.startswith("rdnxor")])
    planted = generate(quiet)
    assert (bayes_posterior(planted, quiet).argmax(axis=1) == planted.labels).all()
    corpus = generate()
    right = bayes_posterior(corpus, PlantedConfig()).argmax(axis=1) == corpus.labels
    low, high = binom.interval(0.9999, len(corpus), 0.9 + 0.1 / 6)
    assert low <= right.sum() <= high


@pytest.mark.parametrize(
    "options",
    [{}, {"nuisance": 1.0, "missing": 0.2}, {"nonlinear": True}, {"sources_per_utterance": 2, "dialogues": 30}],
)
def test_the_observer_is_calibrated(options):
    """The mean log loss of a true posterior equals its mean entropy, and its confidence its accuracy."""
    config = PlantedConfig(**({"noise": 1.0, "dialogues": 120, "class_weights": (3, 1, 1, 1, 1, 1)} | options))
    planted = generate(config)
    posterior = bayes_posterior(planted, config)
    assert posterior.sum(axis=1) == pytest.approx(1)
    loss = -np.log(posterior[np.arange(len(planted)), planted.labels])
    entropy = -(posterior * np.log(posterior)).sum(axis=1)
    error = 4 * np.std(loss - entropy) / np.sqrt(len(planted))
    assert abs(loss.mean() - entropy.mean()) < error < 0.15
    right = posterior.argmax(axis=1) == planted.labels
    confidence = posterior.max(axis=1)
    assert abs(right.mean() - confidence.mean()) < 4 * np.std(right - confidence) / np.sqrt(len(planted))


def test_the_observer_needs_both_modalities_of_a_synergy_and_either_of_a_redundancy():
    config = only("synergistic:audio+text", "redundant:audio+text", noise=0.3)
    planted = generate(config)
    synergistic = (planted.utterances["truth_family"] == "synergistic").to_numpy()
    alone = bayes_posterior(planted, config, modalities=("audio",))
    assert alone[synergistic] == pytest.approx(1 / 6, abs=1e-3)
    assert (alone[~synergistic].argmax(axis=1) == planted.labels[~synergistic]).all()
    assert bayes_posterior(planted, config, modalities=("visual",)) == pytest.approx(1 / 6)
    joint = joint_posterior(planted, config)  # (N, 3, C): synergistic last of the two, then noise
    assert joint.sum(axis=2).argmax(axis=1).tolist() == synergistic.astype(int).tolist()


def test_the_observer_refuses_what_it_cannot_see():
    config = PlantedConfig(dialogues=3, earlier_turn_share=0.5)
    with pytest.raises(UsageError, match="single utterances"):
        bayes_posterior(generate(config), config)
    with pytest.raises(UsageError, match="does not come from"):
        bayes_posterior(generate(config), PlantedConfig(emotions=emotion_names(4)))
