"""What one request may bring, and what all requests together may hold: bodies, dialogues, turns, waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from fastapi import Request

from dnr_core.api.errors import ApiError

MIB = 2**20
DISCARDED, DISCARD_S = 64 * MIB, 5.0
"""How much of a body that is too large is read and thrown away, and for how long."""
AGAIN = {"Retry-After": "1"}


@dataclass(frozen=True)
class Limits:
    """Limits of a service; sizes in bytes, times in seconds.

    - `body`, `corpus`: of one request, and of one corpus that a dashboard sends; `held`: of all bodies at a time
    - `dialogues`, `turns`: in one request, and in one dialogue; `explained`: turns in one request that is explained
    - `queued`: turns that wait for a prediction; `waiting`: requests that wait to be explained
    - `pause_s`, `body_s`, `corpus_s`: until the next piece of a body, and until all of it is there
    """

    body: int = 32 * MIB
    corpus: int = 2048 * MIB
    held: int = 128 * MIB
    dialogues: int = 4096
    turns: int = 1000
    explained: int = 500
    queued: int = 100_000
    waiting: int = 64
    pause_s: float = 10.0
    body_s: float = 60.0
    corpus_s: float = 1800.0


class Held:
    """How many bytes of bodies are in memory; who would be too many is told to come again."""

    def __init__(self, limit: int) -> None:
        self.limit, self.bytes = limit, 0

    def take(self, size: int) -> None:
        """Count bytes that were received. Raises ApiError 429."""
        if self.bytes + size > self.limit:
            raise ApiError(429, "too many bodies at a time", expected="a request later", headers=AGAIN)
        self.bytes += size

    def give(self, size: int) -> None:
        """They are gone."""
        self.bytes -= size


async def pieces(request: Request, *, most: int, pause_s: float, whole_s: float) -> AsyncIterator[bytes]:
    """The pieces of a body. Raises ApiError: 413 larger than `most` bytes, 408 too slow."""
    stated = request.headers.get("content-length", "0")
    if stated.isascii() and stated.isdigit() and int(stated[:20]) > most:
        if int(stated[:20]) <= DISCARDED:
            await discard(request.stream())
        raise too_large(most)
    size, stream = 0, aiter(request.stream())
    try:
        async with asyncio.timeout(whole_s):
            while True:
                async with asyncio.timeout(pause_s):
                    piece = await anext(stream, None)
                if piece is None:
                    return
                size += len(piece)
                if size > most:
                    await discard(stream)
                    raise too_large(most)
                yield piece
    except TimeoutError as error:
        raise ApiError(
            408,
            "the body did not come",
            got=f"{size} bytes, then silence or a trickle",
            headers={"Connection": "close"},
        ) from error


async def discard(stream: AsyncIterator[bytes]) -> None:
    """Read on for a moment: who is answered while it still sends loses the answer with the connection."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_S):
            async for piece in stream:
                size += len(piece)
                if size > DISCARDED:
                    return


def too_large(most: int) -> ApiError:
    """The refusal of a body that is larger than `most` bytes."""
    return ApiError(
        413, "the body is too large", expected=f"at most {most / MIB:g} MiB", do="send fewer dialogues at a time",
        headers={"Connection": "close"},
    )  # fmt: skip


@asynccontextmanager
async def body_of(request: Request, limits: Limits, held: Held) -> AsyncIterator[bytes]:
    """The body of a request, counted among those in memory. Raises ApiError 408, 413, 429."""
    parts: list[bytes] = []
    size = 0
    try:
        async for piece in pieces(request, most=limits.body, pause_s=limits.pause_s, whole_s=limits.body_s):
            held.take(len(piece))
            size += len(piece)
            parts.append(piece)
        whole = b"".join(parts)
        parts.clear()
        yield whole
    finally:
        held.give(size)
