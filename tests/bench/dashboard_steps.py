"""Steps of the benchmark about the dashboard: switches, selections, memory of a session, a large corpus."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np

from dashboard.pages import PAGES
from tests.bench.explanations import timed
from tests.bench.server import ROOT, Server
from tests.bench.wire import Wire

FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
FAMILIES = ("unique", "redundant", "synergistic")
TITLES = tuple(title for _, title, _, _ in PAGES)
ROUNDS, TOGGLES, CLICKS, LASSOS = 4, 30, 20, 6
SESSIONS, AGAIN = 10, 4
PICKED = 10_000


def app(corpus: str, run: str) -> dict[str, Any]:
    """By AppTest, in this process: toggles, steps to the next error, switches among all pages; wall and processor."""
    page = opened(corpus, run)
    page.switch_page("views/dialogue.py").run()
    toggles, moves, switches = Times(), Times(), Times()
    for turn in range(TOGGLES):
        group: Any = next(one for one in page.get("button_group") if one.key == f"pick_off_{FAMILIES[turn % 3]}")
        toggles.take(group.set_value([group.options[turn // 3 % 3]]).run)
        moves.take(next(one for one in page.button if one.key == "step_e").click().run)
    for visit in range(1 + ROUNDS):
        for file, *_ in PAGES:
            times = switches if visit else Times()
            times.take(lambda file=file: page.switch_page(f"views/{file}").run(), name=file.removesuffix(".py"))
    if page.exception:
        raise SystemExit(page.exception[0].message)
    said = f"toggle {toggles}; step {moves}; page switch {switches}, slowest {switches.slowest()}"
    return {"measured": f"{said}; n = {len(toggles)}, {len(moves)}, {len(switches)}"}


def opened(corpus: str, run: str) -> Any:
    """The app over a corpus and a run, without a server."""
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(str(ROOT / "dashboard" / "Home.py"), default_timeout=120)
    page.query_params["corpus"], page.query_params["checkpoint"] = corpus, run
    return page


class Times:
    """Wall and processor seconds of some actions; written as the p95 of both in ms, of the processor in brackets."""

    def __init__(self, clock: Callable[[], float] = time.process_time) -> None:
        self.clock = clock
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.named: dict[str, list[float]] = {}

    def take(self, action: Callable[[], object], *, name: str = "") -> None:
        """Do it once and remember what it took."""
        began = self.clock()
        self.wall.append(timed(action))
        self.cpu.append(self.clock() - began)
        self.named.setdefault(name, []).append(self.wall[-1])

    def slowest(self) -> str:
        """The name with the largest median, and that median in ms."""
        name, times = max(self.named.items(), key=lambda pair: float(np.median(pair[1])))
        return f"{name} {1000 * np.median(times):.0f}"

    def __len__(self) -> int:
        return len(self.wall)

    def __str__(self) -> str:
        wall, cpu = (1000 * np.percentile(values, 95) for values in (self.wall, self.cpu))
        return f"{wall:.0f} ({cpu:.0f})"


def pages(corpus: str, run: str) -> dict[str, Any]:
    """Over the websocket of a real server: page switches, toggles, cells of the matrix, lassos, memory of a session."""
    link = f"corpus={corpus}&checkpoint={run}&map=pca"
    with Server() as server:
        wire = Wire(server.port, link)
        switches = Times(lambda: server.cpu_s)
        for visit in range(1 + ROUNDS):
            for title in TITLES:
                times = switches if visit else Times()
                times.take(lambda title=title: wire.open(title), name=title)
        figures = {
            f"page switch, slowest {switches.slowest()}": switches,
            "toggle": toggles(wire, server),
            "matrix cell": cells(wire, server),
            f"lasso of {PICKED:,} points": lassos(wire, server),
        }
        stop_on(wire.errors, server)
        each = memory_of_a_session(server, link)
    said = "; ".join(f"{name}: {times}" for name, times in figures.items())
    counts = ", ".join(str(len(times)) for times in figures.values())
    return {"measured": f"{said} (n = {counts}); memory of a session {each:.1f} MiB (n = {SESSIONS})"}


def stop_on(errors: list[str], server: Server) -> None:
    """A page that fails is not measured."""
    if errors or server.tracebacks:
        told = "; ".join(dict.fromkeys(error[:200] for error in errors[:3]))
        raise SystemExit(f"{server.tracebacks} tracebacks in the log of the server; {told}")


def toggles(wire: Wire, server: Server) -> Times:
    """From a part that is switched off, or on, to the new numbers of its dialogue."""
    wire.open("Dialogue")
    times = Times(lambda: server.cpu_s)
    for turn in range(TOGGLES):
        key = f"pick_off_{FAMILIES[turn % 3]}"
        name = wire.elements[key].options[turn // 3 % 3].content
        times.take(lambda key=key, name=name: wire.choose(key, name))
    return times


def cells(wire: Wire, server: Server) -> Times:
    """From a click on a cell of the matrix to the list of its utterances."""
    wire.open("Errors")
    times = Times(lambda: server.cpu_s)
    for click in range(CLICKS):
        times.take(lambda click=click: cell(wire, click))
        assert "html" in wire.elements["queue_rows"].json
    return times


def cell(wire: Wire, click: int) -> float:
    """Click on another cell of the matrix each time."""
    there = points_of(wire, "confusions")
    return wire.say("confusions", selected([there[7 * click % len(there)]]))


def lassos(wire: Wire, server: Server) -> Times:
    """From a lasso around PICKED points of the map to the table of their utterances."""
    wire.open("Projection")
    times, points = Times(lambda: server.cpu_s), points_of(wire, "map_chart")
    for place in range(LASSOS):
        drawn = selected(points[place : place + PICKED])
        times.take(lambda drawn=drawn: wire.say("map_chart", drawn))
        assert "data-turn" in wire.elements["map_rows"].json
    return times


def points_of(wire: Wire, key: str) -> list[dict[str, Any]]:
    """The points of a chart as a browser reports them when they are selected."""
    traces = json.loads(wire.elements[key].spec)["data"]
    return [
        {"curve_number": number, "point_number": place, "point_index": place, "x": 0.123456789, "y": 0.987654321,
         "customdata": given}
        for number, trace in enumerate(traces) for place, given in enumerate(trace.get("customdata", ()))
    ]  # fmt: skip


def selected(points: list[dict[str, Any]]) -> str:
    """A selection of points as a browser sends it."""
    indices = [point["point_index"] for point in points]
    return json.dumps({"selection": {"points": points, "point_indices": indices, "box": [], "lasso": []}})


def memory_of_a_session(server: Server, query: str) -> float:
    """MiB by which the server grows for each of SESSIONS more sessions that look at every page and stay.

    As many have come and gone before, so that what all sessions share, and what the allocator keeps, is there already.
    """
    for wire in visitors(server, query):
        wire.close()
    before = server.memory_mib
    kept = visitors(server, query)
    grown = (server.memory_mib - before) / SESSIONS
    for wire in kept:
        wire.close()
    return grown


def visitors(server: Server, query: str) -> list[Wire]:
    """SESSIONS sessions that have looked at every page."""
    found = [Wire(server.port, query) for _ in range(SESSIONS)]
    for title in TITLES:
        for wire in found:
            wire.open(title)
    return found


def large(corpus: str, run: str) -> dict[str, Any]:
    """A large corpus: seconds of what is done the first time, with what it computes; wall (processor) afterwards."""
    from dnr_core.serve import Engine

    mapped = timed(lambda: Engine().compute_projection(run, corpus, "all", "pca"))
    began = time.perf_counter()
    with Server() as server:
        wire = Wire(server.port, f"corpus={corpus}&checkpoint={run}&map=pca")
        found = {"first page": (time.perf_counter() - began, again(server, lambda: wire.open("Overview")))}
        for name, (before, act) in looks(wire).items():
            before()
            found[name] = (timed(act), again(server, act, before=before))
        stop_on(wire.errors, server)
        size = server.memory_mib
    said = "; ".join(f"{name} {first:.1f} / {times}" for name, (first, times) in found.items())
    return {"measured": f"{said}; PCA of all parts, with its measures, {mapped:.0f} s; server {size:,.0f} MiB"}


def again(server: Server, act: Callable[[], object], *, before: Callable[[], object] = lambda: None) -> Times:
    """What it takes AGAIN more times, each time after something that is not counted."""
    times = Times(lambda: server.cpu_s)
    for _ in range(AGAIN):
        before()
        times.take(act)
    return times


def looks(wire: Wire) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """What is done on each page, in order, and what comes before it and is not counted."""
    turns = count()

    def lasso() -> float:
        place = next(turns)
        return wire.say("map_chart", selected(points_of(wire, "map_chart")[place : place + PICKED]))

    def nothing() -> None:
        return

    return {
        "list": (nothing, lambda: wire.open("Dialogue")),
        "list of train": (lambda: wire.choose("pick_split", "test"), lambda: wire.choose("pick_split", "train")),
        "filter": (lambda: wire.switch("pick_errors_only", False), lambda: wire.switch("pick_errors_only", True)),
        "errors": (nothing, lambda: wire.open("Errors")),
        "matrix cell": (nothing, lambda: cell(wire, next(turns))),
        "errors of train": (
            lambda: wire.choose("pick_errors_split", "test"),
            lambda: wire.choose("pick_errors_split", "train"),
        ),
        "map": (nothing, lambda: wire.open("Projection")),
        f"lasso of {PICKED:,}": (nothing, lasso),
    }


def first_page() -> dict[str, Any]:
    """Seconds from the start of a server to its first page in a browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        started = time.perf_counter()
        with Server() as server:
            page = browser.new_page()
            page.goto(server.address)
            page.get_by_text("Weighted F1").first.wait_for(timeout=60_000)
            seconds = time.perf_counter() - started
        browser.close()
    return {"measured": f"{seconds:.1f}"}
