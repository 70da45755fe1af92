"""The command that writes figures for papers: export."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from dnr_core.cli.output import answer, table
from dnr_core.cli.runs import corpus_of, other_corpus
from dnr_core.commands import Export
from dnr_core.errors import DnRError, UsageError, one_of
from dnr_core.progress import TrainingProgress
from dnr_core.serve import Engine

EVERY = "all"


def export(command: Export) -> None:
    from dnr_core.export.bundle import Exported, Wish
    from dnr_core.export.bundle import export as write
    from dnr_core.export.figures import FIGURES
    from dnr_core.figures.paper import PaperStyle

    names = tuple(FIGURES) if EVERY in command.figure else tuple(dict.fromkeys(command.figure))
    for name in names:
        if name not in FIGURES:
            raise one_of("unknown figure", name, (*FIGURES, EVERY))
    style = PaperStyle(
        command.preset, command.width, command.height, command.font_size, command.serif, command.grey, command.title
    )
    forms = tuple(filter(None, command.format.replace(",", " ").split()))
    wish = Wish(style, forms, command.dpi, command.text_as_paths, command.server)
    engine = Engine()
    scene = scene_of(engine, command)
    done: list[Exported] = []
    seconds: list[float] = []
    with TrainingProgress() as shown:
        for place, name in enumerate(names):
            if len(names) > 1:
                shown.show("figures", name, place, len(names))
            started = time.monotonic()
            done.append(write(name, scene, wish, command.out, loose=command.loose))
            seconds.append(round(time.monotonic() - started, 3))
    if not any(one.files for one in done):
        raise nothing_written(done[0].name, done[0].problem or "", done[0].exit_code, len(done))
    figures = [
        {
            "figure": one.name, "files": [str(path) for path in one.files], "problem": one.problem,
            "notes": list(one.notes), "seconds": second,
        }
        for one, second in zip(done, seconds, strict=True)
    ]  # fmt: skip
    note = other_corpus(engine, command.checkpoint, Path(scene.corpus_name))
    values = {
        "checkpoint": str(command.checkpoint), "corpus": str(scene.corpus_name), "split": command.split,
        "utterance": scene.focus, "out": str(command.out), "figures": figures, "notes": [note] if note else [],
    }  # fmt: skip
    answer(values, described(values), as_json=command.json)


def scene_of(engine: Engine, command: Export) -> Any:
    """What the figures are drawn of, checked. Raises DnRError."""
    from dnr_core.export.scene import Scene

    scene = Scene(
        engine, command.checkpoint, corpus_of(engine, command.checkpoint, command.corpus), command.split,
        utterance=command.utterance, emotion=command.emotion, removal=command.removal, against=command.against,
        study=command.study, part=command.part, colour=command.colour,
    )  # fmt: skip
    scene.check()
    return scene


def nothing_written(name: str, problem: str, code: int, figures: int) -> DnRError:
    """The error where no figure could be written: the first reason, with its exit code."""
    error = UsageError(problem if figures == 1 else f"none of {figures} figures can be shown; {name}: {problem}")
    error.exit_code = code
    return error


def described(values: dict[str, Any]) -> str:
    """One row a figure: where it is, or why it cannot be shown."""
    rows = [
        {"figure": one["figure"], "seconds": one["seconds"], "": one["problem"] or place_of(one["files"])}
        for one in values["figures"]
    ]
    written = sum(bool(one["files"]) for one in values["figures"])
    head = f"{written} of {len(rows)} figures of {values['checkpoint']} on {values['split']} of {values['corpus']}"
    notes = [f"{one['figure']}: {note}" for one in values["figures"] for note in one["notes"]]
    return "\n".join([head, table(rows), *(f"note: {note}" for note in (*notes, *values["notes"]))])


def place_of(files: list[str]) -> str:
    """The zip, or the folder of loose files."""
    return files[0] if len(files) == 1 else str(Path(files[0]).parent)
