"""The command that searches for settings: tune."""

from __future__ import annotations

import shlex
import sys
from dataclasses import fields
from typing import Any

from dnr_core.cli.output import answer, table
from dnr_core.cli.runs import run_config
from dnr_core.commands import PROGRAM, Train, Tune
from dnr_core.errors import DnRError
from dnr_core.serve import Engine

NOT_THE_SEARCH = ("overwrite", "json")
"""Flags that say nothing about what was searched."""


def tune(command: Tune) -> None:
    from dnr_core.experiment import check_writable
    from dnr_core.tuning import journal_path
    from dnr_core.tuning import tune as search

    names = ("corpus", "method", "backbone", "preset", "divide", "config")
    base = run_config(Train(**{name: getattr(command, name) for name in names}))
    corpus = Engine().corpus(command.corpus)
    journal = journal_path(command.out)
    if command.out.exists() and not (command.overwrite or journal.exists()):
        raise DnRError(f"{command.out} exists", do="choose another --out, or add --overwrite")
    check_writable(command.out)
    if command.overwrite:
        journal.unlink(missing_ok=True)
    found = search(
        corpus,
        base,
        command.out,
        trials=command.trials,
        seeds=command.seeds,
        command=typed(command),
        device=command.device,
        progress=lambda line: sys.stderr.write(f"{line}\n"),
    )
    config = found.config.model_dump(mode="json")
    values = {"out": str(command.out), "corpus": str(command.corpus), "config": config, "trials": found.trials}
    answer(values, f"{table(found.trials)}\n{summary(command, config['tuned'])}", as_json=command.json)


def summary(command: Tune, tuned: dict[str, Any]) -> str:
    """What the search gained on dev, and how to use it."""
    gained = f"best on dev: weighted F1 {tuned['dev_weighted_f1']:.4f} (preset {tuned['preset_dev_weighted_f1']:.4f})"
    return f"{gained}, in {command.out}; train it with --config {command.out}"


def typed(command: Tune) -> str:
    """The command line that asks for this search."""
    words = [*PROGRAM.split(), "tune"]
    for field in fields(command):
        value = getattr(command, field.name)
        if field.name not in NOT_THE_SEARCH and value is not None:
            words += [f"--{field.name}", str(value)]
    return shlex.join(words)
