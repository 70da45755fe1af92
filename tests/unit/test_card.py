"""The decomposition card: what is in it, when it is shown, and the comparison with sibling seeds by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small import handmade, short, small_corpus, untrained

from dnr_core.config import preset
from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError
from dnr_core.explain.agreement import agreement, told_by_components
from dnr_core.explain.store import component_values
from dnr_core.results.card import CardResults, same_story
from dnr_core.results.verified import save_verified
from dnr_core.training.checkpoint import save_run
from dnr_core.training.loop import train
from dnr_core.types import ComponentValues

MEASURED = ("accuracy", "family", "exact", "rank", "synergistic", "n")


def save(corpus: Corpus, folder: Path, *, overwrite: bool = False, seed: int = 0, **options: str) -> Path:
    config = short(epochs=1, seed=seed, **options)
    return save_run(folder, train(corpus, config, device="cpu"), config, corpus, {"test": {}}, overwrite=overwrite)


@pytest.fixture
def results(tmp_path: Path) -> CardResults:
    small_corpus(20).save(tmp_path / "data" / "small")
    return CardResults(tmp_path / "data", tmp_path / "runs")


def test_the_card_of_a_planted_run(results):
    corpus = results.corpus("small")
    save(corpus, results.checkpoints / "run")
    assert results.card("run") is None, "none was made"
    steps: list[tuple[str, int, int]] = []
    card = results.compute_card("run", "small", progress=lambda *step: steps.append(step))
    assert results.card("run") == card == json.loads(json.dumps(card, allow_nan=False))
    assert (card["method"], card["backbone"], card["seed"], card["split"]) == ("dnr", "mmgcn", 0, "test")
    assert card["planted"]["own_corpus"] is True
    stored = results.stored_coalitions("run", "small", "test", "dialogue")
    assert stored is not None
    values = stored.values(slice(None), [""] * len(stored.done))
    by_hand = agreement(told_by_components(values, corpus.rows("test")), corpus)
    assert card["planted"]["agreement"]["accuracy"] == by_hand.accuracy
    assert card["planted"]["agreement"]["exact"] == by_hand.exact.value
    probes = card["planted"]["probes"]
    assert (len(probes["score"]), len(probes["score"][0])) == (9, len(probes["codes"]))
    gap = card["completeness"]
    assert gap["largest_gap"] == float(values.completeness_gap.max()) and gap["within"]
    assert [row["player"] for row in card["roles"]["cross_prediction"]] == [
        "unique:text",
        "unique:audio",
        "unique:visual",
    ]
    assert len(card["roles"]["halves"]) == 3
    assert set(card["nulls"]["passed"]) == set(values.players) and 0 <= card["nulls"]["claims"] <= 1
    assert "with --seeds" in card["stability"]["reason"]
    dev, test = len(corpus.rows("dev")), len(corpus.rows("test"))
    assert ("coalitions of test", test, test) in steps and ("null tests on dev", 5 * dev, 5 * dev) in steps
    assert [part for part in probes["own"] if part is None] == [None] * 4, "what all share, and the labels of copies"


def test_a_card_of_other_weights_or_a_damaged_one_is_not_shown(results):
    corpus, run = results.corpus("small"), results.checkpoints / "run"
    save(corpus, run)
    results.compute_card("run", "small")
    text = (run / "card.json").read_text()
    save(corpus, run, overwrite=True, seed=1)
    (run / "card.json").write_text(text)
    assert results.card("run") is None, "the run was trained again"
    for damaged in ("", "[]", "{}", text[:100]):
        (run / "card.json").write_text(damaged)
        assert results.card("run") is None
    again = results.compute_card("run", "small")
    assert results.card("run") == again != json.loads(text)
    for changed in ({"format_version": 99}, {"roles": {}}, {"nulls": {"passed": [1, 2]}}, {"corpus": None}):
        (run / "card.json").write_text(json.dumps(again | changed))
        assert results.card("run") is None, changed
    (run / "card.json").write_text(json.dumps(again | {"more": 1}))
    assert results.card("run") == again | {"more": 1}


def test_a_run_on_real_dialogues_says_how_to_measure_its_configuration_or_shows_what_is_stored(results):
    corpus = replace(results.corpus("small"), name="real", notes={})
    corpus.save(results.data / "real")
    config = preset("plain", "late_fusion")
    save_run(results.checkpoints / "run", untrained(corpus, config), config, corpus, {"test": {}})
    planted = results.compute_card("run", "real")["planted"]
    asked = "python -m dnr_core verify --method plain --backbone late_fusion"
    assert planted == {"own_corpus": False, "reason": f"not measured: run `{asked}`"}
    rows = [{"corpus": "noise-0.5", "noise": 0.5, "train": 9, "view": "components"} | dict.fromkeys(MEASURED, 0.5)]
    rows[0] |= {"family_interval": [0.4, 0.6], "exact_interval": None}
    found = {"method": "plain", "backbone": "late_fusion", "preset": "fast", "suite": "standard"}
    save_verified(results.checkpoints, found | {"agreement": rows, "controls": []}, config, seeds=1)
    card = results.compute_card("run", "real")
    assert card["planted"]["cases"][0]["family_interval"] == [0.4, 0.6] and card["planted"]["seeds"] == 1
    assert results.card("run") == card


def test_notes_that_no_longer_fit_are_no_truth(results):
    corpus = results.corpus("small")
    notes = {"planted": corpus.notes["planted"] | {"seed": 3}}
    replace(corpus, name="other", notes=notes).save(results.data / "other")
    save(results.corpus("other"), results.checkpoints / "run")
    assert "not those of preset fast" in results.compute_card("run", "other")["planted"]["reason"]


def test_seeds_side_by_side_are_compared(results):
    corpus, folder = results.corpus("small"), results.checkpoints / "many"
    for seed in (0, 1):
        save(corpus, folder / f"seed-{seed}", seed=seed)
    save(corpus, folder / "seed-2", seed=2, backbone="late_fusion")
    (folder / "seed-3").mkdir()
    stability = results.compute_card("many/seed-0", "small")["stability"]
    assert set(stability["siblings"]) == {"seed-1"}, "not itself, no other backbone, nothing empty"
    one = stability["siblings"]["seed-1"]
    assert stability["rank_correlation"] == one["rank_correlation"] and -1 <= one["rank_correlation"] <= 1
    back = results.compute_card("many/seed-1", "small")["stability"]
    assert back["siblings"]["seed-0"] == pytest.approx(one), "it is the same both ways"


def of(values: list[list[float]], total: list[list[float]]) -> ComponentValues:
    """Values (N, K) of class 0; class 1 has none."""
    own = np.array(values)
    both = np.stack([own, np.zeros_like(own)], axis=2)
    pairs = np.zeros((len(own), own.shape[1] * (own.shape[1] - 1) // 2, 2))
    ends = np.array(total)
    return component_values(("a", "b", "c"), ("",) * len(own), "dialogue", "mean", both, pairs, ends * 0, ends)


def test_the_same_story_by_hand():
    """Ranks 123 against 123 (1) and 132 (½); the third pair predicts different classes and is left out."""
    first = of([[1, 2, 3], [1, 2, 3], [1, 2, 3]], [[1, 0], [1, 0], [1, 0]])
    second = of([[0, 5, 9], [-1, 8, 2], [3, 2, 1]], [[2, 0], [2, 0], [0, 2]])
    assert same_story(first, second) == {"rank_correlation": pytest.approx(0.75), "same_dominant": 0.5, "n": 2}
    never = same_story(first, replace(second, total=second.total[:, ::-1] * 0 + [0, 1]))
    assert never == {"rank_correlation": None, "same_dominant": None, "n": 0}


def test_a_run_whose_parts_are_modalities_says_so(results):
    corpus = results.corpus("small")
    save(corpus, results.checkpoints / "plain", method="plain")
    card = results.compute_card("plain", "small")
    assert card["planted"]["agreement"]["family"] is None and "whole modalities" in card["planted"]["reason"]
    assert card["roles"] == {"cross_prediction": [], "halves": []}


def test_a_corpus_without_dev_has_no_null_and_a_method_without_parts_no_card(results):
    corpus = handmade({"train": (6, 6), "test": (5,)})
    corpus.save(results.data / "hand")
    config = short(width=8)
    save_run(results.checkpoints / "run", untrained(corpus, config), config, corpus, {"test": {}})
    card = results.compute_card("run", "hand")
    assert card["nulls"] == {"reason": "corpus handmade has no dev split to test the parts on"}
    assert [row["r2"] for row in card["roles"]["cross_prediction"]] == [None] * 3
    trained = untrained(corpus, config)
    trained.model.supports = ()
    save_run(results.checkpoints / "partless", trained, config, corpus, {"test": {}})
    with pytest.raises(UsageError, match="no components"):
        results.compute_card("partless", "hand")
