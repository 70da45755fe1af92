"""The command that asks whether explanations are right: verify."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dnr_core.cli.card import make_card
from dnr_core.cli.output import answer, cell, table
from dnr_core.cli.runs import corpus_of, other_corpus
from dnr_core.commands import Verify
from dnr_core.config import checkpoint_root
from dnr_core.errors import UsageError
from dnr_core.explain.causes import METRICS
from dnr_core.progress import TrainingProgress
from dnr_core.registry import default_backbone
from dnr_core.results.verified import save_verified
from dnr_core.serve import Engine

PLANTED_ONLY = ("method", "backbone", "preset", "divide", "seeds", "suite")


def verify(command: Verify) -> None:
    if command.checkpoint is None:
        if command.causes is not None:
            raise UsageError("verify --causes needs --checkpoint", expected="the run whose attributions are scored")
        if command.corpus is not None:
            raise UsageError("verify --corpus needs --checkpoint", expected="the run that is measured on it")
        against_truth(command)
        return
    given = [f"--{name}" for name in PLANTED_ONLY if getattr(command, name) is not None]
    if given:
        raise UsageError("verify --checkpoint measures a run that is there", got=given[0], do=f"leave {given[0]} out")
    if command.causes is None:
        make_card(command.checkpoint, command.corpus, as_json=command.json)
    else:
        against_people(command.causes, command.checkpoint, command.corpus, as_json=command.json)


def against_truth(command: Verify) -> None:
    """Train on planted corpora, print how often the explanation names what was planted, and store it for the cards."""
    from dnr_core.verification import checked_config
    from dnr_core.verification import verify as planted_truth

    seeds = 1 if command.seeds is None else command.seeds
    method = command.method or "dnr"
    names = (method, command.backbone or default_backbone(method), command.preset or "fast")
    divide = command.divide or "pairwise"
    values = planted_truth(
        method=names[0],
        backbone=names[1],
        preset=names[2],
        divide=divide,
        seeds=seeds,
        suite=command.suite or "standard",
        progress=lambda line: sys.stderr.write(f"{line}\n"),
    )
    answer(values, planted_tables(values), as_json=command.json)
    stored = save_verified(checkpoint_root(), values, checked_config(*names, divide), seeds=seeds)
    sys.stderr.write(f"stored in {stored}\n")


def planted_tables(values: dict[str, Any]) -> str:
    """What the planted-truth suite was run on, and every list of its rows as a table under its name."""
    tables = {name: rows for name, rows in values.items() if isinstance(rows, list) and rows}
    facts = ", ".join(f"{name} {cell(value)}" for name, value in values.items() if not isinstance(value, list))
    return "\n\n".join([facts, *(f"{name}\n{table(rows)}" for name, rows in tables.items())])


def against_people(causes: Path, checkpoint: Path, corpus: Path | None, *, as_json: bool) -> None:
    """Score the turns that a run relies on against those that people named."""
    engine = Engine()
    used = corpus_of(engine, checkpoint, corpus)
    with TrainingProgress() as shown:
        report = engine.cause_scores(
            checkpoint, used, causes, progress=lambda done, of: shown.show("turns", "turn attributions", done, of)
        )
    note = other_corpus(engine, checkpoint, used)
    values = {
        "causes": str(causes),
        "checkpoint": str(checkpoint),
        "corpus": str(used),
        "method": "integrated_gradients",
        "target": "gold",
        "counts": report.counts,
        "splits": report.splits,
        **asdict(report.scores),
        "share_within_tolerance": report.share_within_tolerance,
        "seconds": report.seconds,
        "notes": [note] if note else [],
    }
    answer(values, cause_lines(values), as_json=as_json)


def cause_lines(values: dict[str, Any]) -> str:
    """What was matched, the scores of the attribution and of both nulls, and what the attribution gains over them."""
    counts, splits = values["counts"], ", ".join(f"{count} {split}" for split, count in values["splits"].items())
    rankers = values["scores"] | {f"gain over {name}": table for name, table in values["gains"].items()}
    rows = [{"ranker": ranker, "n": values["n"]} | scored(metrics) for ranker, metrics in rankers.items()]
    exact = values["share_within_tolerance"]
    lines = [
        f"{values['causes']}: {counts['dialogues'] - counts['dialogues_unmatched']} of {counts['dialogues']} dialogues "
        f"and {counts['utterances'] - counts['utterances_unmatched']} of {counts['utterances']} utterances matched",
        f"{counts['annotated']} utterances with a cause, {values['n']} scored ({splits or 'none'}); not scored: "
        f"{counts['no_earlier_cause']} with no earlier cause, {counts['all_earlier_turns']} with all earlier turns, "
        f"{values['without_attribution']} without an attribution; {counts['causes_unmatched']} causes not matched",
        "integrated gradients over turns, for the gold emotion; 95 % intervals over dialogues; mean rank from 1 (best)",
        table(rows),
        f"complete within tolerance: {'–' if exact is None else f'{exact:.1%}'}; {values['seconds']:.1f} s",
    ]
    return "\n".join(lines + [f"note: {note}" for note in values["notes"]])


def scored(metrics: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Every metric as `value [low, high]`."""
    return {
        name: " ".join(cell(metrics[name][part]) for part in ("value", "interval") if metrics[name][part] is not None)
        or "–"
        for name in METRICS
    }
