"""The state of a run between two epochs: one safetensors file, replaced atomically, so that any kill can be resumed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dnr_core.data.files import replacing_file
from dnr_core.errors import CheckpointError

if TYPE_CHECKING:
    from dnr_core.config import RunConfig
    from dnr_core.model.methods.base import Method


@dataclass
class ResumeState:
    """Where training stands: `stage` and `epoch` (finished), the weights now and the best so far on dev."""

    stage: int
    epoch: int
    score: float
    loss: float
    waited: int
    model: dict[str, Tensor]
    best: dict[str, Tensor]
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    optimiser: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def fresh(cls, stage: int, model: Method) -> ResumeState:
        """The state before the first epoch of a stage."""
        copy = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
        return cls(stage, 0, -1.0, float("inf"), 0, copy, copy)

    def restore(self, optimiser: torch.optim.Optimizer) -> None:
        """Put the optimiser back to where it was."""
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        for number, parameter in enumerate(parameters):
            prefix = f"{number}/"
            found = {k.removeprefix(prefix): v for k, v in self.optimiser.items() if k.startswith(prefix)}
            if found:
                optimiser.state[parameter] = {
                    key: value if key == "step" else value.to(parameter.device) for key, value in found.items()
                }


def save_state(path: Path, state: ResumeState, optimiser: torch.optim.Optimizer, identity: dict[str, Any]) -> None:
    """Write the state to `path`. Raises DnRError where it cannot be written."""
    tensors = {f"model/{name}": value for name, value in state.model.items()}
    if state.best is not state.model:
        tensors |= {f"best/{name}": value for name, value in state.best.items()}
    tensors |= {f"average/{name}": value for name, value in state.average.items()}
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for number, parameter in enumerate(parameters):
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"optimiser/{number}/{key}"] = value.detach().cpu().clone()
    numbers = {name: getattr(state, name) for name in ("stage", "epoch", "score", "loss", "waited", "seconds")}
    header = {"numbers": json.dumps(numbers), "history": json.dumps(state.history), "identity": json.dumps(identity)}
    with replacing_file(path) as temporary:
        save_file({name: value.contiguous() for name, value in tensors.items()}, temporary, metadata=header)


def load_state(path: Path, identity: dict[str, Any]) -> ResumeState:
    """Read a state back. Raises CheckpointError where it is damaged or belongs to another configuration or corpus."""
    try:
        with safe_open(path, framework="pt") as stream:
            header = stream.metadata()
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        numbers, history = json.loads(header["numbers"]), json.loads(header["history"])
        stored = json.loads(header["identity"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"resume state {path} is damaged", got=error, do="start again with --overwrite"
        ) from error
    different = [key for key in identity if stored.get(key) != identity[key]]
    if different:
        raise CheckpointError(
            f"resume state {path} belongs to another run",
            got=f"another {different[0]}",
            do="resume with the settings it was started with, or start again with --overwrite",
        )

    def part(prefix: str) -> dict[str, Tensor]:
        return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

    model = part("model/")
    return ResumeState(
        **numbers,
        model=model,
        best=part("best/") or model,
        history=history,
        optimiser=part("optimiser/"),
        average=part("average/"),
    )


def identity_of(config: RunConfig, corpus_hash: str) -> dict[str, Any]:
    """What must agree for a state to be resumed."""
    return {"configuration": config.model_dump(mode="json"), "corpus": corpus_hash}
