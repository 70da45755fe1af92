"""Predictions of many requests at a time: dialogues of similar length wait together, and share forward passes."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from dnr_core.api.dialogues import Dialogues
from dnr_core.api.errors import ApiError
from dnr_core.api.limits import AGAIN

DIALOGUES, TURNS = 64, 4096
"""Of one forward pass, at most: dialogues, and turns with their padding."""
GATHER_S = 0.004
"""How long a batch waits for requests that are being read; one request alone waits for nobody."""
Forward = Callable[[list[tuple[Dialogues, int]]], np.ndarray]
"""Some dialogues (request, place in it) → their logits (B, T, C), padded."""


@dataclass
class Asked:
    """A request that waits: its logits (N, C) as they come, and how many of its dialogues miss, and still wait."""

    dialogues: Dialogues
    logits: np.ndarray
    missing: int
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[np.ndarray]
    waiting: int
    dropped: bool = False
    since: float = field(default_factory=time.perf_counter)

    def end(self, error: BaseException | None = None) -> None:
        """Hand over what was found, from whatever thread."""
        self.dropped = True
        self.loop.call_soon_threadsafe(self._end, error)

    def _end(self, error: BaseException | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(self.logits)
        else:
            self.done.set_exception(error)


@dataclass(frozen=True)
class Waiting:
    """One dialogue in the queue; `order` counts all that ever came."""

    order: int
    asked: Asked
    place: int
    turns: int


class Batcher:
    """A thread that always takes the dialogue that waits longest, with others of its length (within a factor of two).

    While one forward pass runs, the next batch gathers by itself; it then waits for as many requests as are on their
    way (`coming`), a moment at most. What a dialogue gets does not depend on its company (tests/contracts: padding and
    isolation).
    """

    def __init__(self, forward: Forward, emotions: int, *, queued: int, ran: Callable[[int, float], object]) -> None:
        self.forward, self.emotions, self.queued, self.ran = forward, emotions, queued, ran
        self.buckets: dict[int, deque[Waiting]] = {}
        self.turns, self.requests, self.coming, self.ended = 0, 0, 0, False
        self.order = itertools.count()
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._work, name="predictions", daemon=True)
        self.thread.start()

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Around a request that is read and predicted."""
        self.coming += 1
        try:
            yield
        finally:
            self.coming -= 1

    async def predict(self, dialogues: Dialogues) -> np.ndarray:
        """Logits (N, C) float32. Raises ApiError 429 where too many turns wait already."""
        loop = asyncio.get_running_loop()
        asked = Asked(
            dialogues, np.zeros((len(dialogues), self.emotions), np.float32), len(dialogues.lengths), loop,
            loop.create_future(), len(dialogues.lengths),
        )  # fmt: skip
        with self.changed:
            if self.turns and self.turns + len(dialogues) > self.queued:
                raise ApiError(429, "too many turns wait for a prediction", got=self.turns, headers=AGAIN)
            self.turns += len(dialogues)
            self.requests += 1
            for place, turns in enumerate(dialogues.lengths):
                waiting = Waiting(next(self.order), asked, place, turns)
                self.buckets.setdefault((turns - 1).bit_length(), deque()).append(waiting)
            self.changed.notify()
        try:
            return await asked.done
        finally:
            asked.dropped = True

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        with self.changed:
            self.ended = True
            self.changed.notify()
        self.thread.join()

    def _work(self) -> None:
        while batch := self._next():
            started = time.perf_counter()
            try:
                logits = self.forward([(one.asked.dialogues, one.place) for one in batch])  # (B, T, C)
            except Exception as error:  # a request must not end the thread that serves all
                for one in batch:
                    one.asked.end(error)
                continue
            for one, found in zip(batch, logits, strict=True):
                asked, start = one.asked, int(one.asked.dialogues.starts[one.place])
                asked.logits[start : start + one.turns] = found[: one.turns]
                asked.missing -= 1
                if not asked.missing:
                    asked.end()
            self.ran(sum(one.turns for one in batch), time.perf_counter() - started)

    def _next(self) -> list[Waiting]:
        """The next batch; empty when there will be none."""
        with self.changed:
            while True:
                bucket = min((own for own in self.buckets.values() if own), key=lambda own: own[0].order, default=None)
                if bucket is None:
                    if self.ended:
                        return []
                    self.changed.wait()
                    continue
                until = time.monotonic() + GATHER_S
                while self.requests < self.coming and (left := until - time.monotonic()) > 0:
                    self.changed.wait(left)
                if batch := self._taken(bucket):
                    return batch

    def _taken(self, bucket: deque[Waiting]) -> list[Waiting]:
        batch: list[Waiting] = []
        longest = 0
        while bucket and len(batch) < DIALOGUES:
            longest = max(longest, bucket[0].turns)
            if batch and longest * (len(batch) + 1) > TURNS:
                break
            one = bucket.popleft()
            self.turns -= one.turns
            one.asked.waiting -= 1
            self.requests -= one.asked.waiting == 0
            if not one.asked.dropped:
                batch.append(one)
        return batch
