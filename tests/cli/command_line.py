"""What the tests of the command line share: running it as a process, and what every failure must look like."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("DNR_SHARED") or REPOSITORY.parent / "shared" / "data")
TINY = {"dialogues": 20, "utterances_per_dialogue": 6, "widths": {"text": 8, "audio": 6, "visual": 6}}
SHORT = {"stages": {"divide": {"epochs": 2}, "refine": {"epochs": 2}}}
BOX = "│╭╰╮╯─┌└┐┘"


@dataclass(frozen=True)
class Result:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """stdout as the one JSON object that it must be."""
        assert self.code == 0, self.err
        assert self.out.count("\n") == 1 and self.out.endswith("\n")
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True)
class Folders:
    """Where a user's corpora (`data`) and runs (`checkpoints`) are."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def corpus(self) -> Path:
        return self.data / "tiny"

    @property
    def run(self) -> Path:
        return self.checkpoints / "run"

    @property
    def short(self) -> Path:
        return self.root / "short.json"

    @property
    def environment(self) -> dict[str, str]:
        return {"DNR_DATA": str(self.data), "DNR_CHECKPOINTS": str(self.checkpoints)}


def listing(*folders: Path) -> dict[str, int]:
    """Every path under some folders, hidden ones too, with the size of files."""
    return {str(path): path.stat().st_size if path.is_file() else -1 for f in folders for path in f.rglob("*")}


def words_of(command: str | list[Any]) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else [str(word) for word in command]


def check_one_line(result: Result, code: int, *words: str) -> None:
    """A failure as every failure must be: its code, one line on stderr with these words, nothing on stdout."""
    assert (result.code, result.out) == (code, ""), result
    assert result.err.count("\n") == 1 and result.err.endswith("\n"), result.err
    assert not set(BOX) & set(result.err) and "Traceback" not in result.err and "://" not in result.err, result.err
    for word in words:
        assert word in result.err, f"{word!r} is not in {result.err!r}"


def shell(folders: Folders, command: str | list[Any], **options: Any) -> Result:
    """`python -m dnr_core` with these arguments as a process of its own."""
    environment = os.environ | folders.environment | {"OMP_NUM_THREADS": "1"} | options.pop("environment", {})
    ended = subprocess.run(
        [sys.executable, "-m", "dnr_core", *words_of(command)],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120, check=False, **options,
    )  # fmt: skip
    return Result(ended.returncode, ended.stdout, ended.stderr)


def hears_ctrl_c() -> None:
    """For `preexec_fn`: children of a shell's background job ignore SIGINT unless told otherwise."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
