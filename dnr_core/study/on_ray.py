"""The runs of a study on a Ray cluster, as many at once as there is room for. Needs ray (requirements-ray.txt)."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

from dnr_core.errors import DnRError
from dnr_core.study.records import Job
from dnr_core.study.workers import Begun, Ended, Workers, in_process

AUTO = "auto"
"""The cluster that $RAY_ADDRESS names or that runs on this machine, else one of this machine alone."""
ANSWER_S = 5.0
AGAIN = 3
"""How often a run is begun again, from its last epoch, where its worker was lost."""


def on_ray(address: str, *, gpus: float | None = None) -> Workers:
    """Workers of a cluster; all its machines see the folders of the study and of the corpora by the same paths.

    `gpus`: of each run, fractions allowed; None: one where the cluster has any. Raises DnRError where ray is not
    installed, or nothing answers at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise DnRError("ray is not installed", do="pip install -r requirements-ray.txt, or leave --ray out") from error

    connect(ray, address)

    def run(jobs: Sequence[Job], begun: Begun) -> Ended:
        share = gpus if gpus is not None else min(1.0, ray.cluster_resources().get("GPU", 0))
        remote = ray.remote(num_cpus=1, num_gpus=share, max_retries=AGAIN)(run_job)
        waiting: dict[Any, int] = {}
        with contextlib.redirect_stdout(sys.stderr):  # where ray says that a worker was lost
            try:
                for place, job in enumerate(jobs):
                    begun(place)
                    waiting[remote.remote(job.model_dump_json())] = place
                while waiting:
                    ended = ray.wait(list(waiting))[0][0]
                    yield waiting.pop(ended), code_of(ray, ended)
            finally:
                for left in waiting:
                    ray.cancel(left, force=True)
                ray.shutdown()

    return run


def connect(ray: Any, address: str) -> None:
    """Join or start a cluster, which tells nobody of it. Raises DnRError where that fails."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address == AUTO:
        options["runtime_env"] = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}}
    else:
        check_answers(address)
        options["address"] = address
    try:
        ray.init(**options)
    except Exception as error:
        raise no_cluster(address, error) from error


def check_answers(address: str) -> None:
    """Raise DnRError where nobody answers there: ray itself gives up after minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), ANSWER_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise no_cluster(address, error) from error


def no_cluster(address: str, error: Exception) -> DnRError:
    """What is said where there is no cluster."""
    line = " ".join(str(error).split())[:200]
    return DnRError("no Ray cluster", got=f"{address}: {line}", expected="auto, or HOST:PORT of one that runs")


def run_job(job: str) -> int:
    """What a worker does: the job, in a process of its own, so that its peak memory is its own."""
    return in_process(Job.model_validate_json(job))


def code_of(ray: Any, ended: Any) -> int:
    """The exit code of a job; 1 where it was lost more often than it is begun again."""
    try:
        return ray.get(ended)
    except ray.exceptions.RayError:
        return 1
