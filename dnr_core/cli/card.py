"""The decomposition card of a run for people: one line a check, then what the parts hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dnr_core.cli.output import answer, cell, table
from dnr_core.cli.runs import corpus_of, other_corpus
from dnr_core.progress import TrainingProgress
from dnr_core.serve import Engine

Card = dict[str, Any]
Row = dict[str, Any]
STABILITY = {
    "same_dominant": "same dominant part with another seed",
    "rank_correlation": "rank correlation with another seed",
}


def make_card(checkpoint: Path, corpus: Path | None, *, as_json: bool) -> None:
    """Measure a run, store its card and print it."""
    engine = Engine()
    used = corpus_of(engine, checkpoint, corpus)
    with TrainingProgress() as shown:
        card = engine.compute_card(checkpoint, used, progress=lambda what, done, of: shown.show(what, what, done, of))
    stored = engine.card(checkpoint) == card
    notes = [] if stored else [f"the card could not be written to {checkpoint}"]
    if note := other_corpus(engine, checkpoint, used):
        notes.append(note)
    values = card | {"checkpoint": str(checkpoint), "stored": stored, "notes": notes}
    answer(values, card_text(values), as_json=as_json)


def card_text(card: Card) -> str:
    """All sections, a blank line between them."""
    model = " + ".join(filter(None, (card["method"], card["backbone"])))
    head = f"{card['checkpoint']}: {model}, preset {card['preset']}, seed {card['seed']}; measured on {card['split']} "
    head += f"of corpus {card['corpus']['name']} in {card['seconds']} s"
    checks = [*truth_rows(card["planted"]), completeness_row(card["completeness"])]
    checks += [*null_rows(card["nulls"]), *stability_rows(card["stability"])]
    sections = {
        "": checks,
        "planted codes read from the parts (0 chance, 1 all)": probe_rows(
            card["planted"].get("probes") or {"codes": []}
        ),
        "unique parts told by the other modalities (R² on test; 0 or less: not at all)": card["roles"][
            "cross_prediction"
        ],
        "halves of redundant parts (correlation; shuffled: by chance)": card["roles"]["halves"],
    }
    texts = ["\n".join(filter(None, (name, table(rows)))) for name, rows in sections.items() if rows]
    return "\n\n".join([head, *texts, *(f"note: {note}" for note in card["notes"])])


def check(name: str, value: Any, *, interval: Any = None, n: int | None = None, says: str | None = None) -> Row:
    """One line of the table of checks."""
    written = value if isinstance(value, str) else cell(value)
    return {"check": name, "value": written, "95 %": interval, "n": n, "": says or ""}


def truth_rows(planted: Card) -> list[Row]:
    """Agreement with planted truth: of the run itself, of its configuration, or why there is none."""
    if agreement := planted.get("agreement"):
        n, names = agreement["n"], (("family", "planted family named"), ("exact", "planted part named"))
        rows = [check(label, agreement[name], interval=agreement[f"{name}_interval"], n=n) for name, label in names]
        return [*rows, check("rank of planted parts", agreement["rank"], n=n, says=planted["reason"])]
    if cases := planted.get("cases"):
        seeds = f"{planted['seeds']} seed{'s' if planted['seeds'] > 1 else ''}, {planted['file']}"
        return [
            check(f"{label}, {case['corpus']}", case[name], interval=case[f"{name}_interval"], says=seeds)
            for case in cases
            for name, label in (("family", "planted family named"), ("exact", "planted part named"))
        ]
    return [check("agreement with planted truth", None, says=planted["reason"])]


def completeness_row(found: Card) -> Row:
    """The largest gap, and whether it is within tolerance."""
    verdict = "within" if found["within"] else "OUTSIDE"
    says = f"{verdict} tolerance {found['tolerance']:g}"
    return check("largest completeness gap, logits", found["largest_gap"], n=found["n"], says=says)


def null_rows(nulls: Card) -> list[Row]:
    """Which parts pass their gate, and how often one is decisive."""
    if "passed" not in nulls:
        return [check("null tests", None, says=nulls["reason"])]
    passed = nulls["passed"]
    failed = [part for part, good in passed.items() if not good]
    says = f"not: {', '.join(failed)}" if failed else None
    return [
        check("parts that pass their null test on dev", f"{sum(passed.values())} of {len(passed)}", says=says),
        check("turns with a decisive part", nulls["claims"], n=nulls["n"]),
    ]


def stability_rows(stability: Card) -> list[Row]:
    """The same story with other seeds."""
    others = stability.get("siblings")
    if not others:
        return [check("stability over seeds", None, says=stability["reason"])]
    n, says = sum(pair["n"] for pair in others.values()), ", ".join(others)
    return [check(label, stability[name], n=n, says=says) for name, label in STABILITY.items()]


def probe_rows(probes: Card) -> list[Row]:
    """For every planted code how well its own part holds it, and which other part holds it best."""
    rows = []
    for column, (source, code) in enumerate(probes["codes"]):
        scores = {part: row[column] for part, row in zip(probes["players"], probes["score"], strict=True)}
        own = probes["own"][column]
        known = {part: score for part, score in scores.items() if score is not None and part != own}
        best = max(known, key=known.__getitem__, default=None)
        rows.append({
            "source": source, "code": code, "its own part": scores.get(own), "best other": known.get(best),
            "in": best, "n": probes["n_test"][column],
        })  # fmt: skip
    return rows
