"""Names of methods and backbones and where they live; nothing is imported until it is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from dnr_core.errors import one_of

METHODS = {
    "plain": "dnr_core.model.methods.plain:Plain",
    "dnr": "dnr_core.model.methods.dnr:DivideAndRefine",
}
BACKBONES = {
    "late_fusion": "dnr_core.model.backbones.late_fusion:LateFusion",
    "mmgcn": "dnr_core.model.backbones.mmgcn:MMGCN",
}
ENTRY_POINT_GROUPS = {"method": "dnr_core.methods", "backbone": "dnr_core.backbones"}
"""A package adds its own through these entry-point groups (docs/architecture.md has an example)."""


@cache
def registered(kind: str) -> dict[str, str]:
    """Name → `module:Class` of every known `kind` ('method' or 'backbone'), this package's own first."""
    own = METHODS if kind == "method" else BACKBONES
    added = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUPS[kind])}
    return own | {name: where for name, where in added.items() if name not in own}


def names(kind: str) -> tuple[str, ...]:
    """The names a user may give for a `kind` ('method' or 'backbone')."""
    return tuple(registered(kind))


def lookup(kind: str, name: str) -> Any:
    """The class behind a name. Raises UsageError, listing the choices, where there is none."""
    known = registered(kind)
    if name not in known:
        raise one_of(f"unknown {kind}", name, known)
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)
