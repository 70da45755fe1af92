"""Trained on dialogues whose truth is known: is synergy learned, and is what explains an emotion what was planted?

Every number is printed; the floors are below what was measured when they were set (see each test), never above.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from dnr_core.config import RunConfig, preset
from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.explain.audit import TruthAgreement, truth_agreement
from dnr_core.explain.dominance import Dominance, dominance_of
from dnr_core.explain.predict import coalitions_of_rows, predict_split
from dnr_core.explain.shapley import shapley_values
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.training.loop import train
from dnr_core.types import split_player

pytestmark = [pytest.mark.science, pytest.mark.usefixtures("one_thread"), pytest.mark.xdist_group("science")]
SYNERGISTIC = ("synergistic:audio+text", "synergistic:audio+visual", "synergistic:text+visual")


@dataclass(frozen=True)
class Explained:
    """Exact values of the predicted class (n, K) of some test utterances."""

    players: tuple[str, ...]
    rows: np.ndarray
    predicted: np.ndarray
    values: np.ndarray
    gap: float

    @property
    def claimed(self) -> Dominance:
        return dominance_of(self.values, self.players, self.predicted)

    @property
    def dominant(self) -> np.ndarray:
        return np.array(self.players, dtype=object)[self.values.argmax(1)]

    def shares(self) -> dict[str, float]:
        """Share of |value| of each modality, that of a pair split evenly between its members."""
        share = np.abs(self.values).sum(0) / np.abs(self.values).sum()
        found: dict[str, float] = {}
        for player, part in zip(self.players, share, strict=True):
            sources = split_player(player)[1]
            for modality in sources:
                found[modality] = found.get(modality, 0.0) + float(part) / len(sources)
        return found


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """The published planted corpus with about 4,500 train utterances."""
    return generate(PlantedConfig(dialogues=325, noise=0.5))


@pytest.fixture(scope="module")
def dnr(corpus: Corpus, one_thread: None) -> Method:
    return train(corpus, preset("dnr", "mmgcn"), device="cpu").model


def sources_of(corpus: Corpus) -> np.ndarray:
    frame = corpus.utterances
    return (frame["truth_family"] + ":" + frame["truth_sources"]).to_numpy(dtype=object)


def right_in_test(model: Method, corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """Test rows, and which of them are predicted right."""
    rows, logits = predict_split(model, TensorCorpus(corpus), corpus, "test")
    return rows, logits.argmax(1) == corpus.labels[rows]


def explain(model: Method, corpus: Corpus, every: int) -> Explained:
    """Explain every n-th test dialogue."""
    data, rows, values, predicted, gaps = TensorCorpus(corpus), [], [], [], []
    for dialogue in corpus.dialogue_ids("test")[::every]:
        own = corpus.dialogue_rows[dialogue]
        table = coalitions_of_rows(model, data, own, "dialogue", "mean")  # (T, 2^K, C)
        exact = shapley_values(table)  # (T, K, C)
        best = table[:, -1].argmax(1)
        gaps.append(np.abs(exact.sum(1) - (table[:, -1] - table[:, 0])).max())
        values.append(exact[np.arange(len(own)), :, best])
        rows.append(own)
        predicted.append(best)
    joined = [np.concatenate(parts) for parts in (rows, predicted, values)]
    return Explained(model.players, *joined, float(max(gaps)))


@pytest.fixture(scope="module")
def explained(dnr: Method, corpus: Corpus) -> Explained:
    return explain(dnr, corpus, every=2)


def test_synergy_is_learned(dnr, corpus):
    """Measured 0.97 to 0.99 on each synergistic source; a model that reads each modality alone stays at 1/6."""
    assert len(corpus.rows("train")) > 4_000
    rows, right = right_in_test(dnr, corpus)
    source = sources_of(corpus)[rows]
    accuracy = {name: float(right[source == name].mean()) for name in sorted(set(source))}
    print({name: round(value, 3) for name, value in accuracy.items()})  # noqa: T201
    for name in SYNERGISTIC:
        assert (source == name).sum() > 60 and accuracy[name] >= 0.85, name
    for name, value in accuracy.items():
        assert value >= 0.85 or name.startswith("none"), name
    assert accuracy["none:"] < 0.35, "random labels cannot be known"


def test_dnr_beats_plain_on_synergy_by_more_than_chance(dnr, corpus):
    """Difference of accuracy on synergistic utterances, 95 % interval by drawing whole dialogues: measured
    0.98 − 0.12, [0.83, 0.90]."""
    plain = train(corpus, preset("plain", "mmgcn"), device="cpu").model
    rows, better = right_in_test(dnr, corpus)
    _, worse = right_in_test(plain, corpus)
    here = np.isin(sources_of(corpus)[rows], SYNERGISTIC)
    gain = better[here].astype(float) - worse[here]
    dialogues = corpus.utterances["dialogue_id"].to_numpy(dtype=object)[rows][here]
    _, block = np.unique(dialogues, return_inverse=True)
    size, total = np.bincount(block), np.bincount(block, weights=gain)
    draws = np.random.default_rng(0).multinomial(len(size), np.full(len(size), 1 / len(size)), size=2000)
    low, high = np.percentile((draws @ total) / (draws @ size), [2.5, 97.5])
    print({"dnr": better[here].mean(), "plain": worse[here].mean(), "gain": [low, high]})  # noqa: T201
    assert low > 0.5


def test_the_dominant_part_is_the_planted_one(explained, corpus):
    """Family and exact source of utterances that are predicted right (chance about 1/3 and 1/10)."""
    frame = corpus.utterances.iloc[explained.rows]
    right = explained.predicted == corpus.labels[explained.rows]
    columns = (frame[name].to_numpy(dtype=object) for name in ("truth_family", "truth_sources", "dialogue_id"))
    found: TruthAgreement = truth_agreement(right, explained.claimed, *columns)
    own = explained.claimed.family
    truth = frame["truth_family"].to_numpy(dtype=object)
    by_hand = float((own == truth)[right & (truth != "none")].mean())
    print({"family": found.family, "exact": found.exact})  # noqa: T201
    for source in found.sources:
        print(source.source, source.accuracy.value, source.family, source.exact)  # noqa: T201
    assert found.family.value == pytest.approx(by_hand)
    assert found.family.value >= 0.85
    assert found.exact.value is not None and found.exact.value >= 0.90


def test_values_sum_to_what_is_to_be_explained(explained):
    assert explained.gap < 1e-4


def test_a_modality_that_knows_nothing_gets_little(explained, corpus):
    """The visual rows are permuted over the corpus: their share of |value| falls from 0.33 to 0.13 (measured)."""
    order = np.random.default_rng(0).permutation(len(corpus))
    features = {**corpus.features, "visual": corpus.features["visual"][order]}
    permuted = replace(corpus, features=features, stored_hash=None)
    model = train(permuted, fewer_epochs(), device="cpu").model
    control = explain(model, permuted, every=3)
    before, after = explained.shares(), control.shares()
    print({"before": before, "permuted": after})  # noqa: T201
    assert before["visual"] > 0.25
    assert after["visual"] < 0.2 and after["visual"] < before["visual"] / 2
    assert np.mean([source == "unique:visual" for source in control.dominant]) < 0.1


def fewer_epochs() -> RunConfig:
    """The preset with two thirds of its epochs: enough for a control."""
    config = preset("dnr", "mmgcn")
    epochs = {"divide": 40, "refine": 8}
    stages = {name: stage.model_copy(update={"epochs": epochs[name]}) for name, stage in config.stages.items()}
    return config.model_copy(update={"stages": stages})
