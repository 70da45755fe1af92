"""Tuned configurations by corpus, method and backbone: JSON files of this folder, written by `tune`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dnr_core.config import RunConfig, parse_config, read_json
from dnr_core.errors import UsageError


def preset_root() -> Path:
    """Where tuned configurations live: $DNR_PRESETS, else beside this file."""
    return Path(os.environ.get("DNR_PRESETS") or Path(__file__).parent)


def preset_name(corpus: str, method: str, backbone: str | None, divide: str = "pairwise") -> str:
    """`<corpus>-<method>[-<backbone>]`, with `-official` where that is how it divides."""
    return "-".join(filter(None, (corpus, method, backbone, "" if divide == "pairwise" else divide)))


def tuned_values(corpus: str, method: str, backbone: str | None, divide: str = "pairwise") -> dict[str, Any]:
    """The fields of a tuned configuration. Raises UsageError where there is none, naming those that there are."""
    name, root = preset_name(corpus, method, backbone, divide), preset_root()
    path = root / f"{name}.json"
    if not path.is_file():
        there = sorted(file.stem for file in root.glob("*.json"))
        raise UsageError(
            f"no tuned configuration {name}",
            got=f"{', '.join(there) or 'none'} in {root}",
            do=f"make one with `tune --out {path}`, or choose preset fast or paper",
        )
    config: RunConfig = parse_config(read_json(path), source=str(path))
    if (config.method, config.backbone, config.divide) != (method, backbone, divide):
        got = preset_name(corpus, config.method, config.backbone, config.divide)
        raise UsageError(f"{path} is of another model", got=got, expected=name)
    return config.model_dump(mode="json")
