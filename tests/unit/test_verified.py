"""Stored results of the planted-truth suite: which one a card shows, and means over seeds by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dnr_core.config import RunConfig, preset
from dnr_core.results.verified import over_seeds, save_verified, verified

CONFIG = preset("dnr", "mmgcn")
COMMAND = "python -m dnr_core verify --method dnr --backbone mmgcn"


def row(corpus: str, family: float | None, interval: list[float] | None, *, view: str = "components") -> dict[str, Any]:
    """A row of the suite."""
    blank = dict.fromkeys(("accuracy", "exact", "exact_interval", "rank", "synergistic"))
    about = {"corpus": corpus, "noise": 0.5, "train": 100, "view": view, "n": 40}
    return about | blank | {"family": family, "family_interval": interval}


def store(root: Path, *, seeds: int, suite: str = "standard", config: RunConfig = CONFIG) -> Path:
    named = {name: getattr(config, name) for name in ("method", "backbone", "preset")}
    named |= {} if config.divide == "pairwise" else {"divide": config.divide}
    found = named | {"suite": suite, "agreement": [row(suite, seeds / 10, None)], "controls": [], "seconds": 1.0}
    return save_verified(root, found, config, seeds=seeds)


def test_means_over_seeds_by_hand():
    rows = [row("a", 0.8, [0.7, 0.85]), row("b", None, None), row("a", 0.9, [0.75, 0.95]),
            row("a", 0.1, [0.0, 0.2], view="information")]  # fmt: skip
    first, second = over_seeds(rows, ("family", "n"), ("family_interval",))
    assert first == {"corpus": "a", "noise": 0.5, "train": 100, "family": pytest.approx(0.85), "n": 40,
                     "family_interval": [0.7, 0.95]}  # fmt: skip
    assert (second["family"], second["family_interval"]) == (None, None)


def test_the_standard_suite_with_most_seeds_is_shown(tmp_path):
    assert verified(tmp_path, CONFIG) == {"reason": f"not measured: run `{COMMAND}`"}
    store(tmp_path, seeds=9, suite="hard")
    assert verified(tmp_path, CONFIG)["suite"] == "hard"
    for seeds in (1, 3, 2):
        store(tmp_path, seeds=seeds)
    found = verified(tmp_path, CONFIG.model_copy(update={"seed": 5, "threads": 4}))
    assert (found["suite"], found["seeds"], found["cases"][0]["family"]) == ("standard", 3, 0.3)
    assert found["file"] == "verify-dnr-mmgcn-fast-standard-seeds3.json"


def test_results_of_other_settings_or_damaged_ones_are_not_shown(tmp_path):
    path = store(tmp_path, seeds=1)
    wider = CONFIG.model_copy(update={"width": 32})
    assert verified(tmp_path, wider) == {
        "reason": "not measured: its settings are not those of preset fast, which verify trains"
    }
    content = json.loads(path.read_text())
    changed = ({"format_version": 99}, {"agreement": [{}]}, {"controls": None}, {"seeds": "many"})
    for damaged in ("", "[]", "{}", *(json.dumps(content | one) for one in changed)):
        path.write_text(damaged)
        assert "reason" in verified(tmp_path, CONFIG)
    paper = preset("plain", None, "paper")
    assert verified(tmp_path, paper)["reason"].endswith("`python -m dnr_core verify --method plain --preset paper`")


def test_results_of_dnr_as_released_are_kept_apart(tmp_path):
    official = preset("dnr", "mmgcn", divide="official")
    assert verified(tmp_path, official) == {"reason": f"not measured: run `{COMMAND} --divide official`"}
    store(tmp_path, seeds=1)
    assert store(tmp_path, seeds=2, config=official).name == "verify-dnr-official-mmgcn-fast-standard-seeds2.json"
    assert (verified(tmp_path, CONFIG)["seeds"], verified(tmp_path, official)["seeds"]) == (1, 2)
