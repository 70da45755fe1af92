"""Results over a wire: a JSON tree and the arrays it speaks of in one safetensors blob. No pickle, nothing is called.

A value is None, bool, int, float, str, a numpy array or number, a tuple, list, dict or frozenset of such, or one of the
frozen dataclasses in DATACLASSES, which are rebuilt field by field.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dnr_core.errors import DataError

VALUES = "dnr_core.explain.attribution_values"
DATACLASSES = {
    "Attribution": VALUES, "AttributionCheck": VALUES, "Infidelity": VALUES, "Curves": VALUES, "Randomised": VALUES,
    "DialogueAttribution": VALUES, "SplitAttribution": VALUES,
    "Edit": "dnr_core.explain.edits",
    "SignalValues": "dnr_core.types", "PartVectors": "dnr_core.types",
    "InformationValues": "dnr_core.explain.information",
    "SplitInformation": "dnr_core.explain.information_split", "SplitBits": "dnr_core.explain.information_split",
    "ComponentNull": "dnr_core.explain.nulls", "Gates": "dnr_core.explain.nulls",
}  # fmt: skip
"""Name → module of every class that may be rebuilt."""
SEQUENCES = {"tuple": tuple, "list": list, "frozenset": frozenset}
DEEPEST = 50


def encode(value: Any) -> bytes:
    """The blob of a value. Raises TypeError for anything that is not of the kinds above."""
    arrays: dict[str, np.ndarray] = {}
    tree = json.dumps(flatten(value, arrays))
    return save(arrays or {"none": np.zeros(0, np.uint8)}, {"tree": tree})


def decode(blob: bytes) -> Any:
    """The value of a blob. Raises DataError where it is none of ours."""
    try:
        arrays = load(blob)
        length = int.from_bytes(blob[:8], "little")
        tree = json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["tree"])
        return rebuild(tree, arrays, 0)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError, AttributeError) as error:
        raise DataError("not a value of ours", got=" ".join(str(error).split())[:200]) from error


def flatten(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A value as JSON; its arrays go into `arrays`."""
    if value is None or isinstance(value, (bool, str)) or type(value) in (int, float):
        return value
    if isinstance(value, np.ndarray) and value.dtype != object:
        name = f"a{len(arrays)}"
        arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"array": name}
    if isinstance(value, np.ndarray):
        return {"objects": [flatten(one, arrays) for one in value.ravel()], "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return {"number": flatten(np.asarray(value), arrays)}
    if isinstance(value, (tuple, list, frozenset)):
        kind = "frozenset" if isinstance(value, frozenset) else "tuple" if isinstance(value, tuple) else "list"
        items = sorted(value) if kind == "frozenset" else value
        return {kind: [flatten(one, arrays) for one in items]}
    if isinstance(value, dict):
        return {"dict": [[flatten(key, arrays), flatten(one, arrays)] for key, one in value.items()]}
    name = type(value).__name__
    if is_dataclass(value) and DATACLASSES.get(name) == type(value).__module__:
        return {"data": name, "fields": {f.name: flatten(getattr(value, f.name), arrays) for f in fields(value)}}
    raise TypeError(f"{type(value).__name__} cannot be sent")


def rebuild(tree: Any, arrays: dict[str, np.ndarray], depth: int) -> Any:
    """The value of a tree."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if not isinstance(tree, dict):
        if isinstance(tree, list):
            raise ValueError("a list without its kind")
        return tree
    kind = next(iter(tree), "")

    def inner(one: Any) -> Any:
        return rebuild(one, arrays, depth + 1)

    if kind == "array":
        return arrays[tree["array"]]
    if kind == "number":
        return inner(tree["number"])[()]
    if kind == "objects":
        found = np.empty(len(tree["objects"]), dtype=object)
        found[:] = [inner(one) for one in tree["objects"]]
        return found.reshape(tree["shape"])
    if kind in SEQUENCES:
        return SEQUENCES[kind](inner(one) for one in tree[kind])
    if kind == "dict":
        return {inner(key): inner(one) for key, one in tree["dict"]}
    if kind == "data":
        made = getattr(importlib.import_module(DATACLASSES[tree["data"]]), tree["data"])
        return made(**{name: inner(one) for name, one in tree["fields"].items()})
    raise ValueError(f"unknown kind {kind[:40]!r}")
