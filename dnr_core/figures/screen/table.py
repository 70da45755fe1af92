"""A table of words on screen."""

from __future__ import annotations

from typing import Any

from dnr_core.figures.screen.drawing import literal
from dnr_core.figures.spec import FigureSpec
from dnr_core.figures.table import has_dots, is_number, written

ROW = 26


def table(spec: FigureSpec) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All columns under their names, numbers at the right, words of `colours` with a dot."""
    data = spec.data
    columns = []
    for name in data.columns:
        dots = spec.colours if has_dots(spec, name) else {}
        columns.append([dot(dots.get(word)) + literal(word) for word in written(data[name])])
    align = ["right" if is_number(data[name]) else "left" for name in data.columns]
    longest = [max(map(len, [str(name), *written(data[name])])) for name in data.columns]
    trace = {
        "type": "table",
        "columnwidth": [min(max(one, 6), 60) for one in longest],
        "header": {"values": [literal(name) for name in data.columns], "align": align, "height": ROW},
        "cells": {"values": columns, "align": align, "height": ROW},
    }
    return [trace], {}


def dot(colour: str | None) -> str:
    """A dot in plotly's markup, nothing without a colour."""
    return "" if colour is None else f'<span style="color:{colour}">●</span> '
