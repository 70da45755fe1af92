"""`train`: what it writes, what it refuses before any epoch, and that nothing is lost."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import REPOSITORY, Folders, Result, check_one_line, hears_ctrl_c, listing

from dnr_core.data.corpus import Corpus
from dnr_core.types import MODALITIES

FILES = {"config.json", "model.safetensors", "metrics.json", "history.jsonl", "manifest.json", "results"}
T_975_ONE_DEGREE = 12.706204736
"""97.5 % point of Student's t with one degree of freedom: tan(0.475 π)."""


@pytest.fixture
def trained(run: Callable[..., Result], folders: Folders) -> Callable[..., Result]:
    """Train on the tiny corpus for two epochs a stage."""
    return lambda flags: run(f"train --corpus {folders.corpus} --config {folders.short} {flags}")


@pytest.fixture
def not_trained(refused: Callable[..., Result], folders: Folders) -> Callable[..., Result]:
    """Training on the tiny corpus must be refused before an epoch is run: progress would be a second line."""
    return lambda flags, code, *words: refused(f"train --corpus {folders.corpus} {flags}", code, *words)


def test_a_run_has_its_files_and_says_its_scores(trained: Callable[..., Result], tmp_path: Path) -> None:
    found = trained("--out made --json").json
    assert found["checkpoint"] == "made"
    assert {path.name for path in (tmp_path / "made").iterdir()} == FILES
    assert {path.name for path in tmp_path.iterdir()} == {"made"}
    stored = json.loads((tmp_path / "made" / "metrics.json").read_text())
    assert stored == {key: value for key, value in found.items() if key != "checkpoint"}
    assert stored["epochs"] == 4 and stored["interrupted"] is False
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    assert (stored["device"], stored["threads"]) == (device, 1)
    history = [json.loads(line) for line in (tmp_path / "made" / "history.jsonl").read_text().splitlines()]
    assert [(one["stage"], one["epoch"]) for one in history] == [
        ("divide", 1), ("divide", 2), ("refine", 1), ("refine", 2),
    ]  # fmt: skip
    assert len(list((tmp_path / "made" / "results").rglob("predictions.safetensors"))) == 3
    assert len(list((tmp_path / "made" / "results").rglob("test/coalitions-dialogue-mean.safetensors"))) == 1


def test_the_same_command_gives_the_same_scores(trained: Callable[..., Result], folders: Folders) -> None:
    stored = json.loads((folders.run / "metrics.json").read_text())
    found = trained("--out made --json").json
    assert (found["dev"], found["test"]) == (stored["dev"], stored["test"])


def test_text_says_weighted_f1_with_its_interval(trained: Callable[..., Result], folders: Folders) -> None:
    stored = json.loads((folders.run / "metrics.json").read_text())["test"]
    ended = trained("--out made")
    low, high = stored["interval"]["weighted_f1"]
    said = f"test: weighted F1 {stored['weighted_f1']:.4f} [{low:.4f}, {high:.4f}]"
    assert said in ended.out and f"n = {stored['n']}" in ended.out
    assert "divide: dev weighted F1" in ended.err and "(2/2)" in ended.err


def test_without_out_the_folder_is_named_after_the_run(
    trained: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path / "runs"))
    for flags in ("--seed 7", "--seeds 1"):
        assert trained(flags).code == 0
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"tiny-dnr-mmgcn-s7", "tiny-dnr-mmgcn-seeds1"}
    config = json.loads((tmp_path / "runs" / "tiny-dnr-mmgcn-s7" / "config.json").read_text())
    assert config["run"]["seed"] == 7


def test_flags_win_over_the_file_and_the_file_over_the_preset(run: Callable[..., Result], folders: Folders) -> None:
    Path("some.json").write_text(
        json.dumps(
            {"method": "plain", "backbone": "mmgcn", "width": 16, "dropout": 0.5, "stages": {"train": {"epochs": 1}}}
        )
    )
    words = "--backbone late_fusion --width 8 --batch 3 --preset paper"
    assert run(f"train --corpus {folders.corpus} --config some.json --out made {words}").code == 0
    config = json.loads(Path("made/config.json").read_text())["run"]
    assert (config["method"], config["backbone"], config["preset"]) == ("plain", "late_fusion", "paper")
    assert (config["width"], config["dropout"]) == (8, 0.5)
    assert (config["stages"]["train"]["epochs"], config["stages"]["train"]["batch"]) == (1, 3)
    assert config["stages"]["train"]["learning_rate"] == 1e-4


