"""The step of the benchmark about training: what an epoch of dnr takes with every backbone, in time and memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

EPOCHS = 2
BATCH = 64


def epoch(cli: Callable[..., dict[str, Any]], folder: Path, corpus: str) -> dict[str, Any]:
    """An epoch of both stages (`divide` and `refine`) of dnr with every backbone, each in a process of its own."""
    from dnr_core.registry import names

    stages = {"divide": {"epochs": EPOCHS}, "refine": {"epochs": EPOCHS, "batch": BATCH}}
    config = folder / "epoch.json"
    config.write_text(json.dumps({"stages": stages}), encoding="utf-8")
    words = ("--methods", "dnr", "--backbones", *names("backbone"), "--seeds", "1", "--config", str(config))
    found = cli("study", "--corpus", str(folder / "data" / corpus), "--out", str(folder / "epoch"), *words)
    rows = sorted(found["rows"], key=lambda row: row["seconds"])
    each = [f"{row['backbone']} {row['seconds'] / EPOCHS:.1f} s, {row['peak_memory_mib']} MiB" for row in rows]
    return {"measured": "; ".join(each)}
