"""A search for the settings that score best on dev: optuna, median pruning by epoch, resumable; test is never read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnr_core.config import RunConfig, Tuned
from dnr_core.data.corpus import Corpus
from dnr_core.data.files import replacing_file
from dnr_core.errors import DataError, DnRError, InterruptedRun, UsageError
from dnr_core.explain.predict import predict_split
from dnr_core.model.batch import TensorCorpus
from dnr_core.training.checkpoint import write_json
from dnr_core.training.loop import train
from dnr_core.training.metrics import weighted_f1
from dnr_core.types import MODALITIES

if TYPE_CHECKING:
    import optuna

STUDY = "tune"
STEPS_A_STAGE = 10_000
"""Epochs count on from here in the next stage, so that trials are compared in the same epoch of the same stage."""
COMPARED = 4
"""Trials that are finished before any is pruned, and epochs of a trial before it may be."""
WIDTHS = (64, 128, 256)
Lines = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """The best configuration, where it comes from, and a row a trial: `trial`, `state`, `dev_weighted_f1`, values."""

    config: RunConfig
    trials: list[dict[str, Any]]


def journal_path(out: Path) -> Path:
    """Where the trials of a search are kept: beside its result."""
    return out.with_suffix(".trials.jsonl")


def tune(
    corpus: Corpus,
    base: RunConfig,
    out: Path,
    *,
    trials: int,
    seeds: int = 1,
    command: str = "",
    device: str = "auto",
    progress: Lines = lambda line: None,
) -> Found:
    """Try `trials` configurations, the first being `base` itself, and write the best to `out`.

    A trial's score is the mean, over `seeds` seeds, of weighted F1 on dev. The same call goes on after a stop, to the
    same result. Raises UsageError, DataError (no labelled dev split), DnRError (the trials there are of another search)
    and InterruptedRun after Ctrl-C.
    """
    for name, value in (("trials", trials), ("seeds", seeds)):
        if value < 1:
            raise UsageError(f"bad --{name}", got=value, expected="a positive number")
    seen = without_test(corpus)
    search = opened(journal_path(out), identity(seen, base, seeds))
    try:
        while (number := len(finished(search))) < trials:
            progress(f"trial {number + 1} of {trials}: {one_trial(search, number, seen, base, seeds, device)}")
    except KeyboardInterrupt as error:
        done = f"interrupted; {len(finished(search))} of {trials} trials are finished"
        raise InterruptedRun(done, do="the same command goes on") from error
    return written(search, base, out, command=command, corpus=corpus.name, seeds=seeds)


def without_test(corpus: Corpus) -> Corpus:
    """The train and dev rows alone. Raises DataError where dev has no labelled utterance."""
    split = corpus.utterances["split"].to_numpy(dtype=object)
    keep = np.isin(split, ["train", "dev"])
    if not (corpus.labels[split == "dev"] >= 0).any():
        raise DataError(
            f"corpus {corpus.name} has no labelled dev split", do="prepare it with one: tuning reads no test"
        )
    return replace(
        corpus,
        utterances=corpus.utterances[keep].reset_index(drop=True),
        features={name: corpus.features[name][keep] for name in MODALITIES},
        present=corpus.present[keep],
        stored_hash=None,
    )


def identity(seen: Corpus, base: RunConfig, seeds: int) -> dict[str, Any]:
    """What a search depends on; JSON."""
    return {"corpus": seen.hash, "begins with": base.model_dump(mode="json", exclude={"tuned"}), "seeds": seeds}


def opened(path: Path, wanted: dict[str, Any]) -> optuna.Study:
    """The search that is kept in a file, begun where there is none. Raises DnRError where it is another one."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        storage = JournalStorage(JournalFileBackend(str(path)))
        pruner = optuna.pruners.MedianPruner(n_startup_trials=COMPARED, n_warmup_steps=COMPARED)
        if STUDY in optuna.get_all_study_names(storage):
            search = optuna.load_study(storage=storage, study_name=STUDY, pruner=pruner)
        else:
            search = optuna.create_study(storage=storage, study_name=STUDY, pruner=pruner, direction="maximize")
    except (OSError, ValueError, KeyError) as error:
        raise DnRError(f"cannot use {path}", got=error, do="add --overwrite, or choose another --out") from error
    known = search.user_attrs.get("identity")
    if known is not None and known != wanted:
        other = next(name for name in wanted if known.get(name) != wanted[name])
        raise DnRError(f"{path} holds another search", got=f"another {other}", do="add --overwrite, or another --out")
    if known is None:
        search.set_user_attr("identity", json.loads(json.dumps(wanted)))
    for trial in search.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        search.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # its process was stopped
    return search


