"""A whole report as one HTML file that opens from disk, asks nothing of the network, and is the same each time."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dnr_core.export import report_dialogues, report_errors, report_split, report_words
from dnr_core.export.report_data import Material, Steps, prepared
from dnr_core.export.report_pieces import Figures, Section
from dnr_core.export.scene import Scene
from dnr_core.figures.rows.markup import shown

ASSETS = Path(__file__).parent / "assets"
CHAPTERS: dict[str, Callable[[Material], Section]] = {
    "Overview": report_split.overview,
    "Dialogues": report_dialogues.dialogues,
    "Components": report_split.components,
    "Attribution": report_split.attribution,
    "Projection": report_split.projection,
    "Errors": report_errors.errors,
    "Compare": report_errors.compare,
    "Signals": report_split.signals,
}
NO_SCRIPT = "Figures and the filter need JavaScript; all texts, tables and numbers are here without it."


@dataclass(frozen=True)
class Report:
    """The page, the names of its figures, and why the others could not be shown."""

    html: str
    figures: tuple[str, ...]
    left_out: dict[str, str]


def report_html(scene: Scene, *, progress: Steps = lambda what, done, of: None) -> str:
    """The report of a scene as HTML. Raises DnRError where the scene asks for what does not exist."""
    return report(scene, progress=progress).html


def report(scene: Scene, *, progress: Steps = lambda what, done, of: None) -> Report:
    """The report of a scene, and what is in it. What is missing is computed and stored first.

    Raises DnRError where the scene asks for what does not exist.
    """
    scene.check()
    scene = prepared(scene, progress)
    figures = Figures(scene)
    material = Material(scene, figures)
    chapters = []
    for place, (name, chapter) in enumerate(CHAPTERS.items()):
        progress(f"report: {name}", place, len(CHAPTERS))
        chapters.append(chapter(material))
    progress("report", len(CHAPTERS), len(CHAPTERS))
    chapters += [report_words.methods(), report_words.glossary(), report_words.sources(material)]
    page = whole(report_words.title(material), report_words.head(material), chapters)
    return Report(page, tuple(figures.drawn), dict(figures.left_out))


def whole(title: str, head: str, chapters: list[Section]) -> str:
    """The page: contents, chapters, and last the scripts, so that the text is read while they load."""
    from plotly.offline import get_plotlyjs

    style, own = ((ASSETS / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    scripts = [get_plotlyjs(), own]
    contents = "".join(f'<li><a href="#{one.anchor}">{shown(one.title)}</a></li>' for one in chapters)
    body = "".join(one.html for one in chapters)
    tags = "".join(f"<script>{script}</script>" for script in scripts)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy(scripts)}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        f"<title>{shown(title)}</title><style>{style}</style></head>\n"
        f'<body id="top"><nav aria-label="Contents"><b>Contents</b><ol>{contents}</ol></nav>\n'
        f"<main>{head}<noscript><p>{NO_SCRIPT}</p></noscript>\n{body}</main>\n{tags}</body></html>\n"
    )


def policy(scripts: list[str]) -> str:
    """What the browser may do: run these scripts, use styles and pictures of the page; nothing from elsewhere.

    `unsafe-eval`: the WebGL of plotly compiles its drawing code; no other script can make use of it.
    """
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts)
    return (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
