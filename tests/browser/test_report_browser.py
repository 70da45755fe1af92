"""A report opened from disk in a real browser that has no network: all is drawn, found and linked; printed to PDF."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from dnr_core.errors import DnRError
from dnr_core.export.report import Report, report
from dnr_core.export.report_pdf import browser as find_browser
from dnr_core.export.report_pdf import printed
from dnr_core.export.scene import Scene
from tests.conftest import RUN, Workspace

pytestmark = pytest.mark.browser
QUIET = "GL Driver Message"
"""Chromium says so of WebGL without a graphics card."""
UNDRAWN = "[...document.querySelectorAll('.plot')].filter(one => !one.querySelector('.main-svg')).map(one => one.id)"


@pytest.fixture(scope="module")
def scene(workspace: Workspace) -> Scene:
    return Scene(workspace.engine, RUN, "planted", "test", against="plain-run")


@pytest.fixture(scope="module")
def made(scene: Scene) -> Report:
    return report(scene)


@pytest.fixture(scope="module")
def file(made: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "a report, sent.html"
    path.write_text(made.html, encoding="utf-8")
    return path


class Offline:
    """A page of a context without network; collects what went wrong and what was asked for."""

    def __init__(self, browser, path: Path, **context) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, **context)
        self.context.set_offline(True)
        self.problems: list[str] = []
        self.context.route(re.compile("^(?!file://)"), self.refuse)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda said: self.problems.append(said.text) if QUIET not in said.text else None)
        self.page.on("request", lambda asked: self.asked(asked.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", state="attached")

    def refuse(self, route) -> None:
        self.problems.append(f"asked for {route.request.url}")
        route.abort()

    def asked(self, url: str) -> None:
        if not url.startswith(("file://", "data:", "blob:")):
            self.problems.append(f"asked for {url}")

    def scrolled(self) -> None:
        """Bring every place of the page into view."""
        self.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        for name in self.page.evaluate("[...document.querySelectorAll('.plot')].map(one => one.id)"):
            self.page.evaluate(f"document.getElementById({name!r}).scrollIntoView()")
            self.page.wait_for_selector(f"#{name} .main-svg", state="attached", timeout=10_000)


@pytest.fixture
def opened(browser, file):
    made = []

    def start(**context) -> Offline:
        made.append(Offline(browser, file, **context))
        return made[-1]

    yield start
    for one in made:
        one.context.close()


def test_every_figure_is_drawn_when_it_comes_into_view_and_nothing_is_asked_for(opened, made):
    visit = opened()
    assert visit.page.evaluate(UNDRAWN), "figures far below are drawn later"
    visit.scrolled()
    assert visit.page.evaluate(UNDRAWN) == []
    assert visit.page.locator("figure").count() == len(made.figures)
    assert visit.page.locator("#plot-map-1 canvas").count() > 0
    assert "WebGL is not supported" not in visit.page.locator("#plot-map-1").inner_text()
    assert visit.page.get_by_text("share to cloud").count() == 0
    assert visit.problems == []


def test_without_webgl_the_map_is_drawn_all_the_same(browser, file):
    visit = Offline(browser, file)
    visit.page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    visit.page.reload()
    visit.page.wait_for_selector("html[data-ready]", state="attached")
    visit.page.evaluate("document.getElementById('plot-map-1').scrollIntoView()")
    visit.page.wait_for_selector("#plot-map-1 .points path", state="attached", timeout=30_000)
    visit.context.close()


def test_the_filter_finds_words_and_errors(opened, scene):
    visit, found, corpus = opened(), scene.predictions, scene.corpus
    names = corpus.dialogue_ids("test")
    wrong = {corpus.utterance(int(row)).dialogue_id for row in found.row[found.gold != found.predicted]}
    shown = visit.page.locator(".dialogue:visible")
    assert shown.count() == len(names)
    visit.page.get_by_label("with errors only").check()
    assert shown.count() == len(wrong)
    visit.page.get_by_label("with errors only").uncheck()
    one = corpus.utterance(int(found.row[7]))
    visit.page.get_by_label("Find").fill(one.text.upper())
    expected = {
        corpus.utterance(int(row)).dialogue_id for row in found.row if one.text in corpus.utterance(int(row)).text
    }
    assert {text.split(" ")[0] for text in shown.locator("summary").all_inner_texts()} == expected
    assert visit.page.locator("#counted").inner_text() == f"{len(expected)} of {len(names)} dialogues"
    visit.page.get_by_label("Find").fill("nobody says this <b>")
    assert shown.count() == 0 and visit.problems == []


def test_a_link_in_the_list_of_errors_opens_its_turn(opened, scene):
    visit, found = opened(), scene.predictions
    row = int(found.row[np.flatnonzero(found.gold != found.predicted)[-1]])
    visit.page.get_by_label("Find").fill("nobody says this")
    turn = visit.page.locator(f"#turn-{row}")
    assert not turn.is_visible()
    visit.page.locator(f'section[aria-labelledby=errors] a[href="#turn-{row}"]').last.click()
    turn.wait_for(state="visible")
    box = turn.bounding_box()
    assert 0 <= box["y"] <= 900 and scene.corpus.utterance(row).text in turn.inner_text()


def test_a_click_on_the_map_opens_the_turn(opened, scene):
    visit, row = opened(), int(scene.predictions.row[-1])
    visit.page.evaluate("document.getElementById('plot-map-1').scrollIntoView()")
    visit.page.wait_for_selector("#plot-map-1 .main-svg", state="attached")
    name = scene.corpus.utterance(row).utterance_id
    visit.page.evaluate(
        "id => document.getElementById('plot-map-1').emit('plotly_click', {points: [{customdata: id}]})", name
    )
    visit.page.locator(f"#turn-{row}").wait_for(state="visible")


def test_light_and_dark_follow_the_reader_and_the_page_fits_a_tablet(opened):
    seen = {}
    for scheme in ("light", "dark"):
        visit = opened(color_scheme=scheme)
        visit.page.wait_for_selector("#plot-classes-1 .ytick text")
        seen[scheme] = visit.page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, "
            "document.querySelector('#plot-classes-1 .ytick text').style.fill]"
        )
    assert seen["light"] != seen["dark"] and seen["light"][0] == "rgb(255, 255, 255)"
    assert seen["light"][1] != seen["dark"][1]
    for width in (820, 390):
        visit.page.set_viewport_size({"width": width, "height": 900})
        visit.page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")


def test_printing_opens_and_draws_all_and_closes_again(opened):
    visit = opened()
    opened_before = visit.page.locator("details[open]").count()
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert visit.page.evaluate(UNDRAWN) == [] and visit.page.locator("details:not([open])").count() == 0
    visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert visit.page.locator("details[open]").count() == opened_before and visit.problems == []


def test_it_is_printed_to_pdf(made, scene, browser, tmp_path):
    pypdf = pytest.importorskip("pypdf")
    printed(made.html, tmp_path / "report.pdf", find_browser())
    pages = pypdf.PdfReader(tmp_path / "report.pdf").pages
    words = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert len(pages) > 1 and round(float(pages[0].mediabox.width)) in (594, 595, 596), "A4"
    for name in scene.corpus.dialogue_ids("test"):
        first = scene.corpus.dialogue(name).utterances[0]
        assert name in words and " ".join(first.text.split())[:12] in words
    for title in ("Confusion matrix", "Map of the parts", "Provenance"):
        assert title in words
    assert "weighted F1 on dev" in words, "the labels of a drawn figure"


def test_a_browser_that_fails_is_one_line(tmp_path):
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(DnRError, match="did not print the report: got no display"):
        printed("<p>", tmp_path / "report.pdf", str(broken))
    assert not (tmp_path / "report.pdf").exists()
