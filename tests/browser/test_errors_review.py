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


def active(page):
    """The class and row number of what the keyboard is on, looked for inside components too."""
    return page.evaluate(
        """() => {
          let one = document.activeElement;
          while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
          return [one.className, one.dataset?.turn ?? null];
        }"""
    )


def test_the_list_is_walked_by_keyboard_and_the_keyboard_stays_in_it(visit, workspace):
    found = workspace.engine.predictions(RUN, "long", "test")
    count = int(((found.gold >= 0) & (found.predicted != found.gold)).sum())
    assert count > 80, "the list is longer than what is shown of it"
    opened = visit().open(f"/errors?corpus=long&checkpoint={RUN}")
    page, rows = opened.page, ".st-key-queue_rows .chat [data-turn]"
    page.locator(rows).first.wait_for()
    stops = page.locator(rows).evaluate_all("all => all.filter(one => one.tabIndex === 0).map(one => one.className)")
    assert len(stops) <= 3 and stops[-1] == "more"
    page.get_by_role("button", name="open in Dialogue").focus()
    page.keyboard.press("Tab")
    assert active(page)[0].startswith("row")
    page.keyboard.press("End")
    assert active(page)[0] == "more"
    last = int(active(page)[1])
    page.keyboard.press("Enter")
    page.locator(f'.st-key-queue_rows .row.focus[data-turn="{last}"]').wait_for()
    opened.settled()
    assert active(page) == ["row focus", str(last)], "the keyboard is where the list goes on"
    page.keyboard.press("ArrowDown")
    assert active(page) == ["row", str(last + 1)]
    page.keyboard.press("Space")
    page.locator(f'.st-key-queue_rows .row.focus[data-turn="{last + 1}"]').wait_for()
    opened.settled()
    page.keyboard.press("Shift+Tab")
    before = page.locator(".st-key-queue_rows").get_by_role("button", name="before")
    assert active(page) == ["more", before.get_attribute("data-turn")]
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert active(page)[0] == "more" and int(active(page)[1]) > last + 1
    opened.clean()
