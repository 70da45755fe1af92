"""Reviewing errors in a real browser: from a cell to an utterance, a note that stays, and on to the dialogue."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from tests.conftest import RUN

pytestmark = pytest.mark.browser


def link(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_a_cell_its_first_utterance_a_note_a_reload_and_the_dialogue(visit, workspace):
    corpus, found = workspace.engine.corpus("planted"), workspace.engine.predictions(RUN, "planted", "test")
    counts = np.zeros((6, 6), dtype=int)
    np.add.at(counts, (found.gold, found.predicted), 1)
    gold, said = (int(k) for k in np.unravel_index(int((counts - np.diag(np.diag(counts))).argmax()), counts.shape))
    place = int(np.flatnonzero((found.gold == gold) & (found.predicted == said))[0])
    utterance = corpus.utterance(int(found.row[place]))

    first = visit().open("/errors")
    box = first.page.locator(".st-key-confusions .scatterlayer .points path.point").nth(6 * gold + said).bounding_box()
    first.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    first.page.get_by_text(f"labelled {found.emotions[gold]} and predicted {found.emotions[said]}").wait_for()
    first.settled().page.locator('.chat .row[data-turn="0"]').click()
    first.page.locator('.chat .row.focus[data-turn="0"]').wait_for()
    first.settled()
    assert utterance.text in first.focused.inner_text()
    here = link(first.page)
    assert (here["dialogue"], here["turn"]) == (utterance.dialogue_id, str(utterance.turn))
    assert (here["queue"], here["cell"]) == ("cell", f"{found.emotions[gold]} as {found.emotions[said]}")

    first.page.get_by_label("Note", exact=True).click()
    first.page.keyboard.type("joke, *not* <b>ket</b>")  # j, k, e, t and o are keys elsewhere
    first.page.get_by_role("button", name="Save note").click()
    first.page.get_by_role("button", name="Delete").wait_for()
    first.settled()
    assert link(first.page) == here
    first.page.keyboard.press("t")
    first.page.locator(".chat .row.focus .badge", has_text="data fault").wait_for()

    second = visit().open(first.page.url.removeprefix(first.address))
    second.page.get_by_text("joke, *not* <b>ket</b>", exact=True).wait_for()
    second.focused.locator(".badge", has_text="1 note").wait_for()
    assert second.focused.locator(".badge").all_inner_texts() == ["data fault", "1 note"]
    second.settled().page.keyboard.press("o")
    second.page.locator(f'.chat .row.focus[data-turn="{utterance.turn}"] .miss').wait_for()
    assert utterance.text in second.focused.inner_text()
    kept = [(one.utterance_id, one.kind, one.text) for one in workspace.engine.notes("planted")]
    assert kept == [
        (utterance.utterance_id, "note", "joke, *not* <b>ket</b>"),
        (utterance.utterance_id, "tag", "data fault"),
    ]
    first.clean()
    second.clean()


def test_two_browsers_add_to_the_same_utterance(visit, workspace):
    both = [
        visit().open("/errors?dialogue=" + workspace.engine.corpus("planted").dialogue_ids("test")[1]) for _ in "ab"
    ]
    for name, opened in zip("ab", both, strict=True):
        opened.page.get_by_label("Note", exact=True).fill(f"from {name}")
    for opened in both:
        opened.page.get_by_role("button", name="Save note").click()
        opened.settled()
    texts = [one.text for one in workspace.engine.notes("planted")]
    assert [text for text in texts if text.startswith("from")] == ["from a", "from b"]
    both[1].page.get_by_text("from a").wait_for()
    both[1].page.get_by_text("from b").wait_for()


def test_a_slice_and_an_error_by_key(visit, workspace):
    audit = workspace.engine.error_audit(RUN, "planted", "test")
    opened = visit().open("/errors")
    row = opened.page.locator(".chat tr.slice").nth(1)
    row.click()
    opened.page.get_by_text(f"{audit.slices[1].group}: {audit.slices[1].name}: ").wait_for()
    opened.settled().page.keyboard.press("e")
    opened.page.locator(".chat .row.focus .miss").wait_for()
    assert link(opened.settled().page)["slice"] == f"{audit.slices[1].group}: {audit.slices[1].name}"
    opened.clean()


@pytest.mark.parametrize("width", [820, 1280, 1920])
def test_nothing_of_the_errors_page_is_cut_off_at_the_side(visit, width):
    opened = visit(width).open("/errors")
    opened.page.get_by_text("Do errors follow").wait_for()
    sizes = "main => [main.scrollWidth, main.clientWidth]"
    inner, outer = opened.page.locator('[data-testid="stMain"]').evaluate(sizes)
    assert inner <= outer + 1
