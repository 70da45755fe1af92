"""The command that serves a run: serve."""

from __future__ import annotations

from typing import Any

from dnr_core.cli.output import answer
from dnr_core.commands import Serve
from dnr_core.errors import UsageError


def serve(command: Serve) -> None:
    from dnr_core.api.access import Access, is_loopback, read_token
    from dnr_core.api.limits import MIB, Limits
    from dnr_core.api.server import listen, run

    token = read_token(command.host, command.token_file)
    for name in ("max_body_mib", "max_corpus_mib", "max_turns", "max_waiting"):
        if getattr(command, name) < 1:
            raise UsageError(f"bad --{name.replace('_', '-')}", got=getattr(command, name), expected="1 or more")
    listening = listen(command.host, command.port)
    from dnr_core.api.app import Service, make_app
    from dnr_core.api.served import Served

    limits = Limits(
        body=command.max_body_mib * MIB, held=max(Limits.held, 2 * command.max_body_mib * MIB),
        corpus=command.max_corpus_mib * MIB, turns=command.max_turns, waiting=command.max_waiting,
    )  # fmt: skip
    service = Service(Served.read(command.checkpoint), limits)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    values: dict[str, Any] = {
        "address": f"http://{shown}:{port}",
        "run": service.served.name,
        "token": token is not None,
    }

    def started() -> None:
        answer(values, f"{values['run']} answers at {values['address']}", as_json=command.json)

    run(make_app(service, Access(token, is_loopback(command.host))), listening, started)
