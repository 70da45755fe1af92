"""The Errors page lists what the engine finds, keeps what people note, and says in one line what it cannot show."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from dnr_core.serve import Engine
from tests.app.conftest import Page
from tests.conftest import HOSTILE_TEXTS, RUN, Workspace, longest_test_dialogue

KEY = (RUN, "planted", "test")


@pytest.fixture
def fresh(app_folders: Workspace) -> Workspace:
    """The workspace without notes of other tests."""
    for path in app_folders.data.glob("notes.sqlite*"):
        path.unlink()
    return app_folders


def rows(page: Page, key: str) -> str:
    """The HTML of one of the clickable lists."""
    found = [json.loads(one.proto.json)["html"] for one in page.app.get("bidi_component")]
    return next(text for text in found if ("<table>" in text) == (key == "slices"))


def listed_texts(page: Page) -> list[str]:
    return [html.unescape(text) for text in re.findall(r"<bdi>(.*?)</bdi>", rows(page, "queue"), flags=re.DOTALL)]


def button(page: Page, key: str):
    return next(one for one in page.app.button if one.key == key)


def focus_id(page: Page, engine: Engine) -> str:
    corpus = engine.corpus(page.state("corpus"))
    return corpus.utterance(int(corpus.dialogue_rows[page.state("dialogue")][page.state("turn")])).utterance_id


def wrong_ids(engine: Engine) -> list[str]:
    found = engine.predictions(*KEY)
    return [found.utterance_ids[place] for place in np.flatnonzero(found.gold != found.predicted)]


def test_the_matrix_holds_the_counts_and_marks_the_cell_of_the_focus(open_page, fresh):
    engine = fresh.engine
    found, corpus = engine.predictions(*KEY), engine.corpus("planted")
    page = open_page("errors")
    (trace,) = page.chart("confusions")["data"]
    emotions = found.emotions
    place = int(np.flatnonzero(found.row == corpus.dialogue_rows[page.state("dialogue")][0])[0])
    at = (int(found.gold[place]), int(found.predicted[place]))
    for (column, row, *_), text in zip(trace["customdata"], trace["text"], strict=True):
        count = int(((found.gold == row) & (found.predicted == column)).sum())
        assert text == ("• " if (row, column) == at else "") + f"{count:,}"
    framed = [
        data[:2] for data, width in zip(trace["customdata"], trace["marker"]["line"]["width"], strict=True) if width
    ]
    assert framed == [[at[1], at[0]]]
    shares = open_page("errors", cells="shares", cell=f"{emotions[0]} as {emotions[1]}", queue="cell")
    (trace,) = shares.chart("confusions")["data"]
    cell = next(k for k, data in enumerate(trace["customdata"]) if data[:2] == [1, 0])
    share = ((found.gold == 0) & (found.predicted == 1)).sum() / (found.gold == 0).sum()
    assert trace["text"][cell].removeprefix("• ") == f"{100 * share:.0f} %"
    assert trace["marker"]["line"]["width"][cell] > 0


def test_a_cell_in_the_link_lists_its_utterances(open_page, fresh):
    engine = fresh.engine
    found, corpus = engine.predictions(*KEY), engine.corpus("planted")
    counts = np.zeros((6, 6), dtype=int)
    np.add.at(counts, (found.gold, found.predicted), 1)
    gold, said = np.unravel_index(int((counts - np.diag(np.diag(counts))).argmax()), counts.shape)
    name = f"{found.emotions[gold]} as {found.emotions[said]}"
    page = open_page("errors", queue="cell", cell=name)
    own = found.row[(found.gold == gold) & (found.predicted == said)]
    assert listed_texts(page) == [corpus.utterance(int(row)).text for row in own]
    assert f"{len(own)} turns labelled {found.emotions[gold]} and predicted {found.emotions[said]}" in page.text


def test_keys_step_through_the_errors_and_open_the_dialogue(open_page, fresh):
    engine = fresh.engine
    wrong, page = wrong_ids(engine), open_page("errors")
    button(page, "queue_j").click()
    page.run()
    first = wrong.index(focus_id(page, engine))
    button(page, "queue_j").click()
    page.run()
    assert focus_id(page, engine) == wrong[first + 1]
    assert f"number {first + 2}" in page.text
    button(page, "queue_k").click()
    page.run()
    assert focus_id(page, engine) == wrong[first]
    button(page, "queue_o").click()
    page.run()
    assert 'role="listitem"' in page.chat and (page.state("dialogue"), page.state("turn"))


def test_a_slice_lists_right_and_wrong_and_its_next_error_is_one(open_page, fresh):
    engine = fresh.engine
    audit, found = engine.error_audit(*KEY), engine.predictions(*KEY)
    place = next(k for k, one in enumerate(audit.slices) if one.group == "speaker")
    one, score = audit.slices[place], audit.scores[place]
    page = open_page("errors", queue="slice", slice=f"speaker: {one.name}")
    wrong = int((one.member & (found.gold != found.predicted)).sum())
    assert f"speaker: {one.name}: {wrong} of {int(one.member.sum())} turns predicted wrong" in page.text
    table = rows(page, "slices")
    (row,) = re.findall(r'<tr class="slice focus".*?</tr>', table)
    assert one.name in row and f"{score.accuracy.value:.3f}" in row and f">{score.n:,}<" in row
    button(page, "queue_e").click()
    page.run()
    assert focus_id(page, engine) in wrong_ids(engine)


def test_every_number_of_the_audit_is_on_the_page(open_page, fresh):
    audit, page = fresh.engine.error_audit(*KEY), open_page("errors")
    assert f"calibration error {audit.calibration.error:.3f}" in page.text
    assert f"T = {audit.temperature:.2f}, fitted on dev, gives {audit.scaled.error:.3f}" in page.text
    for kind in audit.kinds:
        assert (
            f"{kind.share.value:.3f}" in page.text
            and f"{kind.chance:.3f}" in page.text
            and f"{kind.p:.3f}" in page.text
        )
    _, points = page.chart("reliability")["data"]
    there = audit.calibration.n > 0
    np.testing.assert_allclose(points["x"], audit.calibration.confidence[there])
    np.testing.assert_allclose(points["y"], audit.calibration.accuracy[there])
    assert points["text"] == [f"{n:,}" for n in audit.calibration.n[there]]


def test_suspects_are_ranked_and_never_told_on_train(open_page, fresh):
    engine = fresh.engine
    found, corpus = engine.suspects(*KEY), engine.corpus("planted")
    page = open_page("errors", queue="suspects")
    split_rows = engine.predictions(*KEY).row
    assert listed_texts(page) == [
        corpus.utterance(int(split_rows[k])).text for k in found.place[: len(listed_texts(page))]
    ]
    assert f"{len(found.place)} of" in page.text and "not trained on" in page.text
    train = open_page("errors", queue="suspects", split="train")
    assert "cannot be told on train" in train.text and not listed_texts(train) and not train.notices


def test_notes_and_tags_are_kept_listed_exported_and_taken_back(open_page, fresh):
    engine, page = fresh.engine, open_page("errors")
    name = focus_id(page, engine)
    page.app.text_area(key=f"note_{name}").set_value("*odd* <b>label</b>")
    button(page, "save_note").click()
    page.run()
    button(page, "queue_t").click()
    page.run()
    page.app.text_input(key="other_tag").set_value("my `own` <i>tag</i>")
    page.run()
    kept = [(one.utterance_id, one.kind, one.text) for one in engine.notes("planted")]
    assert kept == [
        (name, "note", "*odd* <b>label</b>"),
        (name, "tag", "data fault"),
        (name, "tag", "my `own` <i>tag</i>"),
    ]
    again = open_page("errors", queue="noted")
    assert "*odd* &lt;b&gt;label&lt;/b&gt;" in again.html and "my `own` &lt;i&gt;tag&lt;/i&gt;" in rows(again, "queue")
    assert "1 turn of test with a note or tag" in again.text and "3 entries" in again.text
    button(again, "queue_t").click()
    again.run()
    assert [one.text for one in engine.notes("planted") if one.kind == "tag"] == ["my `own` <i>tag</i>"]
    button(again, next(one.key for one in again.app.button if one.key.startswith("delete_"))).click()
    again.run()
    assert [one.kind for one in engine.notes("planted")] == ["tag"]


def test_notes_that_cannot_be_saved_give_one_line_and_keep_what_was_typed(open_page, fresh):
    (fresh.data / "notes.sqlite").write_bytes(b"not a database, " * 100)
    try:
        page = open_page("errors")
        assert len(page.notices) == 1 and "file is not a database" in page.notices[0]
        key = f"note_{focus_id(page, fresh.engine)}"
        page.app.text_area(key=key).set_value("do not lose me")
        button(page, "save_note").click()
        page.run()
        assert any("cannot write" in line for line in page.notices)
        assert page.app.text_area(key=key).value == "do not lose me"
    finally:
        (fresh.data / "notes.sqlite").unlink()


def test_texts_and_names_of_a_corpus_stand_literally(open_page, fresh):
    dialogue = longest_test_dialogue(fresh.engine.corpus("hostile"))
    page = open_page("errors", corpus="hostile", checkpoint=RUN, dialogue=dialogue, turn="1", queue="slice",
                     slice="emotion: happy")  # fmt: skip
    assert "<script>" not in page.html and HOSTILE_TEXTS[1] in html.unescape(page.html)
    named = open_page("errors", corpus="names", checkpoint="names-run")
    assert "<b>x</b>" not in rows(named, "slices") and "&lt;b&gt;x&lt;/b&gt;" in rows(named, "slices")
    assert "&lt;b&gt;x&lt;/b&gt; &amp; $y$" in named.chart("confusions")["data"][0]["y"]


def test_an_unknown_slice_is_said(open_page, fresh):
    unknown = open_page("errors", queue="slice", slice="speaker: <b>nobody")
    assert unknown.notices == ["Unknown slice 'speaker: <b>nobody' in test: choose one in the table of slices."]


def test_a_split_without_labels_is_said(open_page, workspace, tmp_path, monkeypatch):
    corpus = workspace.engine.corpus("planted")
    mute = corpus.utterances.assign(emotion="")
    replace(corpus, utterances=mute, stored_hash=None).save(tmp_path / "mute")
    monkeypatch.setenv("DNR_DATA", str(tmp_path))
    monkeypatch.setenv("DNR_CHECKPOINTS", str(workspace.checkpoints))
    page = open_page("errors", corpus="mute", checkpoint=RUN)
    assert "Errors cannot be shown because test has no labels." in page.text and not page.notices


def test_faults_missing_modalities_and_unlabelled_turns_are_slices(open_page, fresh):
    page = open_page("errors", corpus="odd", checkpoint=RUN)
    table = rows(page, "slices")
    assert "visual: no_face" in table and "no visual" in table and not page.notices
    labelled = int((fresh.engine.predictions(RUN, "odd", "test").gold >= 0).sum())
    assert f"n = {labelled:,}" in page.text
