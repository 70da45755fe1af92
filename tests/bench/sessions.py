"""Many sessions at once on one server: most over the websocket, two in a browser, each acting every few seconds."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tests.bench.dashboard_steps import FAMILIES, FLAGS, TITLES, points_of, selected
from tests.bench.server import Server
from tests.bench.wire import Wire

WIRES, BROWSERS, PERIOD_S = 18, 2, 3.0
PROBES = ("_stcore/health", "_stcore/host-config")
"""Streamlit asks for these below the address of a page first and is answered 404; not an error of the app."""


class Acted:
    """What sessions did: seconds of each action, and what went wrong."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.errors: list[str] = []

    def __str__(self) -> str:
        p50, p95 = (np.percentile(self.seconds, share) for share in (50, 95))
        return f"p50 {p50:.2f}, p95 {p95:.2f} (n = {len(self.seconds)})"


def sessions(corpus: str, run: str, seconds: float) -> dict[str, Any]:
    """WIRES sessions and BROWSERS browsers act for so many seconds: how long answers take, errors, memory."""
    link = f"corpus={corpus}&checkpoint={run}&map=pca"
    wires, browsers = Acted(), Acted()
    with Server() as server, ThreadPoolExecutor(WIRES + 1) as pool:
        walk(Wire(server.port, link))
        before, used, until = server.memory_mib, server.cpu_s, time.monotonic() + seconds
        jobs = [pool.submit(wire_user, server.port, link, number, until, wires) for number in range(WIRES)]
        jobs.append(pool.submit(browser_users, server.address, link, until, browsers))
        for job in jobs:
            job.result()
        grown, used, failed = server.memory_mib - before, server.cpu_s - used, server.tracebacks
    errors, each = wires.errors + browsers.errors, used / max(1, len(wires.seconds + browsers.seconds))
    said = f"{wires}; in the browsers {browsers}; {len(errors) + failed} errors; processor {each:.2f} s an answer"
    return {"measured": f"{said}; server + {grown:.0f} MiB" + "".join(f"; {error[:200]}" for error in errors[:3])}


def walk(wire: Wire) -> None:
    """Look at every page once, so that what all sessions share is computed."""
    for title in TITLES:
        wire.open(title)
    wire.close()


def wire_user(port: int, link: str, number: int, until: float, acted: Acted) -> None:
    """One session that does something at random every PERIOD_S seconds."""
    random = np.random.default_rng(number)
    time.sleep(number * PERIOD_S / WIRES)
    try:
        wire = Wire(port, link)
        following = time.monotonic()
        while time.monotonic() < until:
            acted.seconds.append(something(wire, random))
            following += PERIOD_S
            time.sleep(max(0.0, following - time.monotonic()))
        acted.errors += wire.errors
        wire.close()
    except Exception as error:  # a session that breaks is what is counted here
        acted.errors.append(f"session {number}: {error!r}")


def something(wire: Wire, random: np.random.Generator) -> float:
    """One of the things that can be done on the page that is open: another page one time in four."""
    keys = [key for key in ("step_ArrowRight", "step_e", "step_n", "queue_j", "queue_e") if key in wire.elements]
    acts: list[Callable[[], float]] = [lambda key=key: wire.press(key) for key in keys]
    if "pick_off_unique" in wire.elements:
        acts += [lambda: part(wire, random), lambda: part(wire, random)]
    if "confusions" in wire.elements:
        acts += [lambda: points(wire, random, "confusions", 1)]
    if "map_chart" in wire.elements:
        acts += [lambda: points(wire, random, "map_chart", 500)]
    if not acts or random.random() < 0.25:
        return wire.open(str(random.choice(TITLES)))
    return acts[int(random.integers(len(acts)))]()


def part(wire: Wire, random: np.random.Generator) -> float:
    """Switch off one part of a family."""
    key = f"pick_off_{random.choice(FAMILIES)}"
    options = wire.elements[key].options
    return wire.choose(key, options[int(random.integers(len(options)))].content)


def points(wire: Wire, random: np.random.Generator, key: str, many: int) -> float:
    """Select some neighbouring points of a chart."""
    there = points_of(wire, key)
    first = int(random.integers(max(1, len(there) - many)))
    return wire.say(key, selected(there[first : first + many]))


def browser_users(address: str, link: str, until: float, acted: Acted) -> None:
    """BROWSERS tabs of their own sessions that take turns: forth and back in a dialogue, to the errors and back."""
    from playwright.sync_api import sync_playwright

    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            tabs = [tab(browser, f"{address}/dialogue?{link}", acted) for _ in range(BROWSERS)]
            following, count = time.monotonic(), 0
            while time.monotonic() < until:
                acted.seconds.append(act(tabs[count % BROWSERS], count // BROWSERS % 4))
                count, following = count + 1, following + PERIOD_S / BROWSERS
                time.sleep(max(0.0, following - time.monotonic()))
            browser.close()
    except Exception as error:  # a browser that breaks is what is counted here
        acted.errors.append(f"browser: {error!r}")


def tab(browser: Any, link: str, acted: Acted) -> Any:
    """A tab of a fresh profile on the Dialogue page, whose errors are counted."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.on("pageerror", lambda error: acted.errors.append(str(error)))
    page.on("console", lambda message: note(message, acted))
    page.goto(link)
    page.locator(".chat .row.focus").wait_for(timeout=60_000)
    return page


def note(message: Any, acted: Acted) -> None:
    """Count an error on the console, apart from Streamlit's own probes."""
    if message.type == "error" and not message.location.get("url", "").endswith(PROBES):
        acted.errors.append(message.text)


def act(page: Any, kind: int) -> float:
    """One turn forth, one back, to the Errors page, back to the dialogue: seconds until it is drawn."""
    started = time.perf_counter()
    if kind < 2:
        turn = int(page.locator(".chat .row.focus").get_attribute("data-turn")) + (1, -1)[kind]
        page.keyboard.press(("ArrowRight", "ArrowLeft")[kind])
        page.locator(f'.chat .row.focus[data-turn="{turn}"]').wait_for(timeout=60_000)
    else:
        title, sign = (("Errors", ".st-key-confusions .point"), ("Dialogue", ".chat .row.focus .bar"))[kind - 2]
        page.get_by_role("link", name=title, exact=True).click()
        page.locator(sign).first.wait_for(timeout=60_000)
    return time.perf_counter() - started
