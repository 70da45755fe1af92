"""A run on disk: whole or not there, and every damage named in one line."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from small import WIDTHS, files_below, listed, short, small_corpus, untrained

from dnr_core.data.corpus import Corpus
from dnr_core.data.files import file_sha256
from dnr_core.errors import CheckpointError, DnRError
from dnr_core.serve import Engine
from dnr_core.training import checkpoint
from dnr_core.training.checkpoint import FILES, check_fit, load_model, read_run, save_run
from dnr_core.types import MODALITIES

pytestmark = pytest.mark.usefixtures("one_thread")
SOURCE = Path(checkpoint.__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return small_corpus(6)


@pytest.fixture
def run(corpus: Corpus, tmp_path: Path) -> Path:
    config = short("dnr", "late_fusion")
    return save_run(tmp_path / "runs" / "one", untrained(corpus, config), config, corpus, {"test": {"n": 3}})


def sealed(run: Path) -> Path:
    """Bring the manifest in line with the files, as if the run had been written like this."""
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["files"] = {name: file_sha256(run / name) for name in FILES}
    (run / "manifest.json").write_text(json.dumps(manifest))
    return run


def error_of(make: Callable[[], Any]) -> str:
    with pytest.raises(CheckpointError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_a_run_says_what_it_is(run, corpus):
    header = read_run(run)
    assert sorted(path.name for path in run.iterdir()) == sorted([*FILES, "manifest.json"])
    assert header.emotions == corpus.emotions and len(header.players) == 9
    assert header.metrics == {"test": {"n": 3}} and header.history == [{"stage": "train", "epoch": 1}]
    assert header.manifest["corpus"] == {"name": "small", "hash": corpus.hash}
    assert header.manifest["versions"]["torch"].startswith(torch.__version__.partition("+")[0])
    summary = header.summary("one")
    assert (summary.info.method, summary.info.backbone, summary.info.seed) == ("dnr", "late_fusion", 0)
    assert summary.modalities == MODALITIES and summary.supports == ("components",)
    assert summary.config["feature_names"]["audio"] == list(corpus.feature_names["audio"])
    check_fit(header, corpus)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_or_missing_file_is_named(run, name):
    path = run / name
    content = path.read_bytes()
    path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    assert f"{name} does not match its manifest: got another SHA-256" in error_of(lambda: read_run(run))
    path.unlink()
    assert f"is incomplete: got no {name}" in error_of(lambda: read_run(run))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{ not json", "manifest.json is damaged"),
        ("[]", "not an object"),
        ("{}", "unknown format version: expected 1"),
        ('{"format_version": 2}', "unknown format version: got 2; expected 1"),
        ('{"format_version": 1}', "no list of files or no corpus"),
        ('{"format_version": 1, "files": {}, "corpus": {}}', "does not match its manifest"),
    ],
)
def test_a_damaged_manifest_is_named(run, text, says):
    (run / "manifest.json").write_text(text)
    assert says in error_of(lambda: read_run(run))


def test_a_folder_without_a_run_says_how_to_train_one(tmp_path: Path):
    assert "dnr_core train" in error_of(lambda: read_run(tmp_path / "nothing"))


@pytest.mark.parametrize("key", ["run", "spec", "emotions", "players", "supports", "feature_names"])
def test_a_key_that_the_configuration_lacks_is_named(run, key):
    edit(run / "config.json", lambda values: values.pop(key))
    assert f"lacks a key: got no {key!r}" in error_of(lambda: read_run(sealed(run)))


@pytest.mark.parametrize("key", ["width", "widths", "modalities", "emotions"])
def test_a_key_that_the_model_description_lacks_is_named(run, key):
    edit(run / "config.json", lambda values: values["spec"].pop(key))
    message = error_of(lambda: load_model(read_run(sealed(run))))
    assert f"'{key}'" in message and str(run) in message and "train" in message


def test_a_weight_that_is_missing_or_misshapen_is_named(run):
    weights = load_file(run / "model.safetensors")
    name = "divide.unique.text.weight"
    save_file({key: value for key, value in weights.items() if key != name}, run / "model.safetensors")
    assert f"lacks a key: got no '{name}'" in error_of(lambda: load_model(read_run(sealed(run))))
    save_file(weights | {name: torch.zeros(2, 3)}, run / "model.safetensors")
    message = error_of(lambda: load_model(read_run(sealed(run))))
    assert f"'{name}' has the wrong shape: got (2, 3); expected (128, {WIDTHS['text']})" in message
    (run / "model.safetensors").write_bytes(b"not tensors at all")
    assert "cannot read" in error_of(lambda: load_model(read_run(sealed(run))))


def test_a_method_that_is_not_installed_is_named(run):
    edit(run / "config.json", lambda values: values["run"].update(method="theirs"))
    assert "not installed: unknown method: got 'theirs'" in error_of(lambda: load_model(read_run(sealed(run))))
    edit(run / "config.json", lambda values: (values["run"].update(method="dnr"), values["spec"].update(backbone="b")))
    assert "not installed: unknown backbone: got 'b'" in error_of(lambda: load_model(read_run(sealed(run))))


def test_a_corpus_of_other_widths_or_emotions_does_not_fit_and_the_widths_are_named(run, corpus):
    header = read_run(run)
    names = {**corpus.feature_names, "audio": corpus.feature_names["audio"][:-1]}
    features = {**corpus.features, "audio": corpus.features["audio"][:, :-1]}
    narrow = replace(corpus, name="narrow", features=features, feature_names=names, stored_hash=None)
    message = error_of(lambda: check_fit(header, narrow))
    assert "run one does not fit corpus narrow: got 7 audio features; expected 8" in message
    turned = replace(corpus, emotions=corpus.emotions[::-1], stored_hash=None)
    assert "got emotions frustrated, excited" in error_of(lambda: check_fit(header, turned))


def test_a_corpus_with_other_dialogues_fits(run):
    check_fit(read_run(run), small_corpus(7, seed=3))


def test_a_run_that_cannot_be_written_leaves_nothing_behind(corpus, tmp_path: Path, monkeypatch):
    config = short("plain", "mmgcn")
    made = untrained(corpus, config)

    def full(path: Path, values: Any) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_json", full)
    with pytest.raises(DnRError, match=r"cannot write .*one: got No space left on device"):
        save_run(tmp_path / "one", made, config, corpus, {})
    assert files_below(tmp_path) == []
    monkeypatch.undo()
    save_run(tmp_path / "one", made, config, corpus, {"kept": 1})
    monkeypatch.setattr(checkpoint, "write_json", full)
    with pytest.raises(DnRError, match="No space left"):
        save_run(tmp_path / "one", made, config, corpus, {}, overwrite=True)
    assert read_run(tmp_path / "one").metrics == {"kept": 1} and listed(tmp_path) == ["one"]


def test_a_run_is_replaced_only_when_asked(run, corpus):
    config = short("plain", "mmgcn")
    made = untrained(corpus, config)
    with pytest.raises(DnRError, match="exists: choose another --out, or add --overwrite"):
        save_run(run, made, config, corpus, {})
    save_run(run, made, config, corpus, {}, overwrite=True)
    assert read_run(run).config["run"]["method"] == "plain" and listed(run.parent) == ["one"]


def test_a_folder_that_is_no_folder_is_one_line(corpus, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    config = short("plain", "mmgcn")
    with pytest.raises(DnRError, match=r"cannot write .*file/one"):
        save_run(tmp_path / "file" / "one", untrained(corpus, config), config, corpus, {})


def test_a_kill_while_a_run_is_written_shows_no_run(corpus, tmp_path: Path):
    corpus.save(tmp_path / "data" / "small")
    code = """
