"""Asking a service over HTTP: one connection pool a client, every failure as the error that it stands for."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dnr_core.errors import CheckpointError, DataError, DnRError, UsageError

if TYPE_CHECKING:
    from requests import Response, Session

ADDRESS, TOKEN = "DNR_SERVER", "DNR_TOKEN"
CONNECT_S, READ_S = 3.0, 120.0
KINDS: dict[str, type[DnRError]] = {kind.__name__: kind for kind in (DnRError, UsageError, DataError, CheckpointError)}
SAID = 300


class ServiceError(DnRError):
    """What a service refused, with the HTTP `status`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Wire:
    """Requests to one service; usable by several threads."""

    def __init__(self, address: str | None = None, token: str | None = None) -> None:
        """`address` default $DNR_SERVER, `token` default $DNR_TOKEN. Raises UsageError: no address of a service."""
        given = (address or os.environ.get(ADDRESS, "")).strip().rstrip("/")
        parts = urlsplit(given)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("not the address of a service", got=repr(given[:80]), expected="such as http://host:8600")
        self.address, self.host = given, parts.netloc
        self._token = token if token is not None else os.environ.get(TOKEN, "").strip()
        self._local = threading.local()

    @property
    def session(self) -> Session:
        """The connections of this thread."""
        import requests

        made = getattr(self._local, "session", None)
        if made is None:
            made = self._local.session = requests.Session()
            made.trust_env = False  # a proxy of the environment is not meant for a service that was named
            if self._token:
                made.headers["Authorization"] = f"Bearer {self._token}"
        return made

    def ask(self, method: str, path: str, *, read_s: float = READ_S, **given: Any) -> Response:
        """One request. Raises DnRError where there is no answer, and what the answer says where it is a refusal."""
        import requests

        try:
            found = self.session.request(method, self.address + path, timeout=(CONNECT_S, read_s), **given)
        except (requests.RequestException, OSError) as error:
            raise self.silent(error) from error
        if found.ok:
            return found
        with found:
            raise refusal(found.status_code, self.guarded(lambda: found.content))

    def guarded(self, read: Callable[[], Any]) -> Any:
        """What `read` gives of an answer that is still coming. Raises DnRError where it does not come."""
        import requests
        import urllib3

        try:
            return read()
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self.silent(error) from error

    def silent(self, error: Exception) -> DnRError:
        """The sentence for a service that does not answer."""
        import requests

        late = isinstance(error, requests.Timeout) and not isinstance(error, requests.ConnectionError)
        got = "no answer in time" if late else "no connection, or one that broke off"
        return DnRError(
            f"the service at {self.address} does not answer", got=got, do=f"start it, or leave out ${ADDRESS}"
        )


def refusal(status: int, body: bytes) -> DnRError:
    """The error that a service described."""
    try:
        error = json.loads(body)["error"]
        kind, message = str(error["kind"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return ServiceError(status, f"the service answered {status}: {body[:SAID].decode('utf-8', 'replace')}")
    return KINDS[kind](message) if kind in KINDS else ServiceError(status, message)
