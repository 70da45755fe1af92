"""Maps: PCA is the SVD, neighbours are counted as by hand, and what is stored is shown only where it belongs."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as of_sklearn
from small import short, small_corpus, untrained

from dnr_core.errors import UsageError
from dnr_core.explain import projection
from dnr_core.explain.store import ResultStore, StaleResult
from dnr_core.explain.vectors import vectors_of_corpus
from dnr_core.model.batch import TensorCorpus
from dnr_core.types import MAP_FEWEST, Purity, map_parts, players_in

DRAWN = np.random.default_rng(3)
NAMES = ("a", "b")


def clouds(count: int = 120, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds of vectors far from each other, and their class."""
    gold = np.arange(count) % 3
    vectors = DRAWN.normal(size=(count, width)) + 8 * np.eye(width)[gold]
    return vectors.astype(np.float32), gold


def test_pca_is_the_singular_value_decomposition():
    vectors = DRAWN.normal(size=(60, 7)).astype(np.float32) * np.arange(1, 8, dtype=np.float32)
    places, parameters = projection.pca(vectors)
    centred = vectors - vectors.mean(0)
    left, values, _ = np.linalg.svd(centred.astype(float), full_matrices=False)
    expected = left[:, :2] * values[:2]
    np.testing.assert_allclose(np.abs(places), np.abs(expected), atol=1e-3)
    np.testing.assert_allclose(parameters["variance"], (values**2 / (values**2).sum())[:2], rtol=1e-4)


@pytest.mark.parametrize(("count", "width"), [(0, 0), (1, 5), (2, 5), (3, 1), (4, 3)])
def test_pca_of_next_to_nothing_has_a_place_for_every_vector(count, width):
    places, parameters = projection.pca(np.arange(count * width, dtype=np.float32).reshape(count, width) ** 2)
    assert places.shape == (count, 2) and np.isfinite(places).all()
    assert (places[:, 1] == 0).all() or width > 1
    assert 0 <= sum(parameters["variance"]) <= 1 + 1e-6


def test_equal_vectors_fall_on_one_point():
    places, parameters = projection.pca(np.ones((5, 3), dtype=np.float32))
    assert (places == 0).all() and parameters["variance"] == [0, 0]


def test_neighbours_of_the_same_emotion_are_counted_as_by_hand(monkeypatch):
    """On a line at 0, 1, 3 | 10, 11, 13 with classes 0 0 1 | 1 1 0 and two neighbours each, all in the own half:

    shares of the same class ½, ½, 0 | ½, ½, 0: mean 1/3. The vectors put the classes apart: all 1. By chance, two of
    the other five have the same class: 0.4.
    """
    monkeypatch.setattr(projection, "NEIGHBOURS", 2)
    gold = np.array([0, 0, 1, 1, 1, 0])
    places = np.array([[0, 0], [1, 0], [3, 0], [10, 0], [11, 0], [13, 0]], dtype=np.float32)
    vectors = np.c_[gold * 100, np.arange(6)].astype(np.float32)
    found = projection.purity(vectors, places, gold)
    assert found == Purity(pytest.approx(1 / 3), pytest.approx(1.0), pytest.approx(0.4), 2, 6)
    unlabelled = np.r_[gold, -1]
    again = projection.purity(np.r_[vectors, [[0, 0]]], np.r_[places, [[0.5, 0]]], unlabelled)
    assert again == found, "who has no label is nobody's neighbour"


def test_twins_are_neighbours_of_each_other_not_of_themselves():
    space = np.array([[0.0, 0], [0, 0], [0, 0], [5, 5]])
    found = projection.nearest(space, np.arange(4), 2)
    assert all(row not in found[row] for row in range(4))
    assert [set(line) for line in found[:3]] == [{1, 2}, {0, 2}, {0, 1}]


@pytest.mark.parametrize(("labelled", "n"), [(0, 0), (1, 1)])
def test_without_labels_there_is_no_purity(labelled, n):
    gold = np.r_[np.zeros(labelled, dtype=int), np.full(5 - labelled, -1)]
    assert projection.purity(np.eye(5), np.eye(5)[:, :2], gold) == Purity(None, None, None, 0, n)


def test_trustworthiness_is_that_of_sklearn_on_a_sample_that_is_stated(monkeypatch):
    vectors, _ = clouds()
    places = vectors[:, [5, 6]]
    whole = projection.trustworthiness(vectors, places)
    assert whole == (pytest.approx(of_sklearn(vectors, places, n_neighbors=15)), 15, 120)
    monkeypatch.setattr(projection, "SAMPLE", 50)
    rows = projection.sample(120)
    value, neighbours, asked = projection.trustworthiness(vectors, places)
    assert value == pytest.approx(of_sklearn(vectors[rows], places[rows], n_neighbors=15))
    assert (neighbours, asked, len(set(rows))) == (15, 50, 50)


@pytest.mark.parametrize(("count", "expected"), [(1, (None, 0, 1)), (2, (None, 0, 2)), (3, (1.0, 1, 3))])
def test_few_vectors_have_few_neighbours(count, expected):
    line = np.c_[np.arange(count) ** 2, np.zeros(count)].astype(np.float32)
    assert projection.trustworthiness(line, line) == expected


