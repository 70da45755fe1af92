"""What may be asked of a figure on paper, and what is said where it may not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from figure_samples import bars, columns, confusion, lines, scatter, strip

from dnr_core.errors import DnRError, UsageError
from dnr_core.figures.paper import PRESETS, PaperStyle, draw, save
from dnr_core.figures.paper.pen import greys


@pytest.mark.parametrize(
    ("style", "says"),
    [
        ({"preset": "cvpr"}, "preset of figures: got 'cvpr'; expected one of wacv, ieee1, ieee2, acl1, acl2, slide, "),
        ({"width": 0.5}, "width of a figure: got 0.5; expected 1 to 40 inches; leave it out to take"),
        ({"width": 41}, "width of a figure: got 41; expected 1 to 40 inches; leave it out to take"),
        ({"height": 0.4}, "height of a figure: got 0.4; expected 0.5 to 60 inches; leave it out to take"),
        ({"font_size": 4.9}, "font size of a figure: got 4.9; expected 5 to 60 points; leave it out to take"),
        ({"width": float("nan")}, "width of a figure: got nan; expected 1 to 40 inches; leave it out to take"),
    ],
)
def test_what_is_out_of_range_is_said_in_a_line(style, says):
    with pytest.raises(UsageError) as caught:
        draw([bars()], PaperStyle(**style))
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)


def test_forms_dots_and_panels_are_checked():
    with pytest.raises(UsageError, match="form of a figure: got 'gif'; expected one of pdf, svg, png, eps"):
        save([bars()], PaperStyle(), "gif")
    with pytest.raises(UsageError, match="dots per inch of a figure: got 3000; expected 50 to 1200"):
        save([bars()], PaperStyle(), "png", dpi=3000)
    with pytest.raises(DnRError, match="a figure without panels: give one at least"):
        draw([], PaperStyle())
    with pytest.raises(DnRError, match="a figure without data: got no rows for bars"):
        draw([replace(bars(), data=bars().data.iloc[:0])], PaperStyle())


def test_a_page_too_narrow_says_so():
    with pytest.raises(UsageError, match="width of a figure: got 1 inches; expected room for the names"):
        draw([bars()], PaperStyle(width=1, font_size=30))


def test_presets_are_those_of_the_conferences_with_readable_words():
    widths = {"wacv": 3.25, "ieee1": 3.5, "ieee2": 7.16, "acl1": 3.03, "acl2": 6.3, "slide": 10, "poster": 16}
    assert {name: preset.width for name, preset in PRESETS.items()} == widths
    assert all(preset.font_size >= 8 for preset in PRESETS.values())
    assert (PRESETS["slide"].height, PRESETS["slide"].font_size, PRESETS["poster"].font_size) == (5.6, 16, 24)


def sizes(figure):
    return {text.get_fontsize() for axes in figure.axes for text in axes.texts}


def test_words_have_the_size_that_is_asked_for():
    assert sizes(draw([bars()], PaperStyle("wacv"))) == {8}
    assert sizes(draw([bars()], PaperStyle("wacv", font_size=6.5))) == {6.5}


def test_smaller_words_are_said():
    drawn = save([bars(27)], PaperStyle("slide"), "svg")
    (said,) = drawn.substitutions
    assert said.startswith("text is set in ") and said.endswith(" points instead of 16: more has no room")


def words(figure):
    return "".join(text.get_text() for axes in figure.axes for text in axes.texts)


def test_a_title_stands_only_where_asked_for():
    assert "Parts of a turn" not in words(draw([bars()], PaperStyle()))
    assert "Parts of a turn" in words(draw([bars()], PaperStyle(title=True)))


def test_families_are_serif_or_not():
    for serif, family in ((False, "DejaVu Sans"), (True, "DejaVu Serif")):
        figure = draw([bars()], PaperStyle(serif=serif))
        assert {text.get_fontfamily()[0] for axes in figure.axes for text in axes.texts} == {family}


def test_literal_signs_stay_as_they_are():
    typed = r"$x^2$ 100 % a_b \frac{1}{2} <b>&amp;</b> `c`"
    data = bars(2).data.assign(part=[typed, "b"], group=["unique", typed])
    spec = replace(bars(2), data=data, x_label=typed, y_label="$y$", title=typed)
    shown = words(draw([spec], PaperStyle("acl2", title=True)))
    assert shown.count("".join(typed.split())) >= 1 or shown.count(typed) >= 3
    assert "$y$" in shown


def entries(figure):
    return [t.get_text() for axes in figure.axes for t in axes.texts if t.get_label() == "entry"]


def test_a_legend_says_only_what_is_not_written_at_the_bars():
    assert entries(draw([bars()], PaperStyle())) == []
    unwritten = replace(bars(), data=bars().data.assign(group="elsewhere"))
    assert entries(draw([unwritten], PaperStyle())) == ["elsewhere"]
    assert entries(draw([lines()], PaperStyle())) == ["decompose", "refine", "predict", "random order"]
    assert entries(draw([scatter(200, 12)], PaperStyle())) == []
    assert len(entries(draw([scatter(200, 13)], PaperStyle()))) == 13


def panels(figure):
    return [axes for axes in figure.axes if axes.get_label() != "head"]


def test_panels_over_turns_share_their_axis():
    one, two = panels(draw([strip(20), columns(12)], PaperStyle("acl2")))
    assert one.get_xlim() == two.get_xlim()
    assert one.get_position().x0 == two.get_position().x0 and one.get_position().width == two.get_position().width
    assert one.get_position().y0 > two.get_position().y1
    assert not [t for t in one.texts if str(t.get_label()).startswith("x")]
    assert "turn" in [t.get_text() for t in two.texts]


def test_the_marked_turn_is_pointed_out():
    one, two = panels(draw([strip(20), columns(12)], PaperStyle("acl2")))
    (frame,) = [box for box in one.patches if box.get_label() == "mark"]
    assert (frame.get_x() + frame.get_width() / 2) == pytest.approx(4)
    (line,) = [line for line in two.lines if line.get_label() == "mark"]
    assert set(line.get_xdata()) == {4}


def test_numbers_that_have_no_room_give_way_to_a_scale():
    figure = draw([confusion(12)], PaperStyle("acl1"))
    assert not [t for axes in figure.axes for t in axes.texts if t.get_label() == "cell"]
    assert [t.get_text() for axes in figure.axes for t in axes.texts if t.get_label() == "scale"] == ["0", "1"]


def test_a_map_has_one_scale_and_marks_what_is_picked_and_in_focus():
    spec = scatter(picked=80)
    figure = draw([spec], PaperStyle("acl2"))
    (axes,) = panels(figure)
    box = axes.get_window_extent()
    across, up = (abs(high - low) for low, high in (axes.get_xlim(), axes.get_ylim()))
    assert across / box.width == pytest.approx(up / box.height)
    grey = [part for part in axes.collections if part.get_zorder() == 1]
    assert sum(len(part.get_offsets()) for part in grey) == 820
    assert len({tuple(part.get_facecolor()[0]) for part in grey if len(part.get_facecolor())}) == 1
    (ring,) = axes.lines
    assert [ring.get_xdata()[0], ring.get_ydata()[0]] == spec.data.loc[5, ["x", "y"]].tolist()


def test_nothing_is_transparent():
    for make in (bars, lines, confusion, strip, columns, lambda: scatter(picked=30)):
        for axes in draw([make()], PaperStyle()).axes:
            artists = [*axes.patches, *axes.lines, *axes.collections, *axes.texts]
            assert {artist.get_alpha() for artist in artists} <= {None}


def test_a_family_has_the_same_grey_in_every_figure():
    shades = dict(zip(("unique", "redundant", "synergistic"), ("#404040", "#8c8c8c", "#d9d9d9"), strict=True))
    for names in (["redundant", "synergistic", "unique"], ["synergistic"], ["unique", "synergistic"]):
        assert greys(names, {}, 0.25, 0.85) == [shades[name] for name in names]
    mixed = greys(["visual", "unique", "sad", "text"], {"sad": "#4477AA"}, 0.0, 0.6)
    assert mixed == ["#666666", "#000000", "#999999", "#333333"], "families, modalities, then the colours of the figure"
