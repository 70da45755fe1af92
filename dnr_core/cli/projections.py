"""The command that makes maps of the parts of a run: project."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from dnr_core.cli.output import answer, table
from dnr_core.cli.runs import corpus_of, other_corpus
from dnr_core.commands import EVERY_PART, Project
from dnr_core.errors import one_of
from dnr_core.progress import TrainingProgress
from dnr_core.serve import Engine
from dnr_core.types import MAP_FEWEST, Projection, map_parts


def project(command: Project) -> None:
    engine, checkpoint = Engine(), command.checkpoint
    corpus = corpus_of(engine, checkpoint, command.corpus)
    known = map_parts(engine.header(checkpoint).players)
    wanted = known if EVERY_PART in command.parts else tuple(dict.fromkeys(command.parts))
    for part in wanted:
        if part not in known:
            raise one_of("unknown part", part, (*known, EVERY_PART))
    maps = []
    with TrainingProgress() as shown:
        for part in wanted:
            started = time.monotonic()
            found = engine.compute_projection(
                checkpoint, corpus, part, command.method,
                progress=lambda what, done, of: shown.show(what, what, done, of),
            )  # fmt: skip
            maps.append(as_json(found) | {"seconds": round(time.monotonic() - started, 3)})
    note = other_corpus(engine, checkpoint, corpus)
    values = {
        "checkpoint": str(checkpoint), "corpus": str(corpus), "method": command.method, "maps": maps,
        "notes": [note] if note else [],
    }  # fmt: skip
    answer(values, described(values), as_json=command.json)


def as_json(found: Projection) -> dict[str, Any]:
    """A map without its coordinates."""
    return {key: value for key, value in asdict(found).items() if key not in ("coordinates", "method")}


def described(values: dict[str, Any]) -> str:
    """One row a map, then what its numbers mean."""
    rows = [
        {
            "part": one["part"], "n": one["n"], "trustworthiness": one["trustworthiness"],
            "same emotion: on the map": one["purity"]["on_map"], "in the vectors": one["purity"]["in_vectors"],
            "by chance": one["purity"]["chance"], "seconds": one["seconds"],
        }
        for one in values["maps"]
    ]  # fmt: skip
    head = f"{values['checkpoint']} on {values['corpus']}: {values['method']}, of at most {MAP_FEWEST - 1} neighbours"
    return "\n".join([head, table(rows), *(f"note: {note}" for note in values["notes"])])
