"""The HTTP service under load from this machine: predictions a second, time to an answer, memory."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = {"text": 768, "audio": 512, "visual": 1024}
JSON, SAFETENSORS = "application/json", "application/vnd.safetensors"
LOAD_S, CLIENTS, TURNS, AT_A_TIME = 10.0, (1, 8, 64), 10, 32
REQUESTS = 20_000
"""Requests over which memory is watched, unless the step names another number."""


@contextmanager
def serving(run: Path) -> Any:
    """`serve` a run: yields its port and process id."""
    command = [sys.executable, "-m", "dnr_core", "serve", "--checkpoint", str(run), "--port", "0", "--json"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = json.loads(process.stdout.readline())["address"]
    yield int(address.rpartition(":")[2]), process.pid
    process.terminate()
    assert process.wait(timeout=60) == 0


def quick_run(folder: Path, corpus: str) -> Path:
    """A run of one epoch: what a prediction costs does not depend on how well it was trained."""
    from dnr_core.config import preset
    from dnr_core.experiment import train_run
    from dnr_core.serve import Engine

    out = folder / "checkpoints" / f"{corpus}-served"
    if not out.exists():
        config = preset("dnr", "mmgcn")
        stages = {name: stage.model_copy(update={"epochs": 1}) for name, stage in config.stages.items()}
        short = config.model_copy(update={"stages": stages})
        train_run(Engine(), folder / "data" / corpus, short, out, device="cpu", explained=False)
    return out


def clients(port: int, bodies: list[bytes], kind: str, *, at_a_time: int, until: Callable[[int], bool]) -> list[float]:
    """So many clients that ask again as soon as they are answered; seconds of every request."""
    seconds: list[float] = []

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        place = number
        while not until(len(seconds)):
            started = time.perf_counter()
            connection.request("POST", "/predict", bodies[place % len(bodies)], {"Content-Type": kind, "Accept": kind})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            seconds.append(time.perf_counter() - started)
            place += at_a_time

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(at_a_time)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds


def for_a_while(seconds: float) -> Callable[[int], bool]:
    end = time.monotonic() + seconds
    return lambda _: time.monotonic() > end


def turn_of(corpus: Any, row: int) -> dict[str, Any]:
    """A turn as JSON, in as many digits as float32 has."""
    turn: dict[str, Any] = {"speaker": corpus.utterance(row).speaker}
    for place, name in enumerate(("text", "audio", "visual")):
        cells = [None if np.isnan(cell) else float(f"{cell:.7g}") for cell in corpus.features[name][row]]
        turn[name] = cells if corpus.present[row, place] else None
    return turn


def json_bodies(corpus: Any, *, size: int, turns: int | None = None) -> tuple[list[bytes], float]:
    """Bodies of `size` dialogues each (cut, or joined, to `turns` where given), and their mean number of turns."""
    names = corpus.dialogue_ids("test")
    made = [[turn_of(corpus, int(row)) for row in corpus.dialogue_rows[name]] for name in names[:256]]
    if turns is not None:
        every = [turn for dialogue in made for turn in dialogue]
        made = [every[start : start + turns] for start in range(0, len(every) - turns, turns)]
    groups = [made[start : start + size] for start in range(0, len(made) - size + 1, size)]
    bodies = [json.dumps({"dialogues": [{"utterances": one} for one in group]}).encode() for group in groups]
    return bodies, float(np.mean([sum(map(len, group)) for group in groups]))


def array_bodies(*, size: int) -> tuple[list[bytes], float]:
    """Bodies of `size` dialogues of TURNS turns at the published widths."""
    from safetensors.numpy import save

    random = np.random.default_rng(0)
    bodies = []
    for _ in range(4):
        arrays = {name: random.normal(size=(size * TURNS, d)).astype(np.float32) for name, d in PUBLISHED.items()}
        bodies.append(save(arrays | {"lengths": np.full(size, TURNS)}))
    return bodies, float(size * TURNS)


def rate(port: int, bodies: list[bytes], turns: float, kind: str) -> float:
    """Utterances a second at batch load."""
    clients(port, bodies, kind, at_a_time=4, until=for_a_while(2.0))
    started = time.perf_counter()
    asked = clients(port, bodies, kind, at_a_time=4, until=for_a_while(LOAD_S))
    return len(asked) * turns / (time.perf_counter() - started)


def resident_mib(process: int) -> float:
    """Memory that a process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def service(folder: Path, corpus: str, requests: str = str(REQUESTS)) -> dict[str, Any]:
    """Everything of one run with the widths of a corpus, and the rate of one with the published widths."""
    from dnr_core.data.corpus import Corpus
    from dnr_core.data.planted import PlantedConfig, generate

    rows, found = Corpus.load(folder / "data" / corpus), []
    with serving(quick_run(folder, corpus)) as (port, process):
        found.append(f"JSON {rate(port, *json_bodies(rows, size=AT_A_TIME), JSON):,.0f} utterances/s")
        bodies, _ = json_bodies(rows, size=1, turns=TURNS)
        for many in CLIENTS:
            seconds = np.array(clients(port, bodies, JSON, at_a_time=many, until=for_a_while(LOAD_S)))
            p50, p95, p99 = np.quantile(seconds, [0.5, 0.95, 0.99]) * 1000
            found.append(f"{many} clients {p50:.0f} / {p95:.0f} / {p99:.0f} ms, {len(seconds) / LOAD_S:.0f} requests/s")
        memory = [resident_mib(process)]
        for part in range(1, 5):
            most = int(requests) * part // 4 - int(requests) * (part - 1) // 4
            clients(port, bodies, JSON, at_a_time=8, until=lambda count, most=most: count >= most)
            memory.append(resident_mib(process))
        found.append(f"{int(requests):,} requests " + " → ".join(f"{mib:.0f}" for mib in memory) + " MiB")
    if not (folder / "data" / "published").exists():
        wide = PlantedConfig(dialogues=40, utterances_per_dialogue=TURNS, widths=PUBLISHED)
        generate(wide, name="published").save(folder / "data" / "published")
    with serving(quick_run(folder, "published")) as (port, _):
        found.insert(1, f"safetensors {rate(port, *array_bodies(size=8), SAFETENSORS):,.0f} utterances/s")
    return {"measured": "; ".join(found)}
