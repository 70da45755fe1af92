"""Stored results: exact, memory-mapped, keyed by their run, and never shown when stale."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from small import files_below

from dnr_core.errors import DnRError, UsageError
from dnr_core.explain.dominance import dominance
from dnr_core.explain.shapley import shapley_values
from dnr_core.explain.store import (
    CoalitionStore,
    ResultStore,
    StaleResult,
    component_values,
    map_arrays,
    save_arrays,
    values_from_logits,
)
from dnr_core.types import Predictions

PLAYERS = ("unique:text", "unique:audio", "redundant:audio+text")
ROWS = np.array([4, 5, 8, 9])


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "run", "m" * 64, "c0ffee00" + "0" * 56)


def table_of(store: ResultStore, rows: np.ndarray = ROWS, **other: object):
    settings = {"players": PLAYERS, "rows": rows, "emotions": 2} | other
    return store.coalitions("test", "dialogue", "mean", **settings)


def logits(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 8, 2)).astype(np.float32)


def test_arrays_come_back_as_they_were_mapped_not_read(tmp_path: Path):
    arrays = {
        "half": np.arange(6, dtype=np.float16).reshape(2, 3),
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "empty": np.zeros((0, 3), dtype=np.float64),
        "flags": np.array([True, False]),
        "numbers": np.array([2**40, -1]),
    }
    save_arrays(tmp_path / "deep" / "a.safetensors", arrays, {"key": "é"})
    found, meta = map_arrays(tmp_path / "deep" / "a.safetensors")
    assert meta == {"key": "é"} and set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert isinstance(found["half"], np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found["half"][0] = 1
    assert files_below(tmp_path) == ["deep", "deep/a.safetensors"]


@pytest.mark.parametrize("harm", ["gone", "empty", "cut", "text", "header"])
def test_a_damaged_file_is_stale(tmp_path: Path, harm):
    path = tmp_path / "a.safetensors"
    save_arrays(path, {"x": np.ones((50, 4))}, {})
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        new = {"empty": b"", "cut": content[:-8], "text": b"not a tensor file", "header": content[:40]}[harm]
        path.write_bytes(new)
    with pytest.raises(StaleResult):
        map_arrays(path)


def test_what_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DnRError, match=r"cannot write .*a\.safetensors"):
        save_arrays(tmp_path / "file" / "a.safetensors", {"x": np.ones(2)}, {})
    (tmp_path / "b.safetensors").mkdir()
    with pytest.raises(DnRError, match="cannot write"):
        save_arrays(tmp_path / "b.safetensors", {"x": np.ones(2)}, {})
    assert files_below(tmp_path) == ["b.safetensors", "file"]


def test_results_stand_under_the_corpus_and_the_split(store):
    expected = store.run / "results" / "c0ffee00" / "dev" / "predictions.safetensors"
    assert store.path("dev", "predictions") == expected
    made = Predictions(("a", "b"), ("u", "v"), np.array([3, 4]), np.array([[1.0, 2.0], [3.0, 1.0]]), np.array([-1, 0]))
    store.save_predictions("dev", made)
    arrays, _ = store.open("dev", "predictions")
    assert arrays["logits"].tolist() == [[1, 2], [3, 1]] and arrays["gold"].tolist() == [-1, 0]
    assert made.predicted.tolist() == [1, 0]
    assert made.probabilities[0].tolist() == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e)])


@pytest.mark.parametrize(
    ("manifest", "corpus"), [("n" * 64, None), (None, "c0ffee00" + "1" * 56)], ids=["run", "corpus"]
)
def test_results_of_other_weights_or_another_corpus_are_stale(store, manifest, corpus):
    table_of(store).write(np.arange(4), logits(0, 4))
    other = ResultStore(store.run, manifest or store.manifest_hash, corpus or store.corpus_hash)
    assert store.read_coalitions("test", "dialogue", "mean").complete
    with pytest.raises(StaleResult, match="other weights"):
        other.read_coalitions("test", "dialogue", "mean")
    assert not table_of(other).done.any(), "an old table was taken for the new one"


@pytest.mark.parametrize("change", [{"players": PLAYERS[:2]}, {"rows": ROWS[:3]}])
def test_a_table_of_another_shape_is_begun_anew(store, change):
    table_of(store).write(np.arange(4), logits(0, 4))
    assert table_of(store).complete
    assert not table_of(store, **change).done.any()


def test_a_table_is_filled_bit_by_bit_and_outlives_its_writer(store):
    first = table_of(store)
    assert not first.done.any() and not first.complete
    first.write(np.array([2]), logits(0, 1))
    again = table_of(store)
    assert again.done.tolist() == [False, False, True, False]
    again.write(np.array([0, 1, 3]), logits(1, 3))
    read = store.read_coalitions("test", "dialogue", "mean")
    assert read.complete and np.asarray(read.arrays["row"]).tolist() == ROWS.tolist()
    table = read.table(np.array([2]), ["u"])
    assert table.players == PLAYERS and table.logits.dtype == np.float16
    np.testing.assert_allclose(table.logits, logits(0, 1), atol=2e-3)


def test_values_are_exact_although_logits_are_stored_in_half_precision(store):
    table = logits(3, 4) * 30
    stored = table_of(store)
    stored.write(np.arange(4), table)
    values = stored.values(np.arange(4), ["a", "b", "c", "d"])
    np.testing.assert_allclose(values.values, shapley_values(table), atol=1e-5)
    assert values.completeness_gap.max() < 1e-4
    np.testing.assert_allclose(values.values.sum(1), values.total - values.baseline, atol=1e-4)
    assert np.abs(table.astype(np.float16) - table).max() > 1e-3
    direct = values_from_logits(PLAYERS, ("a", "b", "c", "d"), "dialogue", "mean", table)
    np.testing.assert_allclose(direct.values, values.values, atol=1e-5)
    np.testing.assert_allclose(direct.interactions, values.interactions, atol=1e-5)
    assert direct.interactions.shape == (4, 3, 3, 2)


def by_orders(table: np.ndarray) -> np.ndarray:
    """Marginal contributions (3, C) averaged over the six orders of joining three players."""
    total = np.zeros((3, table.shape[1]))
    for order in permutations(range(3)):
        coalition = 0
        for player in order:
            total[player] += table[coalition | 1 << player] - table[coalition]
            coalition |= 1 << player
    return total / 6


def test_values_on_the_scale_of_probabilities_are_those_of_the_softmax(store):
    table = logits(5, 4) * 3
    stored = table_of(store)
    stored.write(np.arange(4), table)
    chances = np.exp(table.astype(float)) / np.exp(table.astype(float)).sum(-1, keepdims=True)
    found = stored.values(np.arange(4), ["a", "b", "c", "d"], scale="probability")
    np.testing.assert_allclose(found.values, [by_orders(game) for game in chances], atol=1e-6)
    np.testing.assert_allclose(found.total, chances[:, -1], atol=1e-6)
    np.testing.assert_allclose(found.baseline, chances[:, 0], atol=1e-6)
    assert found.completeness_gap.max() < 1e-6
    np.testing.assert_allclose(found.values.sum(2), 0, atol=1e-6, err_msg="what one class gains the others lose")
    direct = values_from_logits(PLAYERS, ("a", "b", "c", "d"), "dialogue", "mean", table, scale="probability")
    np.testing.assert_allclose(direct.values, found.values, atol=1e-6)
    np.testing.assert_allclose(direct.interactions, found.interactions, atol=2e-3, err_msg="from float16 logits")


def test_a_table_from_before_probabilities_were_stored_says_how_far_off_they_are(store):
    table = logits(6, 4) * 5 + 20
    whole = table_of(store)
    older = CoalitionStore({k: v for k, v in whole.arrays.items() if not k.startswith("probability")}, whole.meta)
    for each in (whole, older):
        each.write(np.arange(4), table)
    exact = whole.values(np.arange(4), ["a", "b", "c", "d"], scale="probability")
    rounded = older.values(np.arange(4), ["a", "b", "c", "d"], scale="probability")
    assert 1e-4 < np.abs(rounded.values - exact.values).max() < 0.01
    assert 1e-4 < rounded.completeness_gap.max() < 0.01 and exact.completeness_gap.max() < 1e-6
    assert older.values(np.arange(4), ["a", "b", "c", "d"]).completeness_gap.max() < 1e-4


def test_an_unknown_scale_is_refused(store):
    with pytest.raises(UsageError, match="unknown scale: got 'odds'; expected one of logit, probability"):
        table_of(store).values(np.arange(4), ["a", "b", "c", "d"], scale="odds")


def test_what_is_missing_from_a_sum_is_reported():
    values = np.array([[[1.0, 0.0], [2.0, 0.0]]], dtype=np.float32)
    found = component_values(
        ("a", "b"),
        ("u",),
        "dialogue",
        "mean",
        values,
        np.zeros((1, 1, 2)),
        np.array([[0.5, 0.0]]),
        np.array([[4.0, 0.25]]),
    )
    assert found.completeness_gap.tolist() == [[0.5, 0.25]]


def test_the_predicted_class_is_explained_not_the_gold_one():
    """The part that speaks most for class 1, which is predicted, is b; for class 0, a."""
    values = np.array([[[3.0, 0.0], [0.0, 5.0]]], dtype=np.float32)
    found = component_values(
        ("a", "b"), ("u",), "dialogue", "mean", values, np.zeros((1, 1, 2)), np.zeros((1, 2)), np.array([[3.0, 5.0]])
    )
    claim = dominance(found)
    predicted, dominant = claim.predicted, claim.component
    assert predicted.tolist() == [1] and dominant.tolist() == [1]
