"""What a run and a corpus are, in words."""

from __future__ import annotations

from typing import Any

from dnr_core.types import SPLITS, RunSummary, split_player


def split_sizes(corpus: Any) -> str:
    """`train 3,360 · dev 480 · test 960`, and how many of all have no label."""
    counts, unlabelled = corpus.utterances["split"].value_counts(), int((corpus.labels < 0).sum())
    sizes = " · ".join(f"{name} {int(counts[name]):,}" for name in SPLITS if name in counts)
    return sizes + (f", {unlabelled:,} of them without a label" if unlabelled else "")


def facts(run: RunSummary, corpus: Any, versions: dict[str, str]) -> str:
    """What the model is, in one line. `corpus`: what it is shown on; `versions` of what it was trained with."""
    info = run.info
    same = (
        "this corpus" if info.corpus_hash == corpus.hash else f"{info.corpus_name}, another corpus than the one shown"
    )
    words = [
        f"{info.method} + {info.backbone}" if info.backbone else str(info.method),
        parts_in_words(run),
        f"{len(run.emotions)} emotions",
        f"{run.config.get('parameters', 0):,} parameters",
        f"trained on {same}" + training_cost(run.metrics),
        f"{run.metrics.get('epochs') or len(run.history)} epochs",
        f"preset {run.config['run'].get('preset', '–')}",
        f"seed {info.seed}",
        f"torch {versions.get('torch', '–')}",
    ]
    return " · ".join(words)


def parts_in_words(run: RunSummary) -> str:
    """`9 parts of text, audio, visual`, or that its parts are whole modalities."""
    names = ", ".join(run.modalities)
    whole = {split_player(player)[0] for player in run.players} == {"modality"}
    return f"parts: {names}, each a whole modality" if whole else f"{len(run.players)} parts of {names}"


def training_cost(metrics: dict[str, Any]) -> str:
    """` in 120 s on cpu, 1 thread`, as far as the run says it; the last device where a run was resumed."""
    seconds, device, threads = (metrics.get(name) for name in ("train_seconds", "device", "threads"))
    words = f" in {seconds:,.0f} s" if seconds else ""
    words += f" on {device}" if device else ""
    return words + (f", {threads} thread{'s' if threads > 1 else ''}" if device == "cpu" and threads else "")
