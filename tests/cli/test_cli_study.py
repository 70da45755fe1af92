"""`study`: a grid is trained once whatever interrupts it, failures are recorded, and grids that differ are refused."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import REPOSITORY, Folders, Result, hears_ctrl_c

from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate

EPOCHS = 40
SETTINGS = {"width": 16, "stages": {"train": {"epochs": EPOCHS, "patience": EPOCHS}}}
OWN = ("seconds", "peak_memory_mib")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus of twelve dialogues and a configuration of a few seconds."""
    made = tmp_path_factory.mktemp("study")
    widths = {"text": 8, "audio": 6, "visual": 6}
    generate(PlantedConfig(dialogues=12, utterances_per_dialogue=6, widths=widths), name="twelve").save(made / "twelve")
    (made / "settings.json").write_text(json.dumps(SETTINGS))
    return made


class Study:
    """`study` of two seeds as a process of its own."""

    def __init__(self, root: Path, out: str) -> None:
        self.out = root / out
        words = "study --corpus twelve --methods plain --backbones late_fusion --seeds 2 --config settings.json --json"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dnr_core", *words.split(), "--out", out],
            cwd=root, env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=hears_ctrl_c,
        )  # fmt: skip

    def in_the_middle_of(self, seed: int, number: int) -> None:
        """Send a signal once the state of an epoch of this seed is on disk."""
        state = self.out / "twelve" / "plain-late_fusion" / f".seed-{seed}.resume.safetensors"
        deadline = time.monotonic() + 120
        while not state.exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, "no state was written"
            time.sleep(0.01)
        self.process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        printed, said = self.process.communicate(timeout=180)
        return self.process.returncode, printed, said


