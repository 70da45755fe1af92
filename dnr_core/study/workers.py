"""Who trains the runs of a study: this machine, one after the other, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

from dnr_core.study.records import Job

Begun = Callable[[int], None]
Ended = Iterator[tuple[int, int]]
Workers = Callable[[Sequence[Job], Begun], Ended]
"""Runs jobs to their ends: tells the place of each that begins, and yields place and exit code of each that has ended,
in any order. A job that is killed leaves its state, and whoever runs it again goes on from there. Closing the iterator
ends what is still running.
"""


def one_after_another(jobs: Sequence[Job], begun: Begun) -> Ended:
    """Workers of this machine."""
    for place, job in enumerate(jobs):
        begun(place)
        yield place, in_process(job)


def in_process(job: Job) -> int:
    """Run a job to its end. Returns the exit code of its process, which never outlives this call."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dnr_core.study.one_run"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,  # Ctrl-C is for the study, which ends the run
    )
    assert process.stdin is not None
    try:
        process.stdin.write(f"{job.model_dump_json()}\n".encode())
        process.stdin.flush()
        return process.wait()
    except BrokenPipeError:
        return process.wait()
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
