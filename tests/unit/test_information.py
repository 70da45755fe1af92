"""The information view piece by piece: atoms by hand, couplings, calibration, claims, and the subset model under it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dnr_core.errors import CheckpointError, DataError, UsageError
from dnr_core.explain.atoms import (
    ATOMS,
    SUBSETS,
    atoms,
    coupled_yes,
    decompose_utterances,
    pointwise_bits,
    respecting_missing,
    shared_bits,
)
from dnr_core.explain.broja import couple, source_marginals
from dnr_core.explain.information import (
    InformationValues,
    calibration_errors,
    explain_information,
    log_posteriors,
    null_bits,
    significant_claims,
)
from dnr_core.explain.information_split import split_information
from dnr_core.model import subset
from dnr_core.model.subset import SubsetModel, rebuild_subset_model, subset_description, subset_tensors
from dnr_core.training.subset import train_subset_model
from dnr_core.types import MODALITIES
from tests.unit.small import changed, handmade, relabelled, small_corpus

pytestmark = pytest.mark.usefixtures("one_thread")
UNIFORM = np.full(4, 0.25)
FIRST_HALF, EVEN, FIRST = np.array([0.5, 0.5, 0, 0]), np.array([0.5, 0, 0.5, 0]), np.array([1.0, 0, 0, 0])


@pytest.fixture(scope="module")
def corpus():
    return small_corpus(40, missing=0.2)


@pytest.fixture(scope="module")
def model(corpus, one_thread) -> SubsetModel:
    return train_subset_model(corpus).model


@pytest.fixture(scope="module")
def values(model, corpus) -> InformationValues:
    return explain_information(model, corpus, "test")


def one_utterance(text, audio, pair, visual=UNIFORM) -> np.ndarray:
    """log p(y | x_S) (1, 7, 4) where visual adds nothing to text and audio."""
    by_subset = [text, audio, visual, pair, text, audio, pair]
    return np.log(np.maximum(np.array(by_subset), 1e-12))[None]


def named(values: np.ndarray) -> dict[str, float]:
    """The atoms of one utterance that are not 0."""
    return {name: round(float(bits), 4) for name, bits in zip(ATOMS, values, strict=True) if abs(bits) > 1e-4}


GATES = {
    "unique": (one_utterance(FIRST, UNIFORM, FIRST), {"unique:text": 2}),
    "redundant": (one_utterance(FIRST, FIRST, FIRST), {"redundant:audio+text": 2}),
    "synergistic": (one_utterance(UNIFORM, UNIFORM, FIRST), {"synergistic:audio+text": 2}),
    "copy": (one_utterance(FIRST_HALF, EVEN, FIRST), {"unique:text": 1, "unique:audio": 1}),
    "rdnxor": (one_utterance(FIRST_HALF, FIRST_HALF, FIRST), {"redundant:audio+text": 1, "synergistic:audio+text": 1}),
    "triple": (np.log(np.maximum([[*[UNIFORM] * 6, FIRST]], 1e-12)), {"synergistic:audio+text+visual": 2}),
    "all three": (one_utterance(FIRST, FIRST, FIRST, FIRST), {"redundant:audio+text+visual": 2}),
}


@pytest.mark.parametrize("name", GATES)
def test_atoms_of_textbook_utterances(name):
    """COPY and RDNXOR say 1, 1 and 2 bits alike; only which classes their posteriors leave tells them apart."""
    given, expected = GATES[name]
    found = decompose_utterances(given, np.log(UNIFORM), np.array([0]))[0]
    assert named(found) == pytest.approx(expected, abs=1e-4)


def test_atoms_sum_to_what_all_modalities_say_whatever_the_numbers():
    random = np.random.default_rng(0)
    pointwise, shared = random.normal(size=(500, 7)), random.normal(size=(500, 3))
    found = atoms(pointwise, shared)
    np.testing.assert_allclose(found.sum(1), pointwise[:, -1], atol=1e-12)
    redundant = found[:, 3:7]
    assert (redundant >= 0).all()
    pair_total = found[:, [3, 4, 5]] + found[:, [6]]
    least = np.maximum(0, np.minimum(pointwise[:, [0, 0, 1]], pointwise[:, [1, 2, 2]]))
    assert (pair_total <= least + 1e-12).all(), "a pair shares more than one of the two says"


def test_names_of_the_atoms_follow_the_contract():
    assert ATOMS == (
        "unique:text", "unique:audio", "unique:visual",
        "redundant:audio+text", "redundant:text+visual", "redundant:audio+visual", "redundant:audio+text+visual",
        "synergistic:audio+text", "synergistic:text+visual", "synergistic:audio+visual",
        "synergistic:audio+text+visual",
    )  # fmt: skip
    assert SUBSETS == subset.SUBSETS


def test_coupled_questions_are_the_broja_optimum():
    """Against the interior-point solver on 2 × 2 × Y tables, corners such as AND among them."""
    random = np.random.default_rng(3)
    tables = [random.gamma(random.choice([0.2, 1.0]), size=(2, 2, 3)) for _ in range(60)]
    tables.append(np.array([[[1, 0], [1, 0]], [[1, 0], [0, 1.0]]]))
    for table in tables:
        table /= table.sum()
        first, second, prior = table.sum(1)[1], table.sum(0)[1], table.sum((0, 1))
        both = coupled_yes(first[None], second[None], prior)[0]
        cells = np.maximum([both, first - both, second - both, prior - first - second + both], 0)
        there = cells > 1e-300
        ratio = np.divide(cells, cells.sum(1, keepdims=True) * prior, out=np.ones_like(cells), where=there)
        bits = float(np.sum(cells[there] * np.log2(ratio[there])))
        assert bits == pytest.approx(couple(source_marginals(table)).union_bits, abs=1e-4)


def test_shared_bits_of_the_and_gate():
    """At (1, 1) of AND: p(y=1 | x_i) = ½, Q* couples the two inputs, so that one of them says all: i_12 = i_1 = 1."""
    prior, given = np.array([0.75, 0.25]), np.array([[0.5, 0.5]])
    assert shared_bits((given, given), prior, np.array([1]))[0] == pytest.approx(1, abs=1e-3)


def test_pointwise_bits_by_hand():
    given = np.log(np.full((1, 7, 2), 0.5))
    given[0, 6] = np.log([0.9, 0.1])
    found = pointwise_bits(given, np.log([0.6, 0.4]), np.array([0]))
    assert found[0, 0] == pytest.approx(np.log2(0.5 / 0.6)) and found[0, 6] == pytest.approx(np.log2(1.5))


def test_an_absent_modality_is_cut_out_of_every_subset():
    given = np.log(np.random.default_rng(0).dirichlet(np.ones(3), size=(2, 7)))
    prior = np.log([0.2, 0.3, 0.5])
    found = respecting_missing(given, prior, np.array([[True, False, True], [False, False, False]]))
    index = {names: place for place, names in enumerate(SUBSETS)}
    np.testing.assert_array_equal(found[0, index["text", "audio"]], given[0, index["text",]])
    np.testing.assert_array_equal(found[0, index["audio",]], prior)
    np.testing.assert_array_equal(found[0, index[MODALITIES]], given[0, index["text", "visual"]])
    np.testing.assert_array_equal(found[1], np.broadcast_to(prior, (7, 3)))


def test_atoms_of_absent_modalities_are_exactly_zero(values, corpus):
    present = corpus.present[corpus.rows("test")]
    assert not present.all() and values.completeness_gap.max() < 1e-6
    for place, atom in enumerate(ATOMS):
        members = [MODALITIES.index(name) for name in atom.partition(":")[2].split("+")]
        absent = ~present[:, members].all(1)
        assert np.abs(values.values[absent, place]).max() < 1e-12, atom


def test_what_is_stored_where_a_modality_is_absent_changes_nothing(model, values, corpus):
    rows = np.flatnonzero(~corpus.present[:, 1])
    other = changed(corpus, rows, "audio", np.full((len(rows), corpus.widths["audio"]), 7.0, dtype=np.float32))
    found = log_posteriors(model, other.features, other.present, corpus.rows("test"))
    np.testing.assert_array_equal(found, log_posteriors(model, corpus.features, corpus.present, corpus.rows("test")))


def test_an_utterance_alone_gets_what_it_gets_among_others(model, corpus):
    rows = corpus.rows("test")
    prior = np.log(model.prior.double().numpy())
    many = log_posteriors(model, corpus.features, corpus.present, rows)
    one = log_posteriors(model, corpus.features, corpus.present, rows[:1])
    np.testing.assert_allclose(one[0], many[0], atol=1e-5)
    classes = many[:, -1].argmax(1)
    np.testing.assert_allclose(
        decompose_utterances(many[:1], prior, classes[:1])[0], decompose_utterances(many, prior, classes)[0], atol=1e-9
    )


def test_calibration_error_by_hand():
    """Four rows say 0.8 and three are right: |0.8 − 0.75|; in the second subset all say 0.6 and none is right."""
    posteriors = np.array([[[0.8, 0.2], [0.4, 0.6]]] * 4)
    assert calibration_errors(posteriors, np.array([0, 0, 0, 1])) == pytest.approx([0.05, 0.35])
    assert np.isnan(calibration_errors(posteriors, np.full(4, -1))).all()


def test_claims_follow_benjamini_hochberg_and_the_gates():
    """p = 1/101, 1/101, 3/101, 0.5…: with four rows the limits are 0.0125, 0.025, 0.0375, 0.05: three pass."""
    null = np.arange(100) / 100.0
    values = np.zeros((5, len(ATOMS)))
    values[0, ATOMS.index("unique:text")] = 2.0
    values[1, ATOMS.index("synergistic:audio+text")] = 2.0
    values[2, ATOMS.index("unique:text")] = 0.975
    values[3, ATOMS.index("unique:text")] = 0.5
    values[4] = np.nan
    p_value, allowed = significant_claims(values, null, np.array([1.0, 1.0, np.nan]))
    assert p_value[:4] == pytest.approx([1 / 101, 1 / 101, 3 / 101, 51 / 101]) and np.isnan(p_value[4])
    assert allowed.tolist() == [True, True, True, False, False]
    _, gated = significant_claims(values, null, np.array([1.0, -0.1, np.nan]))
    assert gated.tolist() == [True, False, True, False, False]
    _, none = significant_claims(values, np.empty(0), np.ones(3))
    assert not none.any()


def test_gold_is_explained_where_there_is_a_label(model, corpus):
    rows = corpus.rows("test")
    unlabelled = relabelled(corpus, rows[:3], "")
    found = explain_information(model, unlabelled, "test", explained="gold")
    assert np.isnan(found.values[:3]).all() and np.isfinite(found.values[3:]).all()
    assert found.dominant_component[:3].tolist() == [""] * 3 and not found.significant[:3].any()
    assert len(null_bits(model, corpus, seed=0)) == 8 * len(corpus.rows("dev"))
    np.testing.assert_array_equal(found.classes[3:], corpus.labels[rows[3:]])


def test_given_classes_are_explained(model, corpus, values):
    classes = (values.classes + 1) % len(corpus.emotions)
    found = explain_information(model, corpus, "test", classes=classes)
    assert found.pointwise[:, -1].mean() < values.pointwise[:, -1].mean()
    with pytest.raises(UsageError, match="one class per utterance"):
        explain_information(model, corpus, "test", classes=classes[:-1])
    with pytest.raises(UsageError, match="predicted, gold"):
        explain_information(model, corpus, "test", explained="best")


def test_training_neither_reads_nor_changes_the_global_random_state(corpus, model):
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    again = train_subset_model(corpus).model
    assert torch.equal(before, torch.random.get_rng_state())
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_a_model_is_rebuilt_bit_for_bit(model, corpus):
    tensors = subset_tensors(model) | {"something.else": torch.zeros(2)}
    assert all(name.startswith("subset.") for name in subset_tensors(model))
    rebuilt = rebuild_subset_model(subset_description(model), tensors)
    rows = np.arange(len(corpus))
    np.testing.assert_array_equal(
        log_posteriors(rebuilt, corpus.features, corpus.present, rows),
        log_posteriors(model, corpus.features, corpus.present, rows),
    )
    with pytest.raises(CheckpointError, match="damaged"):
        rebuild_subset_model(subset_description(model), {name: v for name, v in tensors.items() if "prior" not in name})
    with pytest.raises(CheckpointError, match="damaged"):
        rebuild_subset_model({"emotions": 6}, tensors)


def without(corpus, *names: str):
    """The corpus with some modalities missing everywhere."""
    features = {n: np.zeros((len(corpus), 0), np.float32) if n in names else v for n, v in corpus.features.items()}
    present = corpus.present & np.array([name not in names for name in MODALITIES])
    feature_names = {n: () if n in names else v for n, v in corpus.feature_names.items()}
    return replace(corpus, features=features, present=present, feature_names=feature_names, stored_hash=None)


def test_two_modalities_work_and_name_only_each_other():
    corpus = without(small_corpus(24), "visual")
    found = explain_information(train_subset_model(corpus).model, corpus, "test")
    assert np.isfinite(found.values).all()
    assert np.abs(found.values[:, ["visual" in atom for atom in ATOMS]]).max() < 1e-12
    assert np.isnan(found.modality_gain[2])
    assert set(split_information(train_subset_model(corpus).model, corpus, "test").pairs) == {"audio+text"}


def test_one_modality_can_be_modelled_but_shares_nothing_to_show():
    corpus = without(small_corpus(24), "visual", "audio")
    model = train_subset_model(corpus).model
    assert np.isfinite(log_posteriors(model, corpus.features, corpus.present, corpus.rows("test"))).all()
    with pytest.raises(DataError, match="cannot be shown"):
        explain_information(model, corpus, "test")


def test_a_corpus_with_one_emotion_or_no_features_is_refused(corpus):
    with pytest.raises(DataError, match="fewer than two emotions"):
        train_subset_model(relabelled(corpus, np.arange(len(corpus)), corpus.emotions[0]))
    with pytest.raises(DataError, match="no features"):
        train_subset_model(without(corpus, *MODALITIES))


def test_dialogues_of_one_utterance_and_a_missing_dev_split():
    single = handmade({"train": (1,) * 12, "dev": (1,) * 6, "test": (1,) * 4})
    found = explain_information(train_subset_model(single).model, single, "test")
    assert np.isfinite(found.values).all()
    no_dev = handmade({"train": (3,) * 5, "test": (2,) * 3})
    found = explain_information(train_subset_model(no_dev).model, no_dev, "test")
    assert np.isfinite(found.values).all() and not found.significant.any() and np.isnan(found.p_value).all()
    assert np.isnan(found.modality_gain).all()


def test_split_information_adds_up(model, corpus):
    found = split_information(model, corpus, "test")
    whole = {name: bits.value for name, bits in found.whole.items()}
    assert whole["union"] + whole["synergistic"] == pytest.approx(whole["total"])
    for pair in found.pairs.values():
        for bits in pair.values():
            assert bits.value >= 0 and bits.interval[0] - 1e-6 <= bits.value <= bits.interval[1] + 1e-6, bits
    with pytest.raises(DataError, match="cannot be shown"):
        split_information(model, relabelled(corpus, corpus.rows("test"), ""), "test")
