"""The information view on dialogues whose truth is known: sources named, COPY told from RDNXOR, noise not claimed.

Every number is printed; the floors are below what was measured when they were set (see each test), never above.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.explain.information import InformationValues, explain_information
from dnr_core.explain.information_split import split_information
from dnr_core.training.subset import train_subset_model
from dnr_core.types import FAMILIES

pytestmark = [pytest.mark.science, pytest.mark.usefixtures("one_thread"), pytest.mark.xdist_group("science")]
SOURCES = (
    "unique:text", "unique:audio", "unique:visual",
    "redundant:audio+text", "redundant:audio+visual", "redundant:text+visual", "redundant:audio+text+visual",
    "synergistic:audio+text", "synergistic:audio+visual", "synergistic:text+visual",
)  # fmt: skip
"""The default mixture without copies."""
EVEN = dict.fromkeys(SOURCES, 1.0)


def explain(corpus: Corpus) -> InformationValues:
    return explain_information(train_subset_model(corpus).model, corpus, "test")


def truth_of(corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """Planted family, and family with modalities, of the test utterances."""
    frame = corpus.utterances.iloc[corpus.rows("test")]
    family = frame["truth_family"].to_numpy(dtype=object)
    return family, family + ":" + frame["truth_sources"].to_numpy(dtype=object)


def right(values: InformationValues, corpus: Corpus) -> np.ndarray:
    return values.classes == corpus.labels[corpus.rows("test")]


def balanced(hits: np.ndarray, truth: np.ndarray, kinds: tuple[str, ...]) -> float:
    """Mean over kinds of the share of hits."""
    return float(np.mean([hits[truth == kind].mean() for kind in kinds]))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """About 3,300 train utterances, half of what the full agreement is asked of."""
    return generate(PlantedConfig(dialogues=240, noise=0.5, seed=12, mixture=EVEN))


@pytest.fixture(scope="module")
def values(corpus: Corpus, one_thread: None) -> InformationValues:
    return explain(corpus)


def test_the_dominant_atom_is_the_planted_source(values, corpus):
    """Measured 0.98 (family) and 0.97 (exact source) at this size and noise; 0.99 and 0.98 with twice the dialogues."""
    family, source = truth_of(corpus)
    known = right(values, corpus) & (family != "none")
    by_family = balanced((values.dominant_family == family)[known], family[known], FAMILIES)
    by_source = balanced((values.dominant_component == source)[known], source[known], SOURCES)
    learned = {name: float(right(values, corpus)[source == name].mean()) for name in SOURCES}
    print({"family": by_family, "source": by_source, "accuracy": learned})  # noqa: T201
    assert by_family >= 0.95 and by_source >= 0.90
    assert min(learned.values()) >= 0.90, "a source that is not learned cannot be explained"


def test_atoms_sum_and_probabilities_are_calibrated(values):
    assert values.completeness_gap.max() <= 1e-6
    assert values.calibration_error.max() < 0.12


def test_true_claims_are_made_and_noise_is_not_claimed(values, corpus):
    """Measured: 0.87 of the right utterances with a source are claimed, under 0.02 of those without one."""
    family, _ = truth_of(corpus)
    claimed = values.significant[right(values, corpus) & (family != "none")].mean()
    noise = values.significant[family == "none"].mean()
    print({"claimed": claimed, "noise": noise})  # noqa: T201
    assert claimed > 0.6 and noise <= 0.05
    assert (values.modality_gain > 0).all()


def test_copy_and_rdnxor_are_told_apart():
    """COPY is two unique parts, RDNXOR a redundant and a synergistic one; both say as much alone and together."""
    mixture = {"copy:audio+text": 1.0, "rdnxor:audio+text": 1.0, "unique:visual": 1.0}
    corpus = generate(PlantedConfig(dialogues=120, noise=0.5, seed=13, mixture=mixture))
    values = explain(corpus)
    family, _ = truth_of(corpus)
    copied = right(values, corpus) & (truth_of(corpus)[1] == "unique:audio+text")
    mixed = right(values, corpus) & (family == "redundant;synergistic")
    bits = {name: values.values[:, place] for place, name in enumerate(values.atoms)}
    said = {name: (float(part[copied].mean()), float(part[mixed].mean())) for name, part in bits.items()}
    print(said, (values.dominant_family[copied] == "unique").mean())  # noqa: T201
    assert copied.sum() > 50 and mixed.sum() > 50
    assert (values.dominant_family[copied] == "unique").mean() >= 0.9
    assert np.isin(values.dominant_family[mixed], ("redundant", "synergistic")).mean() >= 0.9
    assert said["redundant:audio+text"][0] < 0.3 and said["redundant:audio+text"][1] > 0.6
    assert said["synergistic:audio+text"][0] < 0.6 and said["synergistic:audio+text"][1] > 1.1


def test_a_permuted_modality_is_claimed_nowhere():
    corpus = generate(PlantedConfig(dialogues=120, noise=0.5, seed=14, mixture=EVEN))
    order = np.random.default_rng(0).permutation(len(corpus))
    features = {**corpus.features, "visual": corpus.features["visual"][order]}
    values = explain(replace(corpus, features=features, stored_hash=None))
    named = np.array(["visual" in sources for sources in values.dominant_sources])
    print({"claimed": values.significant.mean(), "naming visual": (values.significant & named).mean()})  # noqa: T201
    assert (values.significant & named).mean() <= 0.05
    assert values.significant.mean() > 0.2, "the other two are still claimed"


def test_random_labels_are_explained_by_nothing():
    corpus = generate(PlantedConfig(dialogues=120, noise=0.5, seed=15, mixture=EVEN))
    emotion = corpus.utterances["emotion"].to_numpy(dtype=object)
    shuffled = emotion[np.random.default_rng(0).permutation(len(corpus))]
    random = replace(corpus, utterances=corpus.utterances.assign(emotion=shuffled), stored_hash=None)
    model = train_subset_model(random).model
    values = explain_information(model, random, "test")
    assert values.significant.mean() <= 0.05
    found = split_information(model, random, "test")
    bits = [b for pair in found.pairs.values() for b in pair.values()] + list(found.whole.values())
    print({"above their null": np.mean([b.significant for b in bits])})  # noqa: T201
    assert max(b.value - b.null for b in bits) < 0.05


def test_a_split_tells_redundancy_from_synergy():
    """Only redundant or only synergistic sources: BROJA of the pair names the one that was planted."""
    for source, part, others in (
        ("redundant:audio+text", "redundant", ("unique_1", "unique_2", "synergistic")),
        ("synergistic:audio+text", "synergistic", ("redundant", "unique_1", "unique_2")),
    ):
        corpus = generate(PlantedConfig(dialogues=80, noise=0.4, seed=16, mixture={source: 1.0}))
        model = train_subset_model(corpus).model
        pair = split_information(model, corpus, "test").pairs["audio+text"]
        print({name: (bits.value, bits.interval, bits.null) for name, bits in pair.items()})  # noqa: T201
        assert pair[part].significant and pair[part].value > 1.0
        assert all(pair[other].value < 0.25 for other in others)
