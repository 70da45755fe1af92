"""What the runs of a study say together: each model over its seeds, and what a method adds to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dnr_core.experiment import SUMMARISED, mean_interval
from dnr_core.registry import names
from dnr_core.study.records import RunRecord

BASELINE = "plain"


@dataclass(frozen=True)
class Row:
    """A model on a corpus over its seeds; `method` is `method/variant` for a variant.

    `scores`: weighted_f1, accuracy, macro_f1 → mean, sd, 95 % t-interval over seeds and values, of `split` (test; dev
    where the corpus has no labelled test split); `seconds` of training: the mean; `peak_memory_mib`: the largest.
    """

    corpus: str
    method: str
    backbone: str | None
    split: str
    seeds: tuple[int, ...]
    scores: dict[str, dict[str, Any]]
    parameters: int
    seconds: float
    peak_memory_mib: int


@dataclass(frozen=True)
class Difference:
    """Weighted F1 of a method minus that of the baseline (plain) on a backbone, or of a variant minus that of its
    method, paired by seed; `backbone` None: over all.

    `found`: mean, sd, 95 % t-interval and values. Over all backbones the values are those of every backbone × seed, and
    the interval takes them as independent.
    """

    corpus: str
    method: str
    baseline: str
    backbone: str | None
    found: dict[str, Any]


@dataclass(frozen=True)
class Summary:
    """Rows and differences in the order of the registries, corpus by corpus; `failed` runs by name, with their line."""

    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    failed: dict[str, str]


def summary_of(records: Sequence[RunRecord]) -> Summary:
    """Summarise records; those of failed runs count nowhere but in `failed`."""
    finished = [record for record in records if record.error is None]
    corpora = list(dict.fromkeys(record.corpus for record in finished))
    rows, differences = [], []
    for corpus in corpora:
        own = [record for record in finished if record.corpus == corpus]
        split = "test" if all(scored(record, "test") for record in own) else "dev"
        own = [record for record in own if scored(record, split)]
        rows += [row_of(group, split) for group in models(own)]
        differences += differences_of(own, split)
    failed = {record.cell.name: record.error for record in records if record.error is not None}
    return Summary(tuple(rows), tuple(differences), failed)


def scored(record: RunRecord, split: str) -> bool:
    """Whether a run has scores on labelled utterances of a split."""
    return bool(record.scores.get(split, {}).get("n"))


def models(records: Sequence[RunRecord]) -> list[list[RunRecord]]:
    """The records of each model, by seed; models in the order of the registries, what is not installed last."""
    order = {kind: {name: place for place, name in enumerate(names(kind))} for kind in ("method", "backbone")}

    def place(model: tuple[str, str | None]) -> tuple[Any, ...]:
        label, backbone = model
        method = label.partition("/")[0]
        return order["method"].get(method, 999), label, order["backbone"].get(backbone or "", 999), backbone or ""

    found = {(record.label, record.backbone) for record in records}
    return [
        sorted((one for one in records if (one.label, one.backbone) == model), key=lambda one: one.seed)
        for model in sorted(found, key=place)
    ]


def row_of(group: Sequence[RunRecord], split: str) -> Row:
    """The seeds of one model on one corpus."""
    first = group[0]
    return Row(
        corpus=first.corpus,
        method=first.label,
        backbone=first.backbone,
        split=split,
        seeds=tuple(record.seed for record in group),
        scores={name: mean_interval([record.scores[split][name] for record in group]) for name in SUMMARISED},
        parameters=round(float(np.mean([record.parameters for record in group]))),
        seconds=float(np.mean([record.seconds for record in group])),
        peak_memory_mib=max(record.peak_memory_mib for record in group),
    )


def differences_of(records: Sequence[RunRecord], split: str) -> list[Difference]:
    """What every method with backbones adds to the baseline, and every variant to its method, on one corpus: backbone
    by backbone, and over them.
    """
    by_model = {(group[0].label, group[0].backbone): group for group in models(records)}
    score = {model: {one.seed: one.scores[split]["weighted_f1"] for one in group} for model, group in by_model.items()}
    found = []
    for method in dict.fromkeys(
        method for method, backbone in score if "/" in method or (backbone and method != BASELINE)
    ):
        baseline = method.partition("/")[0] if "/" in method else BASELINE
        paired: dict[str | None, list[float]] = {}
        for (own, backbone), values in score.items():
            base = score.get((baseline, backbone), {})
            if own == method and (shared := sorted(set(values) & set(base))):
                paired[backbone] = [values[seed] - base[seed] for seed in shared]
        paired |= {None: [value for values in paired.values() for value in values]} if len(paired) > 1 else {}
        corpus = records[0].corpus
        found += [Difference(corpus, method, baseline, where, mean_interval(one)) for where, one in paired.items()]
    return found
