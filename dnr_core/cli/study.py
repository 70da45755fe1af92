"""The command that trains a grid of runs and keeps its tables: study."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dnr_core.cli.output import answer
from dnr_core.commands import Study
from dnr_core.config import read_json
from dnr_core.data.corpus import read_header
from dnr_core.errors import DnRError, UsageError

GRID_FLAGS = ("corpus", "methods", "backbones", "ablations", "variants", "seeds", "preset", "config", "keep", "ray")


def study(command: Study) -> None:
    from dnr_core.study import read_grid, write_page, write_tables

    if command.table_only:
        given = [f"--{name}" for name in GRID_FLAGS if getattr(command, name)]
        if given:
            raise UsageError("--table-only trains nothing", got=given[0], do=f"leave {given[0]} out")
        read_grid(command.out / "study.json")
    else:
        train_missing(command)
    summary = write_tables(command.out)
    if command.page is not None:
        write_page(command.page, command.out, read_grid(command.out / "study.json"), summary)
    values = {"study": str(command.out)} | as_json(asdict(summary))
    answer(values, (command.out / "table.md").read_text(encoding="utf-8"), as_json=command.json)
    if summary.failed and not command.table_only:
        name, line = next(iter(summary.failed.items()))
        failed = f"{len(summary.failed)} run{'s' * (len(summary.failed) > 1)} failed"
        raise DnRError(failed, got=f"{name}: {line}", do="the same command tries again")


def train_missing(command: Study) -> None:
    """Train the runs of the grid that are not there yet."""
    from dnr_core.study import ask, one_after_another, open_study, run_study, variants_of
    from dnr_core.study.on_ray import on_ray

    methods = tuple(
        dict.fromkeys((*command.methods, *(one for one in command.ablations if one not in command.methods)))
    )
    if not (command.corpus and methods):
        missing = "--corpus" if not command.corpus else "--methods"
        raise UsageError(f"study needs {missing}", do="or only --table-only for the tables of runs that are there")
    if command.gpus_per_run is not None and (command.ray is None or not 0 <= command.gpus_per_run <= 64):
        raise UsageError("bad --gpus-per-run", got=command.gpus_per_run, expected="0 to 64, with --ray")
    gpus = 0.0 if command.device == "cpu" else command.gpus_per_run
    grid = ask(
        command.corpus,
        methods,
        command.backbones,
        seeds=5 if command.seeds is None else command.seeds,
        size=command.preset or "fast",
        settings=read_json(command.config) if command.config else {},
        variants=variants_of(command.ablations, command.variants),
    )
    workers = one_after_another if command.ray is None else on_ray(command.ray, gpus=gpus)
    open_study(command.out, grid)
    folders: dict[str, Path] = {read_header(folder)["name"]: folder for folder in command.corpus}
    keep, write = command.keep or "none", lambda line: sys.stderr.write(f"{line}\n")
    run_study(command.out, grid, folders, device=command.device, keep=keep, workers=workers, progress=write)


def as_json(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary as documented in docs/formats.md: the scores of a row stand beside its other fields."""
    raised = {"rows": "scores", "differences": "found"}
    lists = {
        name: [{key: value for key, value in one.items() if key != inner} | one[inner] for one in summary[name]]
        for name, inner in raised.items()
    }
    return lists | {"failed": summary["failed"]}
