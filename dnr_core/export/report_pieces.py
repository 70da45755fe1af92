"""The pieces that a report is put together of, as HTML; all text from data passes `shown`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from plotly.utils import PlotlyJSONEncoder

from dnr_core.errors import DnRError
from dnr_core.export.bundle import tidy
from dnr_core.export.figures import FIGURES, build
from dnr_core.export.scene import Scene
from dnr_core.figures.rows.markup import shown, table_html
from dnr_core.figures.screen import CONFIG, render
from dnr_core.figures.spec import FigureSpec
from dnr_core.figures.table import has_dots, written

MOST_ROWS = 300
"""Rows of a figure's numbers that are also written as a table."""
OFFLINE: dict[str, Any] = CONFIG | {"plotlyServerURL": "", "showLink": False, "scrollZoom": False}
OFFLINE_MAP: dict[str, Any] = OFFLINE | {
    "displayModeBar": True,
    "modeBarButtons": [["zoom2d", "pan2d", "resetScale2d"]],
}


@dataclass(frozen=True)
class Section:
    """A chapter of the report: `anchor` of its heading, `title`, and its HTML."""

    anchor: str
    title: str
    body: str

    @property
    def html(self) -> str:
        """The chapter with its heading."""
        back = '<a class="back" href="#top" aria-label="to the contents">↑</a>'
        title = f'<h2 id="{self.anchor}">{shown(self.title)} {back}</h2>'
        return f'<section aria-labelledby="{self.anchor}">{title}{self.body}</section>'


def sub(title: str, explanation: str = "") -> str:
    """A heading within a chapter, with one quiet line under it."""
    return f"<h3>{shown(title)}</h3>" + (f'<p class="quiet">{shown(explanation)}</p>' if explanation else "")


def reads(sentence: str) -> str:
    """The sentence that reads what stands above it; what stands in backticks is set as code."""
    return f"<p>{coded(sentence)}</p>"


def absent(sentence: str) -> str:
    """One line that says why something cannot be shown."""
    return f'<p class="absent">{coded(sentence)}</p>'


def coded(sentence: str) -> str:
    """A sentence as HTML, what stands in backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", shown(sentence))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, tall: bool = False) -> str:
    """A table that scrolls within the page; a `tall` one also up and down. Cells are HTML."""
    return f'<div class="scroll{" tall" if tall else ""}" tabindex="0">{table_html(header, rows)}</div>'


def link(target: str, words: str) -> str:
    """A link within the report."""
    return f'<a href="#{target}">{shown(words)}</a>'


def turn_anchor(row: int) -> str:
    """The anchor of the turn in this row of the corpus."""
    return f"turn-{row}"


def embedded(values: Any) -> str:
    """JSON for a script element: neither `</script>` nor `<!--` can stand in it."""
    text = json.dumps(values, cls=PlotlyJSONEncoder, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


@dataclass
class Figures:
    """The figures of a report, numbered as they are asked for: what was `drawn`, and why others were `left_out`."""

    scene: Scene
    drawn: dict[str, tuple[FigureSpec, ...]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def html(self, name: str) -> str:
        """A figure with its caption and numbers, or one line that says why it cannot be shown."""
        entry = FIGURES[name]
        try:
            panels = build(name, self.scene)
        except DnRError as error:
            return self.leave_out(name, str(error))
        self.drawn[name] = panels
        said = " ".join(dict.fromkeys(panel.caption for panel in panels if panel.caption))
        intervals = f" <small>Intervals: {shown(entry.intervals)}.</small>" if entry.intervals else ""
        plots = "".join(panel_html(f"{name}-{place}", entry.title, panel) for place, panel in enumerate(panels, 1))
        return (
            f'<figure id="figure-{name}">{plots}<figcaption><b>Figure {len(self.drawn)}. {shown(entry.title)}.</b> '
            f"{shown(said)}{intervals}</figcaption>{''.join(map(numbers, panels))}</figure>"
        )

    def leave_out(self, name: str, why: str) -> str:
        """One line that says why a figure is not shown."""
        self.left_out[name] = why
        return absent(f"Not shown: {FIGURES[name].title} ({why}).")


def panel_html(name: str, title: str, spec: FigureSpec) -> str:
    """One panel: a table of words as such, all else as a place that plotly draws into when it comes into view."""
    if spec.kind == "table":
        return words_table(spec)
    about = shown(f"{title}. {spec.caption}")
    return (
        f'<div class="plot" id="plot-{name}" data-figure="data-{name}" role="img" aria-label="{about}" '
        f'style="height:{spec.height}px"></div><script type="application/json" id="data-{name}">'
        f"{embedded(plotly_json(spec))}</script>"
    )


def plotly_json(spec: FigureSpec) -> dict[str, Any]:
    """What plotly needs: data, layout, configuration; the theme is the page's."""
    drawn = render(spec).to_dict()
    layout = {key: value for key, value in drawn["layout"].items() if key != "template"}
    if spec.kind == "scatter":
        layout["dragmode"] = "zoom"
    return {"data": drawn["data"], "layout": layout, "config": OFFLINE_MAP if spec.kind == "scatter" else OFFLINE}


def words_table(spec: FigureSpec) -> str:
    """A figure of kind `table` as a table of the page, its words literal."""
    columns = []
    for name in spec.data.columns:
        dots = spec.colours if has_dots(spec, name) else {}
        kind = ' class="said"' if name == spec.y else ""
        columns.append(
            [mark(dots.get(word)) + f'<bdi dir="auto"{kind}>{shown(word)}</bdi>' for word in written(spec.data[name])]
        )
    return f'<div class="words">{table([str(name) for name in spec.data.columns], zip(*columns, strict=True))}</div>'


def mark(colour: str | None) -> str:
    """A dot of a colour, nothing without one."""
    return "" if colour is None else f'<span style="color:{colour}">●</span> '


def numbers(spec: FigureSpec) -> str:
    """The numbers of a panel as a table to open; nothing where it is a table, or has too many rows."""
    data = tidy(spec)
    if spec.kind == "table" or len(data) > MOST_ROWS:
        return ""
    rows = zip(*([shown(cell) for cell in written(data[name])] for name in data.columns), strict=True)
    inside = table([str(name) for name in data.columns], rows, tall=True)
    return f'<details class="numbers"><summary>The numbers ({len(data):,} rows)</summary>{inside}</details>'
