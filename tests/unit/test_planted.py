"""Planted dialogues: what is written into the features is what the truth columns say, everywhere and always."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from scipy.stats import binom

from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, feature_names, generate
from dnr_core.data.planted_codes import Plan, bend, build_codebook, encode, plan, signals, truth_of
from dnr_core.types import MODALITIES

DEFAULT_HASH = "32be237bdee0a1da150e21b3c05c95fa0947b56674f8d555118b17042f6ec9f5"


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return generate()


def only(*sources: str, **options: object) -> PlantedConfig:
    """A small corpus without any noise in which these sources are equally frequent."""
    settings = {"dialogues": 30, "noise": 0.0, "noise_share": 0.0, "mixture": dict.fromkeys(sources, 1.0)} | options
    return PlantedConfig(**settings)  # type: ignore[arg-type]


def nearest(config: PlantedConfig, corpus: Corpus, source: str, modality: str) -> np.ndarray:
    """The codeword of a slot that is nearest to each utterance's features (N,)."""
    words = config.code_length * build_codebook(config).words[source, modality, 0]
    gaps = corpus.features[modality][:, None] - words[None]  # (N, codes, d)
    return (gaps**2).sum(axis=2).argmin(axis=1)


def information_bits(first: np.ndarray, second: np.ndarray) -> float:
    """Plug-in mutual information of two discrete variables."""
    table = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(table, (first, second), 1 / len(first))
    independent = table.sum(1, keepdims=True) * table.sum(0, keepdims=True)
    return float((table[table > 0] * np.log2(table[table > 0] / independent[table > 0])).sum())


# ---- the corpus as a whole


def test_the_default_corpus_is_the_same_on_every_machine(corpus):
    assert corpus.hash == DEFAULT_HASH


def test_two_processes_write_the_same_corpus_and_another_seed_another():
    script = (
        "from dnr_core.data.planted import *; print(generate(PlantedConfig(seed={}, dialogues=12, noise=0.6)).hash)"
    )
    runs = [(sys.executable, "-c", script.format(seed)) for seed in (5, 5, 6)]
    first, again, other = (subprocess.run(run, capture_output=True, text=True, check=True).stdout for run in runs)
    assert first == again == generate(PlantedConfig(seed=5, dialogues=12, noise=0.6)).hash + "\n"
    assert first != other


def test_a_corpus_survives_saving_and_its_notes_rebuild_it(corpus, tmp_path):
    loaded = Corpus.load(generate(PlantedConfig(dialogues=5, missing=0.3)).save(tmp_path / "planted"))
    assert generate(PlantedConfig(**loaded.notes["planted"])).hash == loaded.hash
    assert PlantedConfig(**json.loads(json.dumps(corpus.notes["planted"]))) == PlantedConfig()


def test_dialogues_have_14_to_26_utterances_and_two_to_four_speakers(corpus):
    dialogues = corpus.utterances.groupby("dialogue_id", sort=False)
    lengths, speakers = dialogues.size(), dialogues["speaker"].nunique()
    assert len(lengths) == 240 and (lengths.min(), lengths.max()) == (14, 26)
    assert set(speakers) == {2, 3, 4}


def test_splits_hold_70_10_and_20_percent_of_the_dialogues(corpus):
    assert [len(corpus.dialogue_ids(split)) for split in ("train", "dev", "test")] == [168, 24, 48]
    tiny = generate(PlantedConfig(dialogues=3))
    assert [len(tiny.dialogue_ids(split)) for split in ("train", "dev", "test")] == [1, 1, 1]


def test_widths_and_names_follow_the_configuration(corpus):
    assert corpus.widths == {"text": 96, "audio": 48, "visual": 64}
    odd = generate(PlantedConfig(dialogues=3, widths={"text": 7, "audio": 11}))
    assert odd.widths == {"text": 7, "audio": 11, "visual": 64}
    names = feature_names({"text": 2, "audio": 3, "visual": 2})
    assert names["audio"] == ("audio_band_00_level_db", "audio_band_00_slope_db", "audio_band_01_level_db")
    assert names["text"][1] == "text_dim_001" and names["visual"][1] == "visual_landmark_00_y_offset"


def test_times_run_forward_within_a_dialogue(corpus):
    rows = corpus.utterances
    same = rows["turn"].to_numpy()[1:] > 0
    assert (rows["end_s"] > rows["start_s"]).all()
    assert (rows["start_s"].to_numpy()[1:][same] > rows["end_s"].to_numpy()[:-1][same]).all()
    assert (rows["start_s"][rows["turn"] == 0] < 1).all()


def test_more_noise_changes_the_features_and_nothing_else():
    quiet, loud = (generate(PlantedConfig(dialogues=4, noise=noise)) for noise in (0.3, 0.9))
    assert quiet.utterances.equals(loud.utterances)
    assert not np.allclose(quiet.features["audio"], loud.features["audio"])
    clean = generate(PlantedConfig(dialogues=4, noise=0.0)).features["audio"]
    assert np.allclose(loud.features["audio"] - clean, 3 * (quiet.features["audio"] - clean), atol=1e-3)


