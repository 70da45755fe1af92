"""Commands that make and score runs: train, evaluate."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from dnr_core.cli.output import answer
from dnr_core.commands import Evaluate, Train
from dnr_core.config import RunConfig, checkpoint_root, merge, parse_config, preset, read_json
from dnr_core.data.corpus import read_header
from dnr_core.errors import UsageError, one_of
from dnr_core.presets import tuned_values
from dnr_core.progress import TrainingProgress
from dnr_core.registry import check_backbone, default_backbone, lookup
from dnr_core.serve import Engine


def train(command: Train) -> None:
    from dnr_core.experiment import train_run, train_seeds

    if command.resume and command.overwrite:
        raise UsageError("--resume and --overwrite exclude each other", do="choose one")
    if command.seeds is not None and command.seed is not None:
        raise UsageError("--seed and --seeds exclude each other", do="choose one")
    if command.seeds is not None and command.seeds < 1:
        raise UsageError("bad --seeds", got=command.seeds, expected="a positive number")
    config = run_config(command)
    engine = Engine()
    corpus = engine.corpus(command.corpus)
    suffix = f"s{config.seed}" if command.seeds is None else f"seeds{command.seeds}"
    out = command.out or checkpoint_root() / "-".join(filter(None, (corpus.name, *described_model(config), suffix)))
    with TrainingProgress() as shown:
        settings: dict[str, Any] = {
            "device": command.device, "resume": command.resume, "overwrite": command.overwrite,
            "on_epoch": shown.epoch, "on_rows": shown.rows, "on_nulls": shown.nulls,
        }  # fmt: skip
        if command.seeds is None:
            result = train_run(engine, command.corpus, config, out, **settings)
        else:
            seeds = list(range(command.seeds))
            result = train_seeds(engine, command.corpus, config, out, seeds, on_seed=shown.seed, **settings)
    answer({"checkpoint": str(out)} | result, f"{out}\n{described(result)}", as_json=command.json)


def described_model(config: RunConfig) -> tuple[str | None, ...]:
    """Method, backbone, and what is not as usual in it."""
    divide = None if config.divide == "pairwise" else config.divide
    return config.method, config.backbone, divide, *(f"without_{part}" for part in config.without)


def run_config(command: Train) -> RunConfig:
    """Defaults < what was tuned < --config file < flags."""
    given = read_json(command.config) if command.config else {}
    method = str(command.method or given.get("method") or "dnr")
    stages = {stage.name: stage.unit for stage in lookup("method", method).stages}
    backbone = command.backbone or given.get("backbone") or default_backbone(method)
    check_backbone(method, backbone)
    divide = str(command.divide or given.get("divide") or "pairwise")
    if command.preset == "tuned":
        given = over_tuned(command, given, (method, backbone, divide))
    name = command.preset if command.preset in ("fast", "paper") else given.get("preset") or "fast"
    if name not in ("fast", "paper"):
        raise UsageError("unknown preset", got=repr(name), expected="fast or paper")
    values = over_preset(command, given, preset(method, backbone, name, divide=divide).model_dump(), stages)
    tuned = parse_config(values, source=str(command.config)) if values.get("tuned") else None
    flags = {"method": method, "backbone": backbone, "seed": command.seed, "width": command.width}
    flags |= {"dropout": command.dropout, "divide": divide, "without": command.without or None}
    values |= {key: value for key, value in flags.items() if value is not None}
    if command.batch is not None:
        for stage, settings in values["stages"].items() if isinstance(values["stages"], dict) else ():
            if stages.get(stage) == "dialogue" and isinstance(settings, dict):
                settings["batch"] = command.batch
    config = parse_config(values, source=str(command.config or "the flags"))
    free = {"seed", "threads"}
    if tuned and config.model_dump(exclude=free) != tuned.model_dump(exclude=free):
        return config.model_copy(update={"tuned": None})  # a flag changed what was tuned
    return config


def over_tuned(command: Train, given: dict[str, Any], model: tuple[str, str | None, str]) -> dict[str, Any]:
    """The fields of --config over those that `tune` found for this corpus."""
    tuned = tuned_values(read_header(command.corpus)["name"], *model)
    if given:
        del tuned["tuned"]
    return merge(tuned, given | {"preset": tuned["preset"]})


def over_preset(
    command: Train, given: dict[str, Any], values: dict[str, Any], stages: Collection[str]
) -> dict[str, Any]:
    """The fields that were given over those of a preset. Raises UsageError for unknown stages and options."""
    for field, known in (("stages", stages), ("options", values["options"])):
        named = given[field] if isinstance(given.get(field), dict) else ()
        unknown = [key for key in named if key not in known] if known else []
        if unknown:
            raise one_of(f"unknown field in the {field} of {command.config}", unknown[0], known)
    for key, value in given.items():
        merged = key in ("stages", "options") and isinstance(value, dict)
        values[key] = merge(values[key], value) if merged else value
    return values


def described(result: dict[str, Any]) -> str:
    """Scores of a run, or of several seeds, as lines."""
    if "seeds" in result:
        return "\n".join(
            f"{name}: {one['mean']:.4f}"
            + (f" ± {one['sd']:.4f} sd, 95 % [{one['interval'][0]:.4f}, {one['interval'][1]:.4f}]" if one["sd"] else "")
            + f" over {result['n_seeds']} seeds ({result['split']})"
            for name in ("weighted_f1", "accuracy", "macro_f1")
            for one in [result[name]]
        )
    return "\n".join(
        f"{split}: weighted F1 {one['weighted_f1']:.4f} [{one['interval']['weighted_f1'][0]:.4f}, "
        f"{one['interval']['weighted_f1'][1]:.4f}], accuracy {one['accuracy']:.4f}, n = {one['n']}"
        for split in ("dev", "test")
        if (one := result.get(split)) and one["n"]
    )


def evaluate(command: Evaluate) -> None:
    engine = Engine()
    corpus = corpus_of(engine, command.checkpoint, command.corpus)
    scores = engine.evaluate(command.checkpoint, corpus, command.split)
    values = scores | {"corpus": str(corpus), "split": command.split, "checkpoint": str(command.checkpoint)}
    if note := other_corpus(engine, command.checkpoint, corpus):
        values["note"] = note
    lines = [described({command.split: scores}) or f"{command.split}: no labelled utterance", values.get("note", "")]
    lines += [f"  {name:12s} F1 {one['f1']:.3f}  n = {one['n']}" for name, one in scores["per_class"].items()]
    answer(values, "\n".join(filter(None, lines)), as_json=command.json)


def corpus_of(engine: Engine, checkpoint: Path, corpus: Path | None) -> Path:
    """The corpus that was named, else the one that the run was trained on. Raises UsageError where it is not there."""
    if corpus is not None:
        return corpus
    name = engine.default_corpus(checkpoint)
    if name is None:
        wanted = engine.header(checkpoint).manifest["corpus"]["name"]
        raise UsageError(f"the corpus {wanted!r} of this run is not under {engine.data}", do="name one with --corpus")
    return engine.data / name


def other_corpus(engine: Engine, checkpoint: Path, corpus: Path) -> str | None:
    """The sentence to show where a run was trained on another corpus than the one it is used on."""
    header, rows = engine.fitting(checkpoint, corpus)
    trained = header.manifest["corpus"]
    return None if trained["hash"] == rows.hash else f"the run was trained on {trained['name']}, another corpus"
