"""The commands that write figures and reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dnr_core.commands.shared import Split
from dnr_core.types import REMOVALS


@dataclass(frozen=True)
class Export:
    """Write figures for a paper, each with its numbers, a LaTeX table, a caption and the link to the same view."""

    checkpoint: Path
    corpus: Path | None = None
    """Default: the corpus that the run was trained on."""
    split: Split = "test"
    out: Path = Path("figures")
    """Folder of the zips, one a figure; a figure that is there is replaced."""
    figure: tuple[str, ...] = ("all",)
    """Names of figures, or `all`; what cannot be shown is said, and the rest goes on."""
    format: str = "pdf"
    """One or more of pdf, svg, png and eps, such as pdf,svg."""
    preset: str = "acl1"
    """wacv, ieee1, ieee2, acl1, acl2 (column widths), slide or poster."""
    width: float | None = None
    """Inches, in place of the preset's."""
    height: float | None = None
    """Inches; as tall as the content needs where it is left out."""
    font_size: float | None = None
    """Points, in place of the preset's."""
    serif: bool = False
    grey: bool = False
    """Safe in greyscale: told apart by lightness, hatching and written signs."""
    title: bool = False
    dpi: int = 300
    """Of png, and of points that are rasterised in large maps."""
    text_as_paths: bool = False
    """In svg: letters as shapes, for where the font is not installed."""
    loose: bool = False
    """Folders of files in place of zips."""
    utterance: str | None = None
    """Id of the utterance that figures of one turn are about; default: one with a decisive part."""
    emotion: str | None = None
    """The emotion that is explained; default: the predicted one."""
    removal: str = REMOVALS[0]
    """What stands for a part that is off: mean, zero or donor."""
    against: Path | None = None
    """Another run to compare with."""
    study: Path | None = None
    """Folder of a study, for its figures."""
    part: str = "all"
    """What is mapped, as in `project`."""
    colour: str = "emotion"
    """Of the points of the map: emotion, prediction, correctness, confidence, dominant, speaker or split."""
    server: str = "http://localhost:8501"
    """Where the dashboard is served, for the links."""
    json: bool = False


@dataclass(frozen=True)
class Report:
    """Write everything about a run on a split as one file that opens without a network: all pages and figures."""

    checkpoint: Path
    corpus: Path | None = None
    """Default: the corpus that the run was trained on."""
    split: Split = "test"
    out: Path | None = None
    """Default: report.html, or report.pdf."""
    format: Literal["html", "pdf"] | None = None
    """pdf needs an installed Chromium; default: by the ending of --out, else html."""
    against: Path | None = None
    """Another run to compare with."""
    study: Path | None = None
    """Folder of a study, for its figures."""
    utterance: str | None = None
    """Id of the utterance that figures of one turn are about; default: one with a decisive part."""
    json: bool = False