# ---- how often each source occurs


def test_sources_occur_as_often_as_their_weights_say(corpus):
    config = PlantedConfig()
    counts = Counter(plan(config).source[:, 0].tolist())
    for position, name in enumerate(
        config.mixture
    ):  # 10 equal weights and three thirds: 0.9 / 11 each, 0.3 / 11 for copy
        share = 0.9 / 11 / (3 if name.startswith("copy") else 1)
        low, high = binom.interval(0.9999, len(corpus), share)
        assert low <= counts[position] <= high, name
    low, high = binom.interval(0.9999, len(corpus), 0.1)
    assert low <= counts[-1] <= high
    assert counts[-1] == (corpus.utterances["truth_family"] == "none").sum()
    assert set(corpus.utterances.loc[corpus.utterances["truth_family"] == "none", "truth_sources"]) == {""}


def test_labels_follow_the_class_weights():
    config = PlantedConfig(dialogues=100, class_weights=(6, 1, 1, 1, 1, 2))
    counts = np.bincount(generate(config).labels, minlength=6)
    for count, weight in zip(counts, (6, 1, 1, 1, 1, 2), strict=True):
        low, high = binom.interval(0.9999, counts.sum(), weight / 12)
        assert low <= count <= high


def test_missing_modalities_are_lost_independently_and_never_all_three():
    lost = generate(PlantedConfig(dialogues=60, missing=0.2))
    assert lost.present.any(axis=1).all()
    # each is lost with chance 0.2, less a third of the cases in which all three were: 0.2 − 0.008 / 3
    low, high = binom.interval(0.9999, len(lost), 0.2 - 0.008 / 3)
    assert all(low <= count <= high for count in (~lost.present).sum(axis=0))
    assert np.isnan(lost.features["audio"][~lost.present[:, 1]]).all()
    assert np.isfinite(lost.features["audio"][lost.present[:, 1]]).all()
    assert set(lost.utterances["text"][~lost.present[:, 0]]) == {""}


# ---- what stands in the features


def test_unique_and_redundant_codes_are_the_label_in_every_member():
    for source, members in {
        "unique:visual": ["visual"],
        "redundant:audio+text": ["audio", "text"],
        "redundant:audio+text+visual": ["audio", "text", "visual"],
    }.items():
        planted = generate(config := only(source))
        for modality in MODALITIES:
            if modality in members:
                assert (nearest(config, planted, source, modality) == planted.labels).all()
                assert np.linalg.norm(planted.features[modality], axis=1) == pytest.approx(3.0, abs=1e-3)
            else:
                assert not planted.features[modality].any()


@pytest.mark.parametrize("weights", [None, (5, 1, 1, 1, 1, 1)])
def test_synergistic_codes_sum_to_the_label_and_each_alone_says_nothing(weights):
    source = "synergistic:audio+visual"
    planted = generate(config := only(source, dialogues=200, class_weights=weights))
    first, second = (nearest(config, planted, source, modality) for modality in ("audio", "visual"))
    assert ((first + second) % 6 == planted.labels).all()
    # 25 degrees of freedom: twice N ln 2 times the estimate is chi-squared, 62.4 at the 99.995 % quantile
    for code in (first, second):
        assert information_bits(code, planted.labels) < 62.4 / (2 * len(planted) * np.log(2)) < 0.012


def test_a_synergistic_source_exhausts_all_pairs_of_codes():
    """Enumerated exactly: over the uniform code, each member is uniform for every label."""
    label = np.repeat(np.arange(6), 36)
    free = np.tile(np.stack(np.meshgrid(np.arange(6), np.arange(6), indexing="ij"), -1).reshape(-1, 2), (6, 1))
    codes = encode("synergistic:audio+text+visual", label, free, 6)
    assert (sum(codes.values()) % 6 == label).all()
    for pair in (("audio", "text"), ("audio", "visual"), ("text", "visual")):
        joint = codes[pair[0]] * 6 + codes[pair[1]]
        for value in range(6):  # each pair of codes once for each label: no pair says anything
            assert sorted(joint[label == value]) == list(range(36))


