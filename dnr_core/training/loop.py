"""Training of one run: stages, epochs, early stopping and selection on dev, resumable after any kill."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dnr_core.config import RunConfig, StageConfig
from dnr_core.data.batching import dialogue_batches, utterance_batches
from dnr_core.data.corpus import Corpus
from dnr_core.errors import DnRError
from dnr_core.model.batch import Batch, TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.registry import lookup
from dnr_core.training.build import build_model, choose_device
from dnr_core.training.metrics import weighted_f1
from dnr_core.training.optimise import MovingAverage, learning_rate
from dnr_core.training.resume import ResumeState, identity_of, load_state, save_state

GRADIENT_LIMIT = 1.0
EVALUATION_BATCH = 64
Progress = Callable[[dict[str, Any]], None]


@dataclass
class Trained:
    """A trained model on the CPU in eval mode, its history (one dict an epoch) and whether it was interrupted."""

    model: Method
    history: list[dict[str, Any]]
    seconds: float
    interrupted: bool = False
    best: dict[str, Any] = field(default_factory=dict)


class Trainer:
    """The state of one run while it trains. `progress` receives one dict an epoch, as the history does."""

    def __init__(
        self, corpus: Corpus, config: RunConfig, *, device: torch.device, state_path: Path | None, progress: Progress
    ) -> None:
        self.corpus, self.config, self.device, self.progress = corpus, config, device, progress
        self.state_path = state_path
        self.model = build_model(corpus, config).to(device)
        self.data = TensorCorpus(corpus, device)
        self.train_rows = corpus.rows("train")
        self.labelled = self.train_rows[corpus.labels[self.train_rows] >= 0]
        splits = corpus.utterances["split"].to_numpy(dtype=object)
        selection = "dev" if np.any((splits == "dev") & (corpus.labels >= 0)) else "train"
        self.dev = [self.data.batch(rows) for rows in dialogue_batches(corpus, selection, size=EVALUATION_BATCH)]
        self.history: list[dict[str, Any]] = []
        self.seconds = 0.0

    def run(self, resumed: ResumeState | None) -> Trained:
        """Train all stages, from the resumed epoch on where there is one."""
        interrupted = False
        if resumed:
            self.history, self.seconds = resumed.history, resumed.seconds
        try:
            for position in range(len(self.model.stages)):
                if resumed and position < resumed.stage:
                    continue
                self.run_stage(position, resumed if resumed and position == resumed.stage else None)
                if resumed and position == resumed.stage:
                    resumed = None
        except KeyboardInterrupt:
            interrupted = True
        self.model.to("cpu").eval()
        cpu = TensorCorpus(self.corpus, "cpu")
        self.model.finish([batch.to("cpu") for batch in self.dev])
        self.model.fit_baselines([cpu.batch(r) for r in dialogue_batches(self.corpus, "train", size=EVALUATION_BATCH)])
        return Trained(self.model, self.history, self.seconds, interrupted)

    def run_stage(self, position: int, resumed: ResumeState | None) -> None:
        """One stage; the weights that were best on dev are in the model at its end, also when interrupted."""
        stage = self.model.stages[position]
        settings = self.config.stages[stage.name]
        if not settings.epochs:
            return
        parameters = self.model.trained_in(stage.name)
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)
        optimiser = torch.optim.AdamW(
            [{"params": group, "speed": speed} for group, speed in self.model.learning_speed(stage.name)],
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            betas=(0.9, settings.second_beta),
            fused=True,
        )
        state = resumed or ResumeState.fresh(position, self.model)
        if resumed:
            self.model.load_state_dict(resumed.model)
            resumed.restore(optimiser)
        average = MovingAverage(self.model, self.config.average, state.average)
        try:
            while state.epoch < settings.epochs and state.waited < settings.patience:
                self.run_epoch(state, settings, optimiser, average)
                if self.state_path:
                    save_state(self.state_path, state, optimiser, identity_of(self.config, self.corpus.hash))
        finally:
            self.model.load_state_dict(state.best)
            for parameter in self.model.parameters():
                parameter.requires_grad_(True)

    def run_epoch(
        self,
        state: ResumeState,
        settings: StageConfig,
        optimiser: torch.optim.Optimizer,
        average: MovingAverage,
    ) -> None:
        """One epoch over train and one look at dev; everything random depends on (seed, stage, epoch) alone."""
        started = time.perf_counter()
        stage = self.model.stages[state.stage]
        torch.manual_seed(self.config.seed * 1_000_003 + state.stage * 10_007 + state.epoch)
        rng = np.random.default_rng((self.config.seed, state.stage, state.epoch))
        batches = self.batches(stage.unit, settings.batch, rng)
        self.model.train()
        total: dict[str, Tensor] = {}
        for number, rows in enumerate(batches):
            rate = learning_rate(settings, state.epoch + number / len(batches), steps_per_epoch=len(batches))
            for group in optimiser.param_groups:
                group["lr"] = rate * group["speed"]
            batch = self.data.batch(rows)
            parts = self.step(batch, stage.name, optimiser, where=(state.epoch + 1, number + 1))
            average.update()
            total = {name: total.get(name, 0) + value for name, value in parts.items()}
        state.model, state.average = cpu_copy(self.model), average.copy()
        if average.decay:
            self.model.load_state_dict(average.weights)
        score, loss = self.look_at_dev(stage.name)
        better = (score, -loss) > (state.score, -state.loss) if stage.select == "weighted_f1" else loss < state.loss
        if better:
            state.best, state.score, state.loss, state.waited = cpu_copy(self.model), score, loss, 0
        else:
            state.waited += 1
        state.epoch += 1
        seconds = time.perf_counter() - started
        self.seconds += seconds
        record = {
            "stage": stage.name, "epoch": state.epoch, "epochs": settings.epochs, "dev_weighted_f1": round(score, 6),
            "dev_loss": round(loss, 6), "best": better, "seconds": round(seconds, 3),
            **{f"train_{name}": round(float(value) / len(batches), 6) for name, value in total.items()},
        }  # fmt: skip
        if average.decay:
            self.model.load_state_dict(state.model)
        self.history.append(record)
        state.history, state.seconds = self.history, self.seconds
        self.progress(record)

    def batches(self, unit: str, size: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Row arrays of one epoch in random order."""
        if unit == "utterance":
            return utterance_batches(self.labelled, size=size, rng=rng)
        return dialogue_batches(self.corpus, "train", size=size, rng=rng)

    def step(
        self, batch: Batch, stage: str, optimiser: torch.optim.Optimizer, *, where: tuple[int, int]
    ) -> dict[str, Tensor]:
        """One optimiser step. Raises DnRError on a NaN or infinite loss, naming epoch, batch and largest feature."""
        optimiser.zero_grad(set_to_none=True)
        with self.precision():
            terms = self.model.loss(batch, stage)
        if not torch.isfinite(terms.total):
            raise DnRError(
                f"the loss of stage {stage} is {float(terms.total.detach())} in epoch {where[0]}, batch {where[1]}",
                got=largest_feature(batch, self.corpus),
                do="look at that feature, or lower the learning rate",
            )
        terms.total.backward()
        torch.nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], GRADIENT_LIMIT)
        optimiser.step()
        return terms.parts

    def precision(self) -> Any:
        """bf16 autocast on CUDA, nothing on the CPU."""
        if self.device.type == "cuda":
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return nullcontext()

    @torch.no_grad()
    def look_at_dev(self, stage: str) -> tuple[float, float]:
        """Weighted F1 and mean cross-entropy on the selection split."""
        self.model.eval()
        logits = torch.cat([self.model.stage_logits(batch, stage)[batch.mask] for batch in self.dev]).float()
        label = torch.cat([batch.label[batch.mask] for batch in self.dev])
        known = label >= 0
        if not known.any():
            return 0.0, 0.0
        loss = torch.nn.functional.cross_entropy(logits[known], label[known])
        predicted = logits.argmax(-1)
        return weighted_f1(label.cpu().numpy(), predicted.cpu().numpy(), logits.shape[-1]), float(loss)


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """A fixed number of threads: sums, and so results, depend on it; models this small gain little from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    corpus: Corpus,
    config: RunConfig,
    *,
    device: str = "auto",
    state_path: Path | None = None,
    resume: bool = False,
    progress: Progress = lambda record: None,
) -> Trained:
    """Train one run. With `state_path` an epoch's state is kept there; `resume` goes on from it to the same result.

    Raises DataError (nothing to train on) and DnRError (loss not finite, state of another run).
    """
    missing = [stage.name for stage in lookup("method", config.method).stages if stage.name not in config.stages]
    if missing:
        raise DnRError(f"the configuration has no stage {missing[0]!r}", do="add it, or start from a preset")
    resumed = None
    if resume and state_path and state_path.exists():
        resumed = load_state(state_path, identity_of(config, corpus.hash))
    with cpu_threads(config.threads):
        trainer = Trainer(corpus, config, device=choose_device(device), state_path=state_path, progress=progress)
        return trainer.run(resumed)


def largest_feature(batch: Batch, corpus: Corpus) -> str:
    """Which raw feature has the largest magnitude in a batch, with its value."""
    found = ("", -1.0)
    for modality, names in corpus.feature_names.items():
        values = batch.modality(modality).nan_to_num().abs()
        if values.numel() and float(values.max()) > found[1]:
            found = (f"{modality} {names[int(values.argmax()) % values.shape[-1]]}", float(values.max()))
    return f"largest feature {found[0]} = {found[1]:g}"


def cpu_copy(model: Method) -> dict[str, Tensor]:
    """The state of a model, copied to the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