def test_how_dnr_divides_and_what_it_does_without_is_in_the_name_and_in_the_run(
    run: Callable[..., Result], folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path / "runs"))
    words = f"train --corpus {folders.corpus} --config {folders.short} --backbone late_fusion --json"
    made = Path(run(f"{words} --divide official --without redundant").json["checkpoint"])
    assert made.name == "tiny-dnr-late_fusion-official-without_redundant-s0"
    config = json.loads((made / "config.json").read_text())
    assert (config["run"]["divide"], config["spec"]["divide"]) == ("official", "official")
    assert config["run"]["without"] == config["spec"]["without"] == ["redundant"] and len(config["players"]) == 9
    scores = run(f"evaluate --checkpoint {made} --corpus {folders.corpus} --json").json
    assert scores["weighted_f1"] == json.loads((made / "metrics.json").read_text())["test"]["weighted_f1"]
    told = run(f"explain --checkpoint {made} --corpus {folders.corpus} --out told.parquet --json")
    assert told.code == 0 and not told.err.count("Traceback")


def test_seeds_are_summarised(trained: Callable[..., Result], tmp_path: Path) -> None:
    found = trained("--out made --seeds 2 --json").json
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"seed-0", "seed-1", "summary.json"}
    stored = json.loads((tmp_path / "made" / "summary.json").read_text())
    assert stored == {key: value for key, value in found.items() if key != "checkpoint"}
    assert (stored["split"], stored["seeds"], stored["n_seeds"]) == ("test", [0, 1], 2)
    for name in ("weighted_f1", "accuracy", "macro_f1"):
        one, two = (json.loads((tmp_path / f"made/seed-{n}/metrics.json").read_text())["test"][name] for n in (0, 1))
        mean, apart = (one + two) / 2, abs(one - two)
        assert stored[name]["values"] == [one, two]
        assert stored[name]["mean"] == pytest.approx(mean, abs=1e-12)
        assert stored[name]["sd"] == pytest.approx(apart / math.sqrt(2), abs=1e-12)
        half = T_975_ONE_DEGREE * apart / 2
        assert stored[name]["interval"] == pytest.approx([mean - half, mean + half], abs=1e-8)
    with_one = trained("--out single --seeds 1 --json").json
    assert with_one["weighted_f1"]["sd"] is None and with_one["weighted_f1"]["interval"] is None


