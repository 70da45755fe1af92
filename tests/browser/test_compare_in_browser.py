"""What a person does on the Compare page, done in a real browser."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import RUN

pytestmark = pytest.mark.browser


def test_choose_run_b_read_the_interval_click_a_flipped_turn_and_land_in_its_dialogue(visit, workspace):
    found = workspace.engine.compare(RUN, "plain-run", "planted", "test")
    side = "B" if found.only_b_right else "A"
    listed = found.only_b_right or found.only_a_right
    place = min(len(listed), 40) - 1
    opened = visit().open(f"/compare?checkpoint={RUN}&against=names-run")
    opened.page.locator(".dnr-notice.problem").wait_for()
    opened.page.get_by_role("combobox", name="Run B").click()
    opened.page.get_by_role("option", name="plain-run").click()
    low, high = found.scores["weighted_f1"].interval
    interval = f"{100 * low:.1f} to {100 * high:.1f}".replace("-", "−")
    opened.page.get_by_text(interval).first.wait_for()
    opened.page.get_by_text("What made them say so").wait_for(timeout=120_000)  # the server imports torch for B
    opened.settled()
    opened.page.get_by_text(f"only {side} right ({len(listed):,})").click()
    opened.settled()
    opened.page.locator(f'.chat tr[data-turn="{place}"]').click()
    opened.page.locator(".chat tr.focus").wait_for()
    opened.settled()
    corpus = workspace.engine.corpus("planted")
    utterance = corpus.utterance(corpus.row_of[listed[place].utterance_id])
    opened.page.get_by_text(f"In focus: {utterance.speaker}, turn {utterance.turn} of").wait_for()
    opened.page.get_by_role("button", name="open in Dialogue").click()
    opened.page.locator(f'.chat .row.focus[data-turn="{utterance.turn}"]').wait_for()
    query = parse_qs(urlsplit(opened.settled().page.url).query)
    assert query["dialogue"] == [utterance.dialogue_id] and query["against"] == ["plain-run"]
    assert utterance.text in opened.focused.inner_text()
    opened.clean()
