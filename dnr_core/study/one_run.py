"""`python -m dnr_core.study.one_run`: train one run of a study in a process of its own and write its record.

The job is one line of JSON on stdin, which stays open as long as the study lives: when it closes, this process ends at
once, and the state of its last finished epoch stands on disk. A process of its own has a peak memory of its own.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from typing import Any

from dnr_core.errors import EXIT_ERROR, CheckpointError, DnRError
from dnr_core.experiment import state_path, train_run
from dnr_core.serve import Engine
from dnr_core.study.records import Job, RunRecord, write_record
from dnr_core.training.checkpoint import read_run

LINE_EVERY_S = 15.0


def main() -> int:
    """Exit code: 0 where a record was written, of a failure too."""
    job = Job.model_validate_json(sys.stdin.readline())
    threading.Thread(target=end_with_the_study, daemon=True).start()
    try:
        write_record(job.record, finished(job))
    except DnRError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_ERROR
    return 0


def end_with_the_study() -> None:
    """Wait until nobody holds the other end of stdin."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(EXIT_ERROR)


def finished(job: Job) -> RunRecord:
    """Train, and say what came of it; any failure is the run's own."""
    try:
        metrics = trained(job)
        made = read_run(job.out)
    except Exception as error:
        line = " ".join(str(error).split())
        return job.to_record(error=line if isinstance(error, DnRError) else f"{type(error).__name__}: {line}")
    return job.to_record(
        scores={split: metrics[split] for split in ("dev", "test") if split in metrics},
        parameters=made.config["parameters"],
        seconds=metrics["train_seconds"],
        versions=made.manifest["versions"],
        **{name: metrics[name] for name in ("epochs", "peak_memory_mib", "device", "threads")},
    )


def trained(job: Job) -> dict[str, Any]:
    """The metrics of the run, from where it stopped; begun anew where what was left cannot be used."""
    settings: dict[str, Any] = {"device": job.device, "explained": job.explained, "on_epoch": EpochLines()}
    try:
        return train_run(Engine(), job.corpus, job.config, job.out, resume=True, **settings)
    except CheckpointError:
        state_path(job.out).unlink(missing_ok=True)
        shutil.rmtree(job.out, ignore_errors=True)
        return train_run(Engine(), job.corpus, job.config, job.out, **settings)


class EpochLines:
    """Writes a line about an epoch on stderr now and then."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, record: dict[str, Any]) -> None:
        if time.monotonic() - self.last < LINE_EVERY_S:
            return
        self.last = time.monotonic()
        done = f"{record['stage']}, epoch {record['epoch']} of {record['epochs']}"
        sys.stderr.write(f"  {done}: dev loss {record['dev_loss']:.4f}\n")


if __name__ == "__main__":
    sys.exit(main())
