"""Editing a turn in a real browser: arrows move a slider and not the turn, numbers follow, Reset brings them back."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = pytest.mark.browser


def turn_of(page):
    return parse_qs(urlsplit(page.url).query)["turn"]


def test_move_a_feature_take_a_modality_away_come_back_from_another_page_and_reset(visit):
    opened = visit().open("/whatif?turn=2")
    page = opened.page
    page.get_by_text("Nothing is edited: this is the stored prediction.").wait_for()
    texts = page.locator(".st-key-probabilities .bartext")
    texts.first.wait_for()
    stored = texts.all_text_contents()
    page.get_by_role("slider").first.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.get_by_text("The whole dialogue").wait_for(timeout=120_000)  # the server imports torch
    opened.settled()
    assert turn_of(page) == ["2"], "an arrow on a slider moves the slider alone"
    assert texts.count() == 2 * len(stored)
    page.locator(".st-key-whatif_absent").get_by_role("button", name="audio").click()
    page.get_by_text("audio missing").wait_for()
    changed = opened.settled().page.locator(".st-key-probabilities .bartext").all_text_contents()
    assert changed != stored and changed[::2] != changed[1::2]
    page.get_by_role("link", name="Dialogue").click()
    page.locator(".chat .row.focus").wait_for()
    opened.settled()
    page.get_by_role("link", name="What if").click()
    page.get_by_text("audio missing").wait_for()
    assert opened.settled().page.locator(".st-key-probabilities .bartext").all_text_contents() == changed
    assert turn_of(page) == ["2"]
    page.get_by_role("button", name="Reset").click()
    page.get_by_text("Nothing is edited: this is the stored prediction.").wait_for()
    opened.settled()
    assert texts.all_text_contents() == stored
    opened.clean()
