"""What a person does with the dashboard, done in a real browser."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from dnr_core.types import softmax
from tests.conftest import HOSTILE_NAMES, HOSTILE_TEXTS, RUN, longest_test_dialogue

pytestmark = pytest.mark.browser


@pytest.fixture
def numbers(workspace):
    """Corpus, predictions and the dialogue that opens first."""
    corpus = workspace.engine.corpus("planted")
    return corpus, workspace.engine.predictions(RUN, "planted", "test"), corpus.dialogue_ids("test")[0]


def link(page):
    return {name: values if name == "off" else values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_step_to_an_error_switch_a_part_off_and_share_the_link(visit, workspace, numbers):
    corpus, found, _ = numbers
    errors = found.row[found.predicted != found.gold]
    first = visit().open("/")
    first.page.get_by_text("Weighted F1, test").wait_for()
    first.page.get_by_role("link", name="Dialogue").click()
    first.focused.wait_for()
    first.settled().page.keyboard.press("e")
    first.page.locator(".chat .row.focus .miss").wait_for()
    first.settled()
    here = link(first.page)
    row = corpus.dialogue_rows[here["dialogue"]][int(here["turn"])]
    assert row in errors
    utterance = corpus.utterance(int(row))
    assert utterance.text in first.focused.inner_text()

    player = "synergistic:audio+text"
    group = first.page.locator(".st-key-pick_off_synergistic")
    group.get_by_role("button", name="audio+text").click()
    after = first.page.locator(".chat .row.focus .after")
    after.wait_for()
    logits = workspace.engine.switched(RUN, "planted", here["dialogue"], frozenset({player}))
    place = int(np.searchsorted(found.row, row))
    before, label = found.probabilities[place], int(found.predicted[place])
    later = softmax(logits)[int(here["turn"])]
    delta = f"Δ {later[label] - before[label]:+.2f}".replace("-", "−")
    shown = after.inner_text()
    assert f"{later[later.argmax()]:.2f}" in shown
    assert delta in shown or "Δ 0.00" in shown
    first.settled()
    assert link(first.page)["off"] == [player]

    second = visit().open(first.page.url.removeprefix(first.address))
    second.page.locator(".chat .row.focus .after").wait_for()
    assert second.focused.inner_text() == first.focused.inner_text()
    assert link(second.page) == link(first.page)
    first.clean()
    second.clean()


def test_arrow_keys_clicks_and_the_back_button(visit, numbers):
    _, _, dialogue = numbers
    opened = visit().open("/dialogue")
    opened.focused.wait_for()
    for turn in (1, 2):
        opened.page.keyboard.press("ArrowRight")
        opened.page.locator(f'.chat .row.focus[data-turn="{turn}"]').wait_for()
        opened.settled()
    opened.page.locator('.chat .row[data-turn="4"]').click()
    opened.page.locator('.chat .row.focus[data-turn="4"]').wait_for()
    opened.settled()
    assert link(opened.page)["turn"] == "4" and link(opened.page)["dialogue"] == dialogue
    opened.page.keyboard.press("ArrowLeft")
    opened.page.locator('.chat .row.focus[data-turn="3"]').wait_for()
    opened.settled()
    opened.page.go_back()
    opened.page.locator('.chat .row.focus[data-turn="4"]').wait_for()
    opened.clean()


def test_each_key_press_moves_one_turn_and_fast_ones_leave_focus_and_link_in_agreement(visit):
    opened = visit().open("/dialogue")
    opened.focused.wait_for()
    opened.settled()
    for turn in (1, 2):
        opened.page.keyboard.press("ArrowRight")
        opened.page.locator(f'.chat .row.focus[data-turn="{turn}"]').wait_for()
    for _ in range(5):  # on a slow machine the server may answer several presses at once, as one
        opened.page.keyboard.press("ArrowRight")
        opened.page.wait_for_timeout(120)
    opened.settled()
    focus = opened.focused.get_attribute("data-turn")
    assert link(opened.page)["turn"] == focus
    assert 3 <= int(focus) <= 7


def test_a_click_on_the_timeline_moves_the_focus(visit):
    opened = visit().open("/dialogue")
    opened.focused.wait_for()
    opened.settled()
    point = opened.page.locator(".st-key-timeline .scatterlayer .points path.point").nth(3)
    box = point.bounding_box()
    opened.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.page.locator('.chat .row.focus[data-turn="3"]').wait_for()
    opened.clean()


def test_the_state_survives_a_page_switch(visit):
    opened = visit().open("/dialogue?turn=2&off=unique%3Atext")
    opened.page.locator('.chat .row.focus[data-turn="2"] .after').wait_for()
    opened.page.get_by_role("link", name="Overview").click()
    opened.page.get_by_text("Weighted F1, test").wait_for()
    opened.settled()
    assert link(opened.page)["off"] == ["unique:text"] and link(opened.page)["turn"] == "2"
    opened.page.get_by_role("link", name="Dialogue").click()
    opened.page.locator('.chat .row.focus[data-turn="2"] .after').wait_for()
    opened.clean()


def test_the_filter_of_dialogues_is_in_the_link(visit, workspace):
    everyone = len(workspace.engine.corpus("odd").dialogue_ids("test"))
    count = f"Dialogue ({everyone - 1} listed"  # one dialogue has no labels, and so no errors
    first = visit().open(f"/dialogue?corpus=odd&checkpoint={RUN}")
    first.focused.wait_for()
    first.page.get_by_text("only with errors").click()
    first.page.get_by_text(count).wait_for()
    assert link(first.settled().page)["listed"] == "errors"
    second = visit().open(first.page.url.removeprefix(first.address))
    second.page.get_by_text(count).wait_for()
    assert second.page.get_by_role("switch", name="only with errors").is_checked()
    second.page.get_by_text("only with errors").click()
    second.page.get_by_text(f"Dialogue ({everyone} listed").wait_for()
    assert "listed" not in link(second.settled().page)
    first.clean()
    second.clean()


def test_the_settings_of_components_are_in_the_link(visit):
    first = visit().open("/components")
    first.page.get_by_text("What the model used for").wait_for()
    first.page.get_by_text("this turn only").click()
    first.page.get_by_text("(off in this turn only)").wait_for()
    first.settled().page.get_by_text("zero", exact=True).click()
    first.settled()
    assert (link(first.page)["scope"], link(first.page)["removal"]) == ("turn", "zero")
    second = visit().open(first.page.url.removeprefix(first.address) + "&emotion=angry")
    second.page.get_by_text("What the model used for “angry”").wait_for()
    second.page.get_by_text("(off in this turn only)").wait_for()
    second.settled().page.get_by_role("link", name="Dialogue").click()
    second.focused.wait_for()
    assert link(second.settled().page)["emotion"] == "angry"
    first.clean()
    second.clean()


def test_the_back_button_switches_parts_on_again(visit):
    opened = visit().open("/dialogue")
    opened.focused.wait_for()
    opened.settled()
    opened.page.locator(".st-key-pick_off_unique").get_by_role("button", name="text").click()
    opened.page.locator(".chat .row.focus .after").wait_for()
    assert link(opened.settled().page)["off"] == ["unique:text"]
    opened.page.go_back()
    opened.page.locator(".chat .row.focus .after").wait_for(state="detached")
    assert "off" not in link(opened.settled().page)
    opened.clean()


def test_names_of_emotions_appear_in_figures_as_typed(visit):
    opened = visit().open("/?corpus=names&checkpoint=names-run")
    ticks = opened.page.locator(".st-key-matrix .yaxislayer-above .ytick text")
    ticks.first.wait_for()
    assert sorted(ticks.all_text_contents()) == sorted(HOSTILE_NAMES)
    assert opened.page.locator(".st-key-matrix svg a").count() == 0
    cell = opened.page.locator(".st-key-matrix .xaxislayer-above .xtick text").first.bounding_box()
    row = ticks.get_by_text(HOSTILE_NAMES[0]).bounding_box()
    opened.page.mouse.move(cell["x"] + cell["width"] / 2, row["y"] + row["height"] / 2)
    box = opened.page.locator(".st-key-matrix .hoverlayer")
    box.locator("text").first.wait_for()
    assert f"gold {HOSTILE_NAMES[0]}" in box.text_content()
    opened.clean()


def test_hostile_texts_appear_as_typed(visit, workspace):
    dialogue = longest_test_dialogue(workspace.engine.corpus("hostile"))
    opened = visit().open(f"/dialogue?corpus=hostile&checkpoint={RUN}&dialogue={dialogue}")
    opened.focused.wait_for()
    texts = opened.page.locator(".chat .text bdi")
    for place in (0, 1, 2, 4, 5, 6):
        assert texts.nth(place).text_content() == HOSTILE_TEXTS[place]
    assert "\u2407" in texts.nth(3).text_content()
    assert opened.page.title() != "taken"
    assert opened.page.locator(".chat script, .chat img, .chat b:text-is('bold')").count() == 0
    assert opened.page.locator('.chat .row[data-turn="6"]').bounding_box()["width"] < 1280
    opened.clean()


@pytest.mark.parametrize(
    "path",
    [
        "/?corpus=%3Cb%3E",
        "/dialogue?turn=zzz&off=nonsense",
        "/?checkpoint=corrupt-run",
        "/components?emotion=bliss&removal=never",
        "/attribution?method=guess&over=words",
        "/projection?space=unique%3Asmell&map=tsne",
        "/errors?queue=all&cell=joy",
        "/compare?against=%3Cb%3E",
    ],
)
def test_bad_links_give_one_message(visit, path):
    opened = visit().open(path)
    alert = opened.page.locator(".dnr-notice.problem")
    alert.first.wait_for()
    assert alert.count() == 1
    assert not re.search(r"Traceback|Error:", opened.page.locator("body").inner_text())
    opened.clean()


@pytest.mark.parametrize("width", [820, 1280, 1920])
def test_nothing_is_cut_off_at_the_side(visit, width):
    names = ("components?scope=turn", "attribution", "projection", "errors", "compare")
    for path in ("/", "/dialogue?off=unique%3Atext", *(f"/{name}" for name in names)):
        opened = visit(width).open(path)
        opened.page.get_by_text("Corpus").first.wait_for(state="attached")
        sizes = "main => [main.scrollWidth, main.clientWidth]"
        inner, outer = opened.page.locator('[data-testid="stMain"]').evaluate(sizes)
        assert inner <= outer + 1
