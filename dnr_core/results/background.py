"""A command of this program as a process of its own: a page starts it, asks how it goes, and may cancel it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]


class Background:
    """One running or ended `python -m dnr_core …`; ends with the process that started it where it can."""

    def __init__(self, arguments: list[str], data: Path, checkpoints: Path) -> None:
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        folders = {"DNR_DATA": str(data.resolve()), "DNR_CHECKPOINTS": str(checkpoints.resolve())}
        self.said: IO[bytes] = tempfile.TemporaryFile("a+b")  # noqa: SIM115  # open as long as the process is asked about
        self.answered: IO[bytes] = tempfile.TemporaryFile("a+b")  # noqa: SIM115
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dnr_core", *arguments], stdin=subprocess.DEVNULL, stdout=self.answered,
            stderr=self.said, env=os.environ | folders | {"PYTHONPATH": path},
        )  # fmt: skip

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than well."""
        return self.process.poll() not in (None, 0)

    @property
    def seconds(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self.started

    @property
    def line(self) -> str:
        """The last line that it wrote on stderr: how far it is, or why it failed."""
        written = all_of(self.said)
        return next((line.strip() for line in reversed(written.splitlines()) if line.strip()), "")

    @property
    def answer(self) -> str:
        """What it wrote on stdout so far."""
        return all_of(self.answered)

    def cancel(self) -> None:
        """End it; what it had not finished is not stored."""
        if self.running:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def all_of(stream: IO[bytes]) -> str:
    """All that stands in a file that another process may be writing to."""
    stream.seek(0)  # it appends wherever this stands
    return stream.read().decode("utf-8", "replace")
