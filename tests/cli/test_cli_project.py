"""`project`: maps of parts with what they keep of neighbourhoods, stored once, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import REPOSITORY, TINY, Folders, Result, hears_ctrl_c, listing

from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.serve import Engine
from dnr_core.types import map_parts, players_of

KEYS = {"part", "names", "parameters", "n", "trustworthiness", "trusted_neighbours", "trusted", "purity", "seconds"}
PARTS = map_parts(players_of(("text", "audio", "visual")))


def test_a_map_of_each_part_is_stored_with_its_quality(run: Callable[..., Result], folders: Folders, tiny: Corpus):
    found = run(["project", "--checkpoint", folders.run, "--parts", "each", "--method", "pca", "--json"]).json
    assert set(found) == {"checkpoint", "corpus", "method", "maps", "notes"} and found["notes"] == []
    assert [one["part"] for one in found["maps"]] == list(PARTS)
    engine = Engine(folders.data, folders.checkpoints)
    for one in found["maps"]:
        assert set(one) == KEYS
        made = engine.projection("run", "tiny", one["part"], "pca")
        assert made is not None and made.coordinates.shape == (len(tiny), 2)
        assert one["n"] == int(np.isfinite(made.coordinates).all(1).sum()) == made.n
        assert 0 < one["trustworthiness"] <= 1 and one["purity"]["n"] == made.n
    assert found["maps"][0]["names"] == list(PARTS[4:-1])


def test_what_is_stored_is_not_computed_again(run: Callable[..., Result], folders: Folders):
    command = ["project", "--checkpoint", folders.run, "--parts", "unique", "hidden", "--method", "pca"]
    assert run(command).code == 0
    files = sorted(folders.run.glob("results/*/all/projection-pca-*"))
    before = {path: path.stat().st_mtime_ns for path in files}
    again = run(command)
    assert {path: path.stat().st_mtime_ns for path in files} == before
    assert (again.code, again.err) == (0, "")
    header, first, second = again.out.splitlines()[1:]
    assert "trustworthiness" in header and first.startswith("unique") and second.startswith("hidden")


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("--parts unique:smell", 2, ["unknown part: got 'unique:smell'", "all, unique, redundant", "hidden, each"]),
        ("--method tsne", 2, ["bad --method", "got 'tsne'", "one of umap, pca"]),
        ("--checkpoint nowhere", 4, ["nowhere"]),
        ("--corpus nowhere", 3, ["no corpus at nowhere"]),
    ],
)
def test_what_cannot_be_mapped_is_refused(refused: Callable[..., Result], folders: Folders, typed, code, words):
    start = [] if typed.startswith("--checkpoint") else ["--checkpoint", str(folders.run)]
    refused(["project", *start, *typed.split()], code, *words)


def test_a_umap_of_few_turns_names_the_other_way(refused: Callable[..., Result], folders: Folders, tmp_path: Path):
    config = PlantedConfig.model_validate(TINY | {"dialogues": 5, "utterances_per_dialogue": 3})
    generate(config, name="few").save(tmp_path / "few")
    words = ["project", "--checkpoint", folders.run, "--corpus", tmp_path / "few"]
    refused(words, 2, "UMAP cannot be fitted", "expected at least 16", "use --method pca")


def test_an_interrupted_fit_leaves_nothing(folders: Folders):
    before = listing(folders.root)
    process = subprocess.Popen(
        [sys.executable, "-m", "dnr_core", "project", "--checkpoint", str(folders.run), "--parts", "redundant"],
        cwd=REPOSITORY, env=os.environ | folders.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=hears_ctrl_c,
    )  # fmt: skip
    assert process.stderr is not None
    said = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert said.startswith("vectors of the parts") and (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted" and "Traceback" not in err
    assert listing(folders.root) == before
