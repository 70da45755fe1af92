"""What is asked of a run of a study, and what is kept of it: one JSON file, written at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from dnr_core.config import Frozen, RunConfig
from dnr_core.data.files import replacing_file
from dnr_core.errors import CheckpointError
from dnr_core.study.grid import Cell, first_fault
from dnr_core.training.checkpoint import read_object, write_json


class RunRecord(Frozen):
    """A finished run, or one that failed: then `error` is its line and the rest is empty.

    `scores`: split (dev, test) → training.metrics.evaluation; `seconds` of training, over all its resumptions;
    `peak_memory_mib` of the process that ended it, from its start to its last score; `config` as in RunConfig;
    `variant`: which one of the method it is, None where it is the method as it is.
    """

    format_version: Literal[1] = 1
    corpus: str
    corpus_hash: str
    method: str
    backbone: str | None
    seed: int
    variant: str | None = None
    error: str | None = None
    scores: dict[str, dict[str, Any]] = Field(default_factory=dict)
    parameters: int = 0
    epochs: int = 0
    seconds: float = 0.0
    peak_memory_mib: int = 0
    device: str = ""
    threads: int = 0
    config: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def cell(self) -> Cell:
        return Cell(self.corpus, self.method, self.backbone, self.seed, self.variant)

    @property
    def label(self) -> str:
        """The method, or `method/variant`."""
        return f"{self.method}/{self.variant}" if self.variant else self.method


class Job(Frozen):
    """One run: `corpus` folder and its `content` hash, `out` its checkpoint, `record` its file in runs/, `method` and
    `variant` its name in the study (the method of `config` may be another).

    `explained`: whether the subset model and stored results are made, too.
    """

    name: str
    method: str
    variant: str | None = None
    corpus: Path
    content: str
    out: Path
    record: Path
    config: RunConfig
    device: str
    explained: bool

    def to_record(self, **found: Any) -> RunRecord:
        """The record of this run with what was found."""
        run = self.config
        head = {"corpus": self.name, "method": self.method, "variant": self.variant}
        head |= {"backbone": run.backbone, "seed": run.seed}
        config = run.model_dump(mode="json")
        return RunRecord.model_validate(head | {"corpus_hash": self.content, "config": config} | found)


def write_record(path: Path, record: RunRecord) -> None:
    """Write a record; half of one never shows. Raises DnRError where it cannot be written."""
    with replacing_file(path) as temporary:
        write_json(temporary, record.model_dump(mode="json"))


def read_record(path: Path) -> RunRecord:
    """Raises CheckpointError where the file is damaged."""
    try:
        return RunRecord.model_validate(read_object(path))
    except ValidationError as error:
        raise CheckpointError(f"{path} is damaged", got=first_fault(error), do="delete it") from error


def read_records(out: Path) -> list[RunRecord]:
    """Every record of a study, by file name."""
    return [read_record(path) for path in sorted((out / "runs").glob("*.json")) if not path.name.startswith(".")]
