"""What can be set: frozen, validated, stored beside the weights. The command line and forms are made from these."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dnr_core.errors import UsageError, one_of
from dnr_core.types import FAMILIES

Preset = Literal["fast", "paper"]
Divide = Literal["pairwise", "official"]
"""How dnr divides: as built here, or with the heads and losses released with the paper."""
LeftOut = Literal["unique", "redundant", "synergistic", "refine"]
"""What dnr can be asked to do without: a family of parts, or the stage that reads them in context."""


class Frozen(BaseModel):
    """Base of all configuration: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StageConfig(Frozen):
    """How one stage is trained. `patience`: epochs without a better dev score before it stops."""

    epochs: int = Field(ge=0, le=10_000)
    learning_rate: float = Field(gt=0, le=1)
    second_beta: float = Field(default=0.99, gt=0, lt=1, description="AdamW's decay of squared gradients")
    weight_decay: float = Field(default=0.01, ge=0)
    batch: int = Field(ge=1, description="dialogues, or utterances where the stage works on single utterances")
    patience: int = Field(default=15, ge=1)
    schedule: Literal["constant", "one_cycle", "linear"] = "one_cycle"
    warm_up_steps: int = Field(default=0, ge=0, description="steps of rising rate, in the linear schedule")


class Tuned(Frozen):
    """Where a configuration comes from: the best of a search by weighted F1 on dev, the mean over `seeds` seeds.

    `trials` counts all of them, the preset's own values being the first; `pruned` those that were given up early.
    """

    command: str
    corpus: str
    dev_weighted_f1: float
    preset_dev_weighted_f1: float | None
    seeds: int
    trials: int
    pruned: int


class RunConfig(Frozen):
    """Everything that determines a run, with the corpus.

    `divide`, `without` and `tuned` are written only where they are not the default, so that configurations stored
    before they existed stay equal to those of today.
    """

    method: str
    backbone: str | None
    preset: Preset = "fast"
    seed: int = Field(default=0, ge=0)
    width: int = Field(default=128, ge=8, le=4096)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    class_balance: float = Field(default=0.0, ge=0, le=1, description="class weights ∝ frequency^−p")
    threads: int = Field(default=1, ge=1, le=256, description="CPU threads of training; part of what fixes its result")
    average: float = Field(default=0.0, ge=0, lt=1, description="decay of the moving average of the weights; 0 = none")
    stages: dict[str, StageConfig]
    options: dict[str, float] = {}
    divide: Divide = Field(default="pairwise", exclude_if=lambda value: value == "pairwise", description="of dnr")
    without: tuple[LeftOut, ...] = Field(
        default=(),
        exclude_if=lambda left_out: not left_out,
        description="of dnr: families of parts that are never available; refine: what the parts say is all there is",
    )
    tuned: Tuned | None = Field(default=None, exclude_if=lambda value: value is None)

    @model_validator(mode="after")
    def check_parts(self) -> RunConfig:
        """Only dnr has parts to divide or leave out, and one family must remain."""
        check_divide(self.method, self.divide)
        if self.without and self.method != "dnr":
            raise ValueError(f"without: got {', '.join(self.without)}; method {self.method} has no parts to leave out")
        if set(FAMILIES) <= set(self.without):
            raise ValueError(f"without: got {', '.join(self.without)}, which leaves no part")
        return self

    @field_validator("options")
    @classmethod
    def check_options(cls, options: dict[str, float]) -> dict[str, float]:
        """Numbers that make sense for what their names say."""
        for name, value in options.items():
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"{name}: got {value}; expected a number of at least 0")
            if name.endswith("_dropout") and value >= 1:
                raise ValueError(f"{name}: got {value}; expected less than 1")
            if name in SIZES and (value != int(value) or not 1 <= value <= 4096):
                raise ValueError(f"{name}: got {value}; expected a whole number from 1 to 4096")
        return options