def children(process: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def table(out: Path) -> list[dict[str, str]]:
    """table.csv without what no two trainings share."""
    with (out / "table.csv").open(encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    return [{name: cell for name, cell in line.items() if name.split(":")[-1] not in OWN} for line in lines]


@pytest.mark.timeout(600)  # ten processes that import torch, one after the other
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc on this system")
def test_killed_then_interrupted_it_ends_in_the_table_of_an_unbroken_study(root: Path) -> None:
    unbroken = Study(root, "unbroken")
    killed = Study(root, "broken")
    killed.in_the_middle_of(0, signal.SIGSTOP)
    orphans = children(killed.process.pid)
    killed.process.send_signal(signal.SIGKILL)
    assert killed.end()[0] == -signal.SIGKILL and len(orphans) == 1
    deadline = time.monotonic() + 10
    while any(map(alive, orphans)):
        assert time.monotonic() < deadline, "the run outlives its study"
        time.sleep(0.01)
    broken = root / "broken"
    assert not list((broken / "runs").glob("*")) and not (broken / "twelve/plain-late_fusion/seed-0").exists()

    interrupted = Study(root, "broken")
    interrupted.in_the_middle_of(1, signal.SIGINT)
    code, printed, said = interrupted.end()
    assert (code, printed) == (130, "")
    last = said.splitlines()[-1]
    assert last == "interrupted; 1 of 2 runs of broken are finished: the same command goes on" and "Trace" not in said
    kept = [path.name for path in (broken / "runs").iterdir()]
    assert kept == ["twelve-plain-late_fusion-s0.json"]

    code, printed, said = unbroken.end()
    assert code == 0, said
    found = json.loads(printed)
    assert [row["seeds"] for row in found["rows"]] == [[0, 1]] and found["failed"] == {}
    assert "run 1 of 2: twelve-plain-late_fusion-s0\n" in said and "run 2 of 2: twelve-plain-late_fusion-s1 (" in said

    code, _, said = Study(root, "broken").end()
    assert code == 0 and "run 1 of 2" not in said
    assert table(broken) == table(root / "unbroken")
    both = [
        json.loads((root / name / "runs/twelve-plain-late_fusion-s1.json").read_text())
        for name in ("broken", "unbroken")
    ]
    assert both[0]["scores"] == both[1]["scores"] and both[0]["epochs"] == EPOCHS
    assert all(0 < one["peak_memory_mib"] < 4096 and one["parameters"] > 0 for one in both)
    assert sorted(path.name for path in broken.iterdir()) == [
        "differences.csv", "runs", "study.json", "table.csv", "table.md", "table.tex",
    ]  # fmt: skip


SHORT = {"width": 16, "stages": {"train": {"epochs": 1}}}


def test_failures_are_recorded_the_rest_goes_on_and_nothing_is_trained_twice(
    run: Callable[..., Result], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus.load(root / "twelve")
    emotion = corpus.utterances["emotion"].to_numpy(dtype=object).copy()
    emotion[corpus.rows("train")] = corpus.emotions[0]
    same = replace(corpus, name="same", utterances=corpus.utterances.assign(emotion=emotion), stored_hash=None)
    same.save(tmp_path / "same")
    (tmp_path / "short.json").write_text(json.dumps(SHORT))
    grid = f"study --corpus same {root / 'twelve'} --methods plain --backbones mmgcn --seeds 1 --config short.json"
    ended = run(f"{grid} --out made --keep all")
    line = "same-plain-mmgcn-s0: corpus same has fewer than two emotions in train: check its labels"
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == f"1 run failed: got {line}; the same command tries again"
    assert f"Failed: {line}" in ended.out and "| plain | mmgcn |" in ended.out
    checkpoint = tmp_path / "made/twelve/plain-mmgcn/seed-0"
    assert (checkpoint / "manifest.json").is_file() and (checkpoint / "results").is_dir()
    assert run(f"compare {checkpoint.parent} {checkpoint} --corpus {root / 'twelve'}").code == 0

    before = (tmp_path / "made/runs/twelve-plain-mmgcn-s0.json").stat().st_mtime_ns
    again = run(f"{grid} --out made --json")
    assert again.code == 1 and "run 1 of 2: same" in again.err and "run 2 of 2" not in again.err
    assert (tmp_path / "made/runs/twelve-plain-mmgcn-s0.json").stat().st_mtime_ns == before
    assert not checkpoint.exists(), "--keep none is the default"

    (tmp_path / "made/table.md").unlink()
    found = run("study --out made --table-only --json").json
    assert found["failed"] == {line.split(":")[0]: line.split(": ", 1)[1]} and len(found["rows"]) == 1
    assert (tmp_path / "made/table.md").is_file()


def test_grids_and_folders_that_make_no_sense_are_refused(
    refused: Callable[..., Result], run: Callable[..., Result], folders: Folders, tmp_path: Path
) -> None:
    study = f"study --corpus {folders.corpus} --out made"
    refused("study", 2, "study needs --out")
    refused(f"study --out made --corpus {folders.corpus}", 2, "study needs --methods")
    refused("study --out made --methods dnr", 2, "study needs --corpus")
    refused(f"{study} --methods dnr", 2, "method dnr needs a backbone: got none", "late_fusion, mmgcn")
    refused(f"{study} --methods dnr --backbones resnet", 2, "unknown backbone: got 'resnet'")
    refused(f"{study} --methods nope --backbones mmgcn", 2, "unknown method: got 'nope'")
    refused(f"{study} --methods dnr --backbones mmgcn --seeds 0", 2, "bad --seeds: got 0")
    refused(f"{study} --methods dnr --backbones mmgcn --preset slow", 2, "bad --preset", "one of fast, paper")
    refused(f"{study} --methods dnr --backbones mmgcn --config gone.json", 2, "cannot read gone.json")
    refused("study --corpus gone --methods dnr --backbones mmgcn --out made", 3, "no corpus at gone")
    refused(f"{study} --table-only", 2, "--table-only trains nothing: got --corpus")
    refused("study --out made --table-only", 1, "no study at made: expected a folder with study.json")
    refused(
        f"study --corpus {folders.corpus} --methods dnr --backbones mmgcn --out {folders.run}", 1, "cannot be replaced"
    )


@pytest.mark.timeout(600)  # six processes that import torch, one after the other
def test_variants_are_trained_and_set_against_their_method(
    run: Callable[..., Result], refused: Callable[..., Result], root: Path, tmp_path: Path
) -> None:
    """Real runs of one epoch: dnr, as released without Refine, and as plain; the differences are to dnr."""
    stages = {name: {"epochs": 1} for name in ("divide", "refine", "train")}
    (tmp_path / "short.json").write_text(json.dumps({"width": 16, "stages": stages}))
    variants = {"released": {"divide": "official", "without": ["refine"]}, "raw": {"method": "plain"}}
    (tmp_path / "variants.json").write_text(json.dumps({"dnr": variants}))
    grid = (
        f"study --corpus {root / 'twelve'} --methods dnr --backbones late_fusion --seeds 2 --config short.json --json"
    )
    found = run(f"{grid} --variants variants.json --out made --device cpu").json
    assert [row["method"] for row in found["rows"]] == ["dnr", "dnr/raw", "dnr/released"]
    assert [(one["method"], one["baseline"], len(one["interval"])) for one in found["differences"]] == [
        ("dnr/raw", "dnr", 2), ("dnr/released", "dnr", 2),
    ]  # fmt: skip
    scores = {row["method"]: row["weighted_f1"] for row in found["rows"]}
    for one in found["differences"]:
        own, full = scores[one["method"]]["values"], scores["dnr"]["values"]
        assert one["values"] == pytest.approx([mine - theirs for mine, theirs in zip(own, full, strict=True)])
    assert "| dnr/released | late_fusion |" in (tmp_path / "made" / "table.md").read_text(encoding="utf-8")
    configs = {
        path.name.split("-s")[0]: json.loads(path.read_text())["config"]
        for path in (tmp_path / "made" / "runs").iterdir()
    }
    assert configs["twelve-dnr-released-late_fusion"]["without"] == ["refine"]
    assert configs["twelve-dnr-released-late_fusion"]["divide"] == "official"
    assert configs["twelve-dnr-raw-late_fusion"]["method"] == "plain"
    assert configs["twelve-dnr-late_fusion"].keys().isdisjoint({"without", "divide", "tuned"})
    refused(f"{grid} --ablations nope --out other", 2, "no built-in ablations of this method: got 'nope'", "one of dnr")
    refused("study --out made --ablations dnr --table-only", 2, "--table-only trains nothing: got --ablations")
