"""A map is used in a real browser: an area is picked, its turns are listed, and one click opens a dialogue."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def lasso(page):
    """Draw a loop around the middle half of the map."""
    box = page.locator(".st-key-map_chart .nsewdrag").first.bounding_box()
    left, right = box["x"] + 0.25 * box["width"], box["x"] + 0.75 * box["width"]
    top, bottom = box["y"] + 0.25 * box["height"], box["y"] + 0.75 * box["height"]
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 4)):
        page.mouse.move(x, y, steps=8)
    page.mouse.up()


def test_an_area_of_the_map_leads_to_its_dialogues_and_back(visit, workspace):
    corpus = workspace.engine.corpus("planted")
    opened = visit().open("/projection?map=pca")
    page = opened.page
    page.locator(".st-key-map_chart .nsewdrag").first.wait_for()
    opened.settled()
    lasso(page)
    rows = page.locator(".st-key-map_rows tr[data-turn]")
    rows.first.wait_for()
    said = page.get_by_text("turns picked").inner_text()
    picked = int(said.split(" turns")[0])
    assert 1 < picked < len(corpus) and rows.count() == min(picked, 200)
    opened.settled()
    page.locator(".st-key-pick_colour").click()
    page.get_by_role("option", name="split", exact=True).click()
    opened.settled()
    assert page.get_by_text("turns picked").inner_text() == said, "another colour forgot what was picked"
    assert "colour=split" in page.url and "map=pca" in page.url
    row = rows.nth(1)
    utterance = corpus.utterance(corpus.row_of[row.locator("small").first.inner_text().split(" · ")[1]])
    row.click()
    opened.focused.wait_for()
    opened.settled()
    assert opened.focused.get_attribute("data-turn") == str(utterance.turn)
    assert f"dialogue={utterance.dialogue_id}&" in page.url and "/dialogue" in page.url
    page.get_by_role("link", name="Projection").click()
    page.get_by_text("turns picked").wait_for()
    opened.settled()
    assert page.get_by_text("turns picked").inner_text() == said, "the way back forgot what was picked"
    assert page.get_by_text(f"Open turn {utterance.turn} of {utterance.dialogue_id}").count()
    opened.clean()
