"""Attributions in a real browser: another method gives other numbers, and each says how exact it is."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = pytest.mark.browser


def test_another_method_moves_the_numbers_and_says_how_exact_they_are(visit):
    opened = visit().open("/attribution?turn=1")
    opened.page.get_by_text("What made the logit of").wait_for()
    texts = opened.page.locator(".st-key-features .bartext")
    texts.first.wait_for()
    before = texts.all_text_contents()
    assert opened.settled().page.get_by_text("✓ yes").count() == 1
    opened.page.locator(".st-key-pick_method").get_by_role("combobox").click()
    opened.page.get_by_role("option", name="Gradient × input").click()
    opened.page.get_by_text("not promised by this method").wait_for()
    assert texts.all_text_contents() != before
    assert parse_qs(urlsplit(opened.settled().page.url).query)["method"] == ["gradient_x_input"]
    opened.page.get_by_role("radio", name="turns").click()
    opened.focused.wait_for()
    assert opened.page.locator(".chat .row .bar").count() == opened.page.locator(".chat .row").count() > 1
    assert parse_qs(urlsplit(opened.settled().page.url).query)["over"] == ["turns"]
    opened.clean()
