"""Train what is missing of a study, and keep its tables up to date."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from dnr_core.errors import DnRError, InterruptedRun
from dnr_core.experiment import state_path
from dnr_core.study.grid import Cell, Grid
from dnr_core.study.records import Job, RunRecord, read_record, write_record
from dnr_core.study.tables import write_tables
from dnr_core.study.workers import Workers, one_after_another

KEEPS = ("none", "best", "all")
"""Whose checkpoint stays: nobody's, the best seed's of each corpus and model (weighted F1 on dev), or everybody's."""
Lines = Callable[[str], None]


def run_study(
    out: Path,
    grid: Grid,
    folders: Mapping[str, Path],
    *,
    device: str = "auto",
    keep: str = "none",
    workers: Workers = one_after_another,
    progress: Lines = lambda line: None,
) -> list[RunRecord]:
    """Train every run of `grid` that has no record in `out`, or one of a failure. Returns the records of all its runs.

    `folders`: corpus name → folder; `workers`: see workers.py.
    Raises DnRError where a record was made with other settings, or nothing can be
    written; InterruptedRun after Ctrl-C: the running epoch is lost, the same call goes on.
    """
    cells = grid.cells()
    done = {cell: record for cell in cells if (record := stored(out, grid, cell)) is not None}
    missing, clock = [cell for cell in cells if cell not in done], Clock(done.values())

    def begun(place: int) -> None:
        ahead = clock.outlook([other for other in missing if other not in done])
        progress(f"run {cells.index(missing[place]) + 1} of {len(cells)}: {missing[place].name}{ahead}")

    try:
        for cell in done:
            tidy(out, cell, grid, keep)
        write_tables(out)
        for cell, record in trained(
            out, grid, missing, folders, begun, workers, device=device, explained=keep != "none"
        ):
            done[cell] = record
            progress(f"  {cell.name}: {outcome(record)}, {clock.lap(cell):.0f} s")
            tidy(out, cell, grid, keep)
            write_tables(out)
    except KeyboardInterrupt as error:
        finished = f"interrupted; {len(done)} of {len(cells)} runs of {out} are finished"
        raise InterruptedRun(finished, do="the same command goes on") from error
    return list(done.values())


def stored(out: Path, grid: Grid, cell: Cell) -> RunRecord | None:
    """The record of a finished run; None: there is none, or it failed. Raises DnRError: it has other settings."""
    path = cell.record(out)
    if not path.is_file():
        return None
    record = read_record(path)
    if record.error is not None:
        return None
    wanted = grid.configuration(cell).model_dump(mode="json")
    differing = [name for name in wanted | record.config if record.config.get(name) != wanted.get(name)]
    if differing:
        got, expected = (f"{differing[0]} {one.get(differing[0])}" for one in (record.config, wanted))
        raise DnRError(f"{path} was made with other settings", got=got, expected=expected, do="choose another --out")
    return record


def trained(
    out: Path,
    grid: Grid,
    cells: Sequence[Cell],
    folders: Mapping[str, Path],
    begun: Callable[[int], None],
    workers: Workers,
    *,
    device: str,
    explained: bool,
) -> Iterator[tuple[Cell, RunRecord]]:
    """Each run with its record, as it ends."""
    jobs = [
        Job(
            name=cell.corpus, method=cell.method, variant=cell.variant,
            corpus=folders[cell.corpus].resolve(), content=grid.corpora[cell.corpus],
            out=cell.checkpoint(out).resolve(), record=cell.record(out).resolve(), config=grid.configuration(cell),
            device=device, explained=explained,
        )
        for cell in cells
    ]  # fmt: skip

    def anew(place: int) -> None:
        jobs[place].record.unlink(missing_ok=True)
        begun(place)

    with contextlib.closing(workers(jobs, anew)) as ended:
        for place, code in ended:
            yield cells[place], recorded(jobs[place], code)


def recorded(job: Job, code: int) -> RunRecord:
    """The record of a job that has ended; where it left none, that it failed."""
    if not job.record.is_file():
        ended = f"signal {-code}, such as for lack of memory" if code < 0 else f"exit code {code}"
        write_record(job.record, job.to_record(error=f"its process ended with {ended}"))
    return read_record(job.record)


def tidy(out: Path, cell: Cell, grid: Grid, keep: str) -> None:
    """Remove the checkpoints, of the seeds of the model of a finished run, that `keep` does not keep."""
    if keep == "all":
        return
    seeds = [replace(cell, seed=seed) for seed in range(grid.seeds)]
    records = {one: read_record(one.record(out)) for one in seeds if one.record(out).is_file()}
    finished = {one: dev_score(record) for one, record in records.items() if record.error is None}
    there = [one for one in finished if one.checkpoint(out).is_dir()]
    best = max(there, key=lambda one: finished[one], default=None)
    for one in there:
        if keep == "none" or one != best:
            shutil.rmtree(one.checkpoint(out))
        state = state_path(one.checkpoint(out))
        for left in (state, *state.parent.glob(f".{state.name}.*.tmp")):  # what a run was writing when it was killed
            left.unlink(missing_ok=True)
    for folder in (cell.checkpoint(out).parent, cell.checkpoint(out).parent.parent):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def dev_score(record: RunRecord) -> float:
    """What the best seed is chosen by; −1 where the corpus has no labelled dev split."""
    score = record.scores.get("dev", {}).get("weighted_f1")
    return -1.0 if score is None else score


def outcome(record: RunRecord) -> str:
    """What came of a run, in words."""
    if record.error is not None:
        return f"failed: {record.error}"
    split = "test" if "test" in record.scores else "dev"
    score = record.scores.get(split, {}).get("weighted_f1")
    return "done" if score is None else f"{split} weighted F1 {score:.4f}"


class Clock:
    """How long runs take, and so when the rest will be done."""

    def __init__(self, records: Iterable[RunRecord]) -> None:
        self.started = self.last = time.monotonic()
        self.seconds: dict[tuple[str, str], list[float]] = {}
        for record in records:
            self.seconds.setdefault((record.corpus, record.cell.model), []).append(record.seconds)

    def lap(self, cell: Cell) -> float:
        """Seconds since the last run ended; remembered as those of `cell`."""
        now = time.monotonic()
        taken, self.last = now - self.last, now
        self.seconds.setdefault((cell.corpus, cell.model), []).append(taken)
        return taken

    def ahead(self, rest: list[Cell]) -> float:
        """Expected seconds of some runs, by what those of the same kind (else all) took; some are known."""
        usual = float(np.mean([one for known in self.seconds.values() for one in known]))
        return sum(float(np.mean(self.seconds.get((cell.corpus, cell.model), [usual]))) for cell in rest)

    def outlook(self, rest: list[Cell]) -> str:
        """Time since the start and the expected end; empty where nothing is known yet."""
        if not self.seconds:
            return ""
        end = datetime.now().astimezone() + timedelta(seconds=self.ahead(rest))
        gone = timedelta(seconds=round(time.monotonic() - self.started))
        return f" ({gone} gone, the end is expected at {end:%Y-%m-%d %H:%M})"
