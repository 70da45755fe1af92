"""The command that sets two runs, or two groups of seeds, against each other: compare."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from dnr_core.cli.output import answer, table
from dnr_core.cli.runs import other_corpus
from dnr_core.commands import Compare
from dnr_core.explain.compare import Change, Comparison
from dnr_core.serve import Engine

SHOWN = 5


def compare(command: Compare) -> None:
    engine, pair = Engine(), (command.run_a, command.run_b)
    corpus = command.corpus or engine.data / engine.shared_corpus(*pair, command.split)
    found = engine.compare(*pair, corpus, command.split, resamples=command.resamples, seed=command.seed)
    seeds = [engine.seed_runs(run) for run in pair]
    notes = [f"{run}: {note}" for side in seeds for run in side if (note := other_corpus(engine, Path(run), corpus))]
    values = {
        **dict(zip("ab", map(side_of, [engine] * 2, pair, seeds), strict=True)),
        "corpus": str(corpus),
        "split": command.split,
        **as_json(found),
        "notes": notes,
    }
    answer(values, described(values, found), as_json=command.json)


def side_of(engine: Engine, run: Path, seeds: list[str | Path]) -> dict[str, Any]:
    """What one side is."""
    info = engine.run(seeds[0]).info
    numbers = [engine.run(one).info.seed for one in seeds]
    return {"checkpoint": str(run), "method": info.method, "backbone": info.backbone, "seeds": numbers}


def as_json(found: Comparison) -> dict[str, Any]:
    """A comparison as documented in docs/formats.md."""
    return {
        "n": found.n,
        "dialogues": found.dialogues,
        "scores": {name: asdict(change) for name, change in found.scores.items()},
        "per_class": {name: {"n": found.support[name]} | asdict(one) for name, one in found.per_class.items()},
        "mcnemar": {
            "only_a_right": len(found.only_a_right),
            "only_b_right": len(found.only_b_right),
            "both_right": found.both_right,
            "both_wrong": found.both_wrong,
            "p_value": found.p_value,
        },
        "flips": {name: [asdict(flip) for flip in getattr(found, name)] for name in ("only_a_right", "only_b_right")},
        "resamples": found.resamples,
        "seed": found.seed,
    }


def described(values: dict[str, Any], found: Comparison) -> str:
    """A comparison as lines: the sides, scores, classes, the test, and the first flips."""
    several = max(found.seeds) > 1
    over = "seeds and dialogues" if several else "dialogues"
    lines = [
        *(f"{side.upper()} = {name_of(values[side])}" for side in "ab"),
        f"{values['split']} of {values['corpus']}: {found.n} utterances in {found.dialogues} dialogues; "
        f"95 % intervals of B − A by bootstrap over {over}",
        table([{"score": name} | cells(change) for name, change in found.scores.items()]),
        "",
        table([{"F1 of": name, "n": found.support[name]} | cells(one) for name, one in found.per_class.items()]),
        "",
        f"only A right: {len(found.only_a_right)}, only B right: {len(found.only_b_right)}, "
        f"both right: {found.both_right}, both wrong: {found.both_wrong}"
        f"{' (majority vote of the seeds)' if several else ''}",
        f"McNemar, exact: p = {found.p_value:.4g}",
    ]
    for name, flips in (("A", found.only_a_right), ("B", found.only_b_right)):
        if flips:
            shown = [
                {f"only {name} right": one.utterance_id, "gold": one.gold, "A": one.a, "B": one.b} for one in flips
            ]
            more = f"… {len(flips) - SHOWN} more with --json" if len(flips) > SHOWN else ""
            lines += list(filter(None, (table(shown[:SHOWN]), more)))
    return "\n".join(lines + [f"note: {note}" for note in values["notes"]])


def name_of(side: dict[str, Any]) -> str:
    """A side in words."""
    model = " + ".join(filter(None, (side["method"], side["backbone"])))
    return f"{side['checkpoint']} ({model}, seed{'s' * (len(side['seeds']) > 1)} {', '.join(map(str, side['seeds']))})"


def cells(change: Change) -> dict[str, Any]:
    """A change as the cells of a row."""
    return {"A": change.a, "B": change.b, "B − A": f"{change.difference:+.4f}", "95 %": change.interval}
