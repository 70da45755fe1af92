"""`demo`: the planted corpus, its flags, and outputs that cannot be written."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import REPOSITORY, Result, check_one_line, listing

from dnr_core.data.corpus import Corpus

FILES = {"corpus.json", "utterances.parquet", "features.safetensors"}
SMALL = "--dialogues 5 --utterances-per-dialogue 4"


def test_defaults_are_240_dialogues_of_six_emotions(real: Callable[..., Result], tmp_path: Path) -> None:
    ended = real(["demo", "--out", tmp_path / "planted"])
    assert (ended.code, ended.err) == (0, "")
    corpus = Corpus.load(tmp_path / "planted")
    assert {path.name for path in (tmp_path / "planted").iterdir()} == FILES
    assert len(corpus.dialogue_rows) == 240 and corpus.name == "planted"
    assert 19 < len(corpus) / 240 < 21
    assert len(corpus.emotions) == 6
    assert {split: len(corpus.dialogue_ids(split)) for split in ("train", "dev", "test")} == {
        "train": 168, "dev": 24, "test": 48,
    }  # fmt: skip
    assert corpus.utterances.groupby("dialogue_id")["speaker"].nunique().between(2, 4).all()
    assert f"{len(corpus)} utterances in 240 dialogues" in ended.out
    assert sum(int(line.split()[0]) for line in ended.out.splitlines()[1:]) == len(corpus)


def test_json_counts_every_planted_source(run: Callable[..., Result], tmp_path: Path) -> None:
    found = run(f"demo --out made {SMALL} --json").json
    assert set(found) == {"corpus", "utterances", "hash", "sources"}
    assert sum(found["sources"].values()) == found["utterances"]
    assert found["hash"] == Corpus.load(tmp_path / "made").hash


def test_flags_win_over_the_file_and_the_file_over_defaults(run: Callable[..., Result], tmp_path: Path) -> None:
    given = {"dialogues": 30, "noise_share": 0.0, "widths": {"text": 7}, "emotions": 4}
    (tmp_path / "some.json").write_text(json.dumps(given))
    words = ["--config", "some.json", "--dialogues", 10, "--mixture", "unique:text=1", "synergistic:audio+text=2"]
    found = run(["demo", "--out", "made", *words, "--json"]).json
    corpus = Corpus.load(tmp_path / "made")
    assert len(corpus.dialogue_rows) == 10
    assert corpus.widths == {"text": 7, "audio": 48, "visual": 64}
    assert len(corpus.emotions) == 4
    assert set(found["sources"]) == {"unique:text", "synergistic:audio+text"}


def test_widths_noise_missing_and_seed_are_used(run: Callable[..., Result], tmp_path: Path) -> None:
    run(f"demo --out one {SMALL} --widths 4 5 6 --missing 0.5 --seed 1")
    run(f"demo --out two {SMALL} --widths 4 5 6 --missing 0.5 --seed 2")
    one, two = Corpus.load(tmp_path / "one"), Corpus.load(tmp_path / "two")
    assert one.widths == {"text": 4, "audio": 5, "visual": 6} and one.hash != two.hash
    assert 0.2 < one.present.mean() < 0.9


def test_the_same_seed_gives_the_same_corpus(run: Callable[..., Result]) -> None:
    hashes = {run(f"demo --out {name} {SMALL} --seed 3 --json").json["hash"] for name in ("one", "two")}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--seed -1", ["seed", "-1"]),
        ("--dialogues 2", ["dialogues", "greater than or equal to 3"]),
        ("--utterances-per-dialogue 1", ["utterances_per_dialogue", "greater than or equal to 2"]),
        ("--noise nan", ["noise", "nan"]),
        ("--noise inf", ["noise", "inf"]),
        ("--noise-share 2", ["noise_share", "2"]),
        ("--missing 1", ["missing", "0.9"]),
        ("--widths 4 4 1", ["widths", "each from 2 to 16384"]),
        ("--mixture unique:text", ["bad --mixture", "got 'unique:text'", "SOURCE=WEIGHT"]),
        ("--mixture unique:text=x", ["bad --mixture", "got 'unique:text=x'"]),
        ("--mixture unique:taste=1", ["mixture", "'unique:taste'", "synergistic:audio+visual"]),
        ("--mixture unique:text=-1", ["mixture", "weights"]),
        ("--mixture unique:text=0", ["mixture", "not all of them 0"]),
    ],
)
def test_a_bad_value_names_its_field(refused: Callable[..., Result], flags: str, words: list[str]) -> None:
    refused(f"demo --out made {flags}", 2, *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"nois": 1}', ["nois"]),
        ('{"seed": "x"}', ["seed", "'x'"]),
        ('{"widths": {"text": 4, "smell": 3}}', ["widths", "smell"]),
        ('{"widths": 3}', ["widths", "3"]),
        ('{"mixture": 3}', ["mixture", "3"]),
        ('{"emotions": 1}', ["emotions"]),
        ("not json", ["cannot read some.json", "expected a JSON object"]),
        ("[1]", ["cannot read some.json", "got list"]),
        ("\xff", ["cannot read some.json"]),
    ],
)
def test_a_bad_file_names_its_field(
    refused: Callable[..., Result], tmp_path: Path, content: str, words: list[str]
) -> None:
    (tmp_path / "some.json").write_bytes(content.encode("latin1"))
    refused("demo --out made --config some.json", 2, *words)


def test_a_missing_file_is_named(refused: Callable[..., Result]) -> None:
    refused("demo --out made --config gone.json", 2, "cannot read gone.json", "No such file")


def test_an_existing_folder_stays(refused: Callable[..., Result], run: Callable[..., Result], tmp_path: Path) -> None:
    assert run(f"demo --out made {SMALL}").code == 0
    first = Corpus.load(tmp_path / "made").hash
    refused("demo --out made --seed 9", 1, "made exists", "add --overwrite")
    assert run(f"demo --out made {SMALL} --seed 9 --overwrite").code == 0
    assert Corpus.load(tmp_path / "made").hash != first
    assert {path.name for path in tmp_path.iterdir()} == {"made"}


def test_overwrite_replaces_corpora_only(refused: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    (tmp_path / "notes.txt").write_text("a file")
    said = "cannot be replaced", "expected a folder with corpus.json"
    refused(f"demo --out thesis {SMALL} --overwrite", 1, *said, "a folder with other things")
    refused(f"demo --out notes.txt {SMALL} --overwrite", 1, *said, "got a file")
    refused(f"demo --out . {SMALL} --overwrite", 1, *said)
    refused(f"demo --out .. {SMALL} --overwrite", 1, *said)


def test_a_path_below_a_file_cannot_be_written(refused: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    refused(f"demo --out file/made {SMALL}", 1, "cannot write file/made", "a file where a folder belongs")


def test_a_read_only_folder_cannot_be_written(refused: Callable[..., Result]) -> None:
    refused(f"demo --out /proc/made {SMALL}", 1, "cannot write /proc/made")


def limited_files(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [1000, 40_000], ids=["in the table", "in the features"])
def test_a_write_that_stops_half_way_leaves_nothing(real: Callable[..., Result], tmp_path: Path, size: int) -> None:
    ended = real(f"demo --out {tmp_path}/made --dialogues 20", preexec_fn=limited_files(size))
    check_one_line(ended, 1, f"cannot write {tmp_path}/made", "choose another --out")
    assert listing(tmp_path) == {}


def test_a_failed_overwrite_keeps_the_old_corpus(
    real: Callable[..., Result], run: Callable[..., Result], tmp_path: Path
) -> None:
    assert run(f"demo --out made {SMALL}").code == 0
    before = listing(tmp_path)
    ended = real(f"demo --out {tmp_path}/made {SMALL} --seed 1 --overwrite", preexec_fn=limited_files(1000))
    check_one_line(ended, 1, "cannot write")
    assert listing(tmp_path) == before
    Corpus.load(tmp_path / "made")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small file system here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line(full_disk: Path, refused: Callable[..., Result]) -> None:
    refused(f"demo --out {full_disk}/made", 1, "cannot write", "No space left on device", "free space")
    assert listing(full_disk) == {}


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    program = (
        "import sys; from dnr_core.cli import entry\n"
        "def stop(command): raise KeyboardInterrupt\n"
        "entry.COMMANDS[entry.Demo] = stop\n"
        "sys.exit(entry.main(['demo']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "interrupted\n")
