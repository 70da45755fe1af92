"""The service as an application: its routes, who may use them, what is counted, and how it ends."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dnr_core import __version__
from dnr_core.api import compute_routes, routes
from dnr_core.api.access import Access
from dnr_core.api.batching import Batcher
from dnr_core.api.bodies import Bodies
from dnr_core.api.compute import Computing
from dnr_core.api.errors import answer_to, install
from dnr_core.api.lane import Lane
from dnr_core.api.limits import Held, Limits
from dnr_core.api.metrics import Metrics
from dnr_core.api.openapi import describe
from dnr_core.api.served import Served
from dnr_core.errors import DnRError


@dataclass
class Service:
    """What the routes share. Threads begin with it; `close` ends them after what they accepted."""

    served: Served
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.bodies, self.held = Bodies(self.served.header, self.limits), Held(self.limits.held)
        self.lane, self.computations = Lane(self.limits.waiting), Lane(self.limits.waiting)
        self.batcher = Batcher(
            self.served.logits, len(self.served.header.emotions), queued=self.limits.queued, ran=self.metrics.ran
        )
        self.computing = Computing(self.served)
        self.metrics.queued.set_function(lambda: self.batcher.turns)
        self.metrics.waiting.set_function(lambda: self.lane.count + self.computations.count)
        self.metrics.held.set_function(lambda: self.held.bytes)

    def close(self) -> None:
        """Finish what waits."""
        self.batcher.close()
        self.lane.close()
        self.computations.close()


def make_app(service: Service, access: Access) -> FastAPI:
    """The application over a service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(title="dnr_core", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    install(app)
    routes.add(app, service)
    compute_routes.add(app, service)
    describe(app, service.bodies)
    app.add_middleware(Gate, service=service, access=access)
    return app


class Gate:
    """Before every request: may it be answered? Behind it: count it."""

    def __init__(self, app: ASGIApp, service: Service, access: Access) -> None:
        self.app, self.metrics, self.access = app, service.metrics, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 499

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self.metrics.open.track_inprogress():
            try:
                self.access.check(scope["path"], Headers(scope=scope))
                await self.app(scope, receive, noted)
            except DnRError as error:
                await answer_to(error)(scope, receive, noted)
            finally:
                route = getattr(scope.get("route"), "path", "other")
                self.metrics.answered(route, status, time.perf_counter() - started)
