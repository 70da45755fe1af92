"""Notes and tags are written beside the conversation, and are those of the Errors page."""

from __future__ import annotations

from tests.app.conftest import Page


def test_a_note_and_a_tag_of_the_turn_in_focus(app_folders):
    engine = app_folders.engine
    corpus = engine.corpus("planted")
    dialogue = corpus.dialogue_ids("dev")[0]
    utterance = corpus.utterance(int(corpus.dialogue_rows[dialogue][2]))
    page = Page("dialogue", dialogue=dialogue, turn="2")
    page.app.text_area(key=f"note_{utterance.utterance_id}").set_value("*why* <b>now</b>?")
    page.app.button(key="save_note").click()
    page.run()
    assert "*why* <b>now</b>?" in page.text
    page.app.button(key="queue_t").click()
    page.run()
    kept = [one for one in engine.notes("planted") if one.utterance_id == utterance.utterance_id]
    assert [(one.kind, one.text) for one in kept] == [("note", "*why* <b>now</b>?"), ("tag", "data fault")]
    page.app.button(key="queue_t").click()
    page.run()
    page.app.button(key=f"delete_{kept[0].id}").click()
    page.run()
    assert utterance.utterance_id not in {one.utterance_id for one in engine.notes("planted")}


def test_a_dialogue_without_a_run_can_be_noted_too(app_folders):
    page = Page("dialogue", corpus="words", checkpoint="none")
    assert "Notes and tags of this turn" in page.text and "save_note" in {one.key for one in page.app.button}
