"""The guided start: there at a first visit, gone when it is closed, never on a link, and it leads where it says."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dashboard import guide
from tests.app.conftest import Page
from tests.conftest import RUN

FIVE = ("1 What you see", "2 A wrong prediction", "3 Switch a part off", "4 Write it down", "5 Share the link")


def keys(page: Page) -> set[str]:
    return {button.key for button in page.app.button}


def press(page: Page, key: str, at: str = "overview") -> Page:
    """Press a button of the page `at`, which the app itself may have switched to."""
    page.app.switch_page(f"views/{at}.py")
    page.app.button(key=key).click().run()
    page.check()
    return page


def test_a_first_visit_opens_on_the_five_steps(open_page):
    page = open_page("overview")
    assert all(step in page.text for step in FIVE)
    assert "Weighted F1, test" in page.text, "the page is there below it"
    press(page, "close_guide")
    assert not any(step in page.text for step in FIVE) and "close_guide" not in keys(page)
    assert not any(step in page.run().text for step in FIVE)
    press(page, "open_guide")
    assert all(step in page.text for step in FIVE)


@pytest.mark.parametrize("link", [{"corpus": "planted"}, {"turn": "1"}, {"corpus": "nowhere"}])
def test_a_link_opens_what_it_says_without_a_guide(open_page, link):
    page = open_page("overview", **link)
    assert not any(step in page.text for step in FIVE)
    assert "open_guide" in keys(page), "it can be asked for"


def test_other_pages_are_left_alone(open_page):
    page = open_page("dialogue")
    assert "Guide, " not in page.text and "close_guide" not in keys(page)


def test_the_steps_lead_from_an_error_over_a_part_to_the_notes(open_page, workspace):
    corpus, found = workspace.engine.corpus("planted"), workspace.engine.predictions(RUN, "planted", "test")
    wrong = found.row[(found.gold >= 0) & (found.predicted != found.gold)]
    first = int(next(row for row in wrong if corpus.utterance(int(row)).truth_family != "none"))
    utterance = corpus.utterance(first)
    page = press(open_page("overview"), "guide_1")
    assert (page.state("dialogue"), page.state("turn")) == (utterance.dialogue_id, utterance.turn)
    assert "Guide, 3 of 5: Switch a part off." in page.text and "Read a conversation" in page.text
    values = workspace.engine.dialogue_values(RUN, "planted", utterance.dialogue_id)
    said = int(found.predicted[found.row == first][0])
    strongest = values.players[int(values.values[utterance.turn, :, said].argmax())]
    family, _, members = strongest.partition(":")
    assert f"Here it is {family} · {members}." in page.text
    press(page, "guide_2", at="dialogue")
    assert page.state("off") == [strongest] and "after:" in page.chat
    assert "Guide, 4 of 5" in page.text
    press(page, "guide_3", at="dialogue")
    assert "Where the model is wrong, for whom" in page.text and "Guide, 5 of 5" in page.text
    assert page.state("turn") == utterance.turn, "the turn to write about is still in focus"
    press(page, "guide_4", at="errors")
    assert "Guide, " not in page.text and "Where the model is wrong, for whom" in page.text


def test_without_a_run_the_guide_still_leads_to_the_dialogue(open_page):
    page = open_page("overview")
    page.app.session_state["checkpoint"] = "none"
    press(page.run(), "guide_1")
    assert "Read a conversation" in page.text and "Here it is" not in page.text


def chosen_of(truth, significant, monkeypatch):
    """A selection on rows 10 … of a split with these planted sources; claims where `significant` is given."""
    rows = np.arange(10, 10 + len(truth))
    frame = pd.DataFrame({"truth_family": [""] * 10 + truth})
    corpus = SimpleNamespace(utterances=frame, rows=lambda split: rows)
    claims = None if significant is None else SimpleNamespace(significant=np.array(significant))
    monkeypatch.setattr(guide, "engine", lambda: SimpleNamespace(split_claims=lambda *key: claims))
    return SimpleNamespace(corpus=corpus, corpus_name="c", run=SimpleNamespace(info=SimpleNamespace(name="r")))


@pytest.mark.parametrize(
    ("truth", "significant", "wanted"),
    [
        (["none", "unique", "none", "unique"], [True, False, True, True], 13),
        (["none", "unique", "none", "unique"], [True, False, True, False], 11),
        (["none", "unique", "none", "unique"], None, 11),
        (["none", "none", "none", "none"], [False, False, True, False], 12),
        (["none", "none", "none", "none"], [False] * 4, 10),
        (["", "", "", ""], [False, True, False, True], 11),
        (["", "", "", ""], [False] * 4, 10),
        (["", "", "", ""], None, 10),
    ],
)
def test_the_guide_takes_an_error_that_can_be_understood(truth, significant, wanted, monkeypatch):
    errors = np.arange(10, 14)
    assert guide.most_telling(chosen_of(truth, significant, monkeypatch), "test", errors) == wanted
    assert guide.most_telling(chosen_of(truth, significant, monkeypatch), "test", errors[-1:]) == 13


def test_on_the_demo_the_error_has_a_claim_and_a_planted_source(open_page, demo):
    page = press(open_page("overview"), "guide_1")
    corpus = demo.engine.corpus("planted")
    row = corpus.dialogue_rows[page.state("dialogue")][page.state("turn")]
    claims = demo.engine.dialogue_claims(RUN, "planted", page.state("dialogue"))
    assert corpus.utterance(int(row)).truth_family != "none" and claims.significant[page.state("turn")]
