"""What requests may say, checked against the run: JSON by pydantic models of its widths, or safetensors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, create_model
from safetensors import SafetensorError
from safetensors.numpy import load

from dnr_core.api.dialogues import Dialogues, check_finite, dialogues_of, with_widths
from dnr_core.api.errors import ApiError, malformed
from dnr_core.api.limits import Limits
from dnr_core.training.checkpoint import RunHeader
from dnr_core.types import ATTRIBUTIONS, MODALITIES, OVERS, SCOPES

JSON, SAFETENSORS = "application/json", "application/vnd.safetensors"
NAME = Annotated[str, Field(max_length=200)]
REMOVED = ("mean", "zero")
"""What stands for a part that is off; donors need the corpus of the run."""
FLOATS, COUNTS, FLAGS = ("<f2", "<f4", "<f8"), ("<i4", "<i8"), ("|b1", "|u1")


class Strict(BaseModel):
    """Frozen; unknown fields and values of another type are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Options(Strict):
    """A request without dialogues."""


class ExplainOptions(Options):
    """Where parts are off (every turn, or the explained one), and what stands for them."""

    scope: Literal[SCOPES] = "dialogue"  # type: ignore[valid-type]
    removal: Literal[REMOVED] = "mean"  # type: ignore[valid-type]


class AttributeOptions(Options):
    """Which turn of the one dialogue is attributed, and how."""

    turn: Annotated[int, Field(ge=0)]
    method: Literal[ATTRIBUTIONS] = ATTRIBUTIONS[0]  # type: ignore[valid-type]
    target: NAME | None = None
    baseline: Literal[REMOVED] = "mean"  # type: ignore[valid-type]
    scale: Literal["logit", "probability"] = "logit"
    over: Literal[OVERS[:4]] | None = None  # type: ignore[valid-type]


@dataclass(frozen=True)
class Asked:
    """A checked request: its dialogues and its options."""

    dialogues: Dialogues
    options: Any


