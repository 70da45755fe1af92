"""Rules written a second time, in another way, for tests to compare with."""

from __future__ import annotations

from collections.abc import Mapping


def claim_of(values: Mapping[str, float]) -> str:
    """`family:sources` that the values of the nine parts speak of, as docs/methods.md states the rule."""
    best = max(values, key=values.__getitem__)
    family, _, sources = best.partition(":")
    if family == "synergistic":
        halves = [values[f"unique:{member}"] for member in sources.split("+")]
        together = values[best] > 0 and min(halves) >= values[best] / 4 and sum(halves) > values[best]
        return f"unique:{sources}" if together else best
    strongest = max(value for name, value in values.items() if name.startswith("redundant:"))
    close = [
        n for n, value in values.items() if n.startswith("redundant:") and value >= strongest / 4 and strongest > 0
    ]
    if close and (family == "redundant" or sum(values[name] for name in close) > values[best]):
        return "redundant:" + "+".join(sorted({member for name in close for member in name.split(":")[1].split("+")}))
    return best
