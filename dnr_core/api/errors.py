"""Every failure as one JSON shape: `{"error": {"status", "kind", "message", "where"}}`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from dnr_core.errors import CheckpointError, DataError, DnRError, UsageError

KINDS: tuple[type[DnRError], ...] = (UsageError, DataError, CheckpointError)
CLIENT_GONE = 499
"""Never sent: what is written down where the client went away before its answer was there."""
LOG = logging.getLogger("dnr_core.api")
SHOWN = 300
"""Characters of a message that came from outside, at most."""


class ApiError(DnRError):
    """A request that is refused, with its HTTP status; `where` names the place in the body, such as `turn`."""

    def __init__(
        self, status: int, what: str, *, where: str | None = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(what, **more)
        self.status, self.where, self.headers = status, where, dict(headers or {})


def described(status: int, message: str, *, where: str | None = None, kind: str = "ApiError") -> dict[str, Any]:
    """The body of every failure; `kind` is the class of error that a Python client raises."""
    return {"error": {"status": status, "kind": kind, "message": message, "where": where}}


def answer_to(error: DnRError) -> JSONResponse:
    """The response to a refused request: 422 for what is wrong with its content, unless the error says otherwise."""
    if isinstance(error, ApiError):
        body = described(error.status, str(error), where=error.where)
        return JSONResponse(body, error.status, headers=error.headers)
    return JSONResponse(described(422, str(error), kind=type(error).__name__), 422)


def malformed(error: ValidationError) -> ApiError:
    """The first thing that is wrong with a body, and where it stands."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))
    said = first["msg"][:SHOWN]
    return ApiError(422, f"malformed body at {where or 'the top'}", got=said, where=where or None)


def install(app: FastAPI) -> None:
    """Give every failure of an app the one shape, those of the framework (404, 405) too."""

    @app.exception_handler(DnRError)
    async def refused(request: Request, error: DnRError) -> JSONResponse:
        return answer_to(error)

    @app.exception_handler(RequestValidationError)
    async def strange(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return answer_to(ApiError(422, f"malformed {where}", got=first["msg"][:SHOWN], where=where))

    @app.exception_handler(ClientDisconnect)
    async def left(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_GONE)  # nobody reads it

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> JSONResponse:
        body = described(error.status_code, f"{request.method} {request.url.path[:SHOWN]}: {error.detail}")
        return JSONResponse(body, error.status_code, headers=error.headers)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        LOG.error("%s %s failed", request.method, request.url.path[:SHOWN], exc_info=error)
        return JSONResponse(described(500, "the service failed; its log says why"), 500)
