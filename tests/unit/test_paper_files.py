"""The files of a figure: their size, the fonts in them, the words in them, and that they are the same each time."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from figure_samples import EVERY, bars, columns, scatter, strip, table
from PIL import Image
from pypdf import PdfReader

from dnr_core.figures.paper import PRESETS, PaperStyle, save

HERE = Path(__file__).parent
SVG = "{http://www.w3.org/2000/svg}"
CASE = [strip, lambda: columns(stacked=True), table]


def fonts_of(page):
    """Subtype, subtype of the font inside, and whether its TrueType file is embedded."""
    found = []
    for one in page["/Resources"]["/Font"].values():
        font = one.get_object()
        (inner,) = font.get("/DescendantFonts", [font])
        inner = inner.get_object()
        found.append((font["/Subtype"], inner["/Subtype"], "/FontFile2" in inner["/FontDescriptor"].get_object()))
    return found


KINDS_AND_PRESETS = [(name, "wacv") for name in EVERY] + [
    (name, preset) for preset in PRESETS if preset != "wacv" for name in ("bars", "strip")
]


@pytest.mark.parametrize(("name", "preset"), KINDS_AND_PRESETS)
def test_a_pdf_is_as_wide_as_its_column_with_truetype_inside(name, preset):
    drawn = save([EVERY[name]()], PaperStyle(preset), "pdf")
    (page,) = PdfReader(io.BytesIO(drawn.content)).pages
    assert float(page.mediabox.width) / 72 == pytest.approx(PRESETS[preset].width, abs=0.01)
    assert (float(page.mediabox.width) / 72, float(page.mediabox.height) / 72) == pytest.approx(
        (drawn.width_in, drawn.height_in), abs=0.01
    )
    assert fonts_of(page) and set(fonts_of(page)) <= {("/Type0", "/CIDFontType2", True), ("/TrueType",) * 2 + (True,)}
    assert b"/Type3" not in drawn.content


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bars", "unique · text"), ("lines", "weighted F1 on dev"), ("matrix", "surprise"), ("signed_matrix", "+0.65"),
        ("strip", "predicted"), ("intervals", "change of F1 from A to B, points"), ("reliability", "share right"),
        ("table", "100 % of it, & more_or_less"), ("scatter", "disgust"), ("drops", "not above its null"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("serif", [False, True])
def test_words_can_be_searched_for(name, words, serif):
    style = PaperStyle("ieee2", serif=serif)
    (page,) = PdfReader(io.BytesIO(save([EVERY[name]()], style, "pdf").content)).pages
    assert "".join(words.split()) in "".join(page.extract_text().split())
    svg = ElementTree.fromstring(save([EVERY[name]()], style, "svg").content)
    assert "".join(words.split()) in "".join("".join(text.itertext()) for text in svg.iter(f"{SVG}text")).replace(
        " ", ""
    )


@pytest.mark.parametrize("name", EVERY)
def test_an_svg_is_as_wide_as_its_column(name):
    for paths in (False, True):
        drawn = save([EVERY[name]()], PaperStyle("wacv"), "svg", text_as_paths=paths)
        svg = ElementTree.fromstring(drawn.content)
        assert float(svg.attrib["width"].removesuffix("pt")) / 72 == pytest.approx(3.25, abs=0.01)
        assert float(svg.attrib["height"].removesuffix("pt")) / 72 == pytest.approx(drawn.height_in, abs=0.01)
        assert bool(list(svg.iter(f"{SVG}text"))) is not paths


@pytest.mark.parametrize("dpi", [300, 600])
def test_a_png_has_its_dots(dpi):
    drawn = save([bars()], PaperStyle("acl1"), "png", dpi=dpi)
    image = Image.open(io.BytesIO(drawn.content))
    assert image.size == (round(3.03 * dpi), int(drawn.height_in * dpi + 1e-6))
    assert image.info["dpi"] == pytest.approx((dpi, dpi), abs=0.1)


@pytest.mark.parametrize("name", ["bars", "lines", "scatter"])
def test_an_eps_has_its_box_and_truetype_inside(name):
    drawn = save([EVERY[name]()], PaperStyle("wacv"), "eps")
    text = drawn.content.decode("latin-1")
    box = re.search(r"%%HiResBoundingBox: (\S+) (\S+) (\S+) (\S+)", text)
    assert box is not None
    left, bottom, right, top = map(float, box.groups())
    assert ((right - left) / 72, (top - bottom) / 72) == pytest.approx((3.25, drawn.height_in), abs=0.01)
    whole = re.search(r"%%BoundingBox: (\d+) (\d+) (\d+) (\d+)", text)
    assert whole is not None and int(whole[3]) - int(whole[1]) == pytest.approx(3.25 * 72, abs=1)
    assert "/FontType 42 def" in text and "/FontType 3 def" not in text and "/FontType 3\n" not in text
    assert "CreationDate" not in text


@pytest.mark.parametrize("form", ["png", "svg"])
def test_grey_has_no_colour(form):
    specs = [make() for make in CASE] + [EVERY[name]() for name in ("bars", "lines", "signed_matrix", "intervals")]
    content = save(specs, PaperStyle("ieee2", height=30, grey=True), form, dpi=100).content
    if form == "png":
        red, green, blue = Image.open(io.BytesIO(content)).convert("RGB").split()
        assert red.tobytes() == green.tobytes() == blue.tobytes()
    if form == "svg":
        shades = set(re.findall(r"#([0-9a-f]{6})", content.decode()))
        assert len(shades) > 5 and all(one[:2] == one[2:4] == one[4:] for one in shades)


SCRIPT = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from figure_samples import EVERY
from dnr_core.figures.paper import FORMATS, PaperStyle, save
for form in FORMATS:
    for name in ("bars",) if form == "eps" else ("bars", "scatter"):
        print(form, name, hashlib.sha256(save([EVERY[name]()], PaperStyle("wacv"), form).content).hexdigest())
assert "matplotlib.pyplot" not in sys.modules
"""


def test_two_processes_write_the_same_bytes(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    found = []
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(HERE)], env=environment | {"PYTHONHASHSEED": seed}, cwd=tmp_path,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.append(run.stdout)
        time.sleep(1.1)  # a file that says the second it was written would differ
    assert found[0] == found[1] and len(found[0].splitlines()) == 7


def test_saving_leaves_no_trace(monkeypatch):
    import matplotlib

    monkeypatch.setitem(matplotlib.rcParams, "font.size", 31.0)
    before, variables = dict(matplotlib.rcParams), dict(os.environ)
    first = save([bars()], PaperStyle(), "eps").content
    assert dict(matplotlib.rcParams) == before and dict(os.environ) == variables
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 10.0)
    assert hashlib.sha256(save([bars()], PaperStyle(), "eps").content).digest() == hashlib.sha256(first).digest()


def test_a_map_of_all_of_meld_is_small():
    spec = scatter(13_708)
    drawn = save([spec], PaperStyle("acl2"), "pdf")
    assert len(drawn.content) <= 2_000_000
    assert len(save([spec], PaperStyle("poster"), "pdf").content) <= 2_000_000
    (page,) = PdfReader(io.BytesIO(drawn.content)).pages
    images = [one for one in page["/Resources"]["/XObject"].values() if one.get_object()["/Subtype"] == "/Image"]
    assert images and "disgust" in page.extract_text()


def test_few_points_stay_lines():
    content = save([scatter(5000)], PaperStyle("acl2"), "pdf").content
    (page,) = PdfReader(io.BytesIO(content)).pages
    images = [one for one in page["/Resources"]["/XObject"].values() if one.get_object()["/Subtype"] == "/Image"]
    assert not images
