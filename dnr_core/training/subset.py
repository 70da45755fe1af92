"""Training of the subset model: all modalities, each alone and a random pair at once, calibrated on dev."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional

from dnr_core.data.corpus import Corpus
from dnr_core.errors import DataError, DnRError
from dnr_core.model.subset import Prototypes, SubsetModel, SubsetSpec
from dnr_core.training.build import modelled_modalities
from dnr_core.training.loop import cpu_threads
from dnr_core.training.optimise import MovingAverage
from dnr_core.types import MODALITIES

BATCH = 128
STEPS = 2200
"""Optimiser steps in all, whatever the size of the corpus, within EPOCHS."""
EPOCHS = (20, 100)
PATIENCE = 20
RATE, PROTOTYPE_RATE = 2e-3, 6e-3
DECAY, PROTOTYPE_DECAY = 1.0, 0.5
NOISE = 0.7
"""Standard deviation of the noise on whitened components: without it synergy is memorised, not learned."""
AVERAGE = 0.98
FULL_WEIGHT = 2.0
WARM_UP = 0.1
Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class TrainedSubset:
    """The model in eval mode, one record an epoch (`epoch`, `epochs`, `dev_loss` in nats, `best`), and seconds."""

    model: SubsetModel
    history: list[dict[str, Any]]
    seconds: float


def train_subset_model(corpus: Corpus, *, seed: int = 0, progress: Progress = lambda record: None) -> TrainedSubset:
    """Train on the labelled train rows, stop and calibrate on dev (on train where there is no dev); on one CPU thread.

    The result depends on the corpus and `seed` alone: torch's own random state is neither read nor changed.
    Raises DataError: no features, or fewer than two emotions in train; DnRError: the loss is not finite.
    """
    started = time.perf_counter()
    with cpu_threads(1), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trainer = SubsetTrainer(corpus, seed)
        history = trainer.run(progress)
        trainer.calibrate()
    return TrainedSubset(trainer.model.eval(), history, time.perf_counter() - started)


class SubsetTrainer:
    """The state of one training; the weights that are kept are a moving average."""

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        rows = corpus.rows("train")
        self.train = rows[corpus.labels[rows] >= 0]
        counts = np.bincount(corpus.labels[self.train], minlength=len(corpus.emotions))
        if (counts > 0).sum() < 2:
            raise DataError(f"corpus {corpus.name} has fewer than two emotions in train", do="check its labels")
        self.model = build_subset_model(corpus)
        self.model.prior.copy_(torch.from_numpy((counts + 1) / (counts + 1).sum()))
        splits = corpus.utterances["split"].to_numpy(dtype=object)
        dev = np.flatnonzero((splits == "dev") & (corpus.labels >= 0))
        self.dev = torch.from_numpy(dev if len(dev) else self.train)
        names = self.model.spec.modalities
        with torch.no_grad():
            self.white = self.model.whiten({name: torch.from_numpy(corpus.features[name]) for name in names})
        self.there = torch.from_numpy(corpus.present[:, [MODALITIES.index(name) for name in names]])
        self.label = torch.from_numpy(corpus.labels)
        self.batches = max(1, round(len(self.train) / BATCH))
        self.epochs = int(np.clip(round(STEPS / self.batches), *EPOCHS))

    def run(self, progress: Progress) -> list[dict[str, Any]]:
        """All epochs; the weights with the lowest dev loss of all modalities together are in the model at the end."""
        model, rates = self.model, [RATE, PROTOTYPE_RATE]
        optimiser = torch.optim.AdamW(parameter_groups(model), betas=(0.9, 0.99), fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rates, total_steps=self.epochs * self.batches, pct_start=WARM_UP
        )
        average = MovingAverage(model, AVERAGE, {})
        best, lowest, waited, history = average.weights, np.inf, 0, []
        for epoch in range(1, self.epochs + 1):
            model.train()
            for rows in np.array_split(self.random.permutation(self.train), self.batches):
                self.step(torch.from_numpy(rows), optimiser)
                schedule.step()
                average.update()
            loss = self.dev_loss(average.weights)
            better, waited = loss < lowest, 0 if loss < lowest else waited + 1
            if better:
                lowest, best = loss, {name: value.clone() for name, value in average.weights.items()}
            history.append({"stage": "subset", "epoch": epoch, "epochs": self.epochs, "dev_loss": loss, "best": better})
            progress(history[-1])
            if waited >= PATIENCE:
                break
        model.load_state_dict(best)
        return history

    def step(self, rows: Tensor, optimiser: torch.optim.Optimizer) -> None:
        """One step on every utterance with all its modalities (weight FULL_WEIGHT), each alone, and a random pair.

        Without each alone a redundant modality is learned late: the others have said it all.
        """
        there, count, masks = self.there[rows], len(rows), self.model.masks()
        single, pair = masks[masks.sum(1) == 1].unique(dim=0), masks[masks.sum(1) == 2]
        keeps = [there, *(own & there for own in single)]
        if len(single) > 2:
            keeps.append(pair[torch.from_numpy(self.random.integers(len(pair), size=count))] & there)
        keep, times = torch.cat(keeps), len(keeps)  # (times · n, M)
        white = {name: values[rows] + NOISE * torch.randn_like(values[rows]) for name, values in self.white.items()}
        codes, products = self.model.encode(white, there)
        many = [{name: values.repeat(times, 1) for name, values in part.items()} for part in (codes, products)]
        losses = functional.cross_entropy(
            self.model.read(many[0], many[1], keep), self.label[rows].repeat(times), reduction="none"
        )
        weight = torch.ones(times * count)
        weight[:count] = FULL_WEIGHT
        loss = (losses * weight).sum() / weight.sum()
        if not torch.isfinite(loss):
            raise DnRError(f"the loss of the subset model is {float(loss)}", do="look for features of extreme size")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        optimiser.step()

    @torch.no_grad()
    def dev_loss(self, weights: dict[str, Tensor]) -> float:
        """Cross-entropy (nats) of all modalities together on dev under other weights than the model's own."""
        own = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(weights)
        self.model.eval()
        loss = functional.cross_entropy(self.dev_logits()[:, -1], self.label[self.dev])
        self.model.load_state_dict(own)
        return round(float(loss), 6)

    def dev_logits(self) -> Tensor:
        """Logits (n, 7, C) of the dev rows."""
        return self.model.logits({name: v[self.dev] for name, v in self.white.items()}, self.there[self.dev])

    @torch.no_grad()
    def calibrate(self) -> None:
        """A temperature per subset that minimises cross-entropy on dev (Guo et al. 2017)."""
        self.model.eval()
        logits, label = self.dev_logits().double(), self.label[self.dev]
        for position, mask in enumerate(self.model.masks()):
            if not mask.any():
                continue
            own = logits[:, position]
            best = minimize_scalar(
                lambda log_t, own=own: float(functional.cross_entropy(own / np.exp(log_t), label)),
                bounds=(np.log(0.2), np.log(5.0)),
                method="bounded",
            )
            self.model.temperature[position] = float(np.exp(best.x))


def build_subset_model(corpus: Corpus) -> SubsetModel:
    """A fresh model with its feature front end fitted on the measured train rows. Raises DataError: no features."""
    names, train = modelled_modalities(corpus), corpus.rows("train")
    model = SubsetModel(SubsetSpec(len(corpus.emotions), corpus.widths, names))
    measured = {name: train[corpus.present[train, MODALITIES.index(name)]] for name in names}
    model.fit_features({name: torch.from_numpy(corpus.features[name][rows]) for name, rows in measured.items()})
    return model


def parameter_groups(model: SubsetModel) -> list[dict[str, Any]]:
    """Prototypes learn faster and decay less than the rest."""
    fast = [p for module in model.modules() if isinstance(module, Prototypes) for p in module.parameters()]
    known = {id(parameter) for parameter in fast}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in known]
    return [
        {"params": rest, "lr": RATE, "weight_decay": DECAY},
        {"params": fast, "lr": PROTOTYPE_RATE, "weight_decay": PROTOTYPE_DECAY},
    ]
