"""The command line: parse, run, and turn every failure into one line and an exit code."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dnr_core import __version__
from dnr_core.commands import PROGRAM, Demo, Doctor, Evaluate, Explain, Prepare, Train, parse
from dnr_core.config import RunConfig, bad_values, checkpoint_root, parse_config, preset, read_json
from dnr_core.errors import EXIT_ERROR, EXIT_INTERRUPTED, DnRError, UsageError, one_of
from dnr_core.progress import TrainingProgress
from dnr_core.registry import lookup, names
from dnr_core.serve import Engine


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Every DnRError is one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Unicode shows escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        command = None if given == ["--version"] else parse(given)
        if command is not None:
            COMMANDS[type(command)](command)
        write(__version__ if given == ["--version"] else "")
    except DnRError as error:
        return fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return fail("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        drop_stdout()
        return EXIT_ERROR
    except OSError as error:
        return fail(f"{error.filename or 'the system'}: {error.strerror or error}", EXIT_ERROR)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not re.search("out of memory|allocate memory", str(error)):
            raise  # torch reports a lack of memory as RuntimeError
        return fail("out of memory: lower --batch or --width", EXIT_ERROR)
    return 0


def fail(line: str, code: int) -> int:
    """One line on stderr."""
    if sys.stderr is not None:
        sys.stderr.write(" ".join(line.split()) + "\n")
    return code


def write(text: str) -> None:
    """One text on stdout, at once. Raises DnRError where stdout takes no more (BrokenPipeError: nobody reads it)."""
    if sys.stdout is None:  # closed by the caller
        return
    try:
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_stdout()
        raise DnRError("cannot write to stdout", got=error.strerror or error) from error


def drop_stdout() -> None:
    """Forget what stdout did not take, so that the interpreter does not try, and complain, again when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def answer(values: dict[str, Any], text: str, *, as_json: bool) -> None:
    """One JSON object, or the text for people."""
    write(json.dumps(values) if as_json else text)


def demo(command: Demo) -> None:
    from dnr_core.data.planted import PlantedConfig, generate

    given = read_json(command.config) if command.config else {}
    for name in ("seed", "dialogues", "utterances_per_dialogue", "noise", "noise_share", "missing"):
        if getattr(command, name) is not None:
            given[name] = getattr(command, name)
    if command.widths:
        given["widths"] = dict(zip(("text", "audio", "visual"), command.widths, strict=True))
    if command.mixture:
        given["mixture"] = dict(weighted(word) for word in command.mixture)
    try:
        config = PlantedConfig.model_validate(given)
    except ValidationError as error:
        raise bad_values("bad planted corpus", error) from error
    if command.out.exists() and not command.overwrite:
        raise DnRError(f"{command.out} exists", do="choose another --out, or add --overwrite")
    corpus = generate(config, name=command.out.name)
    corpus.save(command.out, overwrite=command.overwrite)
    sources = (corpus.utterances["truth_family"] + ":" + corpus.utterances["truth_sources"]).value_counts()
    counts = {str(source).rstrip(":"): int(count) for source, count in sorted(sources.items())}
    summary = {"corpus": str(command.out), "utterances": len(corpus), "hash": corpus.hash, "sources": counts}
    lines = [f"{command.out}: {len(corpus)} utterances in {len(corpus.dialogue_rows)} dialogues, planted sources:"]
    answer(
        summary, "\n".join(lines + [f"  {count:6d}  {name}" for name, count in counts.items()]), as_json=command.json
    )


def weighted(word: str) -> tuple[str, float]:
    """`source=weight` as a pair. Raises UsageError."""
    source, _, weight = word.rpartition("=")
    try:
        return source, float(weight)
    except ValueError as error:
        raise UsageError("bad --mixture", got=repr(word), expected="SOURCE=WEIGHT, such as unique:text=1") from error


def prepare(command: Prepare) -> None:
    from dnr_core.data.releases import prepare as read_sources
    from dnr_core.data.releases import template

    if command.out is None:
        raise UsageError("prepare needs --out", expected="a folder, such as --out data/meld")
    if command.template:
        file = template(command.out)
        text = f"{file}: an empty table; fill it in and run `{PROGRAM} prepare {command.out} --out data/NAME`"
        answer({"template": str(file)}, text, as_json=command.json)
        return
    if not command.sources:
        raise UsageError("prepare needs a source", expected="the files of one release or a folder that holds one")
    if command.out.exists() and not command.overwrite:
        raise DnRError(f"{command.out} exists", do="choose another --out, or add --overwrite")
    corpus, report = read_sources(
        command.sources,
        name=command.out.name,
        emotions=command.emotions,
        target=command.target,
        media=command.media,
    )
    values, text = {"corpus": str(command.out)} | report.to_dict(), report.text()
    if command.embed:
        from dnr_core.data.embed import embed_text

        corpus = embed_text(corpus, command.embed)
        values["embedded"] = {"encoder": command.embed, "features": corpus.widths["text"]}
        text = (
            f"{text.rstrip()}\nembedded    {corpus.widths['text']} text features from the sentences ({command.embed})"
        )
    corpus.save(command.out, overwrite=command.overwrite)
    answer(values, text, as_json=command.json)


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
    backbone = f"-{config.backbone}" if config.backbone else ""
    out = command.out or checkpoint_root() / f"{corpus.name}-{config.method}{backbone}-{suffix}"
    with TrainingProgress() as shown:
        settings: dict[str, Any] = {
            "device": command.device, "resume": command.resume, "overwrite": command.overwrite,
            "on_epoch": shown.epoch, "on_rows": shown.rows,
        }  # fmt: skip
        if command.seeds is None:
            result = train_run(engine, command.corpus, config, out, **settings)
        else:
            seeds = list(range(command.seeds))
            result = train_seeds(engine, command.corpus, config, out, seeds, on_seed=shown.seed, **settings)
    answer({"checkpoint": str(out)} | result, f"{out}\n{described(result)}", as_json=command.json)


