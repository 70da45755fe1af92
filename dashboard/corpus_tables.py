"""The tables and sentences of the Data page: which corpora there are, and what `prepare` found in one."""

from __future__ import annotations

from typing import Any

from dashboard.markup import dot, shown
from dnr_core.figures.spec import emotion_colours
from dnr_core.types import MODALITIES, CorpusInfo, RunInfo

CORPUS_HEADER = ("corpus", "dialogues", "utterances", "emotions", "runs trained on it")
MODALITY_HEADER = ("modality", "features", "not measured, by fault", "cells to fill in")
MEANING = {
    "absent": "every cell is empty",
    "no_face": "no face: every cell is 0",
    "all_zero": "every cell is 0",
    "out_of_range": "an action unit outside 0–5",
    "not_in_release": "not in the release",
}
"""What stands behind a fault that `prepare` names by a rule; others are words of the release."""


def corpus_rows(known: list[CorpusInfo], runs: list[RunInfo], chosen: str | None) -> list[list[str]]:
    """One row of HTML cells a corpus; the chosen one says so."""
    rows = []
    for info in known:
        name = f"<b>{shown(info.name)}</b> <small>chosen</small>" if info.name == chosen else shown(info.name)
        if info.problem:
            rows.append([f"⚠ {name} <small>cannot be read</small>", "–", "–", "–", "–"])
            continue
        trained = sum(not run.problem and run.corpus_hash == info.hash for run in runs)
        rows.append([
            name, f"{info.dialogues:,}", f"{info.utterances:,}", str(len(info.emotions)), f"{trained:,}",
        ])  # fmt: skip
    return rows


def label_header(report: dict[str, Any]) -> list[str]:
    """The columns of `label_rows`."""
    return ["emotion", *report["utterances_per_split"]]


def label_rows(report: dict[str, Any]) -> list[list[str]]:
    """How often each emotion is a label in each split, under it how many have none; HTML cells."""
    splits, colours = report["utterances_per_split"], emotion_colours(tuple(report["emotions"]))
    rows = [
        [f"{dot(colours[name])}{shown(name)}", *(f"{report['labels'][split][name]:,}" for split in splits)]
        for name in report["emotions"]
    ]
    unlabelled = [splits[split] - sum(report["labels"][split].values()) for split in splits]
    rows.append(["<small>no label</small>", *(f"{count:,}" for count in unlabelled)])
    rows.append(["<small>dialogues</small>", *(f"{report['dialogues_per_split'][split]:,}" for split in splits)])
    return rows


def modality_rows(report: dict[str, Any]) -> list[list[str]]:
    """Width, faults and cells to fill in of each modality; HTML cells."""
    rows = []
    for modality in MODALITIES:
        faults = [f"{count:,} {fault_name(fault)}" for fault, count in report["missing"][modality].items()]
        cells = sum(report["imputed"][modality].values())
        rows.append([
            shown(modality), f"{report['widths'][modality]:,}",
            f'<div style="white-space:normal">{"<br>".join(faults) or "none"}</div>', f"{cells:,}",
        ])  # fmt: skip
    return rows


def fault_name(fault: str) -> str:
    """A fault in words, as HTML."""
    return shown(MEANING.get(fault, fault.replace("_", " ")))


def summary(report: dict[str, Any]) -> str:
    """One sentence: how much there is, and where the split is from."""
    left_out = sum(report["left_out"].values())
    outside = f", {left_out:,} of them for a label outside the chosen emotions" if left_out else ""
    unlabelled = f"{report['unlabelled']:,} have no label{outside}" if report["unlabelled"] else "all have a label"
    return (
        f"{report['rows']:,} utterances in {report['dialogues']:,} dialogues (layout: {report['layout']}); "
        f"{unlabelled}. Split: {report['split_provenance']}."
    )


def next_step(why_not: str | None, path: str) -> str:
    """What can be done with a corpus next; `why_not`: why no model can be trained on it."""
    if why_not is None:
        return f"Train a model on it: `python -m dnr_core train --corpus {path}`."
    return f"Its dialogues can be read. No model can be trained on it: {why_not}."
