"""Small pieces of HTML for pages and reports: every text from data passes `shown`, so that it appears as typed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

CONTROL_PICTURES = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"} | {127: "\u2421"}
CONTROL_PICTURES |= dict.fromkeys(range(128, 160), "␦")


def shown(text: object) -> str:
    """Any text as HTML that shows it literally: markup escaped, control characters as pictures."""
    return escape(str(text).translate(CONTROL_PICTURES), quote=True)


def dot(colour: str) -> str:
    """A small square of a colour; always beside the name that it stands for."""
    return f'<span class="dnr-dot" style="background:{colour}"></span>'


def table_html(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A dense table; cells are HTML already, the names of columns are text."""
    head = "".join(f'<th scope="col">{shown(name)}</th>' for name in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def score_cell(value: float | None, interval: Sequence[float] | None = None) -> str:
    """A score as an HTML cell, its interval small beside it."""
    if value is None or interval is None:
        return share(value)
    return f"{value:.3f} <small>{interval[0]:.2f}–{interval[1]:.2f}</small>"


def share(value: float | None, interval: Sequence[float] | None = None) -> str:
    """`0.612` or `0.612 (0.58–0.64)`, a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" ({interval[0]:.2f}–{interval[1]:.2f})" if interval is not None else "")


def tiles_html(items: Iterable[tuple[str, str, str]]) -> str:
    """Tiles of (label, value, what stands under it), all plain text."""
    cells = "".join(
        f'<div class="dnr-tile"><small>{shown(label)}</small><b>{shown(value)}</b><small>{shown(under)}</small></div>'
        for label, value, under in items
    )
    return f'<div class="dnr-tiles">{cells}</div>'
