"""Long computations, one at a time in the order of their arrival; they stop when nobody waits for them any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import Request

from dnr_core.api.errors import CLIENT_GONE, ApiError
from dnr_core.api.limits import AGAIN

Found = TypeVar("Found")


class Lane:
    """A thread for computations that take seconds; at most `waiting` of them wait."""

    def __init__(self, waiting: int) -> None:
        self.most, self.count = waiting, 0
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="explanations")

    def start(self, compute: Callable[[], Found]) -> asyncio.Future[Found]:
        """Begin a computation when its turn comes. Raises ApiError 429 where too many wait."""
        if self.count > self.most:
            raise ApiError(429, "too many computations wait", got=self.count - 1, headers=AGAIN)
        self.count += 1
        found = asyncio.wrap_future(self.pool.submit(compute))
        found.add_done_callback(lambda _: self._ended())
        return found

    def _ended(self) -> None:
        self.count -= 1

    async def run(self, request: Request, compute: Callable[[Callable[[], bool]], Found]) -> Found:
        """What `compute(stop)` returns; `stop()` is true from when the client has gone. Raises ApiError 429, 499."""
        gone = threading.Event()
        work = self.start(lambda: compute(gone.is_set))
        leaving = asyncio.ensure_future(left(request))
        try:
            await asyncio.wait((work, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ApiError(CLIENT_GONE, "the client has gone")
            return work.result()
        finally:
            gone.set()
            leaving.cancel()
            work.cancel()
            work.add_done_callback(lambda done: done.cancelled() or done.exception())

    def close(self) -> None:
        """Wait for what runs."""
        self.pool.shutdown(wait=True)


async def left(request: Request) -> None:
    """Return when the client of a request whose body was read has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
