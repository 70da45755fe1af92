"""Train a method on every corpus of a suite and score what each view tells of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, get_args

import numpy as np

from dnr_core.config import Preset, RunConfig, preset
from dnr_core.data.corpus import Corpus
from dnr_core.errors import InterruptedRun, UsageError, one_of
from dnr_core.explain.agreement import Told, agreement, told_by_components
from dnr_core.explain.information import explain_information
from dnr_core.explain.nulls import claims
from dnr_core.explain.predict import null_of_model, predict_split, values_of_rows
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.registry import check_backbone, lookup
from dnr_core.training.loop import train
from dnr_core.training.subset import train_subset_model
from dnr_core.verification.observer import observer_row
from dnr_core.verification.suites import FIRST_SEED, SUITES, Case, Control, Suite

Lines = Callable[[str], None]
View = Callable[[Method, Corpus, RunConfig, bool], Told]
"""(trained model, its corpus, its configuration, whether claims are to be tested) → what the view tells of the test
split."""
EPOCHS_A_LINE = 20


def components_view(model: Method, corpus: Corpus, config: RunConfig, test_claims: bool) -> Told:
    """Exact values of the parts; scope 'dialogue', removal 'mean'."""
    rows = corpus.rows("test")
    if "components" not in model.supports:
        _, logits = predict_split(model, TensorCorpus(corpus), corpus, "test")
        why = f"method {config.method} has no components"
        return Told(rows, logits.argmax(1), (), np.zeros((len(rows), 0)), None, None, None, why)
    values = values_of_rows(model, corpus, rows, "dialogue", "mean", lambda done, of: None)
    assert values is not None
    if not test_claims:
        return told_by_components(values, rows)
    null = null_of_model(model, corpus, "dialogue", "mean", lambda done, of: None)
    assert null is not None
    return told_by_components(values, rows, claims(null, values).significant)


def information_view(model: Method, corpus: Corpus, config: RunConfig, test_claims: bool) -> Told:
    """Bits of the atoms for the class that the subset model of the corpus predicts."""
    subset = train_subset_model(corpus, seed=config.seed).model
    found = explain_information(subset, corpus, "test", seed=config.seed)
    return Told(
        corpus.rows("test"),
        found.classes,
        found.atoms,
        found.values,
        found.dominant_family,
        found.dominant_sources,
        found.significant,
    )


VIEWS: dict[str, View] = {"components": components_view, "information": information_view}
"""What is scored; a view needs no more than its name and a function here."""


def verify(
    *,
    method: str,
    backbone: str | None,
    preset: str = "fast",
    divide: str = "pairwise",
    seeds: int = 1,
    suite: str = "standard",
    progress: Lines = lambda line: None,
) -> dict[str, Any]:
    """The planted-truth suite of a method: see `run_suite`, with `method`, `backbone`, `preset`, `suite` and `seconds`;
    and `divide` where it is not the usual one.

    `progress` receives a line now and then. Raises UsageError: an unknown method, backbone, preset, divide or suite, or
    no seed; InterruptedRun after Ctrl-C.
    """
    started = time.perf_counter()
    config = checked_config(method, backbone, preset, divide)
    if suite not in SUITES:
        raise one_of("unknown suite", suite, SUITES)
    if seeds < 1:
        raise UsageError("bad number of seeds", got=seeds, expected="a positive number")
    found = run_suite(SUITES[suite], config, seeds=seeds, progress=progress)
    asked = {"method": method, "backbone": backbone, "preset": preset, "suite": suite}
    asked |= {} if divide == "pairwise" else {"divide": divide}
    return asked | found | {"seconds": round(time.perf_counter() - started, 1)}


def checked_config(method: str, backbone: str | None, name: str, divide: str = "pairwise") -> RunConfig:
    """The preset of a method. Raises UsageError for names that are not known."""
    lookup("method", method)
    check_backbone(method, backbone)
    if name not in get_args(Preset):
        raise one_of("unknown preset", name, get_args(Preset))
    return preset(method, backbone, name, divide=divide)


def run_suite(
    suite: Suite,
    config: RunConfig,
    *,
    seeds: int = 1,
    views: Mapping[str, View] = VIEWS,
    progress: Lines = lambda line: None,
) -> dict[str, list[dict[str, Any]]]:
    """Rows of `agreement` (one a case, seed and view) and of `controls`; corpus and run share the seed of a row.

    - agreement: corpus, noise, train (utterances), view, seed, the fields of `explain.agreement.Agreement`, the same of
      the Bayes observer (`bayes_accuracy`, `bayes_family`, `bayes_exact`), `reason` (why something is missing)
    - controls: corpus, noise, train, view, seed, accuracy, `claims` (share of test utterances with a significant
      claim), `false_claims` (share with one that cannot be true: any, or one that names the permuted modality),
      `value_share` (of the permuted modality in |value|; a third where it says as much as the others), n, reason
    """
    agreed, controls = [], []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        seeded = config.model_copy(update={"seed": seed})
        for case in suite.cases:
            agreed += case_rows(case, seeded, views, progress)
        for control in suite.controls:
            controls += control_rows(control, seeded, views, progress)
    return {"agreement": agreed, "controls": controls}


def case_rows(case: Case, config: RunConfig, views: Mapping[str, View], progress: Lines) -> list[dict[str, Any]]:
    """Train on one corpus and score every view on its test split; utterances whose source stands in the turn before
    are scored on their own, too.
    """
    corpus = case.corpus(config.seed)
    model = fit(corpus, config, progress)
    bayes, why = observer_row(corpus)
    rows = []
    for name, view in views.items():
        told = view(model, corpus, config, False)
        reason = "; ".join(filter(None, (told.reason, why))) or None
        for label, where in subsets(case.name, corpus, told.rows):
            scored = agreement(told, corpus, where=where).row()
            head = described(label, case, corpus, name, config.seed)
            rows.append(head | {"accuracy": scored.pop("accuracy")} | bayes | scored | {"reason": reason})
            progress(summary(rows[-1], ("accuracy", "bayes_accuracy", "family", "exact", "rank", "synergistic")))
    return rows


def subsets(name: str, corpus: Corpus, rows: np.ndarray) -> list[tuple[str, np.ndarray | None]]:
    """What is scored of a corpus: all utterances, and those whose source stands in the turn before."""
    earlier = corpus.notes.get("earlier_turn")
    if earlier is None:
        return [(name, None)]
    ids = corpus.utterances["utterance_id"].to_numpy(dtype=object)[rows]
    return [(name, None), (f"{name}-only", np.isin(ids, earlier))]


def control_rows(
    control: Control, config: RunConfig, views: Mapping[str, View], progress: Lines
) -> list[dict[str, Any]]:
    """Train on a spoilt corpus; what every view still claims."""
    corpus, modality = control.corpus(config.seed), control.modality
    model = fit(corpus, config, progress)
    rows = []
    for name, view in views.items():
        told = view(model, corpus, config, True)
        claimed = told.significant
        false = claimed if claimed is None or modality is None else claimed & told.names(modality)
        found = {
            "accuracy": float((told.predicted == corpus.labels[told.rows]).mean()),
            "claims": None if claimed is None else float(claimed.mean()),
            "false_claims": None if false is None else float(false.mean()),
            "value_share": told.share(modality) if modality and told.parts else None,
            "n": len(told.rows),
            "reason": told.reason,
        }
        rows.append(described(control.name, control.case, corpus, name, config.seed) | found)
        progress(summary(rows[-1], ("accuracy", "claims", "false_claims", "value_share")))
    return rows


def fit(corpus: Corpus, config: RunConfig, progress: Lines) -> Method:
    """The trained model, a line now and then on the way. Raises InterruptedRun after Ctrl-C."""
    where = f"{corpus.name}, seed {config.seed}"
    progress(f"{where}: training on {len(corpus.rows('train'))} utterances")

    def epoch(record: dict[str, Any]) -> None:
        if record["epoch"] % EPOCHS_A_LINE == 0 or record["epoch"] == record["epochs"]:
            done = f"epoch {record['epoch']} of {record['epochs']}"
            progress(f"{where}: {record['stage']} {done}, dev weighted F1 {record['dev_weighted_f1']:.3f}")

    trained = train(corpus, config, progress=epoch)
    if trained.interrupted:
        raise InterruptedRun(f"interrupted while training on {corpus.name}")
    return trained.model


def described(label: str, case: Case, corpus: Corpus, view: str, seed: int) -> dict[str, Any]:
    """The columns that say what a row is about."""
    train_rows = len(corpus.rows("train"))
    return {"corpus": label, "noise": case.config.noise, "train": train_rows, "view": view, "seed": seed}


def summary(row: dict[str, Any], columns: tuple[str, ...]) -> str:
    """One line that says what a row holds."""
    numbers = [f"{name} {row[name]:.3f}" for name in columns if row[name] is not None]
    return f"{row['corpus']}, seed {row['seed']}, {row['view']}: {', '.join(numbers)}"
