"""On paper nothing is clipped and no words lie on others, however many or long the names are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from figure_samples import EVERY, bars, columns, confusion, interactions, intervals, lines, means, scatter, strip, table
from matplotlib.backends.backend_agg import FigureCanvasAgg

from dnr_core.errors import UsageError
from dnr_core.figures.paper import PRESETS, PaperStyle, draw, settings

DPI, SLACK = 288, 2.0
"""Two of 288 dots an inch: half a point."""
LONG = "a name that goes on and on, like those of features of the voice (jitter, shimmer, harmonics-to-noise ratio), "


def boxes(figure):
    """(text, box in dots) of everything that is written."""
    figure.set_dpi(DPI)
    texts = [text for axes in figure.axes for text in axes.texts if text.get_text().strip()]
    with settings():
        renderer = FigureCanvasAgg(figure).get_renderer()
        return [(text, text.get_window_extent(renderer)) for text in texts]


def faults(figure) -> list[str]:
    """What leaves the page, and which words lie on each other."""
    found, (wide, high) = boxes(figure), figure.get_size_inches() * DPI
    said = [
        f"“{text.get_text()}” leaves the page: {box.bounds}"
        for text, box in found
        if box.x0 < -SLACK or box.y0 < -SLACK or box.x1 > wide + SLACK or box.y1 > high + SLACK
    ]
    for place, (text, box) in enumerate(found):
        for other, under in found[:place]:
            across = min(box.x1, under.x1) - max(box.x0, under.x0)
            up = min(box.y1, under.y1) - max(box.y0, under.y0)
            if across > SLACK and up > SLACK:
                said.append(f"“{text.get_text()}” lies on “{other.get_text()}” ({across:.0f} x {up:.0f})")
    return said


def named(spec, column, count=3):
    """The same with names that are much too long."""
    names = spec.data[column].map(str)
    longer = {name: f"{LONG * count}{place}. {name}" for place, name in enumerate(dict.fromkeys(names))}
    return replace(spec, data=spec.data.assign(**{column: names.map(longer)}))


def of_groups(spec, count):
    """The groups of a spec under long names, colours and patterns too."""
    longer = {name: f"{name} {LONG * count}" for name in spec.data[spec.colour].map(str).unique()}
    data = spec.data.assign(**{spec.colour: spec.data[spec.colour].map(str).map(longer)})
    return replace(spec, data=data, colours={longer.get(k, k): v for k, v in spec.colours.items()})


TRICKY = {
    "27 bars": lambda: [bars(27)],
    "1 bar": lambda: [bars(1)],
    "bars with long names": lambda: [named(bars(), "part")],
    "bars with long texts": lambda: [replace(bars(), data=bars().data.assign(label="+0.123456789 (−0.1 to 0.2)"))],
    "bars of long groups": lambda: [of_groups(bars(), 2)],
    "equal bars": lambda: [replace(bars(4), data=bars(4).data.assign(value=0.0))],
    "matrix of 2": lambda: [confusion(2)],
    "matrix of 12": lambda: [confusion(12)],
    "squares of 12": lambda: [confusion(12, "squares")],
    "matrix with long names": lambda: [named(named(confusion(5), "gold"), "predicted")],
    "3 parts, 2 emotions": lambda: [means(3, 2)],
    "9 parts, 12 emotions": lambda: [means(9, 12)],
    "pairs of 3": lambda: [interactions(3)],
    "2 turns": lambda: [strip(2), columns(2)],
    "90 turns, 12 emotions": lambda: [strip(90, 12), columns(90, stacked=True)],
    "33 turns": lambda: [strip(33), columns(33)],
    "lines of long groups": lambda: [of_groups(lines(), 1)],
    "long labels of axes": lambda: [replace(lines(), x_label=LONG * 2, y_label=LONG * 2)],
    "12 intervals with long names": lambda: [named(intervals(12), "label", 1)],
    "12 groups on a map": lambda: [scatter(600, 12)],
    "groups in one place": lambda: [replace(scatter(300, 12), data=scatter(300, 12).data.assign(x=1.0, y=2.0))],
    "30 groups on a map": lambda: [scatter(600, 30)],
    "map of long groups": lambda: [of_groups(scatter(300, 5), 1)],
    "case study": lambda: [strip(12), columns(12, stacked=True), table(12)],
    "long title": lambda: [replace(bars(3), title=LONG * 3), replace(lines(), title="Short")],
}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_kind_fits_on_every_page(name, preset):
    figure = draw([EVERY[name]()], PaperStyle(preset))
    assert not faults(figure)
    assert figure.get_figwidth() == PRESETS[preset].width
    assert figure.get_figheight() <= PRESETS[preset].tallest + 1e-9


@pytest.mark.parametrize("name", TRICKY)
@pytest.mark.parametrize("preset", ["acl1", "ieee2", "slide", "poster"])
def test_awkward_figures_fit(name, preset):
    assert not faults(draw(TRICKY[name](), PaperStyle(preset, title=True)))


@pytest.mark.parametrize("name", ["bars", "signed_matrix", "strip", "lines", "table", "reliability", "scatter"])
@pytest.mark.parametrize(
    "style",
    [
        PaperStyle("acl1", serif=True, grey=True, title=True),
        PaperStyle("acl1", font_size=12),
        PaperStyle("acl2", height=7.5),
        PaperStyle("acl2", height=2.2),
        PaperStyle("wacv", width=2.0),
        PaperStyle("poster", width=40, height=20, font_size=40),
    ],
    ids=lambda style: f"{style.preset} {style.width} {style.height} {style.font_size} {style.serif}",
)
def test_other_styles_fit(name, style):
    figure = draw([EVERY[name]()], style)
    assert not faults(figure)
    assert figure.get_figwidth() == (style.width or PRESETS[style.preset].width)
    assert style.height is None or figure.get_figheight() == style.height


def test_a_page_too_low_says_how_high_it_has_to_be():
    with pytest.raises(UsageError, match=r"height of a figure: got 1 inches; expected 2\.\d or more"):
        draw([bars(27)], PaperStyle("acl1", height=1))


def test_names_take_two_fifths_of_the_width_and_dots_for_the_rest():
    figure = draw([named(bars(), "part")], PaperStyle("acl1"))
    found = [(text, box) for text, box in boxes(figure) if str(text.get_label()).startswith("y ")]
    assert max(box.width for _, box in found) <= 0.4 * 3.03 * DPI
    assert sum("…" in text.get_text() for text, _ in found) == 9
    assert len({text.get_text() for text, _ in found if "…" in text.get_text()}) == 9  # told apart by their ends


def test_what_lies_on_each_other_is_noticed():
    figure = draw([bars()], PaperStyle("ieee2"))
    axes = figure.axes[-1]
    one = next(text for text in axes.texts if str(text.get_label()).startswith("y "))
    one.set_y(one.get_position()[1] + 1.0)
    assert faults(figure)
