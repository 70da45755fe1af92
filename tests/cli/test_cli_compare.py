"""`compare`: two runs or groups of seeds on the same utterances, and sides that cannot be compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import TINY, Folders, Result, words_of
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score

from dnr_core.cli import main
from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.explain.predict import predict_split
from dnr_core.model.batch import TensorCorpus
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import load_model, read_run

PLAIN = {"method": "plain", "backbone": "late_fusion", "width": 16, "stages": {"train": {"epochs": 4}}}


@pytest.fixture(scope="module")
def seeds(folders: Folders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of plain on the tiny corpus."""
    root = tmp_path_factory.mktemp("seeds")
    (root / "plain.json").write_text(json.dumps(PLAIN))
    words = ["train", "--corpus", folders.corpus, "--config", root / "plain.json", "--seeds", 2, "--out", root / "two"]
    assert main(words_of(words)) == 0
    return root / "two"


def predicted(run: Path, corpus: Corpus, split: str = "test") -> np.ndarray:
    """The classes that the weights of a run predict, nothing stored."""
    return predict_split(load_model(read_run(run)), TensorCorpus(corpus), corpus, split)[1].argmax(1)


def test_two_runs_differ_as_scikit_learn_and_scipy_say(
    run: Callable[..., Result], folders: Folders, tiny: Corpus, seeds: Path
) -> None:
    found = run(f"compare {seeds / 'seed-0'} {folders.run} --json").json
    rows = tiny.rows("test")
    gold, a, b = tiny.labels[rows], predicted(seeds / "seed-0", tiny), predicted(folders.run, tiny)
    assert (found["n"], found["dialogues"]) == (len(rows), len(tiny.dialogue_ids("test")))
    for name, of in (
        ("weighted_f1", lambda y: f1_score(gold, y, average="weighted", zero_division=0)),
        ("accuracy", lambda y: accuracy_score(gold, y)),
    ):
        one = found["scores"][name]
        assert (one["a"], one["b"], one["difference"]) == pytest.approx((of(a), of(b), of(b) - of(a)))
        low, high = one["interval"]
        assert -1 <= low <= one["difference"] <= high <= 1
    ids = tiny.utterances["utterance_id"].to_numpy(dtype=object)[rows]
    only_a, only_b = (a == gold) & (b != gold), (b == gold) & (a != gold)
    assert [one["utterance_id"] for one in found["flips"]["only_a_right"]] == list(ids[only_a])
    assert [one["b"] for one in found["flips"]["only_a_right"]] == [tiny.emotions[c] for c in b[only_a]]
    assert [one["utterance_id"] for one in found["flips"]["only_b_right"]] == list(ids[only_b])
    test = found["mcnemar"]
    assert (test["only_a_right"], test["only_b_right"]) == (only_a.sum(), only_b.sum())
    assert test["p_value"] == pytest.approx(binomtest(int(only_a.sum()), int((only_a | only_b).sum())).pvalue)
    assert sum(test[name] for name in ("only_a_right", "only_b_right", "both_right", "both_wrong")) == len(rows)
    assert list(found["per_class"]) == list(tiny.emotions)
    assert found["a"] == {
        "checkpoint": str(seeds / "seed-0"), "method": "plain", "backbone": "late_fusion", "seeds": [0],
    }  # fmt: skip
    assert (found["corpus"], found["split"], found["notes"]) == (str(folders.corpus), "test", [])


def test_a_folder_of_seeds_is_the_mean_of_its_seeds(run: Callable[..., Result], folders: Folders, seeds: Path) -> None:
    found = run(f"compare {seeds} {folders.run} --json --resamples 200 --seed 3").json
    stored = json.loads((seeds / "summary.json").read_text())
    for name in ("weighted_f1", "accuracy", "macro_f1"):
        assert found["scores"][name]["a"] == pytest.approx(stored[name]["mean"])
    assert (found["a"]["seeds"], found["resamples"], found["seed"]) == ([0, 1], 200, 3)
    text = run(f"compare {seeds} {folders.run}").out
    assert "late_fusion, seeds 0, 1)" in text and "majority vote of the seeds" in text and "over seeds and" in text


def test_text_shows_scores_classes_the_test_and_the_first_flips(
    run: Callable[..., Result], folders: Folders, tiny: Corpus, seeds: Path
) -> None:
    found = run(f"compare {seeds / 'seed-0'} {folders.run} --json").json
    text = run(f"compare {seeds / 'seed-0'} {folders.run}").out
    assert text.startswith(f"A = {seeds / 'seed-0'} (plain + late_fusion, seed 0)\nB = {folders.run} (dnr + mmgcn")
    assert f"{found['scores']['weighted_f1']['difference']:+.4f}" in text and "McNemar, exact: p = " in text
    assert all(f"\n{emotion} " in text for emotion in tiny.emotions)
    flips = found["flips"]["only_a_right"] or found["flips"]["only_b_right"]
    assert flips and flips[0]["utterance_id"] in text


