"""The steps of the benchmark; each returns a dict with `measured`, a text, and `corpus`, what it ran on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import dashboard_steps, explanations, figures, service, training_steps
from tests.bench.explanations import timed

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"meld": (1432, 10), "iemocap": (151, 49), "100k": (8000, 13)}
"""Dialogues, and mean number of utterances in each, of the corpora that are generated where there is no real one."""
UTTERANCES = 40
"""How many utterances of the test split the utterance-scope step times, spread evenly over it."""


def shared() -> Path:
    """Where the real corpora are, if anywhere."""
    return Path(os.environ.get("DNR_SHARED", ROOT.parent / "shared" / "data"))


def prepare(folder: Path, names: Iterable[str]) -> None:
    """Write the corpora that some steps (their names) run on under `<folder>/data`."""
    from dnr_core.data.planted import PlantedConfig, generate
    from dnr_core.data.releases import prepare as read_sources

    for name in sorted({step.split(":")[1] for step in names}):
        if name == "planted":
            corpus = generate(name=name)
        elif (shared() / name).is_dir():
            corpus, _ = read_sources([shared() / name], name=name)
        else:
            dialogues, turns = SIZES[name]
            corpus = generate(PlantedConfig(dialogues=dialogues, utterances_per_dialogue=turns), name=f"{name}-sized")
        corpus.save(folder / "data" / name)


def run(step: str, folder: Path) -> dict[str, Any]:
    """Run one step, `<name>:<corpus>[:<setting>]`, over the corpora in `folder`."""
    name, corpus, *settings = step.split(":")
    os.environ |= {"DNR_DATA": str(folder / "data"), "DNR_CHECKPOINTS": str(folder / "checkpoints")}
    described = json.loads((folder / "data" / corpus / "corpus.json").read_text(encoding="utf-8"))["name"]
    return {"corpus": described} | STEPS[name](folder, corpus, *settings)


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


def epoch(folder: Path, corpus: str) -> dict[str, Any]:
    return training_steps.epoch(cli, folder, corpus)


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
    return dashboard_steps.app(corpus, trained(folder, corpus).name)


def pages(folder: Path, corpus: str) -> dict[str, Any]:
    return dashboard_steps.pages(corpus, trained(folder, corpus).name)


def large(folder: Path, corpus: str) -> dict[str, Any]:
    from dnr_core.config import preset
    from dnr_core.experiment import train_run
    from dnr_core.serve import Engine

    out, config = folder / "checkpoints" / f"{corpus}-dnr", preset("dnr", "mmgcn")
    stages = {name: stage.model_copy(update={"epochs": 1}) for name, stage in config.stages.items()}
    if not out.exists():  # coalitions of the whole test split would take longer than all that is measured
        short = config.model_copy(update={"stages": stages})
        train_run(Engine(), folder / "data" / corpus, short, out, explained=False)
    return dashboard_steps.large(corpus, out.name)


def sessions(folder: Path, corpus: str, seconds: str = "300") -> dict[str, Any]:
    from tests.bench import sessions

    return sessions.sessions(corpus, trained(folder, corpus).name, float(seconds))


def first_page(folder: Path, corpus: str) -> dict[str, Any]:
    trained(folder, corpus)
    return dashboard_steps.first_page()


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


def broja(folder: Path, corpus: str) -> dict[str, Any]:
    return explanations.broja()


def gradients_split(folder: Path, corpus: str) -> dict[str, Any]:
    from dnr_core.serve import Engine

    return explanations.gradients_split(Engine(), trained(folder, corpus), folder / "data" / corpus)


def gradients_one(folder: Path, corpus: str) -> dict[str, Any]:
    from dnr_core.serve import Engine

    return explanations.gradients_one(Engine(), trained(folder, corpus), folder / "data" / corpus)


def export(folder: Path, corpus: str) -> dict[str, Any]:
    return figures.figures(trained(folder, corpus), folder / "data" / corpus)


def report(folder: Path, corpus: str) -> dict[str, Any]:
    return figures.report(trained(folder, corpus), folder / "data" / corpus)


STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    "train": train,
    "memory": memory,
    "epoch": epoch,
    "dialogue_scope": dialogue_scope,
    "utterance_scope": utterance_scope,
    "values": values,
    "sampling": sampling,
    "information": information,
    "broja": broja,
    "gradients_split": gradients_split,
    "gradients_one": gradients_one,
    "export": export,
    "report": report,
    "app": app,
    "pages": pages,
    "large": large,
    "sessions": sessions,
    "first_page": first_page,
    "service": service.service,
}
