"""Results of the planted-truth suite by configuration: stored by `verify`, found again by the decomposition card."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from dnr_core import __version__
from dnr_core.config import RunConfig, preset
from dnr_core.data.files import replacing_file
from dnr_core.results.card_format import VerifiedFormat, fits
from dnr_core.training.checkpoint import write_json

FORMAT_VERSION = 1
VIEW = "components"
FIRST_SUITE = "standard"
"""What a card shows where several suites are stored."""
MEANS = ("accuracy", "family", "exact", "rank", "synergistic")
INTERVALS = ("family_interval", "exact_interval")
CLAIMS = ("claims", "false_claims", "value_share")


def verified_path(root: Path, found: dict[str, Any], seeds: int) -> Path:
    """Where the result of a configuration is kept: a file beside the runs."""
    words = [found[name] for name in ("method", "divide", "backbone", "preset", "suite") if found.get(name)]
    return root / f"verify-{'-'.join(words)}-seeds{seeds}.json"


def save_verified(root: Path, found: dict[str, Any], config: RunConfig, *, seeds: int) -> Path:
    """Store what `verification.verify` found of a configuration. Raises DnRError where it cannot be written."""
    path = verified_path(root, found, seeds)
    head = {"format_version": FORMAT_VERSION, "dnr_core": __version__, "seeds": seeds, "config": settings(config)}
    with replacing_file(path) as temporary:
        write_json(temporary, head | found)
    return path


def settings(config: RunConfig) -> dict[str, Any]:
    """What makes two runs the same configuration: everything but the seed and the threads."""
    return config.model_dump(mode="json", exclude={"seed", "threads"})


def verified(root: Path, config: RunConfig) -> dict[str, Any]:
    """The planted section of a card from the stored result of the same configuration, or the `reason` why not.

    The standard suite before others, many seeds before few. `cases`: one row a corpus, means over seeds, intervals from
    the lowest to the highest end of all seeds; `controls`: the same of spoilt corpora.
    """
    stored = [one for path in sorted(root.glob("verify-*.json")) if (one := read(path, config)) is not None]
    if not stored:
        return {"reason": why_not(config)}
    best = max(stored, key=lambda one: (one["suite"] == FIRST_SUITE, one["seeds"]))
    return {name: best[name] for name in ("file", "suite", "seeds", "dnr_core")} | {
        "cases": over_seeds(best["agreement"], (*MEANS, "n"), INTERVALS),
        "controls": over_seeds(best["controls"], (*CLAIMS, "n"), ()),
    }


def read(path: Path, config: RunConfig) -> dict[str, Any] | None:
    """A stored result of this configuration; None where it is damaged or of another one."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(path.read_text(encoding="utf-8"))
        own = (found["format_version"], found["config"]) == (FORMAT_VERSION, settings(config))
        if own and fits(found, VerifiedFormat):
            return found | {"file": path.name}
    return None


def why_not(config: RunConfig) -> str:
    """Why there is nothing about planted truth, and what to do where something can be done."""
    if settings(config) != settings(preset(config.method, config.backbone, config.preset, divide=config.divide)):
        return f"not measured: its settings are not those of preset {config.preset}, which verify trains"
    words = ["python -m dnr_core verify", f"--method {config.method}"]
    words += [f"--backbone {config.backbone}"] if config.backbone else []
    words += [f"--preset {config.preset}"] if config.preset != "fast" else []
    words += [f"--divide {config.divide}"] if config.divide != "pairwise" else []
    return f"not measured: run `{' '.join(words)}`"


def over_seeds(rows: list[dict[str, Any]], means: tuple[str, ...], intervals: tuple[str, ...]) -> list[dict[str, Any]]:
    """One row a corpus, of the component view: means, and intervals that span those of all seeds; None: not known."""
    own = [row for row in rows if row["view"] == VIEW]
    found = []
    for name in dict.fromkeys(row["corpus"] for row in own):
        here = [row for row in own if row["corpus"] == name]
        row: dict[str, Any] = {"corpus": name, "noise": here[0]["noise"], "train": here[0]["train"]}
        for column in means:
            known = [one[column] for one in here if one[column] is not None]
            row[column] = float(np.mean(known)) if known else None
        for column in intervals:
            pairs = [one[column] for one in here if one[column] is not None]
            row[column] = [min(low for low, _ in pairs), max(high for _, high in pairs)] if pairs else None
        found.append(row)
    return found
