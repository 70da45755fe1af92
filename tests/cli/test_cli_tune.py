"""`tune` writes a configuration that `train` takes, and `--preset tuned` finds it; wrong words name what there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Folders, Result

SHORT = {"width": 16, "stages": {"train": {"epochs": 2}}}


@pytest.fixture
def tuned(run: Callable[..., Result], folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two trials of plain + late_fusion on `tiny`, as a preset."""
    (tmp_path / "short.json").write_text(json.dumps(SHORT))
    monkeypatch.setenv("DNR_PRESETS", str(tmp_path / "presets"))
    out = tmp_path / "presets" / "tiny-plain-late_fusion.json"
    words = f"--method plain --backbone late_fusion --config short.json --trials 2 --device cpu --out {out}"
    ended = run(f"tune --corpus {folders.corpus} {words}")
    assert ended.code == 0, ended.err
    assert ended.err.splitlines()[0].startswith("trial 1 of 2: dev weighted F1 0.")
    last = ended.out.splitlines()[-1]
    assert last.startswith("best on dev: weighted F1 0.") and last.endswith(f"train it with --config {out}")
    return out


def test_what_was_tuned_can_be_trained_as_preset_and_as_file_and_says_where_it_is_from(
    run: Callable[..., Result], folders: Folders, tuned: Path, tmp_path: Path
) -> None:
    stored = json.loads(tuned.read_text())
    words = f"train --corpus {folders.corpus} --method plain --backbone late_fusion --json"
    made = run(f"{words} --preset tuned --out one").json
    assert made["dev"]["weighted_f1"] == pytest.approx(stored["tuned"]["dev_weighted_f1"], abs=1e-9)
    config = json.loads((tmp_path / "one" / "config.json").read_text())["run"]
    assert config == stored and f"--corpus {folders.corpus} " in config["tuned"]["command"]
    assert config["tuned"]["command"].startswith("python -m dnr_core tune ")

    run(f"train --corpus {folders.corpus} --config {tuned} --seed 3 --out two --json")
    config = json.loads((tmp_path / "two" / "config.json").read_text())["run"]
    assert config == stored | {"seed": 3}

    run(f"{words} --preset tuned --width 24 --out three")
    config = json.loads((tmp_path / "three" / "config.json").read_text())["run"]
    assert config["width"] == 24 and "tuned" not in config, "a width of 24 was not what was tuned"
    run(f"{words} --preset tuned --config short.json --out four")
    config = json.loads((tmp_path / "four" / "config.json").read_text())["run"]
    assert config["width"] == 16 and config["dropout"] == stored["dropout"] and "tuned" not in config


def test_a_preset_that_is_not_there_names_those_that_are(
    refused: Callable[..., Result], folders: Folders, tuned: Path, tmp_path: Path
) -> None:
    train = f"train --corpus {folders.corpus} --preset tuned"
    words = ["no tuned configuration tiny-dnr-mmgcn: got tiny-plain-late_fusion in", "choose preset fast or paper"]
    refused(f"{train} --method dnr --backbone mmgcn", 2, *words)
    refused(f"{train} --divide official", 2, "no tuned configuration tiny-dnr-mmgcn-official")
    tuned.rename(tuned.with_name("tiny-plain-mmgcn.json"))
    refused(f"{train} --method plain", 2, "is of another model: got tiny-plain-late_fusion; expected tiny-plain-mmgcn")
    (tuned.parent / "tiny-plain-mmgcn.json").write_text("[]")
    refused(f"{train} --method plain", 2, "cannot read", "expected a JSON object")


def test_a_search_that_is_there_is_gone_on_with_or_replaced(
    run: Callable[..., Result], refused: Callable[..., Result], folders: Folders, tuned: Path
) -> None:
    search = f"tune --corpus {folders.corpus} --method plain --backbone late_fusion --device cpu --out {tuned}"
    found = run(f"{search} --config short.json --trials 3 --json")
    assert [one["trial"] for one in found.json["trials"]] == [1, 2, 3] and found.err.startswith("trial 3 of 3: ")
    refused(f"{search} --trials 3", 1, "holds another search: got another begins with", "add --overwrite")
    tuned.with_suffix(".trials.jsonl").unlink()
    refused(f"{search} --config short.json --trials 3", 1, f"{tuned} exists", "add --overwrite")
    again = run(f"{search} --config short.json --trials 1 --overwrite --json").json
    assert len(again["trials"]) == 1 and again["config"]["tuned"]["trials"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "tune needs --corpus and --out"),
        ("--corpus {corpus}", "tune needs --out"),
        ("--corpus {corpus} --out x.json --trials 0", "bad --trials: got 0; expected a positive number"),
        ("--corpus {corpus} --out x.json --seeds 0", "bad --seeds: got 0"),
        ("--corpus {corpus} --out x.json --method nope", "unknown method: got 'nope'"),
        ("--corpus {corpus} --out x.json --method drkf --backbone sdt", "method drkf carries its own network"),
        ("--corpus {corpus} --out x.json --method plain --divide official", "method plain divides nothing"),
        ("--corpus {corpus} --out x.json --preset tuned", "bad --preset: got 'tuned'; expected one of fast, paper"),
    ],
)
def test_searches_that_make_no_sense_are_refused(
    refused: Callable[..., Result], folders: Folders, words: str, said: str
) -> None:
    refused(f"tune {words.format(corpus=folders.corpus)}", 2, said)
