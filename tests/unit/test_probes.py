"""What a probe reads: codes that are there and codes that are not, ridge against scikit-learn, halves by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from small import handmade, short, small_corpus, untrained

from dnr_core.data.corpus import Corpus
from dnr_core.data.planted_config import PlantedConfig
from dnr_core.errors import DataError
from dnr_core.explain.probes import (
    RIDGE,
    code_columns,
    code_of,
    cross_prediction,
    half_agreement,
    planted_in,
    probe,
    probe_matrix,
    r_squared,
)
from dnr_core.explain.vectors import PartVectors, parts_of_corpus
from dnr_core.model.batch import TensorCorpus
from dnr_core.types import MODALITIES

MIXTURE = {"unique:text": 1.0, "synergistic:audio+text": 1.0, "copy:audio+visual": 1.0}


def all_there(vectors: dict[str, np.ndarray]) -> PartVectors:
    return PartVectors(vectors, {player: np.ones(len(rows), dtype=bool) for player, rows in vectors.items()})


def one_hot(code: np.ndarray, classes: int = 6) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[np.maximum(code, 0)]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return small_corpus(300, mixture=MIXTURE, noise_share=0.0)


def test_there_is_a_column_for_each_code_that_is_not_the_label():
    assert code_columns(PlantedConfig(mixture=MIXTURE)) == (
        ("unique:text", "label"),
        ("synergistic:audio+text", "label"),
        ("synergistic:audio+text", "audio"),
        ("synergistic:audio+text", "text"),
        ("copy:audio+visual", "label"),
        ("copy:audio+visual", "audio"),
        ("copy:audio+visual", "visual"),
    )


def test_codes_are_those_of_the_generator(corpus):
    """label = audio code + text code modulo 6; a copy's label = 3 · audio code + visual code."""
    config, planted = planted_in(corpus)
    label, audio, text = (
        code_of(config, planted, "synergistic:audio+text", name) for name in ("label", "audio", "text")
    )
    here = label >= 0
    truth = corpus.utterances["truth_family"].to_numpy(dtype=object)
    assert (here == (truth == "synergistic")).all() and (audio[~here] == -1).all()
    assert (label[here] == corpus.labels[here]).all()
    assert ((audio + text)[here] % 6 == label[here]).all()
    label, audio, visual = (
        code_of(config, planted, "copy:audio+visual", name) for name in ("label", "audio", "visual")
    )
    assert (3 * audio + visual == label)[label >= 0].all()


def test_what_stands_in_the_turn_before_is_not_probed():
    config, planted = planted_in(small_corpus(20, earlier_turn_share=0.5))
    assert planted.earlier.any()
    for source, modality in code_columns(config):
        assert (code_of(config, planted, source, modality)[planted.earlier] == -1).all()


def test_a_part_that_holds_one_code_is_read_for_that_code_only(corpus):
    config, planted = planted_in(corpus)
    audio = code_of(config, planted, "synergistic:audio+text", "audio")
    noise = np.random.default_rng(0).normal(size=(len(corpus), 6)).astype(np.float32)
    found = probe_matrix(all_there({"unique:audio": one_hot(audio), "unique:text": noise}), corpus)
    held = found.codes.index(("synergistic:audio+text", "audio"))
    assert found.players == ("unique:audio", "unique:text")
    assert found.score[0, held] == 1.0
    assert np.delete(found.score[0], held).max() < 0.25, "one code says nothing of the sum, the other or other sources"
    assert found.score[1].max() < 0.25
    split, source = (corpus.utterances[name].to_numpy(dtype=object) for name in ("split", "truth_family"))
    assert found.n_train[held] == ((split == "train") & (source == "synergistic")).sum()
    assert found.n_test[held] == ((split == "test") & (source == "synergistic")).sum()


def test_probes_learn_on_train_and_are_scored_on_test(corpus):
    """On test the part holds 5 − code: what was learned on train is always wrong there."""
    code = code_of(*planted_in(corpus), "synergistic:audio+text", "audio")
    vectors = one_hot(code)
    vectors[corpus.rows("test")] = vectors[corpus.rows("test"), ::-1]
    found = probe_matrix(all_there({"unique:audio": vectors}), corpus)
    assert found.score[0, found.codes.index(("synergistic:audio+text", "audio"))] == 0.0


