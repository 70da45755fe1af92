"""What the modalities tell of the gold emotion over a split, as rows of HTML cells."""

from __future__ import annotations

from typing import Any

from dnr_core.figures.build.components import bits_rows
from dnr_core.figures.rows.markup import shown

BITS_HEADER = ("", "bits", "95 %", "null", "above it")


def bits_table(found: Any) -> list[list[str]]:
    """One row of HTML cells a number: bits, interval, the 95 % quantile with shuffled labels, whether above it."""
    return [
        [
            shown(name), f"{bits.value:.3f}", f"{bits.interval[0]:.3f}–{bits.interval[1]:.3f}", f"{bits.null:.3f}",
            "yes" if bits.significant else "no",
        ]
        for name, _, bits in bits_rows(found)
    ]  # fmt: skip
