"""What `prepare` did, as numbers and as a plain table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.types import MODALITIES

NOT_IN_RELEASE = "not_in_release"


@dataclass(frozen=True)
class PrepareReport:
    """Counts over the prepared corpus.

    - `dialogues_per_split`, `utterances_per_split`: by split; `labels`: split → emotion → utterances.
    - `missing`: modality → reason → utterances where it was not measured.
    - `imputed`: modality → feature → cells of measured rows that the model must fill in (those above 0).
    - `unlabelled`: utterances without a label, `left_out` of them (by label) for standing outside --emotions.
    - `media`: found, missing, ambiguous; empty where no media folder was given.
    - `rules`: what was applied, one sentence each.
    """

    name: str
    layout: str
    rows: int
    dialogues: int
    widths: dict[str, int]
    emotions: tuple[str, ...]
    dialogues_per_split: dict[str, int]
    utterances_per_split: dict[str, int]
    labels: dict[str, dict[str, int]]
    unlabelled: int
    left_out: dict[str, int]
    missing: dict[str, dict[str, int]]
    imputed: dict[str, dict[str, int]]
    media: dict[str, int]
    split_provenance: str
    rules: tuple[str, ...]

    def imputed_cells(self, modality: str) -> int:
        """Cells of a modality that the model must fill in."""
        return sum(self.imputed[modality].values())

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers, for JSON."""
        return asdict(self) | {"emotions": list(self.emotions), "rules": list(self.rules)}

    def text(self) -> str:
        """A readable table in plain text, no line longer than its longest sentence."""
        parts = [
            f"{self.name}: {self.rows:,} utterances in {self.dialogues:,} dialogues ({self.layout})",
            "",
            *self._label_lines(),
            "",
            *self._modality_lines(),
            "",
            f"unlabelled  {self.unlabelled:,}{_of_these(self.left_out)}",
            f"split       {self.split_provenance}",
        ]
        if self.media:
            parts.append("media       " + ", ".join(f"{count:,} {word}" for word, count in self.media.items()))
        return "\n".join(parts + [f"rule        {rule}" for rule in self.rules])

    def _label_lines(self) -> list[str]:
        head = ["split", "dialogues", "utterances", *self.emotions]
        rows = [
            [
                split,
                f"{self.dialogues_per_split[split]:,}",
                f"{self.utterances_per_split[split]:,}",
                *(f"{self.labels[split][emotion]:,}" for emotion in self.emotions),
            ]
            for split in self.dialogues_per_split
        ]
        return align([head, *rows])

    def _modality_lines(self) -> list[str]:
        rows = [
            [
                modality,
                f"{self.widths[modality]:,}",
                f"{self.imputed_cells(modality):,}",
                ", ".join(f"{count:,} {reason}" for reason, count in self.missing[modality].items()) or "none",
            ]
            for modality in MODALITIES
        ]
        return align([["modality", "features", "imputed cells", "not measured"], *rows], left={0, 3})


def make_report(
    corpus: Corpus, *, layout: str, left_out: dict[str, int], media: dict[str, int], rules: Sequence[str]
) -> PrepareReport:
    """Count everything that PrepareReport states, on the finished corpus."""
    frame = corpus.utterances
    splits = corpus.splits
    counted = Counter(zip(frame["split"], frame["emotion"], strict=True))
    return PrepareReport(
        name=corpus.name,
        layout=layout,
        rows=len(corpus),
        dialogues=len(corpus.dialogue_rows),
        widths=corpus.widths,
        emotions=corpus.emotions,
        dialogues_per_split={split: len(corpus.dialogue_ids(split)) for split in splits},
        utterances_per_split={split: len(corpus.rows(split)) for split in splits},
        labels={split: {emotion: counted[split, emotion] for emotion in corpus.emotions} for split in splits},
        unlabelled=int((corpus.labels < 0).sum()),
        left_out=left_out,
        missing=_missing(corpus),
        imputed={modality: _imputed(corpus, modality) for modality in MODALITIES},
        media=media,
        split_provenance=corpus.split_provenance,
        rules=tuple(rules),
    )


def align(rows: Sequence[Sequence[str]], *, left: set[int] | None = None) -> list[str]:
    """Lines with columns of one width, two spaces apart; columns in `left` (the first) start flush, others end so."""
    left = {0} if left is None else left
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _missing(corpus: Corpus) -> dict[str, dict[str, int]]:
    missing: dict[str, dict[str, int]] = {
        modality: {} if corpus.widths[modality] else {NOT_IN_RELEASE: len(corpus)} for modality in MODALITIES
    }
    for faults in corpus.utterances["faults"]:
        for fault in filter(None, faults.split(";")):
            modality, _, reason = fault.partition(":")
            missing[modality][reason] = missing[modality].get(reason, 0) + 1
    return {modality: dict(sorted(reasons.items())) for modality, reasons in missing.items()}


def _imputed(corpus: Corpus, modality: str) -> dict[str, int]:
    cells = corpus.imputed[modality].sum(axis=0)
    return {corpus.feature_names[modality][column]: int(cells[column]) for column in np.flatnonzero(cells)}


def _of_these(left_out: dict[str, int]) -> str:
    if not left_out:
        return ""
    named = ", ".join(f"{label} {count:,}" for label, count in left_out.items())
    return f"; outside --emotions: {named}"
