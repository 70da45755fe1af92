"""A figure on screen and on paper carry the numbers, labels and order of its data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from figure_numbers import assert_same, data_numbers, paper_numbers, screen_numbers
from figure_samples import EVERY, bars, columns, intervals, strip

from dnr_core.figures.paper import PaperStyle, draw
from dnr_core.figures.paper.page import PANELS
from dnr_core.figures.screen import KINDS, render

BY_COLOUR = 0.004
"""The share of a square is known from a colour of 8 bits on screen."""


def test_every_kind_is_drawn_on_both_and_has_a_sample():
    assert set(KINDS) == set(PANELS) == {make().kind for make in EVERY.values()}


@pytest.mark.parametrize("name", EVERY)
def test_the_screen_shows_the_data(name):
    spec = EVERY[name]()
    assert_same(data_numbers(spec), screen_numbers(render(spec)), shades=BY_COLOUR if name == "squares" else 1e-6)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("preset", ["wacv", "ieee2", "slide"])
def test_paper_shows_the_data(name, preset):
    spec = EVERY[name]()
    (found,) = paper_numbers(draw([spec], PaperStyle(preset)))
    assert_same(data_numbers(spec), found)


def test_panels_keep_their_order():
    specs = [strip(), columns(stacked=True), bars(), intervals()]
    found = paper_numbers(draw(specs, PaperStyle("acl2")))
    for spec, one in zip(specs, found, strict=True):
        assert_same(replace(data_numbers(spec), x_label=one.x_label), one)


@pytest.mark.parametrize("change", [{"value": 0.001}, {"part": "another"}, {"label": "+9.99"}])
def test_a_wrong_number_name_or_text_is_noticed(change):
    spec = bars()
    other = spec.data.copy()
    for column, value in change.items():
        other.loc[3, column] = value if isinstance(value, str) else other.loc[3, column] + value
    (found,) = paper_numbers(draw([replace(spec, data=other)], PaperStyle("ieee2")))
    for shown in (found, screen_numbers(render(replace(spec, data=other)))):
        with pytest.raises(AssertionError):
            assert_same(data_numbers(spec), shown)


def test_another_order_is_noticed():
    spec = bars()
    (found,) = paper_numbers(draw([replace(spec, data=spec.data.iloc[::-1])], PaperStyle("ieee2")))
    with pytest.raises(AssertionError):
        assert_same(data_numbers(spec), found)


def test_bars_at_one_x_are_stacked_up_and_down():
    spec = columns(stacked=True)
    assert render(spec).layout.barmode == "relative"
    (axes,) = [axes for axes in draw([spec], PaperStyle()).axes if axes.get_label() == "columns"]
    at_3 = [bar for part in axes.containers for bar in part if abs(bar.get_x() + bar.get_width() / 2 - 3) < 1e-9]
    values = spec.data.loc[spec.data["turn"] == 3, "value"].tolist()
    bases = {True: 0.0, False: 0.0}
    for bar, value in zip(at_3, values, strict=True):
        assert (bar.get_y(), bar.get_height()) == pytest.approx((bases[value > 0], value))
        bases[value > 0] += value


def test_one_bar_an_x_begins_at_zero():
    (axes,) = [axes for axes in draw([columns()], PaperStyle()).axes if axes.get_label() == "columns"]
    assert all(bar.get_y() == 0 for part in axes.containers for bar in part)
