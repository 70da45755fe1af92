"""Progress on stderr: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 5.0


class TrainingProgress:
    """Progress on stderr: one bar a stage, one for stored results; plain lines where stderr is no terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bars = Progress(*columns, console=self.console, disable=not self.console.is_terminal)
        self.tasks: dict[str, Any] = {}
        self.prefix, self.last_line = "", 0.0

    def __enter__(self) -> TrainingProgress:
        self.bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bars.stop()

    def seed(self, seed: int) -> None:
        """A new run begins."""
        self.prefix = f"seed {seed} "

    def epoch(self, record: dict[str, Any]) -> None:
        """One epoch is done: its history record."""
        score = record.get("dev_weighted_f1")
        found = f"dev loss {record['dev_loss']:.4f}" if score is None else f"dev weighted F1 {score:.4f}"
        words = f"{self.prefix}{record['stage']}: {found}"
        self.show(f"{self.prefix}{record['stage']}", words, record["epoch"], record["epochs"])

    def rows(self, done: int, of: int) -> None:
        """Some utterances are explained."""
        self.show(f"{self.prefix}coalitions", f"{self.prefix}coalitions", done, of)

    def nulls(self, done: int, of: int) -> None:
        """Some utterances of the null tests are explained."""
        self.show(f"{self.prefix}null tests", f"{self.prefix}null tests", done, of)

    def show(self, key: str, words: str, done: int, of: int) -> None:
        """Move a bar, or print a line now and then."""
        if not self.console.is_terminal:
            if done == of or time.monotonic() - self.last_line > LINE_EVERY_S:
                self.last_line = time.monotonic()
                sys.stderr.write(f"{words} ({done}/{of})\n")
            return
        if key not in self.tasks:
            self.tasks[key] = self.bars.add_task(words, total=of)
        self.bars.update(self.tasks[key], completed=done, total=of, description=words)