import os, signal, sys
from pathlib import Path
from dnr_core.config import preset
from dnr_core.data.corpus import Corpus
from dnr_core.training import checkpoint
from dnr_core.training.build import build_model
from dnr_core.training.loop import Trained

def dies(path, values):
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

checkpoint.write_json = dies
corpus, config = Corpus.load(Path("data/small")), preset("plain", "mmgcn")
checkpoint.save_run(Path("runs/one"), Trained(build_model(corpus, config), [], 0.0), config, corpus, {})
"""
    environment = os.environ | {"PYTHONPATH": str(SOURCE.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [name for name in listed(tmp_path / "runs") if not name.startswith(".")] == []
    assert any(path.endswith("config.json") for path in files_below(tmp_path / "runs")), "it died too early to tell"
    assert Engine(tmp_path / "data", tmp_path / "runs").runs() == []


# ---- no pickle ------------------------------------------------------------------------------------------------------

FORBIDDEN_MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {("torch", "load"), ("torch", "save"), ("pd", "read_pickle"), ("pandas", "read_pickle")}


def unsafe(text: str) -> list[str]:
    """What a source file does that could unpickle."""
    found = []
    for node in ast.walk(ast.parse(text)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{name}" for name in names if (node.module, name) in FORBIDDEN_CALLS]
            names = [node.module or ""]
        found += [name for name in names if name.split(".")[0] in FORBIDDEN_MODULES]
        if isinstance(node, ast.Attribute):
            called = (node.value.id if isinstance(node.value, ast.Name) else "", node.attr)
            found += [node.attr] * (called in FORBIDDEN_CALLS or node.attr in ("read_pickle", "to_pickle"))
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and getattr(node.value, "value", True):
            found.append("allow_pickle")
    return found


def test_nothing_but_the_restricted_unpickler_can_unpickle():
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 40
    culprits = {str(path.relative_to(SOURCE)): unsafe(path.read_text(encoding="utf-8")) for path in files}
    assert [name for name, found in culprits.items() if found] == ["data/unpickle.py"]


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import load",
        "import joblib as j",
        "import torch\ntorch.load('x')",
        "from torch import load",
        "np.load('x', allow_pickle=True)",
        "frame.to_pickle('x')",
    ],
)
def test_the_scan_sees_what_it_looks_for(line):
    assert unsafe(line)
