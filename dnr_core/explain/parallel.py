"""Many small computations at once, one thread each: torch gains little from more within operations this small."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Job = TypeVar("Job")
Found = TypeVar("Found")
AHEAD = 2
"""Results that may wait for each worker, so that memory does not grow with the work."""


def threads_for(device: torch.device) -> int:
    """How many workers: as many as there are cores or $OMP_NUM_THREADS says, one where a GPU does the work."""
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return 1 if device.type != "cpu" else int(said) if said.isdigit() and int(said) else os.cpu_count() or 1


def in_parallel(compute: Callable[[Job], Found], work: Sequence[Job], *, workers: int) -> Iterator[tuple[Job, Found]]:
    """Every job with its result, in order; what has not begun is dropped when the caller stops listening.

    An exception of a job is raised where its result would stand.
    """
    waiting: deque[tuple[Job, Future[Found]]] = deque()
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for job in work:
                waiting.append((job, pool.submit(compute, job)))
                if len(waiting) >= AHEAD * workers:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