SIZES = (
    "unique_width", "redundant_width", "synergistic_width", "evidence_width", "detectors",
    "alignment_width", "tokens", "layers", "heads", "blocks", "head_width",
)  # fmt: skip
DNR_OPTIONS: dict[str, float] = {
    "unique_width": 128,
    "redundant_width": 32,
    "synergistic_width": 32,
    "detectors": 64,
    "detector_dropout": 0.3,
    "evidence_width": 64,
    "evidence_dropout": 0.2,
    "input_noise": 0.4,
    "feature_dropout": 0.3,
    "align_weight": 1.0,
    "decorrelate_weight": 0.5,
    "auxiliary_weight": 0.5,
    "silence_weight": 0.7,
    "synergy_dropout": 0.5,
    "context_weight": 1.0,
    "contrast_weight": 0.1,
    "roles_weight": 1.0,
}
"""Widths and loss weights of Divide and Refine; docs/methods.md says what each is for."""
OFFICIAL_OPTIONS: dict[str, float] = {
    "head_width": 256,
    "correlation_weight": 5.0,
    "synergy_weight": 0.5,
    "synergy_rate": 3.0,
    "contrast_weight": 0.1,
}
"""Width and weights of the code released with Divide and Refine; synergy heads learn `synergy_rate` times as fast."""

DF_ERC_OPTIONS: dict[str, float] = {
    "disentangled_scale": 0.4,
    "fused_scale": 0.9,
    "context_scale": 0.8,
    "alignment_width": 500,
    "margin": 0.1,
    "prototype_momentum": 0.9,
    "contrast_temperature": 1.0,
    "contrast_weight": 0.4,
    "similarity_weight": 0.7,
    "confidence_weight": 1.0,
    "other_class_weight": 1.3,
}
"""Scales and weights of DF-ERC (arXiv 2308.04502); the momentum of its prototypes is ours."""
DRKF_OPTIONS: dict[str, float] = {
    "tokens": 4,
    "layers": 6,
    "heads": 4,
    "blocks": 5,
    "shuffle": 0.5,
    "difference_weight": 0.2,
    "contrast_weight": 0.2,
    "closeness_weight": 0.2,
    "divergence_weight": 1.0,
    "alone_weight": 0.2,
}
"""Sizes and weights of DRKF (arXiv 2508.01644); tokens, heads, shuffle and the last weight are ours."""


def preset(
    method: str, backbone: str | None, name: Preset = "fast", *, seed: int = 0, divide: str = "pairwise"
) -> RunConfig:
    """The defaults of a method: `fast` (minutes on two cores) or `paper` (the papers' epochs, rate and width).

    Raises UsageError for a `divide` that the method does not have.
    """
    check_divide(method, divide)
    slow = name == "paper"
    rate, epochs, patience = (1e-4, 60, 60) if slow else (1e-3, 30, 10)
    dialogue = StageConfig(epochs=epochs, learning_rate=rate, batch=16, patience=patience)
    stages, options = {"train": dialogue.model_copy(update={"epochs": 2 * epochs, "patience": 15})}, {}
    if method == "dnr":
        stages, options = official_divide(dialogue, slow) if divide == "official" else pairwise_divide(dialogue, slow)
    if method in ("df_erc", "drkf"):
        return own_network(method, slow, seed)
    return RunConfig(
        method=method,
        backbone=backbone,
        preset=name,
        seed=seed,
        width=256 if slow else 128,
        average=0.0 if slow else 0.98,
        stages=stages,
        options=options,
        divide=divide,
    )


def pairwise_divide(dialogue: StageConfig, slow: bool) -> tuple[dict[str, StageConfig], dict[str, float]]:
    """Stages and options of dnr as built here."""
    epochs, rate = (200, 1e-4) if slow else (60, 4e-3)
    divide = StageConfig(epochs=epochs, learning_rate=rate, weight_decay=0.2, batch=128, patience=epochs)
    return {"divide": divide, "refine": dialogue}, DNR_OPTIONS


