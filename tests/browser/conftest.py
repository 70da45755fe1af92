"""A real server and a real browser; skipped where there is no chromium, unless DNR_REQUIRE_BROWSER=1 asks for it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
DEEP_LINK_PROBES = ("_stcore/health", "_stcore/host-config")
"""Streamlit asks for these below the page's address first and is answered 404; not an error of the app."""


@pytest.fixture(scope="session")
def server(workspace: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `streamlit run dashboard/Home.py` over the workspace."""
    port = free_port()
    process = serve(workspace, port, tmp_path_factory.mktemp("server") / "log.txt")
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=20)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def serve(workspace: Any, port: int, log: Path) -> subprocess.Popen[bytes]:
    """A server of the app over the folders of a workspace that answers already; its output is added to `log`."""
    environment = os.environ | {
        "DNR_DATA": str(workspace.data),
        "DNR_CHECKPOINTS": str(workspace.checkpoints),
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/Home.py", "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1"]
    with log.open("ab") as stream:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT)
    wait_until_healthy(f"http://127.0.0.1:{port}", process, log)
    return process


def wait_until_healthy(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers; fail with its log where it does not."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    process.kill()
    pytest.fail(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's chromium under Playwright."""
    path = shutil.which("chromium")
    required = os.environ.get("DNR_REQUIRE_BROWSER") == "1"
    if not path and not required:
        pytest.skip("no chromium on this machine; set DNR_REQUIRE_BROWSER=1 to fail instead")
    assert path, "DNR_REQUIRE_BROWSER=1, and there is no chromium"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@dataclass
class Visit:
    """One fresh browser context; collects what went wrong and where it asked."""

    page: Any
    address: str
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def open(self, path: str) -> Visit:
        self.page.goto(self.address + path)
        return self.settled()

    def settled(self) -> Visit:
        """Wait until the script has run and the app is idle."""
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=30_000)
        self.page.wait_for_timeout(400)
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=30_000)
        return self

    def clean(self) -> None:
        """Nothing failed on the way, and nothing was asked of another host."""
        assert self.errors == []
        assert self.elsewhere == []

    @property
    def focused(self) -> Any:
        return self.page.locator(".chat .row.focus")


@pytest.fixture
def visit(server: str, visit_at: Any) -> Any:
    """`visit()` → a Visit to the server over the workspace in a fresh context."""

    def start(width: int = 1280, height: int = 900) -> Visit:
        return visit_at(server, width, height)

    return start


@pytest.fixture
def visit_at(browser: Any) -> Iterator[Any]:
    """`visit_at(address)` → a Visit to any server in a fresh context."""
    contexts = []

    def start(address: str, width: int = 1280, height: int = 900) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        made = Visit(context.new_page(), address)
        made.page.on("pageerror", lambda error: made.errors.append(str(error)))
        made.page.on("request", lambda request: note_request(made, request.url))
        made.page.on("console", lambda message: note_console(made, message))
        return made

    yield start
    for context in contexts:
        context.close()


def note_request(made: Visit, url: str) -> None:
    """Remember a request that leaves the server."""
    if not url.startswith((made.address, made.address.replace("http", "ws", 1), "data:", "blob:")):
        made.elsewhere.append(url)


def note_console(made: Visit, message: Any) -> None:
    """Remember an error on the console, apart from Streamlit's own probes."""
    url = message.location.get("url", "")
    if message.type == "error" and not url.endswith(DEEP_LINK_PROBES):
        made.errors.append(f"{message.text} {url}")
