"""Methods that carry their own network: trained without a backbone, refused with one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Folders, Result

from dnr_core.config import preset
from dnr_core.serve import Engine

OWN = ("df_erc", "drkf")


@pytest.mark.parametrize("method", OWN)
def test_a_backbone_is_refused(method: str, refused: Callable[..., Result], folders: Folders, tmp_path: Path) -> None:
    said = f"method {method} carries its own network", "got backbone mmgcn", "leave --backbone out"
    refused(f"train --corpus {folders.corpus} --method {method} --backbone mmgcn", 2, *said)
    refused(f"verify --method {method} --backbone mmgcn", 2, *said)
    named = tmp_path / "named.json"
    named.write_text(json.dumps({"method": method, "backbone": "mmgcn"}))
    refused(f"train --corpus {folders.corpus} --config {named}", 2, *said)
    refused(f"train --corpus {folders.corpus} --method {method} --backbone nonsense", 2, "unknown backbone")


@pytest.mark.parametrize("method", OWN)
def test_without_a_backbone_it_is_trained_and_its_signals_are_stored(
    method: str, run: Callable[..., Result], folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path / "runs"))
    short = tmp_path / "short.json"
    short.write_text(json.dumps({"stages": {"train": {"epochs": 2}}, "width": 16}))
    ended = run(f"train --corpus {folders.corpus} --method {method} --config {short} --json").json
    folder = tmp_path / "runs" / f"tiny-{method}-s0"
    assert Path(ended["checkpoint"]) == folder and ended["test"]["n"] > 0
    kept = sorted(path.parent.name for path in folder.glob("results/*/*/signals.safetensors"))
    assert kept == ["dev", "test", "train"]
    summary = Engine(folders.data, tmp_path / "runs").run(folder.name)
    assert summary.info.backbone is None and summary.supports == ("components", "signals")
    assert summary.players == ("modality:text", "modality:audio", "modality:visual")
    explained = run(f"explain --checkpoint {folder} --out values.parquet --json").json
    assert Path(explained["out"]).is_file()


def test_paper_presets_have_the_numbers_of_the_papers() -> None:
    first, second = preset("df_erc", None, "paper"), preset("drkf", None, "paper")
    stage = first.stages["train"]
    assert (first.width, stage.epochs, stage.learning_rate, stage.second_beta) == (300, 20, 5e-4, 0.84)
    assert (stage.schedule, stage.warm_up_steps, stage.weight_decay) == ("linear", 100, 0.01)
    assert (first.options["alignment_width"], first.options["margin"]) == (500, 0.1)
    assert (second.width, second.options["layers"], second.options["blocks"]) == (256, 6, 5)