def test_copy_splits_the_label_into_two_independent_parts():
    codes = encode("copy:audio+text", np.arange(6), np.zeros((6, 2), dtype=int), 6)
    assert codes["audio"].tolist() == [0, 0, 0, 1, 1, 1]
    assert codes["text"].tolist() == [0, 1, 2, 0, 1, 2]
    planted = generate(config := only("copy:audio+text"))
    assert (nearest(config, planted, "copy:audio+text", "audio") == planted.labels // 3).all()
    assert set(planted.utterances["truth_family"]) == {"unique"}
    assert set(planted.utterances["truth_sources"]) == {"audio+text"}


def test_rdnxor_shares_the_half_and_hides_the_rest():
    label, free = np.repeat(np.arange(4), 2), np.tile([[0, 0], [1, 0]], (4, 1))
    codes = encode("rdnxor:audio+text", label, free, 4)
    assert (codes["audio"] // 2 == label // 2).all() and (codes["text"] // 2 == label // 2).all()
    assert ((codes["audio"] + codes["text"]) % 2 == label % 2).all()
    for value in (0, 1):  # given the shared half, each member's own bit is balanced for both labels
        assert sorted(codes["text"][label == value] % 2) == [0, 1]
    assert truth_of(["rdnxor:audio+text"]) == ("redundant;synergistic", "audio+text;audio+text")


def test_noise_utterances_are_silent_and_their_label_is_random():
    planted = generate(only("unique:text", noise_share=0.5, dialogues=100))
    silent = (planted.utterances["truth_family"] == "none").to_numpy()
    assert not planted.features["text"][silent].any() and planted.features["text"][~silent].any(axis=1).all()
    assert np.bincount(planted.labels[silent], minlength=6).min() > 100


def test_codewords_are_orthogonal_where_they_fit_and_of_length_one_where_not():
    for width, orthogonal in ((48, True), (16, False)):
        book = build_codebook(PlantedConfig(widths={"audio": width}))
        words = np.concatenate([part for (_, modality, _), part in book.words.items() if modality == "audio"])
        products = words @ words.T
        assert np.allclose(np.diag(products), 1)
        # unique 6, redundant 2 pairs and the triple 18, synergistic 2 pairs 12, copy 2 + 2
        assert len(words) == 40 and np.allclose(products, np.eye(40)) == orthogonal


def test_the_noise_has_the_spread_asked_for():
    planted = generate(PlantedConfig(noise_share=1.0, noise=0.7, dialogues=40))
    assert planted.features["visual"].std() == pytest.approx(0.7, rel=0.02)


def test_the_plan_says_minus_one_where_nothing_is_planted():
    planted: Plan = plan(only("copy:audio+text", noise_share=0.5))
    silent = planted.source[:, 0] < 0
    assert (planted.codes[silent] == -1).all()
    assert (planted.codes[~silent][:, 0, 2] == -1).all() and (planted.codes[~silent][:, 0, :2] >= 0).all()


# ---- harder families


def test_two_sources_agree_on_the_label_and_both_stand_in_the_truth():
    config = only("unique:text", "synergistic:audio+visual", sources_per_utterance=2)
    planted = generate(config)
    assert set(planted.utterances["truth_family"]) == {"unique;synergistic", "synergistic;unique"}
    codes = [nearest(config, planted, "synergistic:audio+visual", modality) for modality in ("audio", "visual")]
    assert (nearest(config, planted, "unique:text", "text") == planted.labels).all()
    assert ((codes[0] + codes[1]) % 6 == planted.labels).all()


def test_an_earlier_turn_holds_the_code_of_the_next_in_a_slot_of_its_own():
    config = only("unique:audio", earlier_turn_share=1.0)
    planted, words = generate(config), build_codebook(config).words["unique:audio", "audio", 1]
    turns, labels = planted.utterances["turn"].to_numpy(), planted.labels
    follows = np.flatnonzero(turns > 0)
    said = (planted.features["audio"][follows - 1] @ words.T).argmax(axis=1)
    assert (said == labels[follows]).all()
    assert planted.notes["earlier_turn"] == planted.utterances["utterance_id"][follows].tolist()
    assert set(planted.utterances["truth_sources"]) == {"audio"}
    last = np.flatnonzero(np.r_[turns[1:] == 0, True])
    assert not planted.features["audio"][last].any()


def test_bent_codes_are_no_longer_sums_yet_keep_their_length_and_silence():
    config = only("unique:audio", "copy:audio+text", nonlinear=True)
    book = build_codebook(config)
    one, two = (3 * book.words[name, "audio", 0][:2] for name in ("unique:audio", "copy:audio+text"))
    layers = book.layers["audio"]
    assert not np.allclose(bend(one + two, layers), bend(one, layers) + bend(two, layers), atol=0.1)
    assert np.abs(bend(np.zeros((1, 48)), layers)).max() == 0
    lengths = np.linalg.norm(signals(config, book, plan(config))["audio"], axis=1)
    assert np.sqrt((lengths**2).mean()) == pytest.approx(3.0, rel=0.1)


def test_nuisance_is_one_factor_in_all_modalities():
    planted = generate(PlantedConfig(noise=0.0, noise_share=1.0, nuisance=0.8, dialogues=40))
    together = np.concatenate([planted.features[modality] for modality in MODALITIES], axis=1)
    strengths = np.linalg.svd(together, compute_uv=False)
    assert strengths[1] < 1e-3 * strengths[0]
    assert np.sqrt((together**2).mean()) == pytest.approx(0.8, rel=0.1)
