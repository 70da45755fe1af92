"""What a command writes on stdout: text for people, or one JSON object."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from dnr_core.errors import DnRError


def write(text: str) -> None:
    """One text on stdout, at once. Raises DnRError where stdout takes no more (BrokenPipeError: nobody reads it)."""
    if sys.stdout is None:  # closed by the caller
        return
    try:
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_stdout()
        raise DnRError("cannot write to stdout", got=error.strerror or error) from error


def drop_stdout() -> None:
    """Forget what stdout did not take, so that the interpreter does not try, and complain, again when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def answer(values: dict[str, Any], text: str, *, as_json: bool) -> None:
    """One JSON object, or the text for people."""
    write(json.dumps(values) if as_json else text)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as aligned columns under their names, in the order in which the names first appear."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[cell(row.get(name)) for name in columns] for row in rows]
    texts = [any(isinstance(row.get(name), str) for row in rows) for name in columns]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]

    def line(words: Sequence[str]) -> str:
        pairs = zip(words, widths, texts, strict=True)
        return "  ".join(word.ljust(width) if text else word.rjust(width) for word, width, text in pairs).rstrip()

    return "\n".join(line(words) for words in (columns, *cells))


def cell(value: Any) -> str:
    """A value in four digits, a pair as an interval, – where there is none."""
    if value is None:
        return "–"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(cell, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