def official_divide(dialogue: StageConfig, slow: bool) -> tuple[dict[str, StageConfig], dict[str, float]]:
    """Stages and options of dnr as released: Adam, no weight decay; `fast` learns faster and is half as wide."""
    adam = {"weight_decay": 0.0, "second_beta": 0.999} | ({"schedule": "constant"} if slow else {})
    epochs, rate = (200, 1e-4) if slow else (60, 1e-3)
    divide = StageConfig(epochs=epochs, learning_rate=rate, batch=128, patience=epochs)
    stages = {"divide": divide.model_copy(update=adam), "refine": dialogue.model_copy(update=adam)}
    return stages, OFFICIAL_OPTIONS | ({} if slow else {"head_width": 128})


def check_divide(method: str, divide: str) -> None:
    """Raise UsageError for a way to divide that is not known, or that another method than dnr is asked for."""
    if divide not in get_args(Divide):
        raise one_of("unknown divide", divide, get_args(Divide))
    if divide != "pairwise" and method != "dnr":
        raise UsageError(
            f"method {method} divides nothing", got=f"divide {divide}", do="leave it out, or choose method dnr"
        )


def own_network(method: str, slow: bool, seed: int) -> RunConfig:
    """The defaults of a method that takes no backbone; the rates of fast ones were tried on dev of IEMOCAP."""
    if method == "df_erc":
        train = StageConfig(epochs=30, learning_rate=1e-3, batch=4, patience=10)
        options, width = DF_ERC_OPTIONS | {"alignment_width": 128}, 128
        if slow:
            linear = {"second_beta": 0.84, "schedule": "linear", "warm_up_steps": 100}
            train = train.model_copy(update=linear | {"epochs": 20, "learning_rate": 5e-4, "batch": 16, "patience": 20})
            options, width = DF_ERC_OPTIONS, 300
    else:
        train = StageConfig(epochs=30, learning_rate=1e-3, batch=128, patience=10)
        options, width = DRKF_OPTIONS | {"tokens": 2, "layers": 2}, 128
        if slow:
            train = train.model_copy(update={"epochs": 60, "learning_rate": 1e-4, "patience": 60})
            options, width = DRKF_OPTIONS, 256
    return RunConfig(
        method=method,
        backbone=None,
        preset="paper" if slow else "fast",
        seed=seed,
        width=width,
        average=0.0 if slow else 0.98,
        stages={"train": train},
        options=options,
    )


def parse_config(values: dict[str, Any], *, source: str) -> RunConfig:
    """A RunConfig from JSON values. Raises UsageError with the first fault on one line."""
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise bad_values(f"bad configuration in {source}", error) from error


def merge(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`more` over `base`, nested objects merged."""
    nested = {k: merge(base[k], v) for k, v in more.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return base | more | nested


def bad_values(what: str, error: ValidationError) -> UsageError:
    """The first fault of a pydantic error as a UsageError that names the field."""
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    named = f"{what}, {where}" if where else what
    if fault["type"] == "value_error":
        return UsageError(f"{named}: {fault['msg'].removeprefix('Value error, ')}")
    expected = fault["msg"].removeprefix("Input should be ")
    return UsageError(named, got=repr(fault["input"]), expected=expected[0].lower() + expected[1:])


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises UsageError where it is missing or is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}", got=error, expected="a JSON object") from error
    if not isinstance(values, dict):
        raise UsageError(f"cannot read {path}", got=type(values).__name__, expected="a JSON object")
    return values


def data_root() -> Path:
    """Where prepared corpora live: $DNR_DATA, else data/."""
    return Path(os.environ.get("DNR_DATA", "data"))


def checkpoint_root() -> Path:
    """Where runs live: $DNR_CHECKPOINTS, else checkpoints/."""
    return Path(os.environ.get("DNR_CHECKPOINTS", "checkpoints"))
