"""Figures in a real browser: chosen, seen in their true size, downloaded; the link in the zip opens the same view."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from dnr_core.figures.paper import PRESETS

pytestmark = pytest.mark.browser


def test_a_figure_is_chosen_seen_and_taken_away(visit, workspace):
    opened = visit().open("/figures?figure=confusion")
    page = opened.page
    picture = page.locator('img[src^="data:image/png"]')
    picture.wait_for()
    assert picture.bounding_box()["width"] == pytest.approx(96 * PRESETS["acl1"].width, abs=1)

    page.locator(".st-key-pick_preset").click()
    page.get_by_role("option", name="ieee2").click()
    opened.settled()
    assert picture.bounding_box()["width"] == pytest.approx(96 * PRESETS["ieee2"].width, abs=1)
    assert "preset=ieee2" in page.url and "figure=confusion" in page.url
    page.get_by_role("button", name="svg", exact=True).click()
    opened.settled()
    with page.expect_download() as waited:
        page.get_by_role("button", name="Download this figure").click()
    content = waited.value.path().read_bytes()
    files = zipfile.ZipFile(io.BytesIO(content))
    assert set(files.namelist()) == {
        "confusion.pdf", "confusion.svg", "data.csv", "table.tex", "caption.txt", "link.txt",
    }  # fmt: skip
    found = workspace.engine.predictions("planted-dnr-mmgcn-s0", "planted", "test")
    right = int((found.gold == found.predicted).sum())
    rows = [line.split(",") for line in files.read("data.csv").decode().splitlines()[1:]]
    assert sum(int(row[2]) for row in rows if row[0] == row[1]) == right

    link = files.read("link.txt").decode().strip()
    assert link.startswith(opened.address), "the link leads to this server"
    other = visit().open(link.removeprefix(opened.address))
    again = other.page.locator('img[src^="data:image/png"]')
    again.wait_for()
    assert again.get_attribute("src") == picture.get_attribute("src"), "the link draws another figure"
    opened.clean()
    other.clean()


def test_a_figure_that_cannot_be_shown_says_why(visit):
    opened = visit().open("/figures?figure=class_changes")
    opened.page.get_by_text("a lone run has nothing to be compared with").wait_for()
    assert not opened.page.get_by_role("button", name="Download this figure").count()
    opened.clean()


def test_the_preview_is_white_on_a_dark_page_and_fits_a_tablet(visit, browser):
    opened = visit(820, 1000).open("/figures?figure=values&preset=slide")
    picture = opened.page.locator('img[src^="data:image/png"]')
    picture.wait_for()
    shot = Image.open(io.BytesIO(picture.screenshot())).convert("RGB")
    assert shot.getpixel((2, 2)) == (255, 255, 255)
    body = opened.page.evaluate("document.documentElement.scrollWidth")
    assert body <= 820, "a picture wider than the page scrolls inside its own box"
    opened.clean()
