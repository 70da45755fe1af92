"""The Data page: a dropped release becomes a corpus that is looked at, with what was found in it; failures say why."""

from __future__ import annotations

import time

import pytest
import streamlit as st

from dashboard import state
from dashboard.upload import FALLBACK, suggestion
from tests.app.conftest import ROOT, Page
from tests.unit.test_upload import BAD, TABLE, array, left_in


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Folders of its own, in which there is nothing yet."""
    (tmp_path / "runs").mkdir()
    monkeypatch.setenv("DNR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path / "runs"))
    return tmp_path / "data"


def drop(page: Page, files, *, name: str = "") -> Page:
    """Put files into the form, press the button, and wait until it has ended."""
    page.app.file_uploader[0].set_value([(given, content, "application/octet-stream") for given, content in files])
    page.app.run()
    if name:
        page.app.text_input(key="upload_name").set_value(name).run()
    page.app.button(key="begin_upload").click().run()
    page.check()
    upload = page.state("upload")
    deadline = time.monotonic() + 60
    while upload is not None and upload.running and time.monotonic() < deadline:
        time.sleep(0.1)
    return page.run() if upload is not None else page


def test_the_first_corpus_comes_through_the_browser(folder):
    page = Page("data")
    assert page.notices and "add one on the Data page" in page.notices[0]
    drop(page, [("utterances.csv", TABLE), ("text_two.npy", array())], name="mine")
    page.run()
    assert not page.notices
    assert page.state("corpus") == "mine", "it is looked at, at once"
    assert "Corpus mine was added and is chosen at the left." in page.text
    assert "4 utterances in 3 dialogues (layout: table); all have a label." in page.text
    assert "1 every cell is 0" in page.text and "1 an action unit outside 0–5" in page.text, "faults by rule"
    assert "Rule: out_of_range: a visual_AU* intensity below 0 or above 5." in page.text
    assert f"python -m dnr_core train --corpus {folder / 'mine'}" in page.text
    assert left_in(folder) == ["mine"]
    other = Page("dialogue", corpus="mine")
    assert "four" in other.chat and not other.notices


def test_the_name_is_taken_from_the_files_and_never_overwrites(folder):
    drop(Page("data"), [("My Table.csv", TABLE)])
    assert left_in(folder) == ["My-Table"]
    page = drop(Page("data"), [("My Table.csv", TABLE)])
    assert page.notices == ["corpus My-Table exists: choose another name, or say that it is to be replaced"]
    before = state.engine().corpus("My-Table").hash
    page = Page("data")
    page.app.file_uploader[0].set_value([("My Table.csv", TABLE.replace(b"three", b"3"), "text/csv")])
    page.app.run()
    page.app.checkbox(key="upload_replace").set_value(True).run()
    page.app.button(key="begin_upload").click().run()
    page.state("upload")._watch.join(60)
    assert not page.run().notices
    assert state.engine().corpus("My-Table").hash != before


@pytest.mark.parametrize("name", ["a pickle that calls", "a column missing", "a zip that climbs", "no release"])
def test_bad_input_is_told_in_one_line(folder, name):
    files, words = BAD[name]
    page = drop(Page("data"), files)
    (line,) = [line for line in page.notices if "There is no corpus yet" not in line]
    assert "was not added: " in line and words in line and "\n" not in line and str(folder) not in line
    assert left_in(folder) == []


def test_a_bad_name_is_told_before_anything_is_written(folder):
    page = drop(Page("data"), [("utterances.csv", TABLE)], name="../elsewhere")
    assert any("not a name for a corpus" in line for line in page.notices)
    assert not folder.exists() or left_in(folder) == []


def test_the_size_limit_is_that_of_the_server_and_stands_on_the_page(open_page):
    limit = st.get_option("server.maxUploadSize")
    assert f"maxUploadSize = {limit}\n" in (ROOT / ".streamlit" / "config.toml").read_text()
    assert f"Up to {limit:,} MB a file" in open_page("data").text


def test_every_corpus_has_its_counts_whoever_prepared_it(open_page, workspace):
    page = open_page("data", corpus="odd")
    corpus = workspace.engine.corpus("odd")
    unlabelled = int((corpus.labels < 0).sum())
    assert unlabelled and f"{unlabelled:,} have no label" in page.text
    assert "1 no face: every cell is 0" in page.text
    assert "⚠ broken cannot be read" in page.text


def test_a_name_is_suggested():
    assert suggestion([]) == FALLBACK
    assert suggestion(["utterances.csv", "text_a.npy"]) == FALLBACK
    assert suggestion(["dev_sent_emo.csv", "train_sent_emo.csv"]) == "meld"
    assert suggestion(["../ä b!.pkl"]) == "b"