def test_a_code_whose_modality_was_not_measured_is_left_out(corpus):
    present = corpus.present.copy()
    present[::2, MODALITIES.index("audio")] = False
    lost = replace(corpus, present=present, stored_hash=None)
    noise = np.zeros((len(corpus), 2), dtype=np.float32)
    before, after = (probe_matrix(all_there({"unique:text": noise}), one) for one in (corpus, lost))
    column = before.codes.index(("synergistic:audio+text", "text"))
    assert after.n_train[column] < 0.7 * before.n_train[column]
    assert after.n_train[0] == before.n_train[0], "unique:text does not need audio"


def test_the_score_is_zero_at_chance_and_one_when_right():
    code = np.tile([0, 1, 2, 3], 40)
    train = np.arange(160) < 80
    assert probe(one_hot(code), code, train, ~train) == 1.0
    assert probe(np.zeros((160, 3), dtype=np.float32), code, train, ~train) == 0.0
    assert probe(one_hot(code // 2), code, train, ~train) == pytest.approx((0.5 - 0.25) / 0.75)
    assert np.isnan(probe(one_hot(code), code, train, np.arange(160) > 150)), "nine utterances are too few"


def test_notes_that_do_not_fit_are_refused(corpus):
    with pytest.raises(DataError, match="not planted"):
        planted_in(handmade({"train": (3,), "test": (2,)}))
    with pytest.raises(DataError, match="do not fit its rows"):
        planted_in(replace(corpus, notes={"planted": corpus.notes["planted"] | {"seed": 1}}))


def test_parts_are_those_of_the_model_in_every_row():
    corpus = small_corpus(8, missing=0.3)
    model = untrained(corpus, short()).model
    data = TensorCorpus(corpus)
    parts = parts_of_corpus(model, data, corpus)
    assert tuple(parts.vectors) == model.players
    for rows in corpus.dialogue_rows.values():
        alone = model.decompose(data.batch(rows[None]))
        for player in model.players:
            assert np.allclose(parts.vectors[player][rows], alone.vectors[player][0].detach().numpy(), atol=1e-5)
            assert (parts.available[player][rows] == alone.available[player][0].numpy()).all()


def test_r_squared_by_hand():
    """Squares 1 + 4 + 4 + 9 = 18; errors 0 + 1 + 0 + 1 = 2."""
    assert r_squared(np.array([[1.0, -2], [2, 3]]), np.array([[1.0, -1], [2, 2]])) == pytest.approx(1 - 2 / 18)
    assert r_squared(np.zeros((3, 2)), np.ones((3, 2))) is None


@pytest.fixture(scope="module")
def unique_parts(corpus) -> dict[str, np.ndarray]:
    """unique:text is made of audio features, unique:visual of nothing but noise, unique:audio is a constant."""
    draw = np.random.default_rng(1)
    return {
        "unique:text": corpus.features["audio"] @ draw.normal(size=(8, 3)).astype(np.float32),
        "unique:audio": np.ones((len(corpus), 2), dtype=np.float32),
        "unique:visual": draw.normal(size=(len(corpus), 3)).astype(np.float32),
    }


def test_a_part_made_of_another_modality_is_found_out(corpus, unique_parts):
    text, audio, visual = cross_prediction(all_there(unique_parts), corpus)
    assert text.r2 is not None and text.r2 > 0.999
    assert visual.r2 is not None and visual.r2 < 0.02
    assert audio.r2 is None and audio.reason == "the part is the same for all utterances"
    assert (text.n_train, text.n_test) == (len(corpus.rows("train")), len(corpus.rows("test")))


def test_ridge_is_that_of_scikit_learn(corpus):
    """A noisy part, the penalty with the best score on dev."""
    draw = np.random.default_rng(2)
    part = corpus.features["audio"] @ draw.normal(size=(8, 2)) + 3 * draw.normal(size=(len(corpus), 2))
    parts = all_there({"unique:text": part, "unique:audio": part, "unique:visual": part})
    inputs = np.concatenate([corpus.features[name] for name in ("audio", "visual")], axis=1).astype(np.float64)
    train, dev, test = (corpus.rows(split) for split in ("train", "dev", "test"))
    scaled = (inputs - inputs[train].mean(0)) / inputs[train].std(0)
    models = [Ridge(alpha).fit(scaled[train], part[train]) for alpha in RIDGE]
    mean = part[train].mean(0)
    scores = [
        [r_squared(part[rows] - mean, one.predict(scaled[rows]) - mean) for one in models] for rows in (dev, test)
    ]
    assert cross_prediction(parts, corpus)[0].r2 == pytest.approx(scores[1][int(np.argmax(scores[0]))], abs=1e-6)


def test_without_dev_without_others_and_without_rows_it_is_said(corpus, unique_parts):
    split = corpus.utterances["split"].replace("dev", "train")
    no_dev = replace(corpus, utterances=corpus.utterances.assign(split=split), stored_hash=None)
    assert (cross_prediction(all_there(unique_parts), no_dev)[0].r2 or 0) > 0.999
    alone = cross_prediction(all_there({"unique:text": unique_parts["unique:text"]}), corpus)
    assert [one.r2 for one in alone] == [None] and alone[0].reason == "there is no other modality to predict it from"
    nowhere = replace(corpus, present=corpus.present & [True, False, True], stored_hash=None)
    _, audio, visual = cross_prediction(all_there(unique_parts), nowhere)
    assert audio.r2 is None and "fewer than 20" in str(audio.reason)
    assert visual.n_test == len(corpus.rows("test")), "text is there to predict it from"
    lonely = replace(corpus, present=corpus.present & [False, False, True], stored_hash=None)
    assert [one.r2 for one in cross_prediction(all_there(unique_parts), lonely)] == [None] * 3


def test_cells_that_were_not_measured_do_not_spoil_the_prediction(corpus, unique_parts):
    features = {**corpus.features, "visual": corpus.features["visual"].copy()}
    features["visual"][::3, 0] = np.nan
    found = cross_prediction(all_there(unique_parts), replace(corpus, features=features, stored_hash=None))
    assert found[0].r2 is not None and found[0].r2 > 0.999


def test_what_is_stored_for_an_absent_modality_does_not_matter(corpus, unique_parts):
    present = corpus.present.copy()
    present[::3, MODALITIES.index("audio")] = False
    scores = []
    for stored in (0.0, 50.0):
        features = {**corpus.features, "audio": corpus.features["audio"].copy()}
        features["audio"][::3] = stored
        lost = replace(corpus, features=features, present=present, stored_hash=None)
        scores.append(cross_prediction(all_there(unique_parts), lost)[0].r2)
    assert scores[0] == scores[1] and 0.3 < (scores[0] or 0) < 0.9, "a third is not known"


def test_halves_that_agree_and_halves_that_do_not(corpus):
    draw = np.random.default_rng(3)
    first, second = draw.normal(size=(2, len(corpus), 2)).astype(np.float32)
    mixed = np.concatenate([first, 0.6 * first + 0.8 * second], axis=1)
    parts = all_there(
        {
            "unique:text": first,
            "redundant:audio+text": np.concatenate([first, 5 * first + 2], axis=1),
            "redundant:audio+visual": mixed,
            "redundant:text+visual": np.concatenate([first, second], axis=1),
        }
    )
    same, half, other = half_agreement(parts, corpus)
    assert same.correlation == pytest.approx(1.0)
    rows = corpus.rows("test")
    by_hand = np.mean([np.corrcoef(mixed[rows, j], mixed[rows, j + 2])[0, 1] for j in range(2)])
    assert half.correlation == pytest.approx(by_hand, abs=1e-6) and half.n == len(rows)
    assert half.shuffled_high is not None and half.shuffled_high < 0.3 < by_hand
    assert other.correlation is not None and other.correlation < 0.3
    few = PartVectors(parts.vectors, {player: np.zeros(len(corpus), dtype=bool) for player in parts.vectors})
    assert [one.correlation for one in half_agreement(few, corpus)] == [None] * 3
