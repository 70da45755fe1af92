"""What a figure is exported as: the drawing, its numbers, a table, a caption that says where it is from, and a link."""

from __future__ import annotations

import hashlib
import io
import textwrap
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from dnr_core import __version__
from dnr_core.data.files import replacing_file
from dnr_core.errors import DnRError, UsageError
from dnr_core.export.figures import FIGURES, build
from dnr_core.export.links import SERVER, link
from dnr_core.export.scene import Scene
from dnr_core.figures.latex import booktabs
from dnr_core.figures.paper import FORMATS, PaperStyle, check_form, save
from dnr_core.figures.spec import FigureSpec

STAMP = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a bundle, so that the same figure is the same bundle."""
MOST_ROWS = 200
"""Rows of a table for LaTeX; the CSV file has all of them."""
WIDTH = 100


@dataclass(frozen=True)
class Wish:
    """How figures are drawn: `forms` among FORMATS; `dpi` of png and of rasterised points; `server` of the links."""

    style: PaperStyle = field(default_factory=PaperStyle)
    forms: tuple[str, ...] = ("pdf",)
    dpi: int = 300
    text_as_paths: bool = False
    server: str = SERVER

    def __post_init__(self) -> None:
        self.style.page()
        for form in self.forms:
            check_form(form, self.dpi)
        if not self.forms:
            raise UsageError("no format", expected="one or more of " + ", ".join(FORMATS))


@dataclass(frozen=True)
class Exported:
    """What became of one figure: the `files` that were written, or the `problem`; `notes`: what was substituted."""

    name: str
    files: tuple[Path, ...] = ()
    problem: str | None = None
    notes: tuple[str, ...] = ()
    exit_code: int = 0


def bundle(name: str, scene: Scene, wish: Wish) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The files of one figure by name, and what was substituted. Raises DnRError where it cannot be shown."""
    panels = build(name, scene)
    if wish.style.title:
        panels = (replace(panels[0], title=FIGURES[name].title), *panels[1:])
    files: dict[str, bytes] = {}
    notes: dict[str, None] = {}
    for form in dict.fromkeys(wish.forms):
        drawn = save(panels, wish.style, form, dpi=wish.dpi, text_as_paths=wish.text_as_paths)
        files[f"{name}.{form}"] = drawn.content
        notes |= dict.fromkeys(drawn.substitutions)
    for place, panel in enumerate(panels):
        data, number = tidy(panel), "" if place == 0 else f"_{place + 1}"
        files[f"data{number}.csv"] = data.to_csv(index=False, lineterminator="\n").encode()
        files[f"table{number}.tex"] = table(data).encode()
    files["caption.txt"] = wrapped(caption(name, panels, scene, tuple(notes))).encode()
    if address := link(name, scene, wish.style, wish.server):
        files["link.txt"] = f"{address}\n".encode()
    return files, tuple(notes)


def tidy(spec: FigureSpec) -> pd.DataFrame:
    """The numbers of a figure, without what only a screen shows."""
    encoded = {spec.x, spec.y, spec.colour, spec.text, spec.low, spec.high}
    left_out = {name for name in (*spec.hover, "focus", "picked", "frame") if name not in encoded}
    return spec.data.drop(columns=[name for name in spec.data.columns if name in left_out])


def table(data: pd.DataFrame) -> str:
    """The table for LaTeX, its first MOST_ROWS rows."""
    more = len(data) - MOST_ROWS
    return booktabs(data.head(MOST_ROWS)) + (f"% {more:,} more rows are in data.csv.\n" if more > 0 else "")


def caption(name: str, panels: Sequence[FigureSpec], scene: Scene, notes: tuple[str, ...]) -> list[str]:
    """What the figure shows, then line by line all that is needed to make it again."""
    said = " ".join(dict.fromkeys(panel.caption for panel in panels if panel.caption))
    return [f"{FIGURES[name].title}. {said}", *provenance(name, scene), *notes]


def wrapped(lines: Sequence[str]) -> str:
    """The lines for a file of text, an empty one after the first."""
    filled = [textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False) for line in lines]
    return "\n".join([filled[0], "", *filled[1:]]) + "\n"