def test_a_run_against_itself_changes_nothing(run: Callable[..., Result], folders: Folders) -> None:
    found = run(f"compare {folders.run} {folders.run} --split dev --json").json
    changes = [*found["scores"].values(), *found["per_class"].values()]
    assert all((one["difference"], one["interval"]) == (0.0, [0.0, 0.0]) for one in changes)
    assert (found["mcnemar"]["p_value"], found["flips"]) == (1.0, {"only_a_right": [], "only_b_right": []})


def test_the_engine_keeps_a_comparison(folders: Folders, seeds: Path) -> None:
    engine = Engine(folders.data, folders.checkpoints)
    first = engine.compare("run", seeds, "tiny", "test")
    assert engine.compare("run", seeds, "tiny", "test") is first
    assert engine.compare("run", seeds, "tiny", "test", seed=1) is not first


def test_runs_of_different_corpora_say_what_differs(
    run: Callable[..., Result], refused: Callable[..., Result], folders: Folders, tiny: Corpus, seeds: Path
) -> None:
    labels = tiny.utterances["emotion"].to_numpy(dtype=object).copy()
    row = int(tiny.rows("test")[0])
    labels[row] = next(emotion for emotion in tiny.emotions if emotion != labels[row])
    relabelled = replace(tiny, name="other", utterances=tiny.utterances.assign(emotion=labels), stored_hash=None)
    other = relabelled.save(folders.data / "other")
    config = seeds.parent / "plain.json"
    try:
        assert run(f"train --corpus {other} --config {config} --out {folders.checkpoints / 'other'}").code == 0
        pair = f"compare {folders.run} {folders.checkpoints / 'other'}"
        name = tiny.utterances["utterance_id"][row]
        said = "were trained on different corpora", f"1 test utterances have other labels, such as {name}", "--corpus"
        refused(pair, 4, "got tiny and other", *said)
        refused(f"{pair} --split dev", 4, "the same dev utterances and labels, other features")
        found = run(f"{pair} --corpus {folders.corpus} --json").json
        assert found["notes"] == [f"{folders.checkpoints / 'other'}: the run was trained on other, another corpus"]
    finally:
        shutil.rmtree(other)
        shutil.rmtree(folders.checkpoints / "other", ignore_errors=True)


def test_sides_that_cannot_be_compared_are_refused(
    refused: Callable[..., Result], folders: Folders, tiny: Corpus, seeds: Path, tmp_path: Path
) -> None:
    pair = f"compare {folders.run} {seeds / 'seed-0'}"
    refused(f"{pair} --split nonsense", 2, "bad --split", "one of train, dev, test")
    refused(f"{pair} --resamples 0", 2, "bad bootstrap: got 0 resamples, seed 0")
    refused(f"{pair} --resamples x", 2, "bad --resamples: got 'x'; expected INT")
    refused(f"compare {folders.run}", 2, "compare needs RUN_B: see `python -m dnr_core compare --help`")
    refused(f"compare {folders.run} gone", 4, "no run at gone", "expected a folder with manifest.json")
    generate(PlantedConfig.model_validate(TINY | {"emotions": 4}), name="four").save(tmp_path / "four")
    refused(f"{pair} --corpus four", 4, "does not fit corpus four", "got emotions happy, sad, neutral, angry;")
    emotion = tiny.utterances["emotion"].to_numpy(dtype=object).copy()
    emotion[tiny.rows("test")] = ""
    replace(tiny, utterances=tiny.utterances.assign(emotion=emotion), stored_hash=None).save(tmp_path / "none")
    refused(f"{pair} --corpus none", 3, "split test of corpus tiny has no labelled utterance")


def test_damaged_sides_are_refused(
    refused: Callable[..., Result], folders: Folders, seeds: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(seeds, tmp_path / "copy"))
    (copy / "seed-1" / "history.jsonl").write_text("")
    refused(f"compare {folders.run} copy", 4, "copy/seed-1/history.jsonl does not match its manifest")
    shutil.rmtree(copy / "seed-1")
    refused(f"compare {folders.run} copy", 4, "no run at copy/seed-1")
    shutil.copytree(folders.run, tmp_path / "wrong")
    (tmp_path / "wrong" / "model.safetensors").write_bytes(b"")
    refused(f"compare wrong {folders.run}", 4, "wrong/model.safetensors does not match its manifest")