def test_the_same_seed_gives_the_same_map():
    vectors, gold = clouds(60, 6)
    first, again = (projection.project("all", NAMES, "umap", np.arange(60), vectors, gold) for _ in range(2))
    assert first.coordinates.tobytes() == again.coordinates.tobytes()
    assert first.coordinates.dtype == np.float32 and np.isfinite(first.coordinates).all()
    assert first.purity.on_map == 1.0 and first.purity.chance == pytest.approx(19 / 59)
    assert first.parameters["random_state"] == 0 and first.n == 60


def test_a_umap_needs_neighbours():
    with pytest.raises(UsageError, match="got 15 utterances; expected at least 16; use --method pca"):
        projection.umap(np.zeros((MAP_FEWEST - 1, 4), dtype=np.float32))


def test_parts_count_alike_and_what_is_absent_stands_at_the_mean():
    wide, narrow = DRAWN.normal(size=(9, 40)).astype(np.float32) * 5, DRAWN.normal(size=(9, 2)).astype(np.float32)
    here = np.array([True] * 6 + [False] * 3)
    there = np.array([True] * 5 + [False] + [True] * 2 + [False])
    rows, vectors = projection.part_matrix({"a": wide, "b": narrow}, {"a": here, "b": there}, NAMES)
    assert rows.tolist() == list(range(8)) and vectors.shape == (8, 42)
    assert (vectors[6:, :40] == 0).all() and (vectors[5, 40:] == 0).all()
    for part, known in ((vectors[:, :40], here[:8]), (vectors[:, 40:], there[:8])):
        np.testing.assert_allclose(part[known].mean(0), 0, atol=1e-6)
        assert part[known].var(0).sum() == pytest.approx(1, abs=1e-5)


def test_rows_without_the_part_have_no_place():
    vectors, gold = clouds(20, 4)
    found = projection.project("a", ("a",), "pca", np.arange(0, 40, 2), vectors, np.repeat(gold, 2))
    assert np.isnan(found.coordinates[1::2]).all() and np.isfinite(found.coordinates[::2]).all()
    assert (found.n, found.purity.n) == (20, 20)


def test_what_can_be_mapped_follows_from_the_players():
    players = ("unique:text", "unique:audio", "redundant:audio+text", "synergistic:audio+text")
    assert map_parts(players) == ("all", "unique", *players, "hidden")
    assert players_in("unique", players) == players[:2] and players_in("all", players) == players
    assert players_in("hidden", players) == ("hidden",)
    plain = ("modality:text", "modality:audio")
    assert map_parts(plain) == ("all", *plain, "hidden")


def test_the_vectors_of_every_split_are_those_of_the_model():
    corpus = small_corpus(missing=0.2)
    model, data = untrained(corpus, short()).model, TensorCorpus(corpus)
    seen: list[tuple[int, int]] = []
    found = vectors_of_corpus(model, data, corpus, lambda done, of: seen.append((done, of)))
    assert set(found.vectors) == {*model.players, "hidden"} and seen[-1] == (len(corpus), len(corpus))
    assert found.available["hidden"].all()
    for split in ("train", "test"):
        dialogue = corpus.dialogue_ids(split)[0]
        rows = corpus.dialogue_rows[dialogue]
        out = model(data.batch(rows[None]))
        np.testing.assert_allclose(found.vectors["hidden"][rows], out.hidden[0].detach(), atol=1e-5)
        for player in model.players:
            there = out.components.available[player][0].numpy()
            assert found.available[player][rows].tolist() == there.tolist()
            vector = out.components.vectors[player][0].detach().numpy()
            np.testing.assert_allclose(found.vectors[player][rows][there], vector[there], atol=1e-5)
    assert not all(found.available[player].all() for player in model.players)


@pytest.fixture
def stored(tmp_path: Path):
    vectors, gold = clouds(30, 4)
    gold = np.r_[gold, -1]
    made = projection.project("unique:text", ("unique:text",), "pca", np.arange(30), vectors, gold)
    store = ResultStore(tmp_path, "m" * 64, "c0ffee00" + "0" * 56)
    projection.save_projection(store, made)
    return store, made


def test_a_stored_map_comes_back_as_it_was(stored):
    store, made = stored
    found = projection.read_projection(store, "unique:text", "pca", count=31)
    np.testing.assert_array_equal(found.coordinates, made.coordinates)
    assert asdict(replace(found, coordinates=0)) == asdict(replace(made, coordinates=0))
    assert store.path("all", "projection-pca-unique_text").stat().st_size < 2000


@pytest.mark.parametrize("what", ["weights", "part", "count", "damaged", "absent"])
def test_a_map_that_does_not_belong_here_is_not_shown(stored, what):
    store, _ = stored
    part, count = ("unique:audio" if what == "absent" else "unique:text"), 30 if what == "count" else 31
    path = store.path("all", "projection-pca-unique_text")
    if what == "weights":
        store = ResultStore(store.run, "n" * 64, store.corpus_hash)
    elif what == "damaged":
        path.write_bytes(path.read_bytes()[:-9])
    elif what == "part":
        path.rename(store.path("all", "projection-pca-unique_audio"))
        part = "unique:audio"
    with pytest.raises(StaleResult):
        projection.read_projection(store, part, "pca", count=count)
