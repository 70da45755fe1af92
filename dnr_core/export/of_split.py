"""Figures of a run on a whole split, of two runs, and of a study."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnr_core.errors import DnRError, UsageError
from dnr_core.export.scene import Scene
from dnr_core.figures.build import card, compare, components, errors, maps, scores
from dnr_core.figures.build import study as study_figures
from dnr_core.figures.spec import FigureSpec


def values(scene: Scene) -> tuple[FigureSpec, ...]:
    """Mean value of each part over the turns predicted as each emotion."""
    return (components.mean_matrix(split_values(scene), scene.corpus.emotions),)


def drops(scene: Scene) -> tuple[FigureSpec, ...]:
    """What weighted F1 loses without a part, a modality or a family."""
    return (given(components.drop_bars(split_values(scene)), scene),)


def subsets(scene: Scene) -> tuple[FigureSpec, ...]:
    """Weighted F1 of every subset of the modalities."""
    return (given(components.subset_bars(split_values(scene)), scene),)


def split_values(scene: Scene) -> Any:
    """The engine's SplitValues, computed now where they are not stored."""
    scene.need_parts()
    return scene.engine.split_values(*scene.key, scene.split, "dialogue", scene.removal)


def given(spec: FigureSpec | None, scene: Scene) -> FigureSpec:
    """The figure. Raises DnRError where the split has no labels to make it of."""
    if spec is None:
        raise DnRError(f"split {scene.split} of corpus {scene.corpus.name} has no labels")
    return spec


def information(scene: Scene) -> tuple[FigureSpec, ...]:
    """What each pair of modalities tells of the gold emotion, in bits."""
    scene.need_labels()
    return (components.bits_bars(scene.engine.split_information(*scene.key, scene.split)),)


def part_map(scene: Scene) -> tuple[FigureSpec, ...]:
    """The stored UMAP of the parts, else their PCA."""
    key = (*scene.key, scene.part)
    found = scene.engine.projection(*key, "umap") or scene.engine.projection(*key, "pca")
    found = found or scene.engine.compute_projection(*key, "pca")  # of a large corpus
    if not found.n:
        raise DnRError(f"{maps.part_name(scene.part)} is not available in any turn of this corpus")
    claimed = []
    if scene.colour == "dominant" and scene.has_parts:
        claimed = [
            (scene.corpus.rows(split), scene.engine.split_claims(*scene.key, split)) for split in scene.corpus.splits
        ]
    look = maps.look(scene.corpus, scene.colour, scene.header.players, lambda: predicted(scene), claimed)
    return (maps.figure(scene.corpus.utterances["utterance_id"], found, look, maps.COLOURS[scene.colour]),)


def predicted(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """The predicted class (N,) of every turn of the corpus, and its probability (N,)."""
    return maps.predicted_rows(scene.corpus, lambda split: scene.engine.predictions(*scene.key, split))


def confusion(scene: Scene) -> tuple[FigureSpec, ...]:
    """Gold against predicted emotions."""
    scene.need_labels()
    return (scores.confusion(scene.predictions),)


def classes(scene: Scene) -> tuple[FigureSpec, ...]:
    """Precision, recall and F1 of every emotion."""
    scene.need_labels()
    found = scene.engine.evaluate(*scene.key, scene.split)
    return (scores.classes(found, scene.engine.class_intervals(*scene.key, scene.split)),)


def class_changes(scene: Scene) -> tuple[FigureSpec, ...]:
    """The change of F1 of every emotion from this run to another."""
    if scene.against is None:
        raise UsageError("a lone run has nothing to be compared with", do="name another run with --against")
    scene.need_labels()
    found = scene.engine.compare(scene.run, scene.against, scene.corpus_name, scene.split)
    spec = compare.class_changes(found)
    if spec is None:
        raise DnRError("one dialogue has no interval, so nothing can be told")
    return (spec,)


def calibration(scene: Scene) -> tuple[FigureSpec, ...]:
    """Accuracy over confidence."""
    return (errors.reliability(scene.engine.error_audit(*scene.key, scene.split)),)


def training(scene: Scene) -> tuple[FigureSpec, ...]:
    """Weighted F1 on dev, and the losses, by epoch."""
    history = scene.header.history
    if not history:
        raise DnRError("the run has no history")
    return scores.training(history), scores.losses(history)


def probes(scene: Scene) -> tuple[FigureSpec, ...]:
    """How well planted codes can be read from the parts."""
    found = scene.engine.card(scene.run)
    told = None if found is None else found["planted"].get("probes")
    if not told:
        why = "the run has no decomposition card" if found is None else found["planted"]["reason"]
        raise UsageError(f"no probes: {why}", do="`verify --checkpoint` measures them on planted corpora")
    return (card.probes(told),)


def agreement(scene: Scene) -> tuple[FigureSpec, ...]:
    """How often the dominant part is the planted one."""
    scene.need_labels()
    scene.need_parts()
    if not any(player.startswith("unique:") for player in scene.header.players):
        method = scene.header.config["run"]["method"]
        raise UsageError(f"method {method} has no unique, redundant and synergistic parts that could name a source")
    found = scene.engine.truth_agreement(*scene.key, scene.split)
    if found is None:
        raise UsageError("the truth is not known: agreement is measured on planted corpora, from stored coalitions")
    return (card.agreement(found, "exact"),)


def study(scene: Scene) -> tuple[FigureSpec, ...]:
    """Weighted F1 of every model of a study, a panel a corpus."""
    found, baseline = summary(scene)
    corpora = dict.fromkeys(row.corpus for row in found.rows)
    return tuple(study_figures.scores(found, corpus, baseline) for corpus in corpora)


def study_differences(scene: Scene) -> tuple[FigureSpec, ...]:
    """What methods add to the baseline in a study, a panel a corpus."""
    found, baseline = summary(scene)
    corpora = dict.fromkeys(row.corpus for row in found.rows)
    panels = [study_figures.differences(found, corpus, baseline) for corpus in corpora]
    told = tuple(panel for panel in panels if panel is not None)
    if not told:
        raise DnRError("no difference of this study has an interval yet: it takes two seeds of each")
    return told


def summary(scene: Scene) -> tuple[Any, str]:
    """The summary of the study, and the name of its baseline."""
    if scene.study is None:
        raise UsageError("no study was named", do="name its folder with --study")
    from dnr_core.study.records import read_records
    from dnr_core.study.summary import BASELINE, summary_of

    found = summary_of(read_records(scene.study))
    if not found.rows:
        raise UsageError(f"{scene.study} holds no finished run of a study", do="name another folder with --study")
    return found, BASELINE
