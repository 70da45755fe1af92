"""Figures show names from data as they were typed, and carry the numbers of their spec."""

from __future__ import annotations

from html import unescape

import pandas as pd
import pytest

from dnr_core.figures.screen import render
from dnr_core.figures.spec import FigureSpec
from tests.conftest import HOSTILE_NAMES

NAMES = {"corpus": "names", "checkpoint": "names-run"}


def typed(texts):
    """What plotly shows: its text reader turns entities back; a tag that is left would not be shown."""
    assert not any("<" in text for text in texts)
    return [unescape(text) for text in texts]


def spec_of(kind):
    frame = pd.DataFrame({
        "name": HOSTILE_NAMES, "other": HOSTILE_NAMES, "value": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "turn": range(6),
        "low": 0.0, "high": 0.7, "frame": "", "key": list("abcdef"), "focus": False, "picked": False,
    })  # fmt: skip
    shades = dict.fromkeys(HOSTILE_NAMES, "#4477AA")
    columns = {
        "bars": {"x": "value", "y": "name", "colour": "other", "text": "name"},
        "lines": {"x": "turn", "y": "value", "colour": "name"},
        "matrix": {"x": "other", "y": "name", "colour": "value", "text": "name"},
        "signed_matrix": {"x": "other", "y": "name", "colour": "value", "text": "name"},
        "strip": {"x": "turn", "y": "name", "colour": "other", "text": "name", "hover": ("name",)},
        "squares": {"x": "other", "y": "name", "colour": "value", "text": "name"},
        "intervals": {"x": "value", "y": "name", "colour": "other", "text": "name", "low": "low", "high": "high"},
        "columns": {"x": "turn", "y": "value", "colour": "name", "hover": ("name",)},
        "scatter": {"x": "value", "y": "turn", "colour": "name", "hover": ("name",), "colours": shades},
    }
    if kind.endswith("matrix"):
        frame = frame.drop(columns="other").merge(frame[["other"]], how="cross")
    return FigureSpec(kind, frame, **columns[kind])


@pytest.mark.parametrize(
    "kind", ["bars", "lines", "matrix", "signed_matrix", "strip", "squares", "intervals", "columns", "scatter"]
)
def test_every_kind_of_figure_escapes_names(kind):
    figure = render(spec_of(kind)).to_plotly_json()
    found = {"name": [], "x": [], "y": [], "text": [], "hover": []}
    for trace in figure["data"]:
        found["name"].append(trace.get("name", ""))
        found["hover"] += [said for one in trace.get("customdata") or () for said in one[1:] if isinstance(said, str)]
        for key in ("x", "y", "text"):
            found[key] += [value for value in trace.get(key) or () if isinstance(value, str)]
    places = {"bars": ("name", "y", "text"), "lines": ("name",), "matrix": ("x", "y", "text"),
              "signed_matrix": ("x", "y", "text"), "strip": ("y", "text", "hover"), "squares": ("x", "y", "text"),
              "intervals": ("y", "text"), "columns": ("name", "hover"), "scatter": ("name",)}  # fmt: skip
    for place in places[kind]:
        assert set(typed(found[place])) >= set(HOSTILE_NAMES), place
    axes = {"bars": "y", "matrix": "xy", "signed_matrix": "xy", "strip": "y", "squares": "xy", "intervals": "y"}
    assert all(figure["layout"][f"{axis}axis"]["type"] == "category" for axis in axes.get(kind, ""))


def test_a_signed_matrix_is_even_around_zero_and_leaves_gaps():
    frame = pd.DataFrame({"part": ["b", "c", "c"], "with": ["a", "a", "b"], "value": [-0.4, 0.1, 0.3]})
    columns = {"x": "with", "y": "part", "colour": "value"}
    heat, dark, pale = render(FigureSpec("signed_matrix", frame, **columns)).to_plotly_json()["data"]
    assert heat["z"] == [[-0.4, None], [0.1, 0.3]] and (heat["zmin"], heat["zmax"]) == (-0.4, 0.4)
    assert (dark["text"], pale["text"]) == (["-0.4", "0.3"], ["0.1"]), "white where it is dark: beyond 0.24 in size"
    assert render(FigureSpec("signed_matrix", frame, **columns, reach=2.0)).data[0].zmax == 2.0


def test_the_matrix_names_its_rows_and_columns_as_the_corpus_does(open_page):
    heat = open_page("overview", **NAMES).chart("matrix")["data"][0]
    assert typed(heat["x"]) == typed(heat["y"]) == list(HOSTILE_NAMES)


def test_the_timeline_names_emotions_as_the_corpus_does(open_page):
    opened = open_page("dialogue", **NAMES)
    from dashboard.state import engine

    corpus = engine().corpus("names")
    rows = corpus.dialogue_rows[opened.state("dialogue")]
    (strip,) = opened.chart("timeline")["data"]
    says = typed([text for _, text in strip["customdata"]])[: len(rows)]
    gold = corpus.utterances["emotion"].to_numpy(dtype=object)[rows]
    assert says == [f"turn {turn}, gold: {name}" for turn, name in enumerate(gold)]
    typed(strip["text"])
