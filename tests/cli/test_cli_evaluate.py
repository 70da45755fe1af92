"""`evaluate`: the documented keys, numbers as scikit-learn has them, and runs that are damaged or do not fit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import TINY, Folders, Result, check_one_line
from safetensors.numpy import load_file, save_file
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from dnr_core.data.corpus import Corpus, file_sha256
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.explain.predict import predict_split
from dnr_core.model.batch import TensorCorpus
from dnr_core.training.checkpoint import load_model, read_run

KEYS = {"weighted_f1", "accuracy", "macro_f1", "n", "interval", "per_class", "corpus", "split", "checkpoint"}


def recomputed(run: Path, corpus: Corpus, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions of a split by the run's weights, nothing stored."""
    rows, logits = predict_split(load_model(read_run(run)), TensorCorpus(corpus), corpus, split)
    return corpus.labels[rows], logits.argmax(1)


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_numbers_are_those_of_scikit_learn(
    run: Callable[..., Result], folders: Folders, tiny: Corpus, split: str
) -> None:
    found = run(f"evaluate --checkpoint {folders.run} --split {split} --json").json
    assert set(found) == KEYS
    gold, predicted = recomputed(folders.run, tiny, split)
    assert found["n"] == len(gold)
    assert found["weighted_f1"] == pytest.approx(f1_score(gold, predicted, average="weighted", zero_division=0))
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    assert found["macro_f1"] == pytest.approx(f1_score(gold, predicted, average="macro", zero_division=0))
    assert (found["split"], found["corpus"], found["checkpoint"]) == (split, str(folders.corpus), str(folders.run))
    table = precision_recall_fscore_support(gold, predicted, labels=range(6), zero_division=0)
    assert list(found["per_class"]) == list(tiny.emotions)
    for place, emotion in enumerate(tiny.emotions):
        expected = dict(zip(("precision", "recall", "f1", "n"), (float(row[place]) for row in table), strict=True))
        assert found["per_class"][emotion] == pytest.approx(expected)
    assert set(found["interval"]) == {"weighted_f1", "accuracy", "macro_f1"}
    for name, (low, high) in found["interval"].items():
        assert 0 <= low <= found[name] + 0.05 and found[name] - 0.05 <= high <= 1 and low <= high


def test_test_scores_are_those_that_training_stored(real: Callable[..., Result], folders: Folders) -> None:
    ended = real(f"evaluate --checkpoint {folders.run} --split test --json")
    assert ended.err == ""
    stored = json.loads((folders.run / "metrics.json").read_text())["test"]
    assert {key: ended.json[key] for key in stored} == stored


