"""Small pieces of HTML: every text from data passes `shown`, so that it appears as it was typed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence

import streamlit as st

from dashboard.glossary import Entry, entry_of
from dnr_core.figures.rows.markup import dot as dot
from dnr_core.figures.rows.markup import score_cell as score_cell
from dnr_core.figures.rows.markup import share as share
from dnr_core.figures.rows.markup import shown as shown
from dnr_core.figures.rows.markup import table_html

STYLE = """
<style>
.block-container, [data-testid="stMainBlockContainer"] {padding: 2.2rem 2rem 2rem; max-width: 1720px;}
[data-testid="stVerticalBlock"] {gap: .6rem;}
[data-testid="stWidgetLabel"] p {font-size: .86rem;}
.dnr {font-variant-numeric: tabular-nums; line-height: 1.45;}
.dnr small, .dnr-quiet {opacity: .68; font-size: .86em;}
.dnr:has(table) {overflow-x: auto;}
.dnr table {border-collapse: collapse; width: 100%; font-size: .93em;}
.dnr th {text-align: right; font-weight: 500; opacity: .68; padding: 2px 8px;
  border-bottom: 1px solid rgba(128,128,128,.35);}
.dnr td {text-align: right; padding: 3px 8px; border-bottom: 1px solid rgba(128,128,128,.14); white-space: nowrap;}
.dnr th:first-child, .dnr td:first-child {text-align: left; padding-left: 0;}
.dnr-legend {font-size: .84em;}
.dnr-tiles {display: grid; grid-template-columns: repeat(auto-fit, minmax(158px, 1fr)); gap: 10px;}
.dnr-tile {border: 1px solid rgba(128,128,128,.25); border-radius: 6px; padding: 8px 12px;}
.dnr-tile b {font-size: 1.6em; font-weight: 600; display: block; line-height: 1.25;}
.dnr-dot {display: inline-block; width: .72em; height: .72em; border-radius: 2px; margin-right: .4em;}
.dnr-notice {border-left: 3px solid #D55E00; background: rgba(213,94,0,.09); padding: 7px 12px; border-radius: 4px;
  overflow-wrap: anywhere;}
