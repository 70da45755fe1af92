"""What moves with the weights: the learning rate's schedule and the moving average."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from dnr_core.config import StageConfig


class MovingAverage:
    """Exponential moving average of the weights (Polyak 1992), what dev looks at and the run keeps; off at decay 0.

    The decay warms up as (1 + t) / (10 + t), so that the first epochs are not dominated by the initial weights.
    """

    def __init__(self, model: nn.Module, decay: float, resumed: dict[str, Tensor]) -> None:
        self.decay = decay
        self.steps = int(resumed["steps"]) if resumed else 0
        kept = {name: value for name, value in resumed.items() if name != "steps"} or model.state_dict()
        device = next(model.parameters()).device
        # in the order of the model, which `update` pairs them by: a state read back has the order of its file
        self.weights = {name: kept[name].detach().to(device, copy=True) for name in model.state_dict()}
        self.live = list(model.state_dict().values())  # share the memory of the weights, which steps change in place

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        if not self.decay:
            return
        self.steps += 1
        rate = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(list(self.weights.values()), self.live, rate)  # pyright: ignore[reportPrivateImportUsage]

    def copy(self) -> dict[str, Tensor]:
        """The average and its step count on the CPU, to be resumed from; empty when off."""
        if not self.decay:
            return {}
        return {name: value.cpu().clone() for name, value in self.weights.items()} | {"steps": torch.tensor(self.steps)}


def learning_rate(settings: StageConfig, epoch: float, *, steps_per_epoch: int = 1) -> float:
    """The rate at a fractional epoch: constant; one_cycle: 5 % linear warm-up and cosine decay to a hundredth; linear:
    from 0 up over `warm_up_steps` and down to 0 at the end.
    """
    if settings.schedule == "constant":
        return settings.learning_rate
    if settings.schedule == "linear":
        warm = settings.warm_up_steps / steps_per_epoch
        rising = epoch / warm if epoch < warm else 1.0
        return settings.learning_rate * min(rising, (settings.epochs - epoch) / max(settings.epochs - warm, 1e-9))
    done = epoch / settings.epochs
    if done < 0.05:
        return settings.learning_rate * (0.1 + 0.9 * done / 0.05)
    return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * (done - 0.05) / 0.95)))
