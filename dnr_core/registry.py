"""Names of methods and backbones and where they live; nothing is imported until it is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from dnr_core.errors import UsageError, one_of

METHODS = {
    "plain": "dnr_core.model.methods.plain:Plain",
    "dnr": "dnr_core.model.methods.dnr:DivideAndRefine",
    "df_erc": "dnr_core.model.methods.df_erc:DFERC",
    "drkf": "dnr_core.model.methods.drkf:DRKF",
}
BACKBONES = {
    "late_fusion": "dnr_core.model.backbones.late_fusion:LateFusion",
    "mmgcn": "dnr_core.model.backbones.mmgcn:MMGCN",
    "dialogue_gcn": "dnr_core.model.backbones.dialogue_gcn:DialogueGCN",
    "mm_dfn": "dnr_core.model.backbones.mm_dfn:MMDFN",
    "sdt": "dnr_core.model.backbones.sdt:SDT",
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


def default_backbone(method: str) -> str | None:
    """The backbone that a method is trained with where none is named; None where it carries its own network."""
    return None if lookup("method", method).own_network or not names("backbone") else "mmgcn"


def check_backbone(method: str, backbone: str | None) -> None:
    """Raise UsageError for a backbone that is not known, or that is given to a method with its own network."""
    if backbone is None:
        return
    lookup("backbone", backbone)
    if lookup("method", method).own_network:
        raise UsageError(
            f"method {method} carries its own network", got=f"backbone {backbone}", do="leave --backbone out"
        )
