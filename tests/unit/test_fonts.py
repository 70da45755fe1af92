"""Letters that the font of figures lacks: another installed font, or a box and a sentence."""

from __future__ import annotations

import io

import pytest
from figure_samples import bars
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from pypdf import PdfReader

from dnr_core.figures.paper import PaperStyle, fonts, save
from dnr_core.figures.paper.fonts import Fonts

JAPANESE, ARABIC, DEVANAGARI, EMOJI, HEBREW = "喜び", "غضب", "खुशी", "joy 😀", "כעס"


def clear():
    for cached in (fonts.has, fonts.characters, fonts.family_with, fonts.installed, fonts.width_of):
        cached.cache_clear()


@pytest.fixture
def squares_for(tmp_path):
    """Installs a font that draws the letters it is given as squares."""
    before = list(fontManager.ttflist)

    def install(letters: str, name: str = "Squares") -> None:
        pen = TTGlyphPen(None)
        pen.moveTo((0, 0))
        for corner in ((0, 700), (700, 700), (700, 0)):
            pen.lineTo(corner)
        pen.closePath()
        glyph, names = pen.glyph(), [f"u{ord(letter):x}" for letter in letters]
        builder = FontBuilder(1000, isTTF=True)
        builder.setupGlyphOrder([".notdef", *names])
        builder.setupCharacterMap({ord(letter): one for letter, one in zip(letters, names, strict=True)})
        builder.setupGlyf(dict.fromkeys([".notdef", *names], glyph))
        builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names], (800, 0)))
        builder.setupHorizontalHeader(ascent=800, descent=-200)
        builder.setupNameTable({"familyName": name, "styleName": "Regular", "psName": name, "fullName": name})
        builder.setupOS2()
        builder.setupPost()
        builder.save(tmp_path / f"{name}.ttf")
        fontManager.addfont(tmp_path / f"{name}.ttf")
        fontManager._findfont_cached.cache_clear()
        clear()

    yield install
    fontManager.ttflist[:] = before
    clear()


def test_letters_of_the_font_stay():
    for serif in (False, True):
        found = Fonts(serif=serif)
        for text in ("joy", "Freude, größer", "✗ → Δ ≥ − · …", "радость", "χαρά", ARABIC, HEBREW):
            assert found.shown(text) == text
        assert not found.said()
    assert Fonts(serif=True).families[0] == "DejaVu Serif"


def test_white_space_is_one_blank():
    assert Fonts(serif=False).shown(" a \n b\t\tc\u00a0d ") == "a b c d"


def test_a_letter_without_a_font_is_a_box_and_is_said():
    found = Fonts(serif=False)
    assert found.shown("joy \u0378\u0379") == "joy □□"
    assert found.said() == ("2 characters of “joy \u0378\u0379” have no font here: shown as □",)


def test_many_such_texts_are_counted():
    found = Fonts(serif=False)
    for place in range(9):
        found.shown(f"{place}\u0378\u0379")
    assert len(found.said()) == 6
    assert found.said()[-1] == "8 characters of 4 more texts are shown as □ too"


def test_the_same_text_is_counted_once():
    found = Fonts(serif=False)
    assert found.shown("\u0378") == found.shown("\u0378") == "□"
    assert found.said() == ("1 character of “\u0378” has no font here: shown as □",)


def test_joiners_and_variants_leave_no_box():
    found = Fonts(serif=False)
    assert found.shown("a\ufe0fb").replace("\ufe0f", "") == "ab" and not found.said()


def test_control_signs_are_boxes_not_glyphs():
    found = Fonts(serif=False)
    assert found.shown("a\x07b") == "a□b" and found.said()


def test_an_installed_font_is_taken(squares_for):
    squares_for(JAPANESE)
    found = Fonts(serif=False)
    assert found.shown(f"joy {JAPANESE}") == f"joy {JAPANESE}"
    assert found.families == ["DejaVu Sans", "Squares"] and not found.said()


def test_the_first_by_file_name_is_taken(squares_for):
    squares_for(DEVANAGARI, "Zebra")
    squares_for(DEVANAGARI, "Abacus")
    found = Fonts(serif=False)
    assert found.shown(DEVANAGARI) == DEVANAGARI and found.families[1] == "Abacus"


def text_of(content: bytes) -> str:
    (page,) = PdfReader(io.BytesIO(content)).pages
    return page.extract_text()


def named(*names):
    spec = bars(len(names))
    spec.data["part"] = names
    return spec


@pytest.mark.parametrize("form", ["pdf", "svg", "png", "eps"])
def test_every_form_takes_every_script(form, squares_for):
    squares_for(JAPANESE + DEVANAGARI)
    drawn = save([named(JAPANESE, ARABIC, DEVANAGARI, EMOJI, "\u0378")], PaperStyle("acl2", title=True), form)
    assert any(said.startswith("1 character of “\u0378”") for said in drawn.substitutions)
    if form == "pdf":
        (page,) = PdfReader(io.BytesIO(drawn.content)).pages
        inner = [font.get_object()["/DescendantFonts"][0].get_object() for font in page["/Resources"]["/Font"].values()]
        assert {font["/Subtype"] for font in inner} == {"/CIDFontType2"}
        assert any("Squares" in font["/BaseFont"] for font in inner)
        assert JAPANESE in text_of(drawn.content)
    if form == "svg":
        assert JAPANESE in drawn.content.decode() and ARABIC in drawn.content.decode()


def test_without_a_font_the_figure_is_drawn_with_boxes():
    drawn = save([named("\u0378\u0379 a", "b")], PaperStyle("acl2"), "pdf")
    assert "□□ a" in text_of(drawn.content)
    assert drawn.substitutions == ("2 characters of “\u0378\u0379 a” have no font here: shown as □",)