def test_a_finished_run_is_resumed_at_once(
    trained: Callable[..., Result], folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dnr_core.training import loop

    def again(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(loop, "train", again)
    before = {path: path.stat().st_mtime_ns for path in folders.run.rglob("*")}
    ended = trained(f"--out {folders.run} --resume --json")
    assert ended.json["test"] == json.loads((folders.run / "metrics.json").read_text())["test"]
    assert ended.err == ""
    assert {path: path.stat().st_mtime_ns for path in folders.run.rglob("*")} == before


def test_overwrite_replaces_the_run(trained: Callable[..., Result], tmp_path: Path) -> None:
    assert trained("--out made").code == 0
    first = (tmp_path / "made" / "manifest.json").read_bytes()
    assert trained("--out made --seed 1 --overwrite").code == 0
    assert (tmp_path / "made" / "manifest.json").read_bytes() != first
    assert {path.name for path in tmp_path.iterdir()} == {"made"}


def test_ctrl_c_keeps_the_best_and_ends_with_130(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "long.json").write_text(
        json.dumps({"stages": {"divide": {"epochs": 10_000, "patience": 10_000}, "refine": {"epochs": 1}}})
    )
    out, state = tmp_path / "made", tmp_path / ".made.resume.safetensors"
    words = ["train", "--corpus", str(folders.corpus), "--config", "long.json", "--out", str(out), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dnr_core", *words],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | folders.environment | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
        preexec_fn=hears_ctrl_c,
    )  # fmt: skip
    try:
        for _ in range(600):
            if state.exists() or process.poll() is not None:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, printed) == (130, ""), said
    assert "interrupted after " in said.splitlines()[-1] and "go on with --resume" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert json.loads((out / "metrics.json").read_text())["interrupted"] is True
    assert state.exists()


def test_resuming_with_other_settings_is_refused(
    trained: Callable[..., Result], refused: Callable[..., Result], folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dnr_core import experiment

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(experiment, "measure", killed)
        assert trained("--out made").code == 130
    assert [path.name for path in Path().iterdir()] == [".made.resume.safetensors"]
    flags = f"--config {folders.short} --out made --resume"
    said = "belongs to another run", "got another configuration", "--overwrite"
    refused(f"train --corpus {folders.corpus} {flags} --seed 1", 4, *said)
    assert trained("--out made --resume --json").json["epochs"] == 4
    assert [path.name for path in Path().iterdir()] == ["made"]


def test_unknown_names_list_the_choices(not_trained: Callable[..., Result]) -> None:
    not_trained("--method nonsense", 2, "unknown method", "got 'nonsense'", "expected one of plain, dnr")
    not_trained("--backbone nonsense", 2, "unknown backbone", "got 'nonsense'", "one of late_fusion, mmgcn")
    not_trained("--preset nonsense", 2, "bad --preset", "one of fast, paper")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--resume --overwrite", ["--resume and --overwrite exclude each other"]),
        ("--seed 1 --seeds 2", ["--seed and --seeds exclude each other"]),
        ("--seeds 0", ["bad --seeds", "got 0"]),
        ("--seeds -1", ["bad --seeds", "got -1"]),
        ("--seed -1", ["seed", "-1"]),
        ("--width 3", ["width", "greater than or equal to 8"]),
        ("--dropout 1", ["dropout", "less than 1"]),
        ("--dropout nan", ["dropout", "nan"]),
        ("--batch 0", ["stages.refine.batch", "0"]),
        ("--without unique redundant synergistic", ["which leaves no part"]),
        ("--method plain --without unique", ["method plain has no parts to leave out"]),
        ("--method plain --divide official", ["method plain divides nothing: got divide official"]),
        ("--preset tuned", ["no tuned configuration tiny-dnr-mmgcn", "choose preset fast or paper"]),
    ],
)
def test_flags_that_make_no_sense_are_refused(not_trained: Callable[..., Result], flags: str, words: list[str]) -> None:
    not_trained(f"--out made {flags}", 2, *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("not json", ["cannot read some.json", "expected a JSON object"]),
        ("[]", ["cannot read some.json", "got list"]),
        ('{"widht": 64}', ["widht"]),
        ('{"width": "wide"}', ["width", "'wide'"]),
        ('{"seed": 1.5}', ["seed", "1.5"]),
        ('{"preset": "slow"}', ["unknown preset", "'slow'", "fast or paper"]),
        ('{"method": "nonsense"}', ["unknown method", "'nonsense'"]),
        ('{"method": ["dnr"]}', ["unknown method", "dnr"]),
        ('{"backbone": 5}', ["unknown backbone", "got 5"]),
        ('{"divide": "new"}', ["unknown divide: got 'new'; expected one of pairwise, official"]),
        ('{"without": "refine"}', ["without", "'refine'"]),
        ('{"without": ["text"]}', ["without.0", "got 'text'"]),
        ('{"tuned": {"trials": 3}}', ["tuned.command"]),
        ('{"stages": 3}', ["stages", "3"]),
        ('{"stages": {"divide": 3}}', ["stages.divide", "3"]),
        ('{"stages": {"divide": {"epochs": -1}}}', ["stages.divide.epochs", "-1"]),
        ('{"stages": {"divide": {"epoch": 1}}}', ["stages.divide.epoch"]),
        ('{"stages": {"dvide": {"epochs": 1}}}', ["stages", "'dvide'", "one of divide, refine"]),
        ('{"options": {"unique_widht": 4}}', ["options", "'unique_widht'", "unique_width"]),
        ('{"options": {"unique_width": "x"}}', ["options.unique_width", "'x'"]),
    ],
)
@pytest.mark.parametrize("flags", ["", "--batch 4"])
def test_a_bad_file_names_its_field(
    not_trained: Callable[..., Result], tmp_path: Path, content: str, words: list[str], flags: str
) -> None:
    (tmp_path / "some.json").write_text(content)
    not_trained(f"--config some.json --out made {flags}", 2, *words)


