"""A run that was killed goes on to the very result of an unbroken one; Ctrl-C keeps the best so far."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError, safe_open
from small import files_below, listed, short, small_corpus

from dnr_core.config import RunConfig
from dnr_core.data.corpus import Corpus
from dnr_core.data.files import file_sha256
from dnr_core.errors import CheckpointError, DnRError
from dnr_core.model.batch import TensorCorpus
from dnr_core.training import resume
from dnr_core.training.checkpoint import load_model, read_run
from dnr_core.training.loop import Trained, Trainer, train

pytestmark = pytest.mark.usefixtures("one_thread")
EPOCHS = 4


class Killed(BaseException):
    """Ends the process in a test's mind."""


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return small_corpus()


@pytest.fixture(scope="module", params=["dnr", "plain"])
def config(request: pytest.FixtureRequest) -> RunConfig:
    return short(request.param, epochs=EPOCHS)


@pytest.fixture(scope="module")
def unbroken(corpus: Corpus, config: RunConfig, one_thread: None) -> Trained:
    return train(corpus, config, device="cpu")


def alike(first: Trained, second: Trained) -> None:
    one, two = first.model.state_dict(), second.model.state_dict()
    assert [name for name in one if not torch.equal(one[name], two[name])] == []
    clockless = [
        [{key: value for key, value in record.items() if key != "seconds"} for record in trained.history]
        for trained in (first, second)
    ]
    assert clockless[0] == clockless[1]


def killed_at(corpus: Corpus, config: RunConfig, path: Path, epoch: int) -> None:
    """Train until the end of an epoch (counted over the stages), before its state is written."""
    seen: list[Any] = []

    def progress(record: dict[str, Any]) -> None:
        seen.append(record)
        if len(seen) == epoch:
            raise Killed

    with pytest.raises(Killed):
        train(corpus, config, device="cpu", state_path=path, resume=True, progress=progress)


def test_a_run_killed_in_any_epoch_goes_on_to_the_same_weights(corpus, config, unbroken, tmp_path: Path):
    for epoch in (1, 2, 4, 5, 6, 8)[: 3 * len(config.stages)]:
        path = tmp_path / f"state-{epoch}.safetensors"
        killed_at(corpus, config, path, epoch)
        assert path.exists() == (epoch > 1)
        alike(train(corpus, config, device="cpu", state_path=path, resume=True), unbroken)


def test_a_run_killed_again_and_again_goes_on_to_the_same_weights(corpus, config, unbroken, tmp_path: Path):
    path = tmp_path / "state.safetensors"
    for _ in range(3):
        killed_at(corpus, config, path, 2)
    alike(train(corpus, config, device="cpu", state_path=path, resume=True), unbroken)


def test_a_kill_while_the_state_is_written_leaves_the_state_before(
    corpus, config, unbroken, tmp_path: Path, monkeypatch
):
    path, count = tmp_path / "state.safetensors", []
    honest = resume.save_file

    def dies(tensors: Any, file: Path, metadata: Any) -> None:
        count.append(1)
        if len(count) == 3:
            Path(file).write_bytes(b"half a state")
            raise Killed
        honest(tensors, file, metadata=metadata)

    monkeypatch.setattr(resume, "save_file", dies)
    with pytest.raises(Killed):
        train(corpus, config, device="cpu", state_path=path)
    alike(train(corpus, config, device="cpu", state_path=path, resume=True), unbroken)
    assert files_below(tmp_path) == ["state.safetensors"]


def test_the_state_without_resume_is_begun_anew(corpus, config, unbroken, tmp_path: Path):
    path = tmp_path / "state.safetensors"
    killed_at(corpus, config, path, 3)
    alike(train(corpus, config, device="cpu", state_path=path), unbroken)


def test_a_full_disk_is_one_line_and_keeps_the_state_before(corpus, config, tmp_path: Path, monkeypatch):
    path = tmp_path / "state.safetensors"
    killed_at(corpus, config, path, 3)
    before = path.read_bytes()

    def full(tensors: Any, file: Path, metadata: Any) -> None:
        Path(file).write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(resume, "save_file", full)
    with pytest.raises(DnRError, match=r"cannot write .*state\.safetensors: got .*No space left on device"):
        train(corpus, config, device="cpu", state_path=path, resume=True)
    assert path.read_bytes() == before and files_below(tmp_path) == ["state.safetensors"]


