"""`export`: figures with their numbers, table, caption and link; what cannot be shown is said, and the rest goes on."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pandas as pd
import pytest
from command_line import Folders, Result

from dnr_core.data.corpus import Corpus
from dnr_core.export.figures import FIGURES
from dnr_core.serve import Engine

QUICK = ("confusion", "classes", "training", "turn_parts", "timeline")


def opened(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as made:
        return {name: made.read(name) for name in made.namelist()}


def test_a_bundle_holds_the_figure_its_numbers_a_table_a_caption_and_a_link(
    run: Callable[..., Result], folders: Folders, tiny: Corpus, tmp_path: Path
):
    command = ["export", "--checkpoint", folders.run, "--figure", "confusion", "--format", "pdf,svg,png,eps", "--json"]
    (one,) = run([*command, "--out", tmp_path / "a"]).json["figures"]
    assert one["problem"] is None and one["files"] == [str(tmp_path / "a" / "confusion.zip")]
    files = opened(tmp_path / "a" / "confusion.zip")
    names = {"confusion.pdf", "confusion.svg", "confusion.png", "confusion.eps"}
    assert set(files) == names | {"data.csv", "table.tex", "caption.txt", "link.txt"}
    assert files["confusion.pdf"].startswith(b"%PDF") and files["confusion.eps"].startswith(b"%!PS")

    found = Engine(folders.data, folders.checkpoints).predictions("run", "tiny", "test")
    counted = pd.crosstab(found.gold, found.predicted)
    for row in csv.DictReader(io.StringIO(files["data.csv"].decode())):
        cell = (tiny.emotions.index(row["gold"]), tiny.emotions.index(row["predicted"]))
        assert int(row["count"]) == (counted.at[cell] if cell[0] in counted.index and cell[1] in counted.columns else 0)
    caption = " ".join(files["caption.txt"].decode().split())
    header = Engine(folders.data, folders.checkpoints).header("run")
    for word in (header.manifest_hash[:16], tiny.hash[:16], "seed", f"n = {len(found.row)} utterances", "split test"):
        assert word in caption
    address = urlparse(files["link.txt"].decode().strip())
    given = parse_qs(address.query)
    assert address.path == "/figures" and (given["checkpoint"], given["figure"]) == (["run"], ["confusion"])
    again = run([*command, "--out", tmp_path / "b"])
    assert again.code == 0
    assert (tmp_path / "b" / "confusion.zip").read_bytes() == (tmp_path / "a" / "confusion.zip").read_bytes()


def test_what_cannot_be_shown_is_said_and_the_rest_goes_on(
    run: Callable[..., Result], folders: Folders, tmp_path: Path
):
    wanted = [*QUICK, "class_changes", "signals", "study"]
    done = run(["export", "--checkpoint", folders.run, "--figure", *wanted, "--out", tmp_path / "f", "--loose"])
    assert done.code == 0
    assert {path.name for path in (tmp_path / "f").iterdir()} == set(QUICK)
    assert (tmp_path / "f" / "training" / "data_2.csv").is_file(), "the second panel has its own numbers"
    assert f"{len(QUICK)} of {len(wanted)} figures" in done.out
    for words in ("nothing to be compared with", "has no signals", "no study was named"):
        assert words in done.out


def test_none_written_is_an_error(run: Callable[..., Result], folders: Folders, tmp_path: Path):
    done = run(["export", "--checkpoint", folders.run, "--figure", "study", "class_changes", "--out", tmp_path / "f"])
    assert done.code == 2 and done.err.splitlines()[-1].startswith(
        "none of 2 figures can be shown; study: no study was named"
    )
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("--figure pie", 2, ["unknown figure", "'pie'", "dialogue_parts", "all"]),
        ("--preset cvpr", 2, ["cvpr", "wacv, ieee1"]),
        ("--width 0.2", 2, ["width", "0.2", "1 to 40 inches"]),
        ("--width -3", 2, ["width", "-3"]),
        ("--font-size 300", 2, ["font size", "300", "5 to 60"]),
        ("--format pdf,bmp", 2, ["form of a figure", "'bmp'", "pdf, svg, png, eps"]),
        ("--format ,", 2, ["no format"]),
        ("--dpi 7", 2, ["dots per inch", "7", "50 to 1200"]),
        ("--utterance nobody", 2, ["unknown utterance", "'nobody'"]),
        ("--emotion bliss", 2, ["unknown emotion", "'bliss'", "happy"]),
        ("--removal never", 2, ["unknown removal", "mean, zero, donor"]),
        ("--part unique:smell", 2, ["unknown part", "unique:text"]),
        ("--colour mauve", 2, ["unknown colour", "emotion"]),
        ("--against nowhere", 4, ["nowhere"]),
        ("--corpus nowhere", 3, ["no corpus at nowhere"]),
        ("--figure study --study nowhere", 2, ["nowhere"]),
    ],
)
def test_bad_input_is_one_line(refused: Callable[..., Result], folders: Folders, typed, code, words):
    refused(["export", "--checkpoint", folders.run, "--figure", "training", *typed.split()], code, *words)


def test_an_output_that_cannot_be_written_is_one_line(run: Callable[..., Result], folders: Folders, tmp_path: Path):
    (tmp_path / "file").write_text("")
    done = run(["export", "--checkpoint", folders.run, "--figure", "training", "--out", tmp_path / "file" / "x"])
    assert done.code == 1 and done.err.count("\n") == 1 and "file" in done.err


def test_all_figures_of_a_method_whose_parts_are_modalities(
    run: Callable[..., Result], folders: Folders, tmp_path: Path
):
    short = tmp_path / "short.json"
    short.write_text(json.dumps({"stages": {"train": {"epochs": 2}}}))
    trained = run(["train", "--corpus", folders.corpus, "--method", "drkf", "--config", short, "--out", tmp_path / "d"])
    assert trained.code == 0
    done = run(["export", "--checkpoint", tmp_path / "d", "--out", tmp_path / "f", "--json"])
    found = {one["figure"]: one for one in done.json["figures"]}
    assert set(found) == set(FIGURES)
    assert {path.stem for path in (tmp_path / "f").iterdir()} == {name for name, one in found.items() if one["files"]}
    missing = {name for name, one in found.items() if one["problem"]}
    assert missing == {"class_changes", "study", "study_differences", "probes", "agreement", "word_attribution"}
    values = opened(tmp_path / "f" / "turn_parts.zip")["data.csv"].decode().splitlines()
    assert [line.partition(",")[0] for line in values[1:]] == ["text", "audio", "visual"]
