"""What the program says of itself and of arguments that it cannot read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import REPOSITORY, Folders, Result, check_one_line

import dnr_core
from dnr_core.explain.attribution_methods import METHODS

COMMANDS = (
    "demo",
    "prepare",
    "train",
    "evaluate",
    "compare",
    "explain",
    "attribute",
    "project",
    "verify",
    "study",
    "export",
    "report",
    "tune",
    "serve",
    "doctor",
)


def test_version_is_one_line(real: Callable[..., Result]) -> None:
    assert real("--version") == Result(0, dnr_core.__version__ + "\n", "")


def test_help_names_every_command(real: Callable[..., Result]) -> None:
    ended = real("--help")
    assert (ended.code, ended.err) == (0, "")
    assert all(name in ended.out for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_names_its_flags(run: Callable[..., Result], command: str) -> None:
    ended = run([command, "--help"])
    assert (ended.code, ended.err) == (0, "")
    assert "--json" in ended.out


@pytest.mark.parametrize("typed", ["", "nonsense", "trian --corpus x"])
def test_an_unknown_command_lists_the_commands(refused: Callable[..., Result], typed: str) -> None:
    first = typed.split(" ")[0]
    refused(typed, 2, "unknown command", f"got {first!r}", "expected one of " + ", ".join(COMMANDS))


def test_a_real_process_refuses_in_one_line_too(real: Callable[..., Result]) -> None:
    check_one_line(real([]), 2, "unknown command", "expected one of demo, prepare")
    check_one_line(real("doctor extra"), 2, "unknown option: got extra", "see `python -m dnr_core doctor --help`")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("--nonsense", ["unknown option", "got --nonsense"]),
        ("demo --nonsense 3", ["unknown option", "got --nonsense 3", "demo --help"]),
        ("demo --seed x", ["bad --seed", "got 'x'", "expected INT"]),
        ("demo --dialogues 1.5", ["bad --dialogues", "got '1.5'", "expected INT"]),
        ("demo --noise loud", ["bad --noise", "got 'loud'", "expected FLOAT"]),
        ("demo --widths 4 4", ["bad --widths", "expected INT INT INT"]),
        ("demo --widths 4 4 4 4", ["bad --widths", "expected INT INT INT"]),
        ("demo --out", ["bad --out", "got no value", "expected PATH"]),
        ("train", ["train needs --corpus"]),
        ("evaluate", ["evaluate needs --checkpoint"]),
        ("explain --checkpoint x", ["explain needs --out"]),
        ("attribute --checkpoint x", ["attribute needs --utterance"]),
        ("train --corpus x --preset slow", ["bad --preset", "got 'slow'", "expected one of fast, paper, tuned"]),
        ("train --corpus x --divide slow", ["bad --divide", "got 'slow'", "expected one of official, pairwise"]),
        ("train --corpus x --without text", ["bad --without", "got 'text'"]),
        ("verify --divide slow", ["bad --divide", "got 'slow'", "expected one of official, pairwise"]),
        ("tune --corpus x --out y --trials x", ["bad --trials", "got 'x'", "expected INT"]),
        ("train --corpus x --device nonsense", ["bad --device", "expected one of auto, cpu, cuda"]),
        ("evaluate --checkpoint x --split x", ["bad --split", "got 'x'", "expected one of train, dev, test"]),
        ("explain --checkpoint x --out y --scope x", ["bad --scope", "expected one of dialogue, utterance"]),
        ("prepare x --out y --target mood", ["bad --target", "expected one of emotion, sentiment"]),
    ],
)
def test_unreadable_arguments_say_what_was_got_and_expected(
    refused: Callable[..., Result], typed: str, words: list[str]
) -> None:
    refused(typed, 2, *words, "--help`")


def test_messages_do_not_depend_on_the_terminal(real: Callable[..., Result]) -> None:
    narrow = {"PYTHONIOENCODING": "ascii", "COLUMNS": "30", "TERM": "dumb"}
    said = real("demo --seed x", environment=narrow)
    check_one_line(said, 2, "bad --seed: got 'x'; expected INT; see `python -m dnr_core demo --help`")
    shown = real("--help", environment=narrow)
    assert (shown.code, shown.err) == (0, "") and shown.out.isascii()


def piped(arguments: str, folders: Folders, tail: str) -> Result:
    """A shell pipeline that begins with our program; `code` is the program's."""
    ended = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m dnr_core {arguments} {tail}; exit ${{PIPESTATUS[0]}}"],
        cwd=REPOSITORY, env=os.environ | folders.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return Result(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.parametrize("arguments", ["--help", "doctor"])
@pytest.mark.parametrize("tail", ["| head -1", "| true"])
def test_a_reader_that_stops_early_sees_no_complaint(folders: Folders, arguments: str, tail: str) -> None:
    ended = piped(arguments, folders, tail)
    assert ended.err == "" and ended.code in (0, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_an_output_that_takes_nothing_is_one_line(folders: Folders) -> None:
    check_one_line(piped("doctor --json", folders, "> /dev/full"), 1, "cannot write to stdout", "No space left")
    assert piped("--version", folders, ">&-") == Result(0, "", "")


def test_doctor_lists_what_there_is(run: Callable[..., Result], folders: Folders) -> None:
    broken = folders.data / "broken"
    broken.mkdir()
    try:
        found = run("doctor --json").json
        text = run("doctor").out
    finally:
        broken.rmdir()
    assert set(found) == {"version", "packages", "device", "registries", "corpora", "checkpoints"}
    assert found["version"] == dnr_core.__version__ and "torch" in found["packages"]
    assert {"plain", "dnr"} <= set(found["registries"]["methods"])
    assert {"late_fusion", "mmgcn"} <= set(found["registries"]["backbones"])
    assert found["registries"]["attributions"] == list(METHODS)
    corpora = {one["name"]: one for one in found["corpora"]}
    assert corpora["tiny"]["problem"] is None and corpora["tiny"]["dialogues"] == 20
    assert "no corpus at" in corpora["broken"]["problem"]
    runs = {one["name"]: one for one in found["checkpoints"]}
    assert (runs["run"]["method"], runs["run"]["backbone"], runs["run"]["problem"]) == ("dnr", "mmgcn", None)
    assert "  tiny: ok\n" in text and "  broken: no corpus at" in text and "  run: ok\n" in text
