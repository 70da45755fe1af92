"""From a run and an address to a service that answers until it is told to end, and ends well."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from dnr_core.errors import DnRError

GRACE_S = 300
"""How long accepted requests may take to finish once the service is told to end."""
FIRST_S = 30.0
"""Until the first request of a connection has come."""


class Patient(H11Protocol):
    """HTTP that does not wait for ever for the head of a first request."""

    def connection_made(self, transport: Any) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(FIRST_S, self.drop_silent)

    def drop_silent(self) -> None:
        """Close a connection that has not asked anything."""
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """One that ends on SIGTERM or SIGINT after what it accepted, and says how it ended by returning."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises DnRError where the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY on these alone
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except (OSError, OverflowError) as error:
        got = getattr(error, "strerror", None) or error
        raise DnRError(f"cannot listen on {host}:{port}", got=got, do="choose another --host or --port") from error
    found.setblocking(False)
    return found


def run(app: FastAPI, listening: socket.socket, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; `started` is called once connections are answered."""
    config = uvicorn.Config(
        app, http=Patient, ws="none", lifespan="on", log_level="warning", access_log=False, server_header=False,
        timeout_keep_alive=60, timeout_graceful_shutdown=GRACE_S, backlog=2048,
    )  # fmt: skip
    server = Server(config)

    async def serve() -> None:
        listening.listen(config.backlog)
        work = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not work.done():
            await asyncio.sleep(0.01)
        if server.started:
            started()
        await work

    sys.setswitchinterval(0.001)
    asyncio.run(serve())
