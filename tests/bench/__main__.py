"""`make bench`: time and memory of the main job, each step a process of its own; writes docs/benchmarks.md.

Real corpora are taken from $DNR_SHARED (default ../shared/data); where they are absent, planted corpora of the same
size stand in, and the report says so. `python -m tests.bench train:meld` runs one step,
`python -m tests.bench sessions:planted:30` one with its setting (seconds).
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import explanations, steps, training_steps

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "docs" / "benchmarks.md"
LIMITS = {
    "train:meld": ("one seed of dnr + mmgcn, preset fast, with its stored results (s)", "≤ 360"),
    "train:iemocap": ("one seed of dnr + mmgcn, preset fast, with its stored results (s)", "≤ 240"),
    "memory:meld": ("peak memory of training at batch 64 (MiB)", "≤ 2048"),
    "epoch:meld": (
        f"one epoch of both stages of dnr at batch {training_steps.BATCH}, by backbone; memory of each process",
        "≤ 12 s, ≤ 2048 MiB",
    ),
    "dialogue_scope:meld": ("all 512 coalitions of the test split, dialogue scope (s)", "≤ 60"),
    "dialogue_scope:iemocap": ("all 512 coalitions of the test split, dialogue scope (s)", ""),
    "utterance_scope:meld": ("512 coalitions of one utterance, mean / p95 / longest dialogue (s)", "≤ 1"),
    "utterance_scope:iemocap": ("512 coalitions of one utterance, mean / p95 / longest dialogue (s)", "≤ 1"),
    "values:meld": ("values and interactions of all parts and classes, test split, from stored coalitions (s)", "≤ 60"),
    "sampling:meld": (
        f"seconds of Captum's ShapleyValueSampling ({explanations.SAMPLES} samples) over those of exact values",
        "dialogue ≥ 50, utterance ≥ 10",
    ),
    "information:meld": ("information view of the test split with the training of its model (s)", "≤ 120"),
    "broja:planted": ("BROJA of a joint table of 16 × 16 × 8 (s)", "≤ 2"),
    "gradients_split:meld": ("integrated gradients of the test split, 50 steps (s)", "≤ 180"),
    "gradients_one:meld": ("integrated gradients of one utterance, median / longest (ms)", "≤ 300"),
    "gradients_one:iemocap": ("integrated gradients of one utterance, median / longest (ms)", "≤ 300"),
    "export:meld": (
        "figures of one run: `export --figure all`; single figures once their data exist (s)",
        "all ≤ 60, one ≤ 1, map ≤ 3 and ≤ 2 MB",
    ),
    "report:meld": ("report of the test split as one HTML file", "≤ 90 s, ≤ 15 MB"),
    "app:meld": (
        "without a server, p95 in ms, of wall (of processor): toggle, step to the next error, page switch",
        "toggle ≤ 150, page switch ≤ 300",
    ),
    "pages:meld": (
        "over a websocket, p95 in ms: page switch, toggle, cell of the matrix, lasso; memory of a session",
        "page switch ≤ 300, toggle ≤ 150, memory ≤ 50 MiB",
    ),
    "large:100k": ("100,000 utterances in 8,000 dialogues, first time / afterwards (s)", "afterwards ≤ 1"),
    "sessions:planted": (
        "20 sessions for 5 minutes, 2 of them in a browser, each acting every 3 s: seconds to an answer",
        "p95 ≤ 2, no error",
    ),
    "first_page:planted": ("server start to first page drawn in a browser (s)", "≤ 5"),
    "service:meld": (
        "`serve` with the widths of the corpus (JSON) and 768/512/1024 (safetensors) at batch load; a 10-turn dialogue "
        "at 1, 8 and 64 clients, p50 / p95 / p99; memory of the service, from start to end",
        "≥ 2,000 utterances/s each, p95 ≤ 50 ms at 8 clients, memory flat",
    ),
}


def main() -> int:
    """Run the steps that were named, or all of them and write the report."""
    if len(sys.argv) > 2 and sys.argv[1] == "--step":
        print(json.dumps(steps.run(sys.argv[2], Path(sys.argv[3]))))
        return 0
    chosen = sys.argv[1:] or list(LIMITS)
    with tempfile.TemporaryDirectory(prefix="dnr-bench-") as folder:
        steps.prepare(Path(folder), chosen)
        results = {step: measure(step, Path(folder)) for step in chosen}
    if not sys.argv[1:]:
        REPORT.write_text(report(results), encoding="utf-8")
    return 0


def measure(step: str, folder: Path) -> dict[str, Any]:
    """One step in a fresh process: what it reports, its wall time and the peak memory of it and its children."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "tests.bench", "--step", step, str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{step} failed")
    values = json.loads(output.splitlines()[-1])
    values |= {"wall_s": round(time.perf_counter() - started, 1), "peak_mib": usage.ru_maxrss // 1024}
    print(step, json.dumps(values), flush=True)
    return values


def report(results: dict[str, dict[str, Any]]) -> str:
    """The results as markdown."""
    cores, machine = os.cpu_count(), processor()
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench` on {machine}, {cores} cores, CPU only, Python {platform.python_version()}, "
        f"{time.strftime('%Y-%m-%d')}. Whole-process figures; each step ran once, in a process of its own.",
        "",
        "| step | corpus | what | measured | wanted | whole process (s) | peak memory (MiB) |",
        "|---|---|---|---|---|---|---|",
    ]
    for step, values in results.items():
        what, wanted = LIMITS[step]
        name, _, corpus = step.partition(":")
        row = (name, values.get("corpus", corpus), what, values["measured"], wanted)
        lines.append(f"| {' | '.join(row)} | {values['wall_s']} | {values['peak_mib']} |")
    return "\n".join(lines) + "\n"


def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