def finished(search: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that were scored or pruned."""
    from optuna.trial import TrialState

    return search.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def one_trial(search: optuna.Study, number: int, seen: Corpus, base: RunConfig, seeds: int, device: str) -> str:
    """Choose, train and score one configuration. Returns what came of it, in words.

    The sampler is seeded by the number of finished trials, so that a search that was stopped goes on to the same end.
    """
    import optuna

    search.sampler = optuna.samplers.TPESampler(seed=number)
    if number == 0:
        search.enqueue_trial(values_of(base))
    trial = search.ask()
    config = suggested(trial, base)
    try:
        scores = [dev_score(trial, seen, config.model_copy(update={"seed": s}), device) for s in range(seeds)]
    except (optuna.TrialPruned, DnRError) as error:
        if number == 0:
            raise
        search.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return str(error)
    search.tell(trial, float(np.mean(scores)))
    return f"dev weighted F1 {np.mean(scores):.4f}"


def dev_score(trial: optuna.Trial, seen: Corpus, config: RunConfig, device: str) -> float:
    """Weighted F1 on dev of one seed. Raises optuna.TrialPruned in an epoch of the first seed in which the best so far
    is below the median of the other trials, DnRError where the loss is not finite.
    """
    import optuna

    stages: list[str] = []

    def epoch(record: dict[str, Any]) -> None:
        if record["stage"] not in stages:
            stages.append(record["stage"])
        if config.seed == 0:
            step = (len(stages) - 1) * STEPS_A_STAGE + record["epoch"]
            trial.report(record["dev_weighted_f1"], step)
            if trial.should_prune():
                raise optuna.TrialPruned(f"given up in epoch {record['epoch']} of {record['stage']}")

    trained = train(seen, config, device=device, progress=epoch)
    if trained.interrupted:
        raise KeyboardInterrupt
    rows, logits = predict_split(trained.model, TensorCorpus(seen), seen, "dev")
    return weighted_f1(seen.labels[rows], logits.argmax(1), len(seen.emotions))


def suggested(trial: optuna.Trial, base: RunConfig) -> RunConfig:
    """The base with other learning rates, weight decays (where it has them), width and dropout."""
    stages = {}
    for name, stage in base.stages.items():
        rate = stage.learning_rate
        values = {"learning_rate": trial.suggest_float(f"{name}.learning_rate", rate / 8, min(4 * rate, 1), log=True)}
        if decay := stage.weight_decay:
            low, high = min(1e-3, decay), max(0.5, decay)
            values["weight_decay"] = trial.suggest_float(f"{name}.weight_decay", low, high, log=True)
        stages[name] = stage.model_copy(update=values)
    width = trial.suggest_categorical("width", sorted({*WIDTHS, base.width}))
    dropout = trial.suggest_float("dropout", 0.0, max(0.6, base.dropout))
    return base.model_copy(update={"stages": stages, "width": width, "dropout": dropout, "tuned": None})


def values_of(base: RunConfig) -> dict[str, Any]:
    """The values that `suggested` would have to draw for the base itself."""
    found: dict[str, Any] = {"width": base.width, "dropout": base.dropout}
    for name, stage in base.stages.items():
        found[f"{name}.learning_rate"] = stage.learning_rate
        if stage.weight_decay:
            found[f"{name}.weight_decay"] = stage.weight_decay
    return found


def written(search: optuna.Study, base: RunConfig, out: Path, *, command: str, corpus: str, seeds: int) -> Found:
    """Write the best trial as a configuration and list all of them."""
    from optuna.trial import FixedTrial, TrialState

    done = finished(search)
    best = search.best_trial
    tuned = Tuned(
        command=command,
        corpus=corpus,
        dev_weighted_f1=best.value,
        preset_dev_weighted_f1=done[0].value,
        seeds=seeds,
        trials=len(done),
        pruned=sum(trial.state is not TrialState.COMPLETE for trial in done),
    )
    config = suggested(FixedTrial(best.params), base).model_copy(update={"tuned": tuned})
    with replacing_file(out) as temporary:
        write_json(temporary, config.model_dump(mode="json"))
    rows = [
        {
            "trial": number,
            "state": trial.state.name.lower(),
            "dev_weighted_f1": trial.value if trial.state is TrialState.COMPLETE else None,
            **trial.params,
        }
        for number, trial in enumerate(done, start=1)
    ]
    return Found(config, rows)