def test_a_corpus_must_be_there_and_whole(
    refused: Callable[..., Result], folders: Folders, tiny: Corpus, tmp_path: Path
) -> None:
    said = "no corpus at", "expected a folder with corpus.json", "python -m dnr_core prepare"
    refused("train --corpus gone", 3, *said)
    refused(f"train --corpus {folders.run}", 3, *said)
    tiny.save(tmp_path / "damaged")
    (tmp_path / "damaged" / "utterances.parquet").write_bytes(b"PAR1")
    refused("train --corpus damaged", 3, "damaged/utterances.parquet was changed or damaged", "prepare it again")
    (tmp_path / "damaged" / "features.safetensors").unlink()
    (tmp_path / "damaged" / "utterances.parquet").unlink()
    refused("train --corpus damaged", 3, "is incomplete", "prepare it again")
    (tmp_path / "damaged" / "corpus.json").write_text("{")
    refused("train --corpus damaged", 3, "corpus.json is damaged")


def test_a_corpus_without_features_names_the_way_out(
    refused: Callable[..., Result], tiny: Corpus, tmp_path: Path
) -> None:
    nothing = {modality: np.zeros((len(tiny), 0), dtype=np.float32) for modality in MODALITIES}
    words = replace(
        tiny, name="words", features=nothing, feature_names=dict.fromkeys(MODALITIES, ()),
        present=np.zeros((len(tiny), 3), dtype=bool), stored_hash=None,
    )  # fmt: skip
    words.save(tmp_path / "words")
    refused("train --corpus words --out made", 3, "corpus words has no features to train on", "prepare --embed minilm")


def test_outputs_are_checked_before_training(
    not_trained: Callable[..., Result], folders: Folders, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("a file")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    not_trained(f"--out {folders.run}", 1, f"{folders.run} exists", "add --overwrite or --resume")
    not_trained(f"--seeds 2 --out {folders.run}", 1, "exists")
    not_trained("--out file", 1, "file exists")
    not_trained("--out file/made", 1, "cannot write file/made", "a file where a folder belongs")
    not_trained("--out /proc/made", 1, "cannot write /proc/made")
    for word in ("--overwrite", "--resume"):
        not_trained(f"--out thesis {word}", 1, "thesis cannot be replaced", "a folder with other things")
        not_trained(f"--out {folders.corpus} {word}", 1, "cannot be replaced", "expected a folder with manifest.json")
    not_trained(f"--out {folders.run} --seeds 2 --overwrite", 1, "cannot be replaced", "got a single run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none(not_trained: Callable[..., Result]) -> None:
    not_trained("--out made --device cuda", 1, "no CUDA device: got cuda; expected auto or cpu")


def test_a_loss_that_is_not_finite_names_epoch_batch_and_feature(
    run: Callable[..., Result], folders: Folders, tiny: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dnr_core.model.batch import LossTerms
    from dnr_core.model.methods.dnr import DivideAndRefine

    monkeypatch.setattr(
        DivideAndRefine,
        "loss",
        lambda self, batch, stage: LossTerms(sum(p.sum() for p in self.parameters()) * math.nan),
    )
    features = tiny.features | {"audio": tiny.features["audio"].copy()}
    features["audio"][tiny.rows("train"), 2] = 12345.0
    replace(tiny, features=features, stored_hash=None).save(tmp_path / "loud")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning would be a second line
        ended = run("train --corpus loud --out made")
    name = tiny.feature_names["audio"][2]
    said = "the loss of stage divide is nan in epoch 1, batch 1", f"largest feature audio {name} = 12345"
    check_one_line(ended, 1, *said, "lower the learning rate")
    assert not (tmp_path / "made").exists()


def test_a_real_process_refuses_in_one_line(real: Callable[..., Result], folders: Folders, tmp_path: Path) -> None:
    before = listing(folders.root)
    check_one_line(
        real(f"train --corpus {folders.corpus} --out {folders.run} --json"), 1, "exists: choose another --out"
    )
    check_one_line(
        real(f"train --corpus {folders.corpus} --method nonsense --out {tmp_path}/made"), 2, "one of plain, dnr"
    )
    assert listing(folders.root) == before and listing(tmp_path) == {}
