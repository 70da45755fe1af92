"""The steps of the benchmark; each returns a dict with `measured`, a text, and `corpus`, what it ran on."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import explanations
from tests.bench.explanations import timed

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"meld": (1432, 10), "iemocap": (151, 49)}
UTTERANCES = 40
"""How many utterances of the test split the utterance-scope step times, spread evenly over it."""


def shared() -> Path:
    """Where the real corpora are, if anywhere."""
    return Path(os.environ.get("DNR_SHARED", ROOT.parent / "shared" / "data"))


def prepare(folder: Path) -> None:
    """Write the corpora of all steps under `<folder>/data`."""
    from dnr_core.data.planted import PlantedConfig, generate
    from dnr_core.data.releases import prepare as read_sources

    for name, (dialogues, turns) in SIZES.items():
        if (shared() / name).is_dir():
            corpus, _ = read_sources([shared() / name], name=name)
        else:
            corpus = generate(PlantedConfig(dialogues=dialogues, utterances_per_dialogue=turns), name=f"{name}-sized")
        corpus.save(folder / "data" / name)
    generate(name="planted").save(folder / "data" / "planted")


def run(step: str, folder: Path) -> dict[str, Any]:
    """Run one step over the corpora in `folder`."""
    name, _, corpus = step.partition(":")
    os.environ |= {"DNR_DATA": str(folder / "data"), "DNR_CHECKPOINTS": str(folder / "checkpoints")}
    described = json.loads((folder / "data" / corpus / "corpus.json").read_text(encoding="utf-8"))["name"]
    return {"corpus": described} | STEPS[name](folder, corpus)


def cli(*words: str) -> dict[str, Any]:
    """A command of the command line with --json."""
    command = [sys.executable, "-m", "dnr_core", *words, "--json"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)


def trained(folder: Path, corpus: str) -> Path:
    """A run on a corpus, trained where there is none."""
    out = folder / "checkpoints" / f"{corpus}-dnr"
    if not out.exists():
        cli("train", "--corpus", str(folder / "data" / corpus), "--out", str(out))
    return out


def train(folder: Path, corpus: str) -> dict[str, Any]:
    started = time.perf_counter()
    out = folder / "checkpoints" / f"{corpus}-dnr"
    found = cli("train", "--corpus", str(folder / "data" / corpus), "--out", str(out))
    seconds = time.perf_counter() - started
    return {"measured": f"{seconds:.0f} ({found['epochs']} epochs, weighted F1 {found['test']['weighted_f1']:.3f})"}


def memory(folder: Path, corpus: str) -> dict[str, Any]:
    config = folder / "short.json"
    config.write_text(json.dumps({"stages": {"divide": {"epochs": 2}, "refine": {"epochs": 2}}}), encoding="utf-8")
    out = folder / "checkpoints" / f"{corpus}-short"
    words = ("--corpus", str(folder / "data" / corpus), "--out", str(out), "--config", str(config), "--batch", "64")
    return {"measured": f"{cli('train', *words)['peak_memory_mib']}"}


def dialogue_scope(folder: Path, corpus: str) -> dict[str, Any]:
    from dnr_core.serve import Engine

    engine, out = Engine(), trained(folder, corpus)
    shutil.rmtree(out / "results")
    engine.loaded(*engine.fitting(out, folder / "data" / corpus))
    started = time.perf_counter()
    engine.compute_coalitions(out, folder / "data" / corpus, "test")
    return {"measured": f"{time.perf_counter() - started:.1f}"}


def utterance_scope(folder: Path, corpus: str) -> dict[str, Any]:
    from dnr_core.serve import Engine

    engine, out, where = Engine(), trained(folder, corpus), folder / "data" / corpus
    rows = engine.corpus(where)
    engine.loaded(*engine.fitting(out, where))
    test = rows.rows("test")
    longest = max(rows.dialogue_ids("test"), key=lambda dialogue: len(rows.dialogue_rows[dialogue]))
    chosen = [int(test[place]) for place in np.linspace(0, len(test) - 1, UTTERANCES).astype(int)]
    chosen.append(int(rows.dialogue_rows[longest][0]))
    engine.utterance_values(out, where, rows.utterance(int(test[0])).utterance_id)
    seconds = [
        timed(lambda row=row: engine.utterance_values(out, where, rows.utterance(row).utterance_id)) for row in chosen
    ]
    mean, high = float(np.mean(seconds[:-1])), float(np.percentile(seconds[:-1], 95))
    whole = mean * len(test) / 60
    turns = len(rows.dialogue_rows[longest])
    return {
        "measured": f"{mean:.2f} / {high:.2f} / {seconds[-1]:.2f} ({turns} turns); "
        f"whole split {whole:.1f} min, extrapolated from n = {UTTERANCES}"
    }


def app(folder: Path, corpus: str) -> dict[str, Any]:
    from streamlit.testing.v1 import AppTest

    trained(folder, corpus)
    page = AppTest.from_file(str(ROOT / "dashboard" / "Home.py"), default_timeout=60)
    page.query_params["corpus"], page.query_params["checkpoint"] = corpus, f"{corpus}-dnr"
    page.switch_page("views/dialogue.py").run()
    families = ("unique", "redundant", "synergistic")
    toggles, moves, switches = [], [], []
    for turn in range(40):
        group: Any = next(one for one in page.get("button_group") if one.key == f"pick_off_{families[turn % 3]}")
        toggles.append(timed(group.set_value([group.options[turn // 3 % 3]]).run))
        moves.append(timed(next(one for one in page.button if one.key == "step_e").click().run))
    for turn in range(20):
        name = ("overview", "dialogue")[turn % 2]
        switches.append(timed(lambda name=name: page.switch_page(f"views/{name}.py").run()))
    figures = [f"{1000 * np.percentile(values, 95):.0f}" for values in (toggles, moves, switches[2:])]
    return {"measured": " / ".join(figures) + f" (n = {len(toggles)}, {len(moves)}, {len(switches) - 2})"}


def first_page(folder: Path, corpus: str) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    trained(folder, corpus)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/Home.py", "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1"]
    with sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        started = time.perf_counter()
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 0.1).close()
                    break
                except OSError:
                    time.sleep(0.02)
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            page.get_by_text("Weighted F1").first.wait_for(timeout=60_000)
            seconds = time.perf_counter() - started
        finally:
            server.terminate()
            browser.close()
    return {"measured": f"{seconds:.1f}"}


def values(folder: Path, corpus: str) -> dict[str, Any]:
    from dnr_core.serve import Engine

    return explanations.values(Engine(), trained(folder, corpus), folder / "data" / corpus)


def sampling(folder: Path, corpus: str) -> dict[str, Any]:
    from dnr_core.serve import Engine

    engine, where = Engine(), folder / "data" / corpus
    rows = engine.corpus(where)
    model, data = engine.loaded(*engine.fitting(trained(folder, corpus), where))
    test = rows.rows("test")
    chosen = [rows.utterance(int(test[at])) for at in np.linspace(0, len(test) - 1, explanations.SAMPLED).astype(int)]
    batches = [(data.batch(rows.dialogue_rows[one.dialogue_id][None]), one.turn) for one in chosen]
    return explanations.sampling(model, batches)


def information(folder: Path, corpus: str) -> dict[str, Any]:
    from dnr_core.serve import Engine

    return explanations.information(Engine(), folder / "data" / corpus)


def gradients_split(folder: Path, corpus: str) -> dict[str, Any]:
    from dnr_core.serve import Engine

    return explanations.gradients_split(Engine(), trained(folder, corpus), folder / "data" / corpus)


def gradients_one(folder: Path, corpus: str) -> dict[str, Any]:
    from dnr_core.serve import Engine

    return explanations.gradients_one(Engine(), trained(folder, corpus), folder / "data" / corpus)


STEPS: dict[str, Callable[[Path, str], dict[str, Any]]] = {
    "train": train,
    "memory": memory,
    "dialogue_scope": dialogue_scope,
    "utterance_scope": utterance_scope,
    "values": values,
    "sampling": sampling,
    "information": information,
    "gradients_split": gradients_split,
    "gradients_one": gradients_one,
    "app": app,
    "first_page": first_page,
}
