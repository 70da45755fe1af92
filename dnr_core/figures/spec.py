"""What a figure is, apart from how it is drawn: tidy data, what columns encode, its caption, one palette for all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from typing import Literal

import pandas as pd
from pandas.util import hash_pandas_object

from dnr_core.types import split_player

Kind = Literal[
    "bars", "lines", "matrix", "signed_matrix", "strip", "squares", "reliability", "scatter", "intervals", "columns",
    "table",
]  # fmt: skip

FAMILY_COLOURS = {"unique": "#0072B2", "redundant": "#E69F00", "synergistic": "#009E73"}
MODALITY_COLOURS = {"text": "#56B4E9", "audio": "#CC79A7", "visual": "#D55E00"}
"""Okabe and Ito's palette: no two of these six look alike to a colour-blind reader."""
FAMILY_PATTERNS = {"unique": "", "redundant": "/", "synergistic": "."}
MODALITY_PATTERNS = {"text": "", "audio": "/", "visual": "."}
"""Parts differ by pattern too, never by colour alone."""
ACCENT = "#2F6F9F"
QUIET = "#8A8F98"
EMOTION_COLOURS = {
    **dict.fromkeys(("happy", "happiness", "joy", "joyful", "hap", "positive"), "#CCBB44"),
    **dict.fromkeys(("sad", "sadness", "negative"), "#4477AA"),
    **dict.fromkeys(("neutral", "neu"), "#A7A9AC"),
    **dict.fromkeys(("angry", "anger", "ang"), "#EE6677"),
    **dict.fromkeys(("excited", "exc", "surprise", "surprised"), "#66CCEE"),
    **dict.fromkeys(("frustrated", "frustration", "fru", "disgust", "disgusted"), "#AA3377"),
    **dict.fromkeys(("fear", "fearful"), "#228833"),
    "calm": "#44BB99",
    "proud": "#EE8866",
    "bored": "#777777",
}
"""Tol's bright scheme by the meaning of the name, so that an emotion keeps its colour in every corpus."""
OTHER_COLOURS = ("#77AADD", "#EE8866", "#EEDD88", "#FFAABB", "#99DDFF", "#44BB99", "#BBCC33", "#AAAA00")
SYMBOLS = (
    "circle", "diamond", "square", "triangle-up", "cross", "x", "triangle-down", "pentagon", "star", "hexagram",
)  # fmt: skip
"""No two of these ten look alike at the size of a point."""


@dataclass(frozen=True)
class FigureSpec:
    """One figure. Column names of `data` say what is drawn where; the renderers carry exactly these numbers.

    - `bars`: one horizontal bar a row, `y` its label, `x` its signed length, `colour` its group, `text` at its end (on
      screen beside the label where there is an interval).
    - `lines`: `y` over `x`, one line per value of `colour`.
    - `matrix`: cell `colour` (number) at column `x`, row `y`, `text` written into it.
    - `signed_matrix`: the same around 0, in two colours; a cell without a number is left out.
    - `strip`: one square per row of data at column `x`, row `y`, in the colour of the value of `colour`.
    - `squares`: one square per row of data at column `x`, row `y`, that can be clicked: shade `colour` (0 to 1), `text`
      written into it, framed as its column `frame` says (`""`, `"chosen"`, `"focus"`).
    - `reliability`: one point per row of data, `y` over `x` (0 to 1) with `low`–`high`, `text` over it, against y = x.
    - `intervals`: one point per row of data, `y` its label, `x` a difference with `low`–`high`, `text` over it; a ring
      where it may be 0.
    - `columns`: one vertical bar per row of data at the number `x`, `y` its signed height, `colour` its group; bars at
      one x are stacked, those above and those below zero apart.
    - `table`: the columns of the data as they are, `x` and `y` the first two; `colour` a column of words that have dots
      of their `colours` before them, as have other columns of nothing but such words.
    - `scatter`: one point per row of data at `x`, `y` (one scale), by id in its column `key`; `colour` a name, or a
      number from 0 to 1 that `text` names; bool columns: `focus` is ringed, and where any is `picked` others are grey.

    `hover` are columns shown on pointing; `low`, `high` an interval around x (bars). `colours` and `patterns` (of a
    `scatter`: symbols) go by the values of `colour`; `mark` is an x position to point out; `reach` the number at which
    the colours of a `signed_matrix` end (None: its largest number in size). `title` stands over it on paper if asked
    for.
    """

    kind: Kind
    data: pd.DataFrame
    x: str
    y: str
    colour: str | None = None
    text: str | None = None
    hover: tuple[str, ...] = ()
    low: str | None = None
    high: str | None = None
    x_label: str = ""
    y_label: str = ""
    colours: dict[str, str] = field(default_factory=dict)
    patterns: dict[str, str] = field(default_factory=dict)
    mark: float | None = None
    reach: float | None = None
    caption: str = ""
    height: int = 300
    title: str = ""

    def fingerprint(self) -> str:
        """A name that figures share only where they are drawn alike: a digest of the cells and of all else."""
        cells = hash_pandas_object(self.data, index=False).to_numpy().tobytes()
        rest = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "data"}
        return hashlib.sha256(cells + repr((list(self.data.columns), rest)).encode()).hexdigest()


def emotion_colours(emotions: tuple[str, ...]) -> dict[str, str]:
    """A colour per emotion: by meaning where the name is known, else by its place among the unknown ones."""
    unknown = [name for name in emotions if name.lower() not in EMOTION_COLOURS]
    others = {name: OTHER_COLOURS[place % len(OTHER_COLOURS)] for place, name in enumerate(unknown)}
    return {name: EMOTION_COLOURS.get(name.lower()) or others[name] for name in emotions}


def part_group(player: str) -> str:
    """What a part is coloured by: its family, or its modality where the method has no families."""
    family, sources = split_player(player)
    return sources[0] if family == "modality" else family


def part_groups(players: tuple[str, ...]) -> tuple[str, ...]:
    """The groups of these parts, in order of first appearance."""
    return tuple(dict.fromkeys(part_group(player) for player in players))


def group_colour(group: str) -> str:
    """The fixed colour of a family or modality."""
    return (FAMILY_COLOURS | MODALITY_COLOURS).get(group, QUIET)


def group_pattern(group: str) -> str:
    """The fixed fill pattern of a family or modality (plotly's name for it)."""
    return (FAMILY_PATTERNS | MODALITY_PATTERNS).get(group, "x")


def readable(player: str) -> str:
    """`'synergistic:audio+text'` → `'synergistic · audio+text'`; a plain modality is just named."""
    family, sources = split_player(player)
    return sources[0] if family == "modality" else f"{family} · {'+'.join(sources)}"
