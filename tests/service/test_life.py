"""How a service begins, whom it lets in, and how it ends; and clients that are slow, or leave."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from service_process import ROOT, TOKEN, Service, dialogue_json, error_of, start, until

from dnr_core.api.access import read_token
from dnr_core.api.server import listen
from dnr_core.data.corpus import Corpus
from dnr_core.errors import DnRError, UsageError
from dnr_core.remote import Client
from tests.conftest import Workspace

BODY = {"dialogues": [{"utterances": [{"text": [0.1] * 6}]}]}
HEAD = "POST /{0} HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: {1}\n\n"


@pytest.fixture(scope="module", autouse=True)
def dawdling(service: Service) -> socket.socket:
    """A client that has promised a body, and sends none; since before all tests of this file."""
    return connected(service, HEAD.format("predict", 1000))


def test_off_loopback_it_refuses_to_start_without_a_token(run_folder: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "DNR_TOKEN"}
    words = ["serve", "--checkpoint", str(run_folder), "--port", "0", "--host", "0.0.0.0"]
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dnr_core", *words], cwd=ROOT, env=env, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("import time:")]
    assert (ended.returncode, ended.stdout, len(lines)) == (2, "", 1), ended.stderr[-500:]
    assert "no token to serve on 0.0.0.0" in lines[0] and "--token-file" in lines[0]
    imported = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "dnr_core.errors" in imported and "torch" not in imported


@pytest.mark.parametrize(
    ("host", "variable", "file", "word"),
    [
        ("::", "", None, "no token"), ("192.168.0.1", "", None, "no token"), ("gpu-box", "", None, "no token"),
        ("0.0.0.0", "short", None, "16 or more"), ("127.0.0.1", "has a space in it", None, "no spaces"),
        ("0.0.0.0", "", "\n", "no token"), ("127.0.0.1", "", "", "no token"),
        ("127.0.0.1", TOKEN, "short", "16 or more"),
    ],
)  # fmt: skip
def test_tokens_that_are_none(
    host: str, variable: str, file: str | None, word: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DNR_TOKEN", variable)
    path = None if file is None else tmp_path / "token"
    if path is not None:
        path.write_text(file or "")
    with pytest.raises(UsageError, match=word):
        read_token(host, path)
    with pytest.raises(UsageError, match="cannot read"):
        read_token(host, tmp_path / "none")


def test_on_loopback_none_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DNR_TOKEN", raising=False)
    assert [read_token(host, None) for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8")] == [None] * 4


def test_an_address_that_is_taken_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(DnRError, match="cannot listen on 127"):
        listen("127.0.0.1", taken.getsockname()[1])
    for host, port in (("127.0.0.1", 70_000), ("no.such.host.invalid", 8600)):
        with pytest.raises(DnRError, match="choose another --host or --port"):
            listen(host, port)


def test_a_token_is_asked_for_everywhere(plain_service: Service) -> None:
    service = replace(plain_service, token="")
    for path in ("/health", "/metrics", "/openapi.json", "/model", "/run", "/nothing"):
        answer = service.ask("GET", path)
        assert error_of(answer, 401, "no token") and answer.headers["WWW-Authenticate"] == "Bearer"
        assert TOKEN not in answer.text
    for given in (f"Bearer {TOKEN}x", "Bearer ", f"Basic {TOKEN}", TOKEN, "Bearer \u00fc".encode("latin-1")):
        error_of(service.post("/predict", BODY, headers={"Authorization": given}), 401)
    good = {"Authorization": f"Bearer {TOKEN}", "Host": "gpu-box:8600"}
    assert service.post("/predict", BODY, headers=good).status_code == 200
    with pytest.raises(DnRError, match="not allowed: got another token"):
        Client(service.address, "another").model()


def test_the_limits_are_those_that_were_asked_for(plain_service: Service) -> None:
    client = plain_service.client
    limits = client.model()["limits"]
    assert (limits["body"], limits["turns"]) == (2**20, 50)
    with pytest.raises(DnRError, match="at most 50"):
        client.predict([{"utterances": [{}] * 51}])
    with pytest.raises(DnRError, match="at most 1 MiB"):
        client.predict([{"utterances": [{"speaker": "x" * 100}] * 20_000}])


def test_a_checkpoint_that_is_replaced_goes_on_being_served_and_it_is_said(
    plain_service: Service, place: Workspace
) -> None:
    client, folder = plain_service.client, plain_service.log.parent / "copy"
    before = client.explain(BODY["dialogues"])
    folder.rename(folder.with_name("away"))
    assert client.health()["changed_on_disk"] is True
    shutil.copytree(place.checkpoints / "dnr", folder)
    assert client.model()["changed_on_disk"] is True and client.model()["method"] == "plain"
    assert client.explain(BODY["dialogues"]) == before
    files = client.wire.ask("GET", "/run").json()["files"]
    assert json.loads(files["config.json"])["run"]["method"] == "plain"
    shutil.rmtree(folder)
    folder.with_name("away").rename(folder)
    assert client.health()["changed_on_disk"] is False


def connected(service: Service, head: str) -> socket.socket:
    """A connection that has sent the head of a request."""
    made = socket.create_connection(("127.0.0.1", service.port), timeout=30)
    made.sendall(head.replace("\n", "\r\n").encode())
    return made


def open_requests(service: Service) -> float:
    text = service.ask("GET", "/metrics").text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith("dnr_open_requests "))


def test_clients_that_leave_hold_nobody_up(service: Service) -> None:
    before, body = open_requests(service), json.dumps(BODY)
    silent = [connected(service, HEAD.format("predict", 1000)) for _ in range(30)]
    halves = [connected(service, "POST /predict HT") for _ in range(30)]
    gone = [connected(service, HEAD.format("explain", len(body)) + body) for _ in range(10)]
    for leaving in gone:
        leaving.close()
    started = time.monotonic()
    assert service.post("/predict", BODY).status_code == 200
    assert time.monotonic() - started < 5
    for left in silent + halves:
        left.close()
    until(lambda: open_requests(service) <= before)


def test_a_computation_ends_when_its_client_has_left(service: Service) -> None:
    def waiting() -> float:
        text = service.ask("GET", "/metrics").text
        name = "dnr_waiting_computations "
        return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    long = {"dialogues": [{"utterances": [{"text": [0.1] * 6, "audio": [0.1] * 5, "visual": [0.2] * 4}] * 2}] * 200}
    text = json.dumps(long)
    made = connected(service, HEAD.format("explain", len(text)) + text)
    until(lambda: waiting() == 1)
    started = time.monotonic()
    made.close()
    until(lambda: waiting() == 0)
    assert time.monotonic() - started < 10


def test_sigterm_finishes_what_was_accepted_behind_a_token_on_loopback(
    run_folder: Path, corpus: Corpus, tmp_path: Path
) -> None:
    service = start(run_folder, tmp_path / "log.txt", environment={"DNR_TOKEN": TOKEN})
    assert all(service.ask("GET", path).status_code == 200 for path in ("/health", "/metrics", "/openapi.json"))
    error_of(service.ask("GET", "/model"), 401)
    service.token = TOKEN
    given = [dialogue_json(corpus, name) for name in corpus.dialogue_ids("train")]
    wanted = service.client.explain(given[:4])
    found: dict[str, Any] = {}

    def ask(name: str, path: str, body: Any) -> None:
        try:
            found[name] = service.post(path, body)
        except requests.RequestException as error:
            found[name] = error

    asked = [("a", "/explain", {"dialogues": given[:4]}), ("b", "/explain", {"dialogues": given[4:12]}),
             ("c", "/attribute", {"dialogues": given[:1], "turn": 2})]  # fmt: skip
    threads = [threading.Thread(target=ask, args=one) for one in asked]
    for thread in threads:
        thread.start()
    until(lambda: open_requests(service) == 4)
    service.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert service.process.wait(timeout=60) == 0 and service.log.read_text() == ""
    assert [found[name].status_code for name in "abc"] == [200] * 3
    assert found["a"].json() == wanted
    with pytest.raises(requests.ConnectionError):
        service.ask("GET", "/health")


def test_too_many_turns_at_a_time_are_told_to_come_again(corpus: Corpus) -> None:
    """The queue, in this process: a forward pass that lasts until it is let go."""
    import asyncio

    import numpy as np

    from dnr_core.api.batching import Batcher
    from dnr_core.api.dialogues import Dialogues
    from dnr_core.api.errors import ApiError

    let_go = threading.Event()
    sizes: list[int] = []

    def forward(parts: list[tuple[Dialogues, int]]) -> np.ndarray:
        let_go.wait(10)
        sizes.append(len(parts))
        return np.array([[[d.features["text"][d.starts[place], 0]]] for d, place in parts])

    def asked(value: float) -> Dialogues:
        return Dialogues(("",), (1,), {"text": np.full((1, 1), value, np.float32)}, np.ones((1, 3), bool), ("",))

    async def scenario() -> list[float]:
        batcher = Batcher(forward, 1, queued=10, ran=lambda turns, seconds: None)
        first = asyncio.ensure_future(batcher.predict(asked(0)))
        await asyncio.sleep(0.2)
        others = [asyncio.ensure_future(batcher.predict(asked(value))) for value in range(1, 11)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="too many turns wait") as refused:
            await batcher.predict(asked(99))
        assert refused.value.status == 429 and refused.value.headers["Retry-After"] == "1"
        others[3].cancel()
        await asyncio.sleep(0)
        let_go.set()
        found = await asyncio.gather(first, *others, return_exceptions=True)
        await asyncio.to_thread(batcher.close)
        return [-1.0 if isinstance(one, BaseException) else float(one[0, 0]) for one in found]

    with ThreadPoolExecutor(1) as pool:  # a browser of other tests may have a loop in this thread
        assert pool.submit(lambda: asyncio.run(scenario())).result() == [0, 1, 2, 3, -1, 5, 6, 7, 8, 9, 10]
    assert sizes == [1, 9], "the rest share one forward pass, without the one that left"


def test_a_client_that_dawdles_is_told_so(service: Service, dawdling: socket.socket) -> None:
    answer = dawdling.recv(4096)  # after ten seconds without a byte
    assert b" 408 " in answer and b"did not come" in answer
    until(lambda: open_requests(service) == 1)
