"""A computation as it comes over a wire: `{"kind", "bytes"}` on a line, then so many bytes, again and again.

Kinds: `alive` (nothing new), `progress` (a JSON list), `piece` and `result` (codec), `error` (the JSON of a failure).
The last frame is `result` or `error`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Protocol

from dnr_core.errors import DnRError

MEDIA_TYPE = "application/x-dnr-frames"
LONGEST_LINE = 200


class Readable(Protocol):
    """Bytes that come one after the other."""

    def readline(self, size: int = ..., /) -> bytes: ...
    def read(self, size: int = ..., /) -> bytes: ...


def frame(kind: str, payload: bytes = b"") -> bytes:
    """One frame."""
    return json.dumps({"kind": kind, "bytes": len(payload)}).encode() + b"\n" + payload


def frames(stream: Readable) -> Iterator[tuple[str, bytes]]:
    """The frames of a stream until its last one. Raises DnRError where it ends before."""
    while True:
        line = stream.readline(LONGEST_LINE)
        try:
            head = json.loads(line)
            kind, size = str(head["kind"]), int(head["bytes"])
        except (ValueError, KeyError, TypeError) as error:
            raise DnRError("the service broke off", got=f"{line[:40]!r} where a result belongs") from error
        payload = stream.read(size) if size else b""
        if len(payload) != size:
            raise DnRError("the service broke off", got=f"{len(payload)} of {size} bytes")
        yield kind, payload
        if kind in ("result", "error"):
            return
