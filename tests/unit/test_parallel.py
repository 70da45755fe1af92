"""Many computations at once, in order, and no further than they are listened to."""

from __future__ import annotations

import os
import threading
import time

import pytest
import torch

from dnr_core.explain.parallel import AHEAD, in_parallel, threads_for


def test_results_come_in_the_order_of_the_work_though_they_end_in_another():
    def compute(job: int) -> int:
        time.sleep(0.02 if job % 3 == 0 else 0.0)
        return job * job

    assert list(in_parallel(compute, range(20), workers=3)) == [(job, job * job) for job in range(20)]


def test_workers_work_at_the_same_time_and_each_on_one_thread():
    together = threading.Barrier(2, timeout=20)

    def compute(job: int) -> int:
        together.wait()
        return torch.get_num_threads()

    before = torch.get_num_threads()
    assert [found for _, found in in_parallel(compute, range(2), workers=2)] == [1, 1]
    assert torch.get_num_threads() == before


def test_what_nobody_listens_to_is_not_computed():
    begun = []
    listening = in_parallel(lambda job: begun.append(job) or job, range(1000), workers=2)
    assert next(listening) == (0, 0)
    listening.close()
    assert len(begun) <= AHEAD * 2 + 1


def test_the_error_of_a_job_stands_where_its_result_would():
    def compute(job: int) -> int:
        if job == 3:
            raise ValueError("job 3")
        return job

    found = []
    with pytest.raises(ValueError, match="job 3"):
        found += (job for job, _ in in_parallel(compute, range(8), workers=2))
    listening = in_parallel(compute, range(8), workers=2)
    assert [next(listening) for _ in range(3)] == [(0, 0), (1, 1), (2, 2)]


def test_workers_follow_the_machine_and_not_the_threads_within_an_operation(monkeypatch):
    assert threads_for(torch.device("cuda")) == 1, "a GPU is asked one thing at a time"
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert threads_for(torch.device("cpu")) == 3
    for said in ("", "many", "0"):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert threads_for(torch.device("cpu")) == os.cpu_count()
