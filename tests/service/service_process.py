"""A real service: the command as a process of its own on a free port, over the runs of a workspace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests

from dnr_core.data.corpus import Corpus
from dnr_core.remote import Client
from dnr_core.types import MODALITIES

TOKEN = "0123456789abcdef-token"
UNSET = ("DNR_SERVER", "DNR_TOKEN", "PYTHONDONTWRITEBYTECODE")
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Service:
    """A running `serve`; `log` is what it wrote on stderr."""

    process: subprocess.Popen[str]
    address: str
    log: Path
    token: str = ""

    @property
    def client(self) -> Client:
        return Client(self.address, self.token)

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def ask(self, method: str, path: str, **given: Any) -> requests.Response:
        given.setdefault("timeout", 60)
        own = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        given["headers"] = own | given.get("headers", {})
        return requests.request(method, self.address + path, **given)

    def post(self, path: str, body: Any = None, **given: Any) -> requests.Response:
        return self.ask("POST", path, **({"json": body} if body is not None else {}), **given)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """A signal, and the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


def start(run: Path, log: Path, *words: str, environment: dict[str, str] | None = None, port: int = 0) -> Service:
    """`serve` a run and wait until it answers."""
    command = [
        sys.executable,
        "-m",
        "dnr_core",
        "serve",
        "--checkpoint",
        str(run),
        "--port",
        str(port),
        "--json",
        *words,
    ]
    env = {name: value for name, value in os.environ.items() if name not in UNSET}
    env["PYTHONPYCACHEPREFIX"] = str(log.parent.parent / "pycache")  # the next one starts in a third of the time
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env | {"OMP_NUM_THREADS": "1"} | (environment or {}), text=True,
            stdout=subprocess.PIPE, stderr=stream,
        )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, log.read_text()[-2000:]
    return Service(process, json.loads(line)["address"], log)


def dialogue_json(corpus: Corpus, dialogue_id: str) -> dict[str, Any]:
    """A dialogue of a corpus as the service takes it: null for what was not measured."""
    turns = []
    for row in corpus.dialogue_rows[dialogue_id]:
        turn: dict[str, Any] = {"speaker": corpus.utterance(int(row)).speaker}
        for place, name in enumerate(MODALITIES):
            cells = corpus.features[name][row].astype(float).tolist()
            turn[name] = [None if np.isnan(cell) else cell for cell in cells] if corpus.present[row, place] else None
        turns.append(turn)
    return {"dialogue_id": dialogue_id, "utterances": turns}


def error_of(response: requests.Response, status: int, *words: str) -> dict[str, Any]:
    """The one shape of every refusal, with its status and some words of its sentence."""
    assert response.status_code == status, (response.status_code, response.text[:500])
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["error"] and set(body["error"]) == {"status", "kind", "message", "where"}
    error = body["error"]
    assert error["status"] == status and "\n" not in error["message"] and "Traceback" not in error["message"]
    for word in words:
        assert word in error["message"], error
    return error


def until(condition: Any, seconds: float = 20.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")
