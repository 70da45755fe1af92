"""`report`: one file, whole or not at all; every wrong word is one line."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Folders, Result, listing

from dnr_core.export.figures import FIGURES


def test_a_report_is_one_file_with_every_figure_or_its_reason(
    run: Callable[..., Result], folders: Folders, tmp_path: Path
):
    made = run(["report", "--checkpoint", folders.run, "--out", tmp_path / "new" / "r.html", "--json"])
    found = made.json
    assert {*found["figures"], *found["left_out"]} == set(FIGURES)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["r.html"]
    page = (tmp_path / "new" / "r.html").read_bytes()
    assert len(page) == found["bytes"] < 15e6 and page.startswith(b"<!DOCTYPE html>")
    assert (found["format"], found["split"], found["notes"]) == ("html", "test", [])
    assert "report (8/8)" in made.err, "progress on stderr"
    again = run(["report", "--checkpoint", folders.run])
    assert again.code == 0 and again.out.startswith("report.html: ")
    assert "not shown: class_changes: a lone run has nothing to be compared with" in again.out
    assert (tmp_path / "report.html").read_bytes() == page, "the same bytes, and the default name"


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("--utterance nobody", 2, ["unknown utterance", "'nobody'"]),
        ("--split exam", 2, ["exam", "train"]),
        ("--format docx", 2, ["docx", "html"]),
        ("--against nowhere", 4, ["nowhere"]),
        ("--corpus nowhere", 3, ["no corpus at nowhere"]),
        ("--checkpoint nowhere", 4, ["nowhere"]),
    ],
)
def test_bad_input_is_one_line(refused: Callable[..., Result], folders: Folders, typed, code, words):
    given = [] if "--checkpoint" in typed else ["--checkpoint", folders.run]
    refused(["report", *given, *typed.split()], code, *words)


def test_an_output_that_cannot_be_written_is_one_line(run: Callable[..., Result], folders: Folders, tmp_path: Path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for out in (tmp_path / "file" / "r.html", tmp_path / "folder"):
        before = listing(tmp_path)
        done = run(["report", "--checkpoint", folders.run, "--out", out])
        assert done.code == 1 and done.err.splitlines()[-1].startswith(f"cannot write {out}") and not done.out
        assert listing(tmp_path) == before


def test_pdf_without_a_browser_is_one_line(
    refused: Callable[..., Result], folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    for given in (["--format", "pdf"], ["--out", tmp_path / "r.pdf"]):
        refused(["report", "--checkpoint", folders.run, *given], 1, "Chromium", "chromium-browser, google-chrome")


def test_pdf_by_a_browser_that_breaks_leaves_nothing_behind(
    run: Callable[..., Result], folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin" / "google-chrome"
    broken.write_text("#!/bin/sh\necho out of luck >&2\nexit 1\n")
    broken.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "r.pdf").write_bytes(b"an older report")
    before = listing(tmp_path)
    done = run(["report", "--checkpoint", folders.run, "--out", tmp_path / "r.pdf"])
    assert done.code == 1 and done.err.splitlines()[-1].endswith("got out of luck; write it as HTML")
    assert listing(tmp_path) == before and (tmp_path / "r.pdf").read_bytes() == b"an older report"
    assert os.environ["PATH"] == str(tmp_path / "bin")
