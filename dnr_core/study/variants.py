"""Named variants of a method: what of its configuration each changes, from a JSON file or the built-in ablations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dnr_core.config import RunConfig, merge, parse_config, preset, read_json
from dnr_core.errors import UsageError, one_of
from dnr_core.registry import lookup

BUILT_IN = Path(__file__).with_name("ablations.json")
GRID_ONLY = ("backbone", "preset", "seed")
"""Fields that a variant may not change: the grid sets them for all."""
Variants = dict[str, dict[str, dict[str, Any]]]
"""Method → name → fields of a run's configuration; `method` among them: another method takes its place."""


def variants_of(ablations: Sequence[str], file: Path | None) -> Variants:
    """The built-in variants of some methods and those of a file. Raises UsageError for what makes no sense."""
    built_in = read_json(BUILT_IN)
    for method in ablations:
        if method not in built_in:
            raise one_of("no built-in ablations of this method", method, built_in)
    found: Variants = {method: built_in[method] for method in dict.fromkeys(ablations)}
    for method, own in (read_json(file) if file else {}).items():
        check_shape(method, own, str(file))
        found[method] = found.get(method, {}) | own
    return found


def check_shape(method: str, own: Any, source: str) -> None:
    """Raise UsageError unless a method of a file has names with fields."""
    lookup("method", method)
    expected = '{"method": {"name": {fields of a configuration}}}'
    if not (isinstance(own, dict) and own and all(isinstance(fields, dict) and fields for fields in own.values())):
        raise UsageError(f"bad variants of {method} in {source}", got=str(own)[:60], expected=expected)
    for name, fields in own.items():
        if not re.fullmatch(r"\w[\w.+-]*", name):
            raise UsageError(f"bad name of a variant in {source}", got=repr(name), expected="letters, digits and _.+-")
        for key in GRID_ONLY:
            if key in fields:
                raise UsageError(f"variant {name} sets {key}", got=repr(fields[key]), do="leave it to the flags")


def methods_of(variants: Variants) -> tuple[str, ...]:
    """The methods that variants set in the place of their own."""
    given = [str(fields["method"]) for named in variants.values() for fields in named.values() if "method" in fields]
    return tuple(dict.fromkeys(given))


def configured(
    method: str, backbone: str | None, size: Any, seed: int, settings: dict[str, Any], variant: dict[str, Any]
) -> RunConfig:
    """The preset under `settings`, of which everything reaches the methods that have it, under a variant's own fields.

    Raises UsageError for values that make no sense, and for a stage or option that the variant's method has not.
    """
    kind = str(variant.get("method", method))
    asked = variant.get("divide") or (settings.get("divide") if kind == "dnr" else None)
    values = preset(kind, backbone, size, seed=seed, divide=str(asked or "pairwise")).model_dump()
    own = {"stages": [stage.name for stage in lookup("method", kind).stages], "options": list(values["options"])}
    general = {
        key: {name: one for name, one in value.items() if name in own[key]}
        if key in own and isinstance(value, dict)
        else value
        for key, value in settings.items()
        if kind == "dnr" or key not in ("divide", "without")
    }
    for key, known in own.items():
        for name in variant[key] if isinstance(variant.get(key), dict) else ():
            if name not in known:
                raise one_of(f"unknown field in the {key} of a variant of {method}", name, known)
    return parse_config(merge(merge(values, general), variant), source="--variants" if variant else "--config")
