"""The command that says what made one prediction: attribute."""

from __future__ import annotations

from typing import Any

from dnr_core.cli.output import answer, table
from dnr_core.cli.runs import corpus_of, other_corpus
from dnr_core.commands import Attribute
from dnr_core.serve import Engine

TOP = 15
VERDICTS = {None: "not promised", True: "within tolerance", False: "OUTSIDE tolerance"}


def attribute(command: Attribute) -> None:
    engine = Engine()
    corpus = corpus_of(engine, command.checkpoint, command.corpus)
    found = engine.attribution(
        command.checkpoint,
        corpus,
        command.utterance,
        method=command.method,
        target=command.target,
        baseline=command.baseline,
        scale=command.scale,
        over=command.over,
    )
    from dnr_core.explain.attribution import as_json

    values: dict[str, Any] = as_json(found) | {"checkpoint": str(command.checkpoint), "corpus": str(corpus)}
    if note := other_corpus(engine, command.checkpoint, corpus):
        values["notes"].append(note)
    answer(values, described(values), as_json=command.json)


def described(values: dict[str, Any]) -> str:
    """An attribution as lines: what is explained, the largest values, how exact they are, what cannot be shown."""
    largest = sorted(values["items"], key=lambda item: -abs(item["value"]))[:TOP]
    measured = ["observed"] if any(item["observed"] is not None for item in largest) else []
    taken = "" if values["n_steps"] is None else f"{values['n_steps']} steps or samples, "
    lines = [
        f"{values['utterance_id']}: {values['scale']} of {values['target']} {values['total']:.4f}, "
        f"{values['baseline_total']:.4f} at the baseline ({values['baseline']})",
        f"{values['method']} over {values['over']}, the largest {len(largest)} of {len(values['items'])} values:",
        table([{name: item[name] for name in ["value", *measured, "name", "kind"]} for item in largest]),
        f"completeness error {values['completeness_error']:+.1e}, tolerance {values['tolerance']:.1e}: "
        f"{VERDICTS[values['within_tolerance']]}",
        f"{taken}{values['seconds']:.2f} s",
    ]
    return "\n".join(lines + [f"note: {note}" for note in values["notes"]])
