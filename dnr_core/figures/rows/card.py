"""How far explanations can be trusted, as rows of HTML cells and sentences: planted truth, null tests, the card."""

from __future__ import annotations

from typing import Any

from dnr_core.figures.rows.markup import score_cell, share, shown
from dnr_core.figures.spec import readable
from dnr_core.figures.words import signed
from dnr_core.types import FAMILIES

LABEL = "label"


NO_TRUTH = "Whether they name the right part cannot be shown because no truth is known for this corpus and model."


def measured_on(card: dict[str, Any]) -> str:
    """What a decomposition card was measured on."""
    return f"Measured on {card['split']} of corpus {card['corpus']['name']}."


def truth_rows(agreement: Any) -> list[list[str]]:
    """One row of HTML cells a planted source."""
    rows = []
    for entry in sorted(agreement.sources, key=lambda entry: source_order(entry.source)):
        cells = [shown(source_name(entry.source)), f"{entry.accuracy.n:,}"]
        cells.append(score_cell(entry.accuracy.value, entry.accuracy.interval))
        cells += [
            "–"
            if found is None or found.value is None
            else f"{score_cell(found.value, found.interval)} <small>n = {found.n:,}</small>"
            for found in (entry.family, entry.exact)
        ]
        rows.append(cells)
    return rows


def source_name(source: str) -> str:
    """A planted source in words."""
    if source == "noise":
        return "noise (no source)"
    copied = source.startswith("unique:") and "+" in source
    return f"two unique parts · {source.partition(':')[2]}" if copied else readable(source)


def source_order(source: str) -> tuple[int, bool, str]:
    """Unique, redundant, synergistic, others, noise; copies after the single parts."""
    family, _, members = source.partition(":")
    place = FAMILIES.index(family) if family in FAMILIES else 9 if source == "noise" else 5
    return place, family == "unique" and "+" in members, members


def trust_reading(gap: tuple[float, int], agreement: Any, players: tuple[str, ...]) -> str:
    """One sentence on completeness, one on agreement with planted truth, and what a dash means."""
    lines = f"Values add up to the change of the logit with an error of at most {gap[0]:.1e} (n = {gap[1]:,})."
    if agreement is None:
        return f"{lines} {NO_TRUTH}"
    family, exact = agreement.family, agreement.exact
    return (
        f"{lines} Of the turns predicted right, the dominant part has the planted family in "
        f"{share(family.value, family.interval)} (n = {family.n:,}; chance 0.33) and is the planted part in "
        f"{share(exact.value, exact.interval)} (n = {exact.n:,}; chance {1 / nameable(players):.2f}): here "
        "every turn counts alike; in balanced numbers every family, or source, does. "
        "A dash: the source is no single part (noise, two unique parts, two sources), or none of its turns is "
        "predicted right."
    )


def nameable(players: tuple[str, ...]) -> int:
    """How many sources can be named: the parts, and what all modalities share where several pairs can share it."""
    return len(players) + (sum(player.startswith("redundant:") for player in players) > 1)


def null_reading(null: Any, claims: Any, split: str) -> str | None:
    """Which parts pass their gate, and how many turns have a single decisive part; None where it is not stored.

    `null`: the engine's ComponentNull, `claims` its SplitClaims; either may be None.
    """
    if null is None or claims is None:
        return None
    if null.gates is None:
        return f"Which parts may be called decisive cannot be said because {null.reason}."
    players, passed = null.gates.players, null.gates.passed
    failed = [readable(player) for player, good in zip(players, passed, strict=True) if not good]
    return (
        f"{int(passed.sum())} of {len(players)} parts pass their null test on dev (each says more for the right "
        f"emotion than with a modality taken from other turns){'; not: ' + ', '.join(failed) if failed else ''}. "
        f"A single part is decisive in {100 * claims.significant.mean():.1f} % of the turns of {split} "
        f"(n = {len(claims.significant):,}; at most 5 % of these claims are expected to be false)."
    )


