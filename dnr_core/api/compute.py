"""What a dashboard elsewhere has computed here: corpora that it sent, and computations by name on the served run."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import TimeoutError as TooLate
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from dnr_core.api.answers import Stopped
from dnr_core.api.errors import ApiError, described
from dnr_core.api.served import Served
from dnr_core.catalogue import Recent
from dnr_core.data.corpus import Corpus
from dnr_core.errors import DnRError
from dnr_core.remote.codec import decode, encode
from dnr_core.remote.frames import frame
from dnr_core.results.computations import COMPUTATIONS, Job, Models
from dnr_core.training.checkpoint import RunHeader

if TYPE_CHECKING:
    from dnr_core.model.batch import TensorCorpus
    from dnr_core.model.methods.base import Method
    from dnr_core.model.subset import SubsetModel

CORPORA, AHEAD = 3, 8
"""Corpora that are kept, and frames that may wait for their reader."""
ALIVE_S, STALLED_S, TICK_S = 2.0, 60.0, 0.1
DRAWN = ("attribute", "check_attribution")
"""They draw random numbers: one at a time, so that they draw the same as alone."""
LOG = logging.getLogger("dnr_core.api")


class ServedModels(Models):
    """The one model that is served, from memory, and corpora as tensors."""

    def __init__(self, served: Served) -> None:
        super().__init__()
        self.served, self._encoders = served, Recent(1)
        load, self.encoder = self.encoder, lambda: self._encoders.get("encoder", load)

    def loaded(self, header: RunHeader, corpus: Corpus) -> tuple[Method, TensorCorpus]:
        from dnr_core.model.batch import TensorCorpus

        return self.served.model, self._kept.get(corpus.hash, lambda: TensorCorpus(corpus))

    def subset(self, header: RunHeader) -> SubsetModel:
        return self.served.subset or super().subset(header)


class Computing:
    """Corpora by their hash, and computations on them."""

    def __init__(self, served: Served) -> None:
        self.served, self.models = served, ServedModels(served)
        self.corpora = Recent(CORPORA)

    def add(self, corpus: Corpus) -> None:
        """Keep a corpus; the one that was not used for longest makes room."""
        self.corpora.get(corpus.hash, lambda: corpus)

    def asked(self, name: str, manifest: str, corpus: str, raw: bytes) -> Callable[[Work], Any]:
        """The computation that a request asks for. Raises ApiError: 404, 409 another run, 422; DataError."""
        if name not in COMPUTATIONS:
            raise ApiError(
                404, "unknown computation", got=repr(name[:80]), expected="one of " + ", ".join(COMPUTATIONS)
            )
        if manifest != self.served.header.manifest_hash:
            raise ApiError(
                409, "another run is served", got=f"weights {manifest[:8]}",
                expected=f"weights {self.served.header.manifest_hash[:8]} of {self.served.name}",
            )  # fmt: skip
        rows = self.corpora.known(corpus)
        if rows is None:
            raise ApiError(404, "this corpus is not here", do="send it with PUT /corpora/HASH", where="corpus")
        values = decode(raw)
        try:
            inspect.signature(COMPUTATIONS[name]).bind(None, **values)
        except TypeError as error:
            raise ApiError(422, f"{name} cannot take this", got=error) from error
        drawing = self.served.drawing if name in DRAWN else nullcontext()

        def compute(work: Work) -> Any:
            with drawing:
                found = COMPUTATIONS[name](Job(self.models, self.served.header, rows, work.progress), **values)
                if not inspect.isgenerator(found):
                    return found
                for piece in found:
                    work.put(frame("piece", encode(piece)))
                return None

        return compute


class Work:
    """The frames of one computation on their way from its thread to the response."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(AHEAD)
        self.gone, self.told = threading.Event(), 0.0

    def put(self, payload: bytes) -> None:
        """Hand over a frame, from the thread. Raises Stopped where nobody reads any more."""
        if self.gone.is_set():
            raise Stopped
        waiting = asyncio.run_coroutine_threadsafe(self.queue.put(payload), self.loop)
        until = time.monotonic() + STALLED_S
        while time.monotonic() < until and not self.gone.is_set():
            with suppress(TooLate):
                return waiting.result(TICK_S)
        waiting.cancel()
        self.gone.set()
        raise Stopped

    def progress(self, *done: Any) -> None:
        """Say how far it is, ten times a second at most. Raises Stopped where nobody reads any more."""
        if self.gone.is_set():
            raise Stopped
        if time.monotonic() - self.told > TICK_S and not self.queue.full():
            self.told = time.monotonic()
            self.put(frame("progress", json.dumps(done).encode()))

    def run(self, compute: Callable[[Work], Any]) -> None:
        """Compute in a thread; the last frame is the result, or the error."""
        with suppress(Stopped):
            if not self.gone.is_set():
                self.put(self._last(compute))

    def _last(self, compute: Callable[[Work], Any]) -> bytes:
        try:
            return frame("result", encode(compute(self)))
        except Stopped:
            raise
        except DnRError as error:
            body = described(422, str(error), kind=type(error).__name__)
        except Exception as error:
            LOG.error("a computation failed", exc_info=error)
            body = described(500, "the computation failed; the log of the service says why")
        return frame("error", json.dumps(body).encode())

    async def frames(self, ended: asyncio.Future[None]) -> AsyncIterator[bytes]:
        """What to send: frames as they come, signs of life between them."""
        getting = asyncio.ensure_future(self.queue.get())
        try:
            while True:
                await asyncio.wait((getting, ended), timeout=ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done() and ended.done() and self.queue.empty():
                    return
                if getting.done():
                    sent, getting = getting.result(), asyncio.ensure_future(self.queue.get())
                    yield sent
                elif not ended.done():
                    yield frame("alive")
        finally:
            self.gone.set()
            getting.cancel()