class Bodies:
    """The bodies that a service of one run takes; `models`: name of the route → pydantic model, for its OpenAPI."""

    def __init__(self, header: RunHeader, limits: Limits) -> None:
        self.widths, self.limits = header.config["spec"]["widths"], limits
        cells = {name: (cells_of(self.widths[name]), None) for name in MODALITIES}
        turn = create_model("Utterance", __base__=Strict, speaker=(NAME, ""), **cells)
        turns = Annotated[list[turn], Field(min_length=1, max_length=limits.turns, fail_fast=True)]
        dialogue = create_model("Dialogue", __base__=Strict, dialogue_id=(NAME, ""), utterances=(turns, ...))

        def body(name: str, base: type[Options], most: int) -> type[BaseModel]:
            several = Annotated[list[dialogue], Field(min_length=1, max_length=most, fail_fast=True)]
            return create_model(name, __base__=base, dialogues=(several, ...))

        self.options = {
            "predict": Options, "explain": ExplainOptions, "coalitions": ExplainOptions, "attribute": AttributeOptions,
        }  # fmt: skip
        self.models = {
            route: body(f"{route.title()}Body", base, 1 if route == "attribute" else limits.dialogues)
            for route, base in self.options.items()
        }

    def read(self, route: str, content_type: str, raw: bytes) -> Asked:
        """The request in a body. Raises ApiError: 415 another type, 422 malformed."""
        kind = content_type.partition(";")[0].strip().lower()
        if kind == JSON:
            asked = self._from_json(route, raw)
        elif kind == SAFETENSORS:
            asked = self._from_safetensors(route, raw)
        else:
            raise ApiError(
                415, "unknown kind of body", got=repr(kind[:80]), expected=f"Content-Type {JSON} or {SAFETENSORS}"
            )
        if route != "predict" and len(asked.dialogues) > self.limits.explained:
            raise ApiError(
                422, "too many turns to explain at once", got=len(asked.dialogues),
                expected=f"at most {self.limits.explained}", do="send fewer dialogues at a time", where="dialogues",
            )  # fmt: skip
        return asked

    def _from_json(self, route: str, raw: bytes) -> Asked:
        try:
            given = self.models[route].model_validate_json(raw)
        except ValidationError as error:
            raise malformed(error) from None
        return Asked(with_widths(dialogues_of(given), self.widths), given)

    def _from_safetensors(self, route: str, raw: bytes) -> Asked:
        try:
            arrays, meta = load(raw), metadata(raw)
            options = self.options[route].model_validate_json(meta.get("options", "{}"))
            ids = json.loads(meta.get("dialogue_ids", "[]"))
        except ValidationError as error:
            raise malformed(error) from None
        except (SafetensorError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise ApiError(422, "malformed safetensors", got=" ".join(str(error).split())[:200]) from error
        dialogues = with_widths(self._dialogues(arrays, ids), self.widths)
        check_finite(dialogues, missing_cells=False)
        if route == "attribute" and len(dialogues.lengths) != 1:
            raise ApiError(422, "one dialogue at a time", got=len(dialogues.lengths), where="lengths")
        return Asked(dialogues, options)

    def _dialogues(self, arrays: dict[str, np.ndarray], ids: Any) -> Dialogues:
        strange = sorted(set(arrays) - {*MODALITIES, "lengths", "present", "speaker"})
        if strange:
            raise ApiError(422, "unknown tensor", got=repr(strange[0][:80]))
        lengths = self._tensor(arrays, "lengths", COUNTS, (-1,))
        count = int(lengths.sum()) if len(lengths) <= self.limits.dialogues else 0
        fits = 1 <= len(lengths) <= self.limits.dialogues and lengths.min() >= 1
        if not fits or lengths.max() > self.limits.turns:
            limits = f"1 to {self.limits.dialogues} dialogues of 1 to {self.limits.turns} turns"
            raise ApiError(422, "the lengths do not fit", expected=limits, where="lengths")
        given = [name for name in MODALITIES if name in arrays]
        with np.errstate(over="ignore"):
            features = {
                name: self._tensor(arrays, name, FLOATS, (count, self.widths[name])).astype(np.float32)
                for name in given
            }
        present = np.zeros((count, len(MODALITIES)), dtype=bool)
        present[:, [MODALITIES.index(name) for name in given if self.widths[name]]] = True
        if "present" in arrays:
            present &= self._tensor(arrays, "present", FLAGS, present.shape).astype(bool)
        features |= {name: np.zeros((count, self.widths[name]), np.float32) for name in MODALITIES if name not in given}
        spoken = self._tensor(arrays, "speaker", COUNTS, (count,)) if "speaker" in arrays else np.zeros(count, int)
        if (
            not isinstance(ids, list)
            or not all(isinstance(one, str) for one in ids)
            or len(ids) not in (0, len(lengths))
        ):
            raise ApiError(422, "malformed dialogue_ids", expected=f"a list of {len(lengths)} strings")
        names = tuple(ids) or ("",) * len(lengths)
        return Dialogues(names, tuple(lengths.tolist()), features, present, tuple(map(str, spoken.tolist())))

    @staticmethod
    def _tensor(arrays: dict[str, np.ndarray], name: str, kinds: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray:
        """A tensor of a kind and shape (−1: any). Raises ApiError 422."""
        if name not in arrays:
            raise ApiError(422, "a tensor is missing", got=f"no {name}", where=name)
        found = arrays[name]
        wanted = tuple(got if size < 0 else size for got, size in zip(found.shape, shape, strict=False))
        if found.dtype.str not in kinds or found.shape != wanted or found.ndim != len(shape):
            raise ApiError(
                422, f"tensor {name} does not fit", got=f"{found.dtype} {found.shape}",
                expected=f"{' or '.join(map(str, map(np.dtype, kinds)))} {shape}", where=name,
            )  # fmt: skip
        return found


def cells_of(width: int) -> Any:
    """The type of a modality of one turn: so many finite numbers, null for a cell that was not measured, or null."""
    numbers: Any = Annotated[list[FiniteFloat | None], Field(min_length=width, max_length=width, fail_fast=True)]
    return numbers | None


def metadata(raw: bytes) -> dict[str, str]:
    """The texts in the header of a safetensors body that `load` has taken."""
    length = int.from_bytes(raw[:8], "little")
    return json.loads(raw[8 : 8 + length]).get("__metadata__") or {}
