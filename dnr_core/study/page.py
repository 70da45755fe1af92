"""The part of a document that a study writes: its command and its tables, between two marks."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from dnr_core.data.files import replacing_file
from dnr_core.errors import DnRError, UsageError
from dnr_core.study.grid import Grid
from dnr_core.study.summary import Difference, Row, Summary
from dnr_core.study.tables import NONE, NOTES, pipes, spread

BEGIN, END = "<!-- study {name} -->", "<!-- end of study {name} -->"
HEAD = ("method", "backbone", "weighted F1", "accuracy", "seeds", "parameters", "training (s)", "peak memory (MiB)")


def write_page(file: Path, out: Path, grid: Grid, summary: Summary) -> None:
    """Put the study at `out` into a document, in place of what stands between its marks.

    Raises UsageError where the document has no such marks, DnRError where it cannot be read or written.
    """
    begin, end = BEGIN.format(name=out.name), END.format(name=out.name)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DnRError(f"{file} cannot be read", got=error, do="name a text file with --page") from error
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise UsageError(f"no place for the study in {file}", expected=f"the lines {begin} and {end}, once each")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    with replacing_file(file) as temporary:
        temporary.write_text(f"{before}{begin}\n{page(grid, summary, out)}{end}{after}", encoding="utf-8")


def page(grid: Grid, summary: Summary, out: Path) -> str:
    """The command, how far it is, a table of models a corpus, and what methods add to the baseline."""
    ended, planned = sum(len(row.seeds) for row in summary.rows), len(grid.cells())
    parts = [f"```\n{command(grid, out)}\n```"]
    parts.append(f"{ended} of {planned} runs have ended." + (" The table is not final." if ended < planned else ""))
    for corpus in dict.fromkeys(row.corpus for row in summary.rows):
        rows = [row for row in summary.rows if row.corpus == corpus]
        own = [one for one in summary.differences if one.corpus == corpus]
        parts.append(f"**{corpus}**, {rows[0].split}")
        parts.append(table(HEAD, [model_cells(row) for row in rows]))
        if own:
            parts.append(table(("difference", "backbone", "weighted F1", "pairs"), [cells(one) for one in own]))
    parts.append(" ".join(NOTES))
    parts += [f"Failed: {name}: {line}" for name, line in summary.failed.items()]
    return "\n\n".join(parts) + "\n"


def command(grid: Grid, out: Path) -> str:
    """What trains this grid, corpora by their names under data/."""
    words = ["python", "-m", "dnr_core", "study", "--corpus", *(f"data/{name}" for name in grid.corpora)]
    words += ["--methods", *grid.methods]
    words += ["--backbones", *grid.backbones] if grid.backbones else []
    words += ["--ablations", *grid.variants] if grid.variants else []
    words += ["--preset", grid.preset] if grid.preset != "fast" else []
    words += ["--seeds", str(grid.seeds), "--out", str(out)]
    said = shlex.join(words)
    return f"{said}   # --config with {json.dumps(grid.settings, sort_keys=True)}" if grid.settings else said


def table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(map(pipes, [head, ["---"] * len(head), *rows]))


def model_cells(row: Row) -> list[str]:
    """One cell a name in HEAD."""
    return [
        row.method, row.backbone or NONE, spread(row.scores["weighted_f1"]), f"{row.scores['accuracy']['mean']:.4f}",
        str(len(row.seeds)), f"{row.parameters:,}", f"{row.seconds:.0f}", f"{row.peak_memory_mib:,}",
    ]  # fmt: skip


def cells(one: Difference) -> list[str]:
    """A difference: what, on which backbone, how much, from how many pairs."""
    where = one.backbone or "all backbones"
    return [f"{one.method} − {one.baseline}", where, spread(one.found), str(len(one.found["values"]))]