def test_text_lists_every_class(run: Callable[..., Result], folders: Folders, tiny: Corpus) -> None:
    ended = run(f"evaluate --checkpoint {folders.run}")
    assert ended.code == 0 and ended.out.startswith("test: weighted F1 ")
    assert all(f"  {emotion}" in ended.out for emotion in tiny.emotions)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A corpus like the tiny one, from another seed."""
    return generate(PlantedConfig.model_validate(TINY | {"seed": 1}), name="other").save(tmp_path / "other")


def test_another_corpus_is_stated(run: Callable[..., Result], folders: Folders, other: Path) -> None:
    found = run(f"evaluate --checkpoint {folders.run} --corpus {other} --json").json
    assert set(found) == KEYS | {"note"}
    assert "trained on tiny, another corpus" in found["note"]
    gold, predicted = recomputed(folders.run, Corpus.load(other), "test")
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    assert "another corpus" in run(f"evaluate --checkpoint {folders.run} --corpus {other}").out
    assert "note" not in run(f"evaluate --checkpoint {folders.run} --corpus {folders.corpus} --json").json


def test_utterances_without_a_label_do_not_count(
    run: Callable[..., Result], folders: Folders, tiny: Corpus, tmp_path: Path
) -> None:
    rows = tiny.rows("test")
    emotions = tiny.utterances["emotion"].to_numpy(dtype=object).copy()
    emotions[rows[:5]] = ""
    replace(tiny, utterances=tiny.utterances.assign(emotion=emotions), stored_hash=None).save(tmp_path / "some")
    emotions[rows] = ""
    replace(tiny, utterances=tiny.utterances.assign(emotion=emotions), stored_hash=None).save(tmp_path / "none")
    found = run(f"evaluate --checkpoint {folders.run} --corpus some --json").json
    gold, predicted = recomputed(folders.run, tiny, "test")
    assert found["n"] == len(rows) - 5
    assert found["accuracy"] == pytest.approx(accuracy_score(gold[5:], predicted[5:]))
    found = run(f"evaluate --checkpoint {folders.run} --corpus none --json").json
    assert (found["n"], found["weighted_f1"], found["interval"]) == (0, None, {})
    assert "no labelled utterance" in run(f"evaluate --checkpoint {folders.run} --corpus none").out


# ---- runs that are damaged -----------------------------------------------------------------------------------------


@pytest.fixture
def copy(folders: Folders, tmp_path: Path) -> Path:
    """A copy of the run, to be damaged."""
    return Path(shutil.copytree(folders.run, tmp_path / "copy"))


def sign(run: Path) -> None:
    """Make the manifest agree with the files again."""
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["files"] = {name: file_sha256(run / name) for name in manifest["files"]}
    (run / "manifest.json").write_text(json.dumps(manifest))


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


NAMES = ["config.json", "model.safetensors", "metrics.json", "history.jsonl"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_with_another_hash_is_named(refused: Callable[..., Result], copy: Path, name: str) -> None:
    with (copy / name).open("ab") as stream:
        stream.write(b" ")
    refused("evaluate --checkpoint copy", 4, f"copy/{name} does not match its manifest", "got another SHA-256")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(refused: Callable[..., Result], copy: Path, name: str) -> None:
    (copy / name).unlink()
    refused("evaluate --checkpoint copy", 4, "run copy is incomplete", f"got no {name}")


@pytest.mark.parametrize("key", ["run", "spec", "emotions", "players", "supports", "feature_names"])
def test_a_configuration_without_a_key_names_it(refused: Callable[..., Result], copy: Path, key: str) -> None:
    rewrite(copy / "config.json", lambda values: values.pop(key))
    sign(copy)
    refused("evaluate --checkpoint copy", 4, "config.json lacks a key", f"got no '{key}'")


def test_weights_without_a_key_or_of_another_shape_are_named(refused: Callable[..., Result], copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    name = sorted(name for name, values in weights.items() if values.ndim == 2)[0]
    save_file({key: values for key, values in weights.items() if key != name}, copy / "model.safetensors")
    sign(copy)
    refused("evaluate --checkpoint copy", 4, "model.safetensors lacks a key", f"got no '{name}'")
    save_file(weights | {name: np.ascontiguousarray(weights[name][:-1])}, copy / "model.safetensors")
    sign(copy)
    refused("evaluate --checkpoint copy", 4, f"'{name}' has the wrong shape", str(weights[name].shape))
    (copy / "model.safetensors").write_bytes(b"no weights")
    sign(copy)
    refused("evaluate --checkpoint copy", 4, "cannot read copy/model.safetensors")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda manifest: manifest.update(format_version=99), ["unknown format version", "got 99", "expected 1"]),
        (lambda manifest: manifest.pop("files"), ["manifest.json is damaged"]),
        (lambda manifest: manifest.pop("corpus"), ["manifest.json is damaged"]),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(
    refused: Callable[..., Result], copy: Path, change: Callable[[dict[str, Any]], Any], words: list[str]
) -> None:
    rewrite(copy / "manifest.json", change)
    refused("evaluate --checkpoint copy", 4, *words)


def test_a_run_must_be_there(refused: Callable[..., Result], copy: Path, tmp_path: Path) -> None:
    (copy / "manifest.json").write_text("{")
    refused("evaluate --checkpoint copy", 4, "manifest.json is damaged")
    (tmp_path / "file").write_text("a file")
    for name in ("gone", "file", "."):
        refused(f"evaluate --checkpoint {name}", 4, f"no run at {name}", "expected a folder with manifest.json")


@pytest.mark.parametrize("modality", ["text", "audio", "visual"])
def test_other_widths_are_named(
    refused: Callable[..., Result], folders: Folders, tmp_path: Path, modality: str
) -> None:
    wide = TINY | {"widths": TINY["widths"] | {modality: 11}}
    generate(PlantedConfig.model_validate(wide), name="wide").save(tmp_path / "wide")
    said = "run run does not fit corpus wide", f"got 11 {modality} features", f"expected {TINY['widths'][modality]}"
    refused(f"evaluate --checkpoint {folders.run} --corpus wide", 4, *said)
    refused(f"explain --checkpoint {folders.run} --corpus wide --out x.parquet", 4, *said)


def test_other_emotions_are_named(refused: Callable[..., Result], folders: Folders, tmp_path: Path) -> None:
    generate(PlantedConfig.model_validate(TINY | {"emotions": 4}), name="four").save(tmp_path / "four")
    said = "got emotions happy, sad, neutral, angry;", "expected happy, sad, neutral, angry, excited, frustrated"
    refused(f"evaluate --checkpoint {folders.run} --corpus four", 4, *said)


def test_splits_must_be_there(refused: Callable[..., Result], folders: Folders, tiny: Corpus, tmp_path: Path) -> None:
    refused(f"evaluate --checkpoint {folders.run} --split nonsense", 2, "bad --split", "one of train, dev, test")
    keep = tiny.utterances["split"].to_numpy(dtype=object) != "dev"
    replace(
        tiny, name="undev", utterances=tiny.utterances[keep].reset_index(drop=True), present=tiny.present[keep],
        features={name: values[keep] for name, values in tiny.features.items()}, stored_hash=None,
    ).save(tmp_path / "undev")  # fmt: skip
    said = "corpus undev has no split", "got 'dev'", "expected one of train, test"
    refused(f"evaluate --checkpoint {folders.run} --corpus undev --split dev", 2, *said)
    refused(f"explain --checkpoint {folders.run} --corpus undev --split dev --out x.parquet", 2, *said)


def test_a_corpus_that_is_not_at_hand_is_asked_for(
    refused: Callable[..., Result], folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DNR_DATA", str(tmp_path / "nothing"))
    refused(f"evaluate --checkpoint {folders.run}", 2, "the corpus 'tiny' of this run is not under", "--corpus")
    refused(f"evaluate --checkpoint {folders.run} --corpus gone", 3, "no corpus at gone")


def test_a_real_process_refuses_in_one_line(real: Callable[..., Result], copy: Path) -> None:
    (copy / "history.jsonl").write_text("")
    check_one_line(real(f"evaluate --checkpoint {copy} --json"), 4, "history.jsonl does not match its manifest")


def test_a_run_that_cannot_be_written_to_is_still_read(
    run: Callable[..., Result], copy: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dnr_core.errors import DnRError
    from dnr_core.explain import store

    def full(*_: object) -> None:
        raise DnRError("cannot write")

    monkeypatch.setattr(store, "save_arrays", full)
    found = run(f"evaluate --checkpoint {copy} --corpus {other} --json").json
    gold, predicted = recomputed(copy, Corpus.load(other), "test")
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