def offered_reading(found: Any, split: str, labelled: int) -> str:
    """Calibration of the model behind the information view and its claims. `found`: the engine's InformationValues."""
    return (
        f"What the data offer is significant in {100 * found.significant.mean():.1f} % of the turns of {split} "
        f"(n = {len(found.significant):,}); its bits add up with an error of at most "
        f"{found.completeness_gap.max():.0e}. The model of modality subsets behind it, given all modalities, has a "
        f"calibration error of {found.calibration_error[-1]:.3f} (n = {labelled:,} labelled turns; 0 is perfect)."
    )


def card_rows(card: dict[str, Any]) -> list[list[str]]:
    """What the decomposition card adds, as rows of HTML cells: planted truth, roles of the parts, other seeds."""
    return [*planted_rows(card["planted"]), *role_rows(card), *stability_rows(card["stability"])]


def planted_rows(planted: dict[str, Any]) -> list[list[str]]:
    """Agreement with planted truth of the run itself, or of runs of the same configuration."""
    labels = (("family", "planted family named right, balanced"), ("exact", "planted part named right, balanced"))
    if agreement := planted.get("agreement"):
        where = f"{agreement['n']:,} turns of corpus {shown(planted['corpus']['name'])}"
        return [[label, score_cell(agreement[name], agreement[f"{name}_interval"]), where] for name, label in labels]
    if cases := planted.get("cases"):
        seeds = f"{planted['seeds']} seed{'s' if planted['seeds'] > 1 else ''} of this configuration"
        return [
            [label, score_cell(case[name], case[f"{name}_interval"]), f"corpus {shown(case['corpus'])}, {seeds}"]
            for case in cases
            for name, label in labels
        ]
    return [["agreement with planted truth", "–", absent(planted)]]


def role_rows(card: dict[str, Any]) -> list[list[str]]:
    """The worst case of every check of what the parts hold; none where the parts have no such roles."""
    rows, probes, roles = [], card["planted"].get("probes"), card["roles"]
    if probes:
        held = [
            (score, own, n)
            for column, (own, n) in enumerate(zip(probes["own"], probes["n_test"], strict=True))
            if own and probes["codes"][column][1] == LABEL
            and (score := probes["score"][probes["players"].index(own)][column]) is not None
        ]  # fmt: skip
        rows += worst("emotion read from the planted part, lowest (0 chance, 1 all)", held, min)
    told = [(row["r2"], row["player"], row["n_test"]) for row in roles["cross_prediction"] if row["r2"] is not None]
    rows += worst("unique part told by other modalities, highest R² (0: not at all)", told, max)
    agree = [(row["correlation"], row["player"], row["n"]) for row in roles["halves"] if row["correlation"] is not None]
    return rows + worst("halves of a redundant part, lowest correlation (0 by chance)", agree, min)


def worst(label: str, found: list[tuple[float, str, int]], choose: Any) -> list[list[str]]:
    """The row of the worst of some (value, part, n); none where there is none."""
    if not found:
        return []
    value, part, n = choose(found)
    return [[label, signed(value, 3).removeprefix("+"), f"{shown(readable(part))}, {n:,} turns"]]


def stability_rows(stability: dict[str, Any]) -> list[list[str]]:
    """The same story with other seeds."""
    others = stability.get("siblings", {})
    if not others:
        return [["the same over seeds", "–", absent(stability)]]
    turns = f"{sum(pair['n'] for pair in others.values()):,} turns, {len(others)} other seeds"
    return [
        [label, share(stability[name]), turns]
        for name, label in (
            ("same_dominant", "same dominant part with another seed"),
            ("rank_correlation", "rank correlation of the values with another seed"),
        )
    ]


def absent(section: dict[str, Any]) -> str:
    """Why a section of the card holds no numbers."""
    return f"<small>{shown(section['reason'])}</small>"
