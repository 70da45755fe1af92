"""The command that serves a run over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Serve:
    """Answer over HTTP with a run: predictions, explanations, attributions, and all that a dashboard elsewhere asks."""

    checkpoint: Path
    host: str = "127.0.0.1"
    """Where to listen; another address than this machine's own needs a token."""
    port: int = 8600
    """0: any that is free."""
    token_file: Path | None = None
    """File with the bearer token; default: $DNR_TOKEN."""
    max_body_mib: int = 32
    """Largest body of a request."""
    max_corpus_mib: int = 2048
    """Largest corpus that a dashboard may send."""
    max_turns: int = 1000
    """Longest dialogue."""
    max_waiting: int = 64
    """Requests that may wait to be explained."""
    json: bool = False
    """Print one JSON object with the address once it answers."""
