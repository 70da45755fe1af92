"""From a corpus and a configuration to finished runs on disk: train, evaluate, store results, summarise seeds."""

from __future__ import annotations

import math
import os
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dnr_core.config import RunConfig
from dnr_core.data.corpus import Corpus
from dnr_core.data.files import check_replaceable
from dnr_core.errors import DnRError, InterruptedRun, reason
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import read_run, save_run, write_json

EpochProgress = Callable[[dict[str, Any]], None]
RowProgress = Callable[[int, int], bool | None]
SUMMARISED = ("weighted_f1", "accuracy", "macro_f1")


def state_path(out: Path) -> Path:
    """Where the state of a run that is being trained stands: beside its folder."""
    return out.parent / f".{out.name}.resume.safetensors"


def check_out(out: Path, *, resume: bool, overwrite: bool) -> None:
    """Raise DnRError where `out` may not, or cannot, be written: before minutes are spent on training."""
    if out.exists() and not (resume or overwrite):
        raise DnRError(f"{out} exists", do="choose another --out, or add --overwrite or --resume")
    check_writable(out)


def check_writable(out: Path) -> None:
    """Raise DnRError where nothing can be written beside `out`: before anything is computed for it."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        probe = out.parent / f".{out.name}.{os.getpid()}.tmp"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise DnRError(f"cannot write {out}", got=reason(error), do="choose another --out") from error


def train_run(
    engine: Engine,
    corpus_folder: Path,
    config: RunConfig,
    out: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    explained: bool = True,
    on_epoch: EpochProgress = lambda record: None,
    on_rows: RowProgress = lambda done, of: None,
    on_nulls: RowProgress = lambda done, of: None,
) -> dict[str, Any]:
    """Train one run into `out` and store its test results. Returns its metrics.

    Without `explained` only the run itself is made: no subset model and no stored results.

    A finished run with `resume` is returned as it is. Raises InterruptedRun after Ctrl-C, with the best weights so far
    saved and the state kept for `resume`; DnRError where `out` exists or cannot be written.
    """
    check_out(out, resume=resume, overwrite=overwrite)
    check_replaceable(out, holds="manifest.json")
    state = state_path(out)
    if resume and out.exists() and not state.exists():
        return read_run(out).metrics
    if not resume:
        state.unlink(missing_ok=True)
    from dnr_core.training.loop import train

    corpus = engine.corpus(corpus_folder)
    trained = train(corpus, config, device=device, state_path=state, resume=resume, progress=on_epoch)
    metrics = measure(trained, corpus) | {"device": device_name(device), "threads": config.threads}
    subset = subset_model(corpus, config.seed, on_epoch) if explained and not trained.interrupted else None
    save_run(out, trained, config, corpus, metrics, subset=subset, overwrite=overwrite or resume)
    if trained.interrupted:
        done = f"{len(trained.history)} epochs"
        raise InterruptedRun(f"interrupted after {done}; the best so far is in {out}", do="go on with --resume")
    if explained:
        store_results(engine, out, corpus_folder, on_rows, on_nulls)
    state.unlink(missing_ok=True)
    return metrics


def subset_model(corpus: Corpus, seed: int, on_epoch: EpochProgress) -> Any:
    """The model of all subsets of modalities, for the information view; None where fewer than two are modelled."""
    from dnr_core.training.build import modelled_modalities
    from dnr_core.training.subset import train_subset_model

    if len(modelled_modalities(corpus)) < 2:
        return None
    return train_subset_model(corpus, seed=seed, progress=on_epoch).model


def measure(trained: Any, corpus: Corpus) -> dict[str, Any]:
    """Scores of dev and test with intervals, and what the training took."""
    from dnr_core.explain.predict import predict_split
    from dnr_core.model.batch import TensorCorpus
    from dnr_core.training.metrics import evaluation

    data = TensorCorpus(corpus)
    metrics: dict[str, Any] = {}
    for split in [name for name in ("dev", "test") if name in corpus.split_of.values()]:
        rows, logits = predict_split(trained.model, data, corpus, split)
        dialogues = corpus.utterances["dialogue_id"].to_numpy(dtype=object)[rows]
        metrics[split] = evaluation(corpus.labels[rows], logits.argmax(1), dialogues, corpus.emotions)
    return metrics | {
        "epochs": len(trained.history),
        "train_seconds": round(trained.seconds, 1),
        "peak_memory_mib": peak_memory_mib(),
        "interrupted": trained.interrupted,
    }


def peak_memory_mib() -> int:
    """The most memory that this process has held. On Linux ru_maxrss starts at the peak of whoever started it."""
    status = Path("/proc/self/status")
    own = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    return round((int(own[1]) if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024)


def device_name(device: str) -> str:
    """The device that `device` stands for here: `cpu`, or the name of the GPU. Raises DnRError where there is none."""
    import torch

    from dnr_core.training.build import choose_device

    chosen = choose_device(device)
    return torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else chosen.type


def store_results(engine: Engine, run: Path, corpus_folder: Path, on_rows: RowProgress, on_nulls: RowProgress) -> None:
    """Store predictions and signals of every split, the dialogue-scope coalitions of test (or the last split there is),
    what claims about parts are tested against, and what the data offer in that split.
    """
    splits = engine.corpus(corpus_folder).splits
    for split in splits:
        engine.predictions(run, corpus_folder, split)
        engine.signals(run, corpus_folder, split)
    if engine.has_information(run, corpus_folder):
        engine.information(run, corpus_folder, splits[-1])
    if "components" in engine.run(run).supports:
        engine.compute_coalitions(run, corpus_folder, splits[-1], progress=on_rows)
        engine.component_null(run, corpus_folder, progress=on_nulls)


def summarise(metrics: list[dict[str, Any]], seeds: list[int]) -> dict[str, Any]:
    """Mean, standard deviation and 95 % t-interval over seeds of the test (else dev) scores."""
    split = "test" if all("test" in one for one in metrics) else "dev"
    summary: dict[str, Any] = {"split": split, "seeds": seeds, "n_seeds": len(seeds)}
    for name in SUMMARISED:
        summary[name] = mean_interval([one[split][name] for one in metrics])
    return summary


def mean_interval(given: list[float]) -> dict[str, Any]:
    """`mean`, `sd`, 95 % t-`interval` (both None for a single value) and `values`."""
    from scipy.stats import t

    values = np.array(given, dtype=float)
    spread = float(values.std(ddof=1)) if len(values) > 1 else None
    half = float(t.ppf(0.975, len(values) - 1)) * spread / math.sqrt(len(values)) if spread is not None else None
    mean = float(values.mean())
    return {
        "mean": mean,
        "sd": spread,
        "interval": None if half is None else [mean - half, mean + half],
        "values": values.tolist(),
    }


def train_seeds(
    engine: Engine,
    corpus_folder: Path,
    config: RunConfig,
    out: Path,
    seeds: list[int],
    *,
    on_seed: Callable[[int], None] = lambda seed: None,
    **settings: Any,
) -> dict[str, Any]:
    """Train one run a seed into `<out>/seed-<n>` and write `<out>/summary.json`. Returns the summary."""
    check_out(out, resume=settings.get("resume", False), overwrite=settings.get("overwrite", False))
    if (out / "manifest.json").exists():
        raise DnRError(f"{out} cannot be replaced", got="a single run", do="choose another --out for several seeds")
    metrics = []
    for seed in seeds:
        on_seed(seed)
        seeded = config.model_copy(update={"seed": seed})
        metrics.append(train_run(engine, corpus_folder, seeded, out / f"seed-{seed}", **settings))
    summary = summarise(metrics, seeds)
    try:
        write_json(out / "summary.json", summary)
    except OSError as error:
        raise DnRError(f"cannot write {out / 'summary.json'}", got=error.strerror or error) from error
    return summary