def test_a_state_of_another_run_or_a_damaged_one_is_refused(corpus, config, tmp_path: Path):
    path = tmp_path / "state.safetensors"
    killed_at(corpus, config, path, 3)
    other = config.model_copy(update={"seed": 5})
    with pytest.raises(CheckpointError, match="belongs to another run: got another configuration"):
        train(corpus, other, device="cpu", state_path=path, resume=True)
    with pytest.raises(CheckpointError, match="belongs to another run: got another corpus"):
        train(small_corpus(25), config, device="cpu", state_path=path, resume=True)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="is damaged"):
        train(corpus, config, device="cpu", state_path=path, resume=True)


def test_ctrl_c_keeps_the_best_so_far(corpus, config, tmp_path: Path, monkeypatch):
    """Interrupted within its third epoch: the weights are those of the best of the first two epochs on dev."""
    path, honest = tmp_path / "state.safetensors", Trainer.step

    def step(self: Trainer, *batch: Any, **where: Any) -> Any:
        parts = honest(self, *batch, **where)
        if len(self.history) == 2:
            raise KeyboardInterrupt
        return parts

    monkeypatch.setattr(Trainer, "step", step)
    trained = train(corpus, config, device="cpu", state_path=path)
    assert trained.interrupted and len(trained.history) == 2 and not trained.model.training
    stored = resume.load_state(path, resume.identity_of(config, corpus.hash))
    assert (stored.stage, stored.epoch) == (0, 2)
    assert all(torch.equal(value, stored.best[name]) for name, value in trained.model.named_parameters())
    assert not all(torch.equal(value, stored.model[name]) for name, value in trained.model.named_parameters())
    rows = corpus.dialogue_rows[corpus.dialogue_ids("test")[0]]
    assert trained.model(TensorCorpus(corpus).batch(rows[None])).logits.isfinite().all()


# ---- real processes -------------------------------------------------------------------------------------------------


class Command:
    """`python -m dnr_core train` in a process of its own, on one thread, with Ctrl-C as in a terminal."""

    def __init__(self, folder: Path, out: str, *words: str) -> None:
        root = Path(__file__).resolve().parents[2]
        self.state = folder / f".{out}.resume.safetensors"
        environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "DNR_DATA": str(folder)}
        command = [sys.executable, "-m", "dnr_core", "train", "--corpus", "small", "--config", "config.json"]
        self.process = subprocess.Popen(
            [*command, "--out", out, "--device", "cpu", *words],
            cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip

    def after_epochs(self, epochs: int, number: int) -> tuple[int, str]:
        """Send a signal once so many epochs stand in the state file; exit code and stderr."""
        deadline = time.monotonic() + 300  # a busy machine
        while self.epochs() < epochs:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, "no state was written"
            time.sleep(0.01)
        self.process.send_signal(number)
        return self.end()

    def epochs(self) -> int:
        try:
            with safe_open(self.state, framework="pt") as stream:
                return len(json.loads(stream.metadata()["history"]))
        except (OSError, SafetensorError):
            return 0

    def end(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=120)
        return self.process.returncode, errors


def test_kill_9_then_ctrl_c_then_resume_ends_in_the_bytes_of_an_unbroken_run(corpus, tmp_path: Path):
    corpus.save(tmp_path / "small")
    stages = {"divide": {"epochs": 15, "patience": 15}, "refine": {"epochs": 15, "patience": 15}}
    (tmp_path / "config.json").write_text(json.dumps({"width": 16, "stages": stages}))
    unbroken = Command(tmp_path, "unbroken")

    code, _ = Command(tmp_path, "broken").after_epochs(4, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert not (tmp_path / "broken").exists(), "half a run shows"

    code, errors = Command(tmp_path, "broken", "--resume").after_epochs(17, signal.SIGINT)
    assert code == 130, errors
    assert "interrupted after" in errors.splitlines()[-1] and "--resume" in errors.splitlines()[-1]
    header = read_run(tmp_path / "broken")
    assert header.metrics["interrupted"] and 17 <= len(header.history) < 30
    assert load_model(header).spec.emotions == 6

    code, errors = Command(tmp_path, "broken", "--resume").end()
    assert code == 0, errors
    assert unbroken.end()[0] == 0
    first, second = read_run(tmp_path / "unbroken"), read_run(tmp_path / "broken")
    names = [folder / "model.safetensors" for folder in (first.folder, second.folder)]
    assert file_sha256(names[0]) == file_sha256(names[1])
    assert not second.metrics["interrupted"] and first.metrics["test"] == second.metrics["test"]
    assert len(second.history) == 30
    assert [record["dev_loss"] for record in first.history] == [record["dev_loss"] for record in second.history]
    assert [name for name in listed(tmp_path) if name.startswith(".")] == []
