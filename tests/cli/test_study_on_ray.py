"""`study --ray`: two workers of this machine, one of them killed, give the table of a study without it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import REPOSITORY, Folders, Result

from dnr_core.data.planted import PlantedConfig, generate

pytest.importorskip("ray", reason="ray (requirements-ray.txt) is not installed")

EPOCHS = 40
GRID = "study --corpus twelve --methods plain --backbones late_fusion --seeds 2 --config settings.json --json"
OWN = ("seconds", "peak_memory_mib")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a corpus of twelve dialogues and a configuration of a few seconds."""
    widths = {"text": 8, "audio": 6, "visual": 6}
    generate(PlantedConfig(dialogues=12, utterances_per_dialogue=6, widths=widths), name="twelve").save(
        tmp_path / "twelve"
    )
    settings = {"width": 16, "stages": {"train": {"epochs": EPOCHS, "patience": EPOCHS}}}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    return tmp_path


def begin(root: Path, words: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return subprocess.Popen(
        [sys.executable, "-m", "dnr_core", *GRID.split(), *words.split()],
        cwd=root, env=environment | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def worker_of(out: Path, seed: int) -> int:
    """The Ray worker that trains a seed, once the state of an epoch is on disk: the parent of the training process."""
    state = out / "twelve" / "plain-late_fusion" / f".seed-{seed}.resume.safetensors"
    deadline = time.monotonic() + 180
    while not state.exists():
        assert time.monotonic() < deadline, "no state was written"
        time.sleep(0.01)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            above = Path(f"/proc/{parent}/cmdline").read_bytes()
        except OSError:
            continue
        if b"dnr_core.study.one_run" in words and above.startswith(b"ray::run_job"):
            return parent
    raise AssertionError("no worker trains")


def rows(printed: str) -> list[dict[str, object]]:
    return [{name: cell for name, cell in row.items() if name not in OWN} for row in json.loads(printed)["rows"]]


@pytest.mark.timeout(600)  # five processes that import torch
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc on this system")
def test_a_killed_worker_is_replaced_and_the_table_is_that_of_a_study_without_ray(root: Path) -> None:
    cluster = begin(root, "--out cluster --ray auto")
    os.kill(worker_of(root / "cluster", 0), signal.SIGKILL)
    printed, said = cluster.communicate(timeout=400)
    assert cluster.returncode == 0, said
    alone = begin(root, "--out alone")
    expected, _ = alone.communicate(timeout=200)
    assert alone.returncode == 0
    assert json.loads(printed)["failed"] == {}
    (found,), (wanted,) = rows(printed), rows(expected)
    assert found == wanted and found["seeds"] == [0, 1]
    states = list((root / "cluster").rglob("*.resume.safetensors"))
    assert not states, "a run that ended leaves no state"


def test_what_cannot_be_asked_of_a_cluster_is_refused(refused: Callable[..., Result], folders: Folders) -> None:
    study = f"study --corpus {folders.corpus} --methods plain --backbones mmgcn --seeds 1 --out made"
    refused(f"{study} --gpus-per-run 1", 2, "bad --gpus-per-run: got 1", "with --ray")
    refused(f"{study} --ray auto --gpus-per-run -1", 2, "bad --gpus-per-run: got -1")
    refused(f"{study} --ray 127.0.0.1:1", 1, "no Ray cluster: got 127.0.0.1:1", "expected auto, or HOST:PORT")
    refused(f"{study} --ray nowhere", 1, "no Ray cluster: got nowhere", "invalid literal")
    refused("study --out made --table-only --ray auto", 2, "--table-only trains nothing: got --ray")
