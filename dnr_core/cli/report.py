"""The command that writes a whole report as one file: report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dnr_core.cli.output import answer
from dnr_core.cli.runs import corpus_of, other_corpus
from dnr_core.commands import Report
from dnr_core.data.files import replacing_file
from dnr_core.errors import DnRError
from dnr_core.progress import TrainingProgress
from dnr_core.serve import Engine

PDF = "pdf"


def report(command: Report) -> None:
    from dnr_core.export.report import report as make
    from dnr_core.export.report_pdf import browser, printed
    from dnr_core.export.scene import Scene

    form = command.format or (PDF if command.out and command.out.suffix.lower() == ".pdf" else "html")
    out = command.out or Path(f"report.{form}")
    if out.is_dir():
        raise DnRError(f"cannot write {out}", got="a folder", do="name a file with --out")
    chromium = browser() if form == PDF else ""
    engine = Engine()
    corpus = corpus_of(engine, command.checkpoint, command.corpus)
    scene = Scene(
        engine, command.checkpoint, corpus, command.split, utterance=command.utterance, against=command.against,
        study=command.study,
    )  # fmt: skip
    scene.check()
    with TrainingProgress() as shown, replacing_file(out) as temporary:
        temporary.touch()
        made = make(scene, progress=lambda what, done, of: shown.show(what.partition(":")[0], what, done, of))
        if form == PDF:
            shown.show("pdf", "printing", 0, 1)
            printed(made.html, temporary, chromium)
            shown.show("pdf", "printing", 1, 1)
        else:
            temporary.write_text(made.html, encoding="utf-8", newline="\n")
    note = other_corpus(engine, command.checkpoint, corpus)
    values = {
        "checkpoint": str(command.checkpoint), "corpus": str(corpus), "split": command.split, "out": str(out),
        "format": form, "bytes": out.stat().st_size, "figures": list(made.figures), "left_out": made.left_out,
        "notes": [note] if note else [],
    }  # fmt: skip
    answer(values, described(values), as_json=command.json)


def described(values: dict[str, Any]) -> str:
    """Where the report is, how large, and what is not in it."""
    many = len(values["figures"])
    lines = [
        f"{values['out']}: {values['bytes'] / 1e6:.1f} MB, {many} figures, {values['split']} of {values['corpus']}"
    ]
    lines += [f"not shown: {name}: {why}" for name, why in values["left_out"].items()]
    return "\n".join([*lines, *(f"note: {note}" for note in values["notes"])])