.dnr-notice.info {border-color: #2F6F9F; background: rgba(47,111,159,.09);}
.dnr-reads {margin: -2px 0 6px 0; font-size: .93em;}
.dnr h3 {font-size: 1.02em; font-weight: 600; margin: 10px 0 2px 0; padding: 0;}
.dnr h2 {font-size: 1.3em; font-weight: 600; margin: 0; padding: 0; display: inline;}
.dnr-help {font: inherit; font-size: .74em; line-height: 1; width: 1.5em; height: 1.5em; padding: 0; margin-left: .3em;
  border: 1px solid rgba(128,128,128,.55); border-radius: 50%; background: transparent; color: inherit; opacity: .75;
  cursor: pointer; vertical-align: .12em;}
.dnr-help:hover, .dnr-help:focus-visible {opacity: 1; border-color: currentColor;}
.dnr-pop {max-width: min(26rem, 90vw); max-height: 46vh; overflow-y: auto; padding: 10px 14px; border-radius: 6px;
  border: 1px solid rgba(128,128,128,.45); background: light-dark(#FFFFFF, #1D2126); color: inherit; font-size: .88rem;
  font-weight: 400; line-height: 1.45; box-shadow: 0 4px 18px rgba(0,0,0,.22);}
@supports (position-area: bottom) {
  .dnr-pop {position-area: bottom span-all; position-try-fallbacks: flip-block;
    position-try-order: most-height; margin: 4px; inset: auto;}
}
@media (max-width: 1000px) {
  [data-testid="stMainBlockContainer"] {padding-left: 1.2rem; padding-right: 1.2rem;}
  [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"]) {flex-wrap: wrap;}
  [data-testid="stColumn"] {min-width: 13rem;}
  [data-testid="stColumn"]:has([data-testid="stButtonGroup"]) {min-width: 19rem;}
  [data-testid="stColumn"]:has([data-testid="stPlotlyChart"], .dnr table, [data-testid="stFileUploader"],
    [data-testid="stBidiComponentIsolated"]) {min-width: 100%;}
  .dnr td {white-space: normal;}
  .dnr td small {white-space: nowrap;}
  .dnr-tiles {grid-template-columns: repeat(auto-fit, minmax(118px, 1fr));}
  .dnr th, .dnr td {padding-left: 4px; padding-right: 4px;}
}
@media (max-width: 1100px) {
  .st-key-guide [data-testid="stHorizontalBlock"] {flex-wrap: wrap;}
  .st-key-guide [data-testid="stColumn"] {min-width: 13.5rem;}
}
.dnr-pop p, .dnr-words p {margin: 0 0 .6em 0;}
.dnr-pop p:last-child {margin: 0;}
.dnr-words {columns: 24rem auto; column-gap: 2rem; font-size: .92em;}
.dnr-words p {break-inside: avoid;}
[class*="st-key-pick_off_"] [data-testid="stButtonGroup"] {display: flex; flex-direction: row; align-items: center;}
[class*="st-key-pick_off_"] [data-testid="stWidgetLabel"] {min-width: 78px; margin: 0;}
[class*="st-key-pick_off_"] button {padding: 1px 7px; min-height: 1.8rem;}
[class*="st-key-pick_off_"] button p {font-size: .8rem;}
.dnr-track {display: inline-block; width: 74px; height: 8px; background: rgba(128,128,128,.18); border-radius: 2px;
  margin-left: 8px; vertical-align: middle;}
.dnr-track {position: relative;}
.dnr-track u {position: absolute; top: -2px; width: 2px; height: 12px; background: currentColor;}
.dnr-track i {display: block; height: 100%; background: var(--st-primary-color, #2F6F9F); border-radius: 2px;}
</style>
"""


def write(body: str) -> None:
    """Put a piece of HTML on the page; its data must have passed `shown`."""
    st.html(f'<div class="dnr">{body}</div>')


def notice(line: str, *, kind: str = "problem") -> None:
    """One line for the reader: a `problem` with what to do, or `info`; what stands in backticks is set as code."""
    words = re.sub("`([^`]+)`", r"<code>\1</code>", shown(line))
    st.html(f'<div class="dnr dnr-notice {kind}" role="alert">{words}</div>')


def heading(title: str, explanation: str = "", *, term: str | Sequence[str] = ()) -> None:
    """A small heading with one quiet line under it; a `?` beside it tells what its terms (of the glossary) mean."""
    words = (term,) if isinstance(term, str) else tuple(term)
    help_of = f" {help_button(title, [entry_of(word) for word in words])}" if words else ""
    write(f"<h3>{shown(title)}{help_of}</h3>" + (f"<small>{shown(explanation)}</small>" if explanation else ""))


def help_button(title: str, entries: Sequence[Entry]) -> str:
    """A button of HTML alone (reached by Tab, opened by Enter, closed by Esc) that opens what some words mean."""
    name = f"help-{zlib.crc32(title.encode()):08x}"
    words = shown(", ".join(entry.word for entry in entries))
    return (
        f'<button type="button" class="dnr-help" popovertarget="{name}" aria-label="What is meant by {words}?" '
        f'title="What is meant by {words}?">?</button>'
        f'<div id="{name}" popover class="dnr-pop">{"".join(map(entry_html, entries))}</div>'
    )


def entry_html(entry: Entry) -> str:
    """An entry of the glossary: word, sentence, formula (or why there is none), source."""
    formula = entry.formula if entry.formula.startswith("No formula") else f"Formula: {entry.formula}"
    return (
        f'<p data-term="{entry.anchor}"><b>{shown(entry.word)}</b> {shown(entry.meaning)}<br>'
        f"<span>{shown(formula)}</span><br><small>Source: {shown(entry.source)}</small></p>"
    )


def title(name: str, explanation: str) -> None:
    """The name of the page and what it is for, on one line."""
    write(f'<h2>{shown(name)}</h2> &ensp;<span class="dnr-quiet">{shown(explanation)}</span>')


def reads(sentence: str) -> None:
    """The one sentence that reads the picture above it."""
    st.html(f'<div class="dnr dnr-reads">{shown(sentence)}</div>')


def track(share: float, colour: str, tick: float | None = None) -> str:
    """A small bar for a share from 0 to 1; a tick where it was before."""
    mark = "" if tick is None else f'<u style="left:{100 * tick:.1f}%"></u>'
    return f'<span class="dnr-track">{mark}<i style="width:{100 * share:.1f}%;background:{colour}"></i></span>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A dense table; cells are HTML already."""
    write(table_html(header, rows))


def tiles(items: Iterable[tuple[str, str, str]]) -> None:
    """Tiles of (label, value, what stands under it), all plain text."""
    cells = "".join(
        f'<div class="dnr-tile"><small>{shown(label)}</small><b>{shown(value)}</b><small>{shown(under)}</small></div>'
        for label, value, under in items
    )
    write(f'<div class="dnr-tiles">{cells}</div>')
