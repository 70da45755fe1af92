"""Steps of the benchmark that draw: every figure as PDF once its data exist, all of them, a large map, the report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any


def figures(run: Path, corpus: Path) -> dict[str, Any]:
    """Seconds to `export --figure all` as a user types it, then of each figure whose data exist."""
    from dnr_core.errors import DnRError
    from dnr_core.export.bundle import Wish
    from dnr_core.export.figures import FIGURES, build
    from dnr_core.export.scene import Scene
    from dnr_core.figures.paper import PaperStyle, save
    from dnr_core.serve import Engine
    from tests.bench.steps import cli

    started = time.perf_counter()
    done = cli("export", "--checkpoint", str(run), "--corpus", str(corpus), "--out", str(run.parent / "figures"))
    whole = time.perf_counter() - started
    written = sum(bool(one["files"]) for one in done["figures"])
    engine, times, sizes = Engine(), {}, {}
    scene = Scene(engine, run, corpus, "test")
    for name in FIGURES:
        try:
            panels = build(name, scene)
        except DnRError:
            continue
        started = time.perf_counter()
        drawn = save(panels, PaperStyle("acl2"), "pdf", dpi=Wish().dpi)
        times[name], sizes[name] = time.perf_counter() - started, len(drawn.content)
    slowest = max(times, key=lambda name: times[name])
    points = len(build("map", scene)[0].data)
    return {
        "measured": f"all {written}, with what they need computed: {whole:.0f}; one as PDF: mean "
        f"{sum(times.values()) / len(times):.2f}, slowest {slowest} {times[slowest]:.2f}; map of {points:,} points "
        f"{times['map']:.2f}, {sizes['map'] / 1e6:.2f} MB",
    }


def report(run: Path, corpus: Path) -> dict[str, Any]:
    """Seconds and megabytes of the report on the test split."""
    from tests.bench.steps import cli

    out = run.parent / "report.html"
    started = time.perf_counter()
    cli("report", "--checkpoint", str(run), "--corpus", str(corpus), "--out", str(out))
    seconds = time.perf_counter() - started
    return {"measured": f"{seconds:.0f} s, {out.stat().st_size / 1e6:.1f} MB"}