def run_config(command: Train) -> RunConfig:
    """Defaults < --config file < flags."""
    given = read_json(command.config) if command.config else {}
    method = str(command.method or given.get("method") or "dnr")
    stages = {stage.name: stage.unit for stage in lookup("method", method).stages}
    backbone = command.backbone or given.get("backbone") or ("mmgcn" if names("backbone") else None)
    lookup("backbone", backbone)
    name = command.preset or given.get("preset") or "fast"
    if name not in ("fast", "paper"):
        raise UsageError("unknown preset", got=repr(name), expected="fast or paper")
    values = preset(method, backbone, name).model_dump()
    for field, known in (("stages", stages), ("options", values["options"])):
        named = given[field] if isinstance(given.get(field), dict) else ()
        unknown = [key for key in named if key not in known] if known else []
        if unknown:
            raise one_of(f"unknown field in the {field} of {command.config}", unknown[0], known)
    for key, value in given.items():
        merged = key in ("stages", "options") and isinstance(value, dict)
        values[key] = merge(values[key], value) if merged else value
    flags = {"method": method, "backbone": backbone, "seed": command.seed, "width": command.width}
    flags |= {"dropout": command.dropout}
    values |= {key: value for key, value in flags.items() if value is not None}
    if command.batch is not None:
        for stage, settings in values["stages"].items() if isinstance(values["stages"], dict) else ():
            if stages.get(stage) == "dialogue" and isinstance(settings, dict):
                settings["batch"] = command.batch
    return parse_config(values, source=str(command.config or "the flags"))


def merge(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`more` over `base`, nested objects merged."""
    nested = {k: merge(base[k], v) for k, v in more.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return base | more | nested


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
    header, rows = engine.fitting(command.checkpoint, corpus)
    if header.manifest["corpus"]["hash"] != rows.hash:
        values["note"] = f"the run was trained on {header.manifest['corpus']['name']}, another corpus"
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


def explain(command: Explain) -> None:
    from dnr_core.experiment import check_writable
    from dnr_core.explain.table import explanation_table, write_table

    engine = Engine()
    corpus = corpus_of(engine, command.checkpoint, command.corpus)
    if command.out.is_dir() or (command.out.exists() and not command.overwrite):
        add = "" if command.out.is_dir() else ", or add --overwrite"
        raise DnRError(f"{command.out} exists", do=f"choose another --out{add}")
    check_writable(command.out)
    with TrainingProgress() as shown:
        stored = engine.compute_coalitions(
            command.checkpoint, corpus, command.split, command.scope, progress=shown.rows
        )
    header, rows = engine.fitting(command.checkpoint, corpus)
    table = explanation_table(header.emotions, rows, stored, command.scope)
    write_table(table, command.out)
    gap = float(table["completeness_gap"].max())
    values = {"out": str(command.out), "rows": len(table), "largest_completeness_gap": gap}
    answer(values, f"{command.out}: {len(table)} utterances, largest completeness gap {gap:.1e}", as_json=command.json)


def doctor(command: Doctor) -> None:
    from dnr_core.training.checkpoint import installed_versions

    engine = Engine()
    values = {
        "version": __version__,
        "packages": installed_versions(),
        "device": device_name(),
        "registries": {"methods": list(names("method")), "backbones": list(names("backbone"))},
        "corpora": [asdict(info) for info in engine.corpora()],
        "checkpoints": [asdict(info) for info in engine.runs()],
    }
    lines = [f"dnr_core {__version__} on {values['device']}"]
    lines += [f"  {name} {number}" for name, number in values["packages"].items()]
    for kind in ("corpora", "checkpoints"):
        lines += [f"{kind}:"] + [f"  {one['name']}: {one['problem'] or 'ok'}" for one in values[kind]]
    answer(values, "\n".join(lines), as_json=command.json)


def device_name() -> str:
    """The device that `auto` would choose."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"cpu ({os.cpu_count()} cores)"


COMMANDS: dict[type, Callable[[Any], None]] = {
    Demo: demo,
    Prepare: prepare,
    Train: train,
    Evaluate: evaluate,
    Explain: explain,
    Doctor: doctor,
}
