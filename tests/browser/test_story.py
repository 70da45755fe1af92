"""The first minutes of a newcomer on the shipped demo, in a real browser: why it is wrong, a note, a link to share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from dashboard.pages import PAGES
from dnr_core.serve import DEMO_CORPUS, DEMO_RUN
from dnr_core.types import softmax
from tests.browser.conftest import ROOT, free_port, serve
from tests.browser.test_map import lasso
from tests.conftest import Workspace

pytestmark = pytest.mark.browser
NOTE = "why “sad”? *ask* <b>Mia</b>"


@dataclass
class Demo:
    """The shipped run alone in folders of its own, and the server over them; the corpus is written when it starts."""

    folders: Workspace
    port: int
    log: Path
    process: Any = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = serve(self.folders, self.port, self.log)

    def kill(self) -> None:
        """End the server at once (SIGKILL): it cannot tidy up."""
        self.process.kill()
        self.process.wait(timeout=20)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    root = tmp_path_factory.mktemp("story")
    shutil.copytree(ROOT / "checkpoints" / DEMO_RUN, root / "checkpoints" / DEMO_RUN)
    made = Demo(Workspace(root / "data", root / "checkpoints"), free_port(), root / "log.txt")
    made.start()
    yield made
    made.kill()


def link(page: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def first_error(demo: Demo) -> tuple[Any, int]:
    """The first wrong prediction of test after its first turn, and its place among the predictions, from the engine."""
    engine = demo.folders.engine
    found = engine.predictions(DEMO_RUN, DEMO_CORPUS, "test")
    place = int(np.flatnonzero(found.predicted[1:] != found.gold[1:])[0]) + 1
    return engine.corpus(DEMO_CORPUS).utterance(int(found.row[place])), place


def test_from_the_bare_address_to_a_note_that_outlives_the_server_and_a_link_that_shows_the_same(visit_at, demo):
    first = visit_at(demo.address).open("/")
    page = first.page
    page.get_by_text("Weighted F1, test").wait_for()
    utterance, place = first_error(demo)  # only now there is a corpus
    page.get_by_role("link", name="Dialogue", exact=True).click()
    first.focused.wait_for()
    first.settled()
    page.get_by_role("button", name="next error").click()
    page.locator(".chat .row.focus .miss").wait_for()
    first.settled()
    assert utterance.text in first.focused.inner_text()
    assert (link(page)["dialogue"], link(page)["turn"]) == ([utterance.dialogue_id], [str(utterance.turn)])

    sees_why_and_what_if(demo, first, utterance, place)
    shared = page.url

    page.get_by_role("link", name="Errors", exact=True).click()
    page.get_by_text(f"In focus: {utterance.speaker}, turn {utterance.turn} of {utterance.dialogue_id}").wait_for()
    first.settled()
    page.locator(".st-key-pick_tags").get_by_role("button", name="context needed").click()
    first.focused.locator(".badge", has_text="context needed").wait_for()
    first.settled()
    page.get_by_label("Note", exact=True).fill(NOTE)
    page.get_by_role("button", name="Save note").click()
    page.get_by_text(NOTE, exact=True).and_(page.locator(":not(textarea)")).wait_for()
    page.get_by_role("button", name="Delete").wait_for()
    said = first.settled().focused.inner_text()
    first.clean()
    page.context.close()
    demo.kill()
    demo.start()

    second = visit_at(demo.address).open(shared.removeprefix(demo.address))
    second.page.locator(".chat .row.focus .after").wait_for()
    assert link(second.settled().page) == parse_qs(urlsplit(shared).query)
    assert utterance.text in second.focused.inner_text()
    pill = second.page.locator(".st-key-pick_off_unique").get_by_role("button", name="text")
    assert pill.get_attribute("aria-pressed") == "true" or "Active" in (pill.get_attribute("data-testid") or "")
    second.page.get_by_role("link", name="Errors", exact=True).click()
    second.page.get_by_text(NOTE, exact=True).wait_for()
    assert second.settled().focused.inner_text() == said
    assert second.focused.locator(".badge").all_inner_texts() == ["context needed", "1 note"]
    second.clean()


def sees_why_and_what_if(demo: Demo, opened: Any, utterance: Any, place: int) -> None:
    """The values of the parts as the engine has them; one part off moves the probability as the engine says."""
    page, engine = opened.page, demo.folders.engine
    found = engine.predictions(DEMO_RUN, DEMO_CORPUS, "test")
    label, before = int(found.predicted[place]), found.probabilities[place]
    page.get_by_text(f"What made it “{found.emotions[label]}”").wait_for()
    page.locator(".st-key-parts .bartext").nth(8).wait_for()
    values = engine.dialogue_values(DEMO_RUN, DEMO_CORPUS, utterance.dialogue_id).values[utterance.turn, :, label]
    drawn = [float(text.replace("−", "-")) for text in page.locator(".st-key-parts .bartext").all_text_contents()]
    assert sorted(drawn) == pytest.approx(sorted(values), abs=0.0051)
    page.locator(".st-key-pick_off_unique").get_by_role("button", name="text").click()
    after = page.locator(".chat .row.focus .after")
    after.wait_for()
    opened.settled()
    off = frozenset({"unique:text"})
    later = softmax(engine.switched(DEMO_RUN, DEMO_CORPUS, utterance.dialogue_id, off))[utterance.turn]
    assert abs(later[label] - before[label]) > 0.01, "this part moves nothing: the story shows nothing"
    assert f"Δ {later[label] - before[label]:+.2f}".replace("-", "−") in after.inner_text()
    assert f"{later[later.argmax()]:.2f}" in after.inner_text()
    assert link(page)["off"] == ["unique:text"]


def test_from_a_lasso_and_from_a_confusion_to_dialogues(visit_at, demo):
    opened = visit_at(demo.address).open("/projection?map=pca")
    page = opened.page
    page.locator(".st-key-map_chart .nsewdrag").first.wait_for(timeout=60_000)
    corpus = demo.folders.engine.corpus(DEMO_CORPUS)
    opened.settled()
    lasso(page)
    row = page.locator(".st-key-map_rows tr[data-turn]").first
    row.wait_for()
    opened.settled()
    name = row.locator("small").first.inner_text().split(" · ")[1]
    row.click()
    opened.focused.wait_for()
    opened.settled()
    assert link(page)["dialogue"] == [corpus.utterance(corpus.row_of[name]).dialogue_id]

    page.get_by_role("link", name="Errors", exact=True).click()
    found = demo.folders.engine.predictions(DEMO_RUN, DEMO_CORPUS, "test")
    cell = page.locator(".st-key-confusions .scatterlayer .points path.point").nth(len(found.emotions) * 2 + 1)
    cell.wait_for()
    opened.settled()
    box = cell.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    many = int(((found.gold == 2) & (found.predicted == 1)).sum())
    assert many > 0, "an empty cell leads nowhere"
    page.get_by_text(f"labelled {found.emotions[2]} and predicted {found.emotions[1]}").wait_for()
    assert page.locator(".st-key-queue_rows .chat .row").count() == many <= 60
    page.locator('.st-key-queue_rows .chat .row[data-turn="0"]').click()
    page.locator(".chat .row.focus .miss").wait_for()
    opened.settled().page.get_by_role("button", name="open in Dialogue").click()
    page.locator(".chat .row.focus .miss").wait_for()
    opened.clean()


ADDRESSES = {title: address if place else "" for place, (_, title, _, address) in enumerate(PAGES)}
"""The first page stands at the bare address."""


@pytest.mark.parametrize(("title", "address"), ADDRESSES.items())
def test_no_page_fails_on_the_console_or_asks_another_host(visit_at, demo, title, address):
    opened = visit_at(demo.address).open("/")
    opened.page.get_by_role("link", name=title, exact=True).click()
    opened.page.locator(".dnr h2", has_text=title).wait_for()
    opened.page.wait_for_timeout(500)
    opened.settled()
    opened.open(f"/{address}?corpus={DEMO_CORPUS}&turn=2")
    opened.page.locator(".dnr h2", has_text=title).wait_for()
    opened.settled().clean()
