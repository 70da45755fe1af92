"""Commands that write corpora: demo, prepare."""

from __future__ import annotations

import sys

from pydantic import ValidationError

from dnr_core.cli.output import answer
from dnr_core.commands import PROGRAM, Demo, Prepare
from dnr_core.config import bad_values, read_json
from dnr_core.errors import DnRError, UsageError


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
    from dnr_core.data.archive import unpacked
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
    step = say if command.progress else lambda words: None
    with unpacked(command.sources, command.out.parent, step=step) as sources:
        step("reading the release")
        corpus, report = read_sources(
            sources, name=command.out.name, emotions=command.emotions, target=command.target, media=command.media
        )
    values, text = {"corpus": str(command.out)} | report.to_dict(), report.text()
    if command.embed:
        from dnr_core.data.embed import embed_text

        step("embedding the sentences")
        corpus = embed_text(corpus, command.embed)
        values["embedded"] = {"encoder": command.embed, "features": corpus.widths["text"]}
        text = (
            f"{text.rstrip()}\nembedded    {corpus.widths['text']} text features from the sentences ({command.embed})"
        )
    step(f"writing {len(corpus):,} utterances")
    corpus.save(command.out, overwrite=command.overwrite)
    answer(values, text, as_json=command.json)


def say(words: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
