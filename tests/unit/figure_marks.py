"""What a figure is to show, from its data, in the form that all drawings of it are compared in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dnr_core.figures.spec import ACCENT, QUIET, FigureSpec
from dnr_core.figures.table import written

KINDS = {"matrix": "cells", "signed_matrix": "cells", "squares": "cells"}


@dataclass(frozen=True)
class Numbers:
    """One panel. `marks`: a tuple a thing drawn (names first, then numbers, then what is written), in reading order."""

    kind: str
    x_label: str
    y_label: str
    marks: list[tuple[Any, ...]] = field(default_factory=list)


def assert_same(one: Numbers, other: Numbers, *, shades: float = 1e-6) -> None:
    """Both show the same: words but for blanks, a word cut with `…` by its beginning; None matches anything."""
    assert one.kind == other.kind
    assert close(one.x_label, other.x_label, shades) and close(one.y_label, other.y_label, shades)
    assert len(one.marks) == len(other.marks), (len(one.marks), len(other.marks))
    for mark, twin in zip(one.marks, other.marks, strict=True):
        assert len(mark) == len(twin), (mark, twin)
        assert all(close(a, b, shades) for a, b in zip(mark, twin, strict=True)), (mark, twin)


def close(one: Any, other: Any, shades: float) -> bool:
    """Whether two names or numbers are the same."""
    if one is None or other is None:
        return True
    if isinstance(one, str) and isinstance(other, str):
        one, other = "".join(one.split()), "".join(other.split())
        cut, whole = sorted((one, other), key=lambda said: "…" not in said)
        head, _, tail = cut.partition("…")
        return one == other or ("…" in cut and whole.startswith(head) and whole.endswith(tail))
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=shades) or (one != one and other != other)


# from the data


def data_numbers(spec: FigureSpec) -> Numbers:
    """What the data say that is to be drawn."""
    kind = KINDS.get(spec.kind, spec.kind)
    return Numbers(kind, spec.x_label, spec.y_label, globals()[f"data_{kind}"](spec))


def records(spec: FigureSpec) -> list[dict[Any, Any]]:
    return spec.data.to_dict("records")


def data_bars(spec: FigureSpec) -> list[tuple[Any, ...]]:
    rows = list(dict.fromkeys(spec.data[spec.y].map(str)))
    found = [
        (str(row[spec.y]), str(row[spec.colour or spec.y]), row[spec.x], row[spec.low] if spec.low else None,
         row[spec.high] if spec.high else None, str(row[spec.text]) if spec.text else None)
        for row in records(spec)
    ]  # fmt: skip
    return sorted(found, key=lambda one: rows.index(one[0]))


def data_columns(spec: FigureSpec) -> list[tuple[Any, ...]]:
    found = [(str(row[spec.colour]) if spec.colour else "", row[spec.x], row[spec.y]) for row in records(spec)]
    return by_group(found)


def by_group(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    groups = list(dict.fromkeys(one[0] for one in found))
    return sorted(found, key=lambda one: groups.index(one[0]))


def data_lines(spec: FigureSpec) -> list[tuple[Any, ...]]:
    return data_columns(spec)


def data_cells(spec: FigureSpec) -> list[tuple[Any, ...]]:
    rows, columns = (list(dict.fromkeys(spec.data[name].map(str))) for name in (spec.y, spec.x))
    found = [
        (str(row[spec.y]), str(row[spec.x]), row[spec.colour], str(row[spec.text or spec.colour]))
        for row in records(spec)
        if row[spec.colour] == row[spec.colour]
    ]
    return sorted(found, key=lambda one: (rows.index(one[0]), columns.index(one[1])))


def data_strip(spec: FigureSpec) -> list[tuple[Any, ...]]:
    return [
        (str(row[spec.y]), row[spec.x], spec.colours.get(row[spec.colour], QUIET).lower(),
         str(row[spec.text]) if spec.text else None)
        for row in records(spec)
    ]  # fmt: skip


def data_reliability(spec: FigureSpec) -> list[tuple[Any, ...]]:
    return [(row[spec.x], row[spec.y], row[spec.low], row[spec.high], str(row[spec.text])) for row in records(spec)]


def data_intervals(spec: FigureSpec) -> list[tuple[Any, ...]]:
    return [
        (str(row[spec.y]), row[spec.x], row[spec.low], row[spec.high],
         "ring" if row[spec.low] <= 0 <= row[spec.high] else "dot",
         spec.colours.get(str(row[spec.colour]), ACCENT).lower(),
         str(row[spec.text]) if spec.text else None)
        for row in records(spec)
    ]  # fmt: skip


def data_scatter(spec: FigureSpec) -> list[tuple[Any, ...]]:
    number = not spec.colours
    found = [
        ("" if number else str(row[spec.colour]), row[spec.x], row[spec.y], row[spec.colour] if number else None)
        for row in records(spec)
    ] + [("in focus", row[spec.x], row[spec.y], None) for row in records(spec) if row["focus"]]
    return sorted(found, key=lambda one: (one[0], np.float32(one[1])))


def data_table(spec: FigureSpec) -> list[tuple[Any, ...]]:
    return [(name, row, word) for name in spec.data.columns for row, word in enumerate(written(spec.data[name]))]
