"""A newcomer in a real browser: the guide from start to link, help by keyboard, and a release that is dropped."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.test_upload import BAD, TABLE, array, left_in

pytestmark = pytest.mark.browser


def link(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def press(visit, name, then):
    """Press a button, and wait for the one that stands there afterwards."""
    visit.page.get_by_role("button", name=name, exact=True).click()
    visit.page.get_by_role("button", name=then, exact=True).wait_for()
    visit.settled()


def test_the_guide_leads_to_a_link_and_is_not_shown_again(visit, workspace):
    first = visit().open("/")
    press(first, "Go to one", "Switch it off")
    first.page.locator(".chat .row.focus .miss").wait_for()
    said = first.page.get_by_text("Here it is").inner_text().partition("Here it is ")[2].rstrip(".")
    press(first, "Switch it off", "Open the notes")
    assert link(first.page)["off"] == said.replace(" · ", ":")
    assert "after:" in first.focused.inner_text()
    press(first, "Open the notes", "Done")
    first.page.get_by_role("button", name="Done", exact=True).click()
    first.settled()
    shared = first.page.url.removeprefix(first.address)
    again = first.page.context.new_page()
    again.goto(first.address)
    again.get_by_text("Weighted F1, test").wait_for()
    assert again.get_by_text("A wrong prediction").count() == 0, "this browser has seen it"
    second = visit().open(shared)
    assert link(second.page) == link(first.page)
    assert second.page.get_by_text("A wrong prediction").count() == 0, "a link opens what it says"
    first.clean()
    second.clean()


def test_help_opens_and_closes_by_keyboard_and_stays_on_the_page(visit):
    opened = visit(820).open("/dialogue?corpus=planted")
    button = opened.page.get_by_role("button", name="What is meant by part, unique", exact=False).first
    button.focus()
    assert button.evaluate("b => getComputedStyle(b).outlineStyle") != "none", "the focus can be seen"
    opened.page.keyboard.press("Enter")
    shown = opened.page.locator(".dnr-pop:popover-open")
    assert "Source: Divide and Refine" in shown.inner_text()
    box = shown.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 820 and box["y"] + box["height"] <= 900
    opened.page.keyboard.press("Escape")
    assert shown.count() == 0
    opened.clean()


def test_nothing_reaches_beyond_a_tablet(visit):
    opened = visit(820)
    for name in ("", "dialogue", "components", "projection", "errors", "compare", "data"):
        page = opened.open(f"/{name}?corpus=planted").page
        main = page.locator("[data-testid=stMain]")
        wide, there = main.evaluate("m => [m.scrollWidth, m.clientWidth]")
        assert wide <= there + 1, name


def test_a_release_is_dropped_and_can_be_read(visit, workspace):
    opened = visit().open("/data?corpus=planted")
    page = opened.page
    files = [("utterances.csv", TABLE), ("text_two.npy", array())]
    page.locator('input[type="file"]').set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in files]
    )
    page.get_by_label("Name of the corpus").fill("dropped")
    page.get_by_label("Name of the corpus").press("Tab")
    page.get_by_role("button", name="Prepare as dropped").click()
    page.get_by_text("Corpus dropped was added").wait_for(timeout=60_000)
    opened.settled()
    assert link(page)["corpus"] == "dropped"
    assert "4 utterances in 3 dialogues" in page.inner_text("body")
    opened.open("/dialogue?corpus=dropped")
    assert "four" in opened.focused.inner_text()
    opened.open("/data?corpus=dropped")
    name, content = BAD["a pickle that calls"][0][0]
    page.locator('input[type="file"]').set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": content}]
    )
    page.get_by_role("button", name="Prepare as x").click()
    page.get_by_text("x was not added: ").wait_for(timeout=60_000)
    assert "nothing was executed" in page.get_by_text("x was not added: ").inner_text()
    assert not [entry for entry in left_in(workspace.data) if entry.startswith(".upload") or entry == "x"]
    opened.clean()
