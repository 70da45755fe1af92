"""The guided start: there at a first visit, gone when it is closed, never on a link, and it leads where it says."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_the_steps_lead_from_the_first_error_over_a_part_to_the_notes(open_page, workspace):
    corpus, found = workspace.engine.corpus("planted"), workspace.engine.predictions(RUN, "planted", "test")
    first = int(found.row[np.flatnonzero((found.gold >= 0) & (found.predicted != found.gold))[0]])
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