def provenance(name: str, scene: Scene) -> list[str]:
    """What the figure is about, what is explained and against what, how intervals were made."""
    entry = FIGURES[name]
    lines = about_study(scene) if entry.of == "study" else about_run(entry.of, scene)
    if "emotion" in entry.uses:
        lines.append(f"Emotion that is explained: {scene.corpus.emotions[scene.label]}.")
    if "removal" in entry.uses and scene.has_parts:
        lines.append(f"Baseline, in place of what is off: {scene.removal}.")
    if "against" in entry.uses and scene.against is not None:
        manifest = scene.engine.header(scene.against).manifest_hash
        lines.append(f"Compared with: {Path(scene.against).name} (manifest {short(manifest)}).")
    if entry.intervals:
        lines.append(f"Intervals: {entry.intervals}.")
    return [*lines, f"Made with dnr_core {__version__}."]


def about_study(scene: Scene) -> list[str]:
    """The study: its runs, seeds and corpora."""
    from dnr_core.study import read_grid, read_records

    assert scene.study is not None
    grid, records = read_grid(scene.study / "study.json"), read_records(scene.study)
    ended = sum(one.error is None for one in records)
    corpora = ", ".join(f"{corpus} (hash {short(digest)})" for corpus, digest in grid.corpora.items())
    return [
        f"Study: {scene.study.name}; {ended} of {len(grid.cells())} runs, preset {grid.preset}, seeds 0 to "
        f"{grid.seeds - 1}.",
        f"Corpora: {corpora}.",
    ]


def about_run(of: str, scene: Scene) -> list[str]:
    """The run, and as far as the figure is about them the corpus, the split, and what is in focus."""
    run, corpus, found = scene.header.config["run"], scene.corpus, scene.predictions
    trained = scene.header.manifest["corpus"]
    model = " + ".join(filter(None, (run["method"], run["backbone"])))
    lines = [
        f"Checkpoint: {Path(scene.run).name} ({model}, preset {run.get('preset', '–')}, one run, seed {run['seed']}; "
        f"manifest {short(scene.header.manifest_hash)})."
    ]
    if of == "run":
        return [*lines, f"Trained on: {trained['name']} (hash {short(trained['hash'])})."]
    whole = f"Corpus: {corpus.name} (hash {short(corpus.hash)})"
    if of == "corpus":
        lines.append(f"{whole}, all splits: n = {len(corpus):,} utterances.")
    else:
        ids = hashlib.sha256("\n".join(found.utterance_ids).encode()).hexdigest()
        lines.append(
            f"{whole}; split {scene.split}: n = {len(found.row):,} utterances in "
            f"{len(corpus.dialogue_ids(scene.split)):,} dialogues (ids {short(ids)}); {corpus.split_provenance}."
        )
    if trained["hash"] != corpus.hash:
        lines.append(f"The run was trained on {trained['name']}, another corpus.")
    turn = f", turn {scene.turn} ({scene.focus})" if of == "turn" else ""
    return [*lines, f"In focus: dialogue {scene.dialogue}{turn}."] if of in ("turn", "dialogue") else lines


def short(digest: str) -> str:
    """Enough of a SHA-256 to tell it from others."""
    return digest[:16]


def zipped(files: dict[str, bytes]) -> bytes:
    """The files as one zip, the same bytes for the same files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, STAMP)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            made.writestr(entry, content)
    return stream.getvalue()


def export(name: str, scene: Scene, wish: Wish, out: Path, *, loose: bool = False) -> Exported:
    """Write one figure: NAME.zip, or where `loose` its files into the folder NAME; a DnRError becomes `problem`.

    Raises OSError where nothing can be written.
    """
    try:
        files, notes = bundle(name, scene, wish)
    except DnRError as error:
        return Exported(name, problem=str(error), exit_code=error.exit_code)
    folder = out / name if loose else out
    folder.mkdir(parents=True, exist_ok=True)
    contents = files if loose else {f"{name}.zip": zipped(files)}
    for file, content in contents.items():
        with replacing_file(folder / file) as temporary:
            temporary.write_bytes(content)
    return Exported(name, tuple(folder / file for file in contents), notes=notes)
