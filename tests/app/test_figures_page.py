"""The Figures page: each figure in its true size with its caption, and files that hold the same."""

from __future__ import annotations

import io
import re
import zipfile
from base64 import b64decode
from urllib.parse import parse_qsl, urlparse

import pytest
from PIL import Image

from dnr_core.export.bundle import Wish, bundle
from dnr_core.export.figures import FIGURES
from dnr_core.export.links import link
from dnr_core.export.scene import Scene
from dnr_core.figures.paper import PRESETS, PaperStyle
from tests.conftest import RUN

OFFERED = [name for name in FIGURES if not name.startswith("study")]
ASKED = {"faithfulness"}
"""Computed on request, because it takes more than a second."""
NOT_HERE = {
    "signals": "has no signals of its own",
    "word_attribution": "Values cannot be given to words",
    "class_changes": "a lone run has nothing to be compared with",
}


def picture(page) -> tuple[Image.Image, float]:
    """The figure on a page, and its width in pixels of the screen."""
    width, content = re.search(r'style="width:(\d+)px[^>]*src="data:image/png;base64,([^"]+)"', page.html).groups()
    return Image.open(io.BytesIO(b64decode(content))), float(width)


@pytest.mark.parametrize("name", OFFERED)
def test_every_figure_is_shown_in_its_true_size_or_says_why_not(open_page, demo, name):
    page = open_page("figures", figure=name)
    assert not page.notices and FIGURES[name].title in page.text
    if name in NOT_HERE:
        assert NOT_HERE[name] in page.text
        return
    if name in ASKED:
        assert "data:image/png" not in page.html
        page.app.button(key="ask_figure").click()
        page.run()
    shown, width = picture(page)
    assert width == round(96 * PRESETS["acl1"].width) and shown.width == pytest.approx(2 * width, abs=1)
    assert "Checkpoint: planted-dnr-mmgcn-s0 (dnr + mmgcn, preset fast, one run, seed 0" in page.text


def test_paper_shades_and_sizes_change_the_picture_and_stand_in_the_address(open_page, demo):
    plain, width = picture(open_page("figures", figure="values"))
    page = open_page("figures", figure="values", preset="ieee2", shades="grey", letters="serif")
    grey, wide = picture(page)
    assert (width, wide) == (291, 687)
    pixels = grey.convert("RGB").getcolors(1 << 24)
    assert all(max(colour) - min(colour) <= 16 for _, colour in pixels), "nothing is told apart by hue"
    assert any(max(colour) - min(colour) > 60 for _, colour in plain.convert("RGB").getcolors(1 << 24))
    assert (page.state("preset"), page.state("shades"), page.state("letters")) == ("ieee2", "grey", "serif")
    page.app.number_input(key="figure_width").set_value(2.0)
    assert picture(page.run())[1] == 192
    page.app.number_input(key="figure_width").set_value(0.1)
    assert "got 0.1; expected 1 to 40 inches" in page.run().text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"figure": "<b>pie</b>"}, ["Unknown figure '<b>pie</b>'", "dialogue_parts"]),
        ({"preset": "cvpr"}, ["Unknown preset 'cvpr'", "wacv"]),
        ({"shades": "mauve"}, ["Unknown shades 'mauve'", "grey"]),
        ({"letters": "comic"}, ["Unknown letters 'comic'", "serif"]),
    ],
)
def test_a_strange_link_is_one_message_and_a_figure(open_page, demo, given, words):
    page = open_page("figures", **given)
    (line,) = page.notices
    assert all(word in line for word in words) and picture(page)


def test_all_figures_in_one_zip(open_page, demo):
    page = open_page("figures", figure="training")
    page.app.button(key="ask_all_figures").click()
    page.app.run(timeout=180)
    page.check()
    _, content, label, said = page.state("made_all_figures")
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    shown = {name.partition("/")[0] for name in names if "/" in name}
    assert shown == set(OFFERED) - set(NOT_HERE) and label == f"Download {len(shown)} figures"
    assert "not_shown.txt" in names and said in page.text
    assert all(words in said for words in NOT_HERE.values())
    page.app.number_input(key="figure_width").set_value(5.0)
    assert "take_all_figures" not in {one.key for one in page.run().app.get("download_button")}, "other figures now"


def test_the_report_is_made_on_request(open_page, demo):
    page = open_page("figures", figure="training")
    page.app.button(key="ask_report").click()
    page.app.run(timeout=180)
    page.check()
    _, content, label, said = page.state("made_report")
    assert content.startswith(b"<!DOCTYPE html>") and label == "Download the report"
    assert b"planted-dnr-mmgcn-s0" in content and NOT_HERE["class_changes"] in said


@pytest.mark.parametrize("name", OFFERED)
def test_the_link_of_a_figure_opens_the_same_figure(open_page, demo, name):
    scene = Scene(demo.engine, RUN, "planted", "dev", emotion="sad", removal="zero", part="unique", colour="split")
    style = PaperStyle("wacv", grey=True, serif=True)
    address = urlparse(link(name, scene, style))
    page = open_page(address.path.strip("/"), **dict(parse_qsl(address.query)))
    assert not page.notices and FIGURES[name].title in page.text
    assert (page.state("dialogue"), page.state("turn")) == (scene.dialogue, scene.turn)
    looks = [page.state(key) for key in ("figure", "preset", "shades", "letters")]
    assert looks == [name, "wacv", "grey", "serif"]
    expected = {"removal": "zero", "emotion": "sad", "part": "unique", "colour": "split"}
    for use in FIGURES[name].uses & expected.keys():
        assert page.state({"part": "space"}.get(use, use)) == expected[use]


def test_the_page_and_the_command_line_draw_the_same(open_page, demo):
    scene = Scene(demo.engine, RUN, "planted", "test")
    content = bundle("classes", scene, Wish(PaperStyle("wacv"), ("png",), 192))[0]["classes.png"]
    shown, _ = picture(open_page("figures", figure="classes", preset="wacv"))
    assert Image.open(io.BytesIO(content)).tobytes() == shown.tobytes()
