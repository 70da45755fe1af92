"""Who may ask: a bearer token off loopback; on loopback without one, only what names this machine as its host."""

from __future__ import annotations

import hmac
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers

from dnr_core.api.errors import ApiError
from dnr_core.errors import UsageError, reason

VARIABLE = "DNR_TOKEN"
SHORTEST = 16
OPEN = ("/health", "/metrics", "/openapi.json")
"""What needs no token on loopback."""


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_token(host: str, file: Path | None) -> str | None:
    """The token of --token-file, else of $DNR_TOKEN. Raises UsageError: none off loopback, or one too short."""
    try:
        token = file.read_text(encoding="utf-8").strip() if file else os.environ.get(VARIABLE, "").strip()
    except (OSError, UnicodeDecodeError) as error:
        got = reason(error) if isinstance(error, OSError) else "no text"
        raise UsageError(f"cannot read --token-file {file}", got=got) from error
    if token and (len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token):
        raise UsageError("bad token", expected=f"{SHORTEST} or more letters, digits and signs of ASCII, no spaces")
    if token or (file is None and is_loopback(host)):
        return token or None
    raise UsageError(
        f"no token to serve on {host}", expected=f"--token-file FILE or ${VARIABLE} where others can reach the service",
        do="write one with `openssl rand -hex 32 > FILE`, or use --host 127.0.0.1",
    )  # fmt: skip


@dataclass(frozen=True)
class Access:
    """The rule of one service: `token` (None: not asked for), `loopback`: it listens on this machine only."""

    token: str | None
    loopback: bool

    def check(self, path: str, headers: Headers) -> None:
        """Raise ApiError: 401 no or another token, 421 a page of another host asks through a name that it made up."""
        if self.loopback and path in OPEN:
            return
        if self.token is None:
            named = headers.get("host", "").lower()
            host = named.partition("]")[0].lstrip("[") if named.startswith("[") else named.rpartition(":")[0] or named
            if not is_loopback(host):
                raise ApiError(421, "not a host of this service", got=repr(named[:80]), expected="localhost")
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self.token.encode()):
            raise ApiError(
                401, "not allowed", got="another token" if given else "no token",
                expected="Authorization: Bearer TOKEN", headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
