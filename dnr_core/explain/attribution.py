"""Attributions of one utterance: features, turns, modalities, parts or words, each with its error. Needs torch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError, one_of
from dnr_core.explain.attribution_inputs import Groups, Problem, Space, component_space, grouping, raw_space
from dnr_core.explain.attribution_methods import METHODS, SHAP_DONORS, recurrent_gradients
from dnr_core.explain.attribution_values import Attribution, as_json
from dnr_core.explain.attribution_words import PADDING, word_space
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.types import MODALITIES

__all__ = ["BASELINES", "SCALES", "Attribution", "as_json", "attribute", "pose"]
BASELINES = ("mean", "zero", "donor")
SCALES = ("logit", "probability")


def attribute(
    model: Method,
    data: TensorCorpus,
    corpus: Corpus,
    utterance_id: str,
    *,
    method: str = "integrated_gradients",
    target: str | None = None,
    baseline: str | None = None,
    scale: str = "logit",
    over: str | None = None,
    encoder: Any = None,
) -> Attribution:
    """Attribute the logit (or probability) of class `target` (None: the predicted one) of an utterance.

    `model` in eval mode; `baseline` None: 'mean', for words 'padding', which is the only one there; `encoder`: what
    made the text features of the corpus (data.embed.load_encoder), for words alone. Raises UsageError: unknown
    utterance, class, method, view, baseline or scale; a view that the method or the dialogue does not have.
    """
    started = time.perf_counter()
    over, baseline = check(corpus, utterance_id, method, target, baseline, scale, over)
    turn, rows = where(corpus, utterance_id)
    with recurrent_gradients(data.device):
        problem, groups = pose(
            model, data, corpus, utterance_id, method=method, target=target, baseline=baseline, scale=scale, over=over,
            encoder=encoder,
        )  # fmt: skip
        values, steps = METHODS[method].attribute(problem, groups)
        total, start, tolerance = problem.total, problem.baseline_total, problem.tolerance
    gap = float(values.sum() - (total - start))
    within = abs(gap) <= tolerance if METHODS[method].complete else None
    return Attribution(
        utterance_id=utterance_id,
        dialogue_id=corpus.utterance(int(rows[0])).dialogue_id,
        method=method,
        over=over,
        target=corpus.emotions[problem.target],
        scale=scale,
        baseline=baseline,
        names=groups.names,
        kinds=groups.kinds,
        values=values,
        observed=observed(problem.space, groups, over, turn),
        total=total,
        baseline_total=start,
        completeness_error=gap,
        tolerance=tolerance,
        within_tolerance=within,
        n_steps=steps,
        seconds=time.perf_counter() - started,
        notes=(*problem.space.notes, *notes(corpus, model, rows, turn, method=method, over=over, within=within)),
    )


def check(
    corpus: Corpus, utterance: str, method: str, target: str | None, baseline: str | None, scale: str, over: str | None
) -> tuple[str, str]:
    """The view and the baseline to use. Raises UsageError for anything unknown, with what there is."""
    if method not in METHODS:
        raise one_of("unknown attribution method", method, METHODS)
    offered = METHODS[method].overs
    if over is not None and over not in offered:
        raise one_of(f"{method} does not attribute to this", over, offered)
    over = over or offered[0]
    known = (PADDING,) if over == "words" else BASELINES
    if baseline is not None and baseline not in known:
        raise one_of(f"unknown baseline of {over}", baseline, known)
    if scale not in SCALES:
        raise one_of("unknown scale", scale, SCALES)
    if target is not None and target not in corpus.emotions:
        raise one_of("unknown class", target, corpus.emotions)
    if over == "turns" and len(where(corpus, utterance)[1]) == 1:
        raise UsageError(
            f"attribution to turns cannot be shown for {utterance}",
            got="a dialogue of one utterance",
            expected="two or more",
            do="choose features, modalities or components",
        )
    return over, baseline or known[0]


def where(corpus: Corpus, utterance_id: str) -> tuple[int, np.ndarray]:
    """The turn of an utterance and the rows of its dialogue. Raises UsageError for an unknown id."""
    row = corpus.row_of.get(utterance_id)
    if row is None:
        example = ", ".join(list(corpus.row_of)[:2])
        raise UsageError(
            f"corpus {corpus.name} has no such utterance",
            got=repr(utterance_id),
            expected=f"one of {len(corpus)} ids such as {example}",
        )
    rows = corpus.dialogue_rows[corpus.utterance(row).dialogue_id]
    return int(row - rows[0]), rows


def pose(
    model: Method,
    data: TensorCorpus,
    corpus: Corpus,
    utterance_id: str,
    *,
    method: str,
    target: str | None,
    baseline: str,
    scale: str,
    over: str,
    encoder: Any = None,
) -> tuple[Problem, Groups]:
    """The problem that a method solves for an utterance, and its items."""
    turn, rows = where(corpus, utterance_id)
    if over == "words":
        space, groups = word_space(model, data, corpus, rows, turn, encoder)
        return Problem(space, turn, chosen_class(space, corpus, turn, target), scale), groups
    parts = over == "components" or method == "layer_integrated_gradients"
    draws = SHAP_DONORS if method == "gradient_shap" and baseline == "donor" else 1
    space = (component_space if parts else raw_space)(model, data, corpus, rows, baseline=baseline, draws=draws)
    ids = tuple(corpus.utterances["utterance_id"].iloc[rows])
    groups = grouping(space, over, turn=turn, utterance_ids=ids)
    return Problem(space, turn, chosen_class(space, corpus, turn, target), scale), groups


def chosen_class(space: Space, corpus: Corpus, turn: int, target: str | None) -> int:
    """The class to explain: the predicted one where none was named."""
    return int(space.ends[0, turn].argmax()) if target is None else corpus.emotions.index(target)


def observed(space: Space, groups: Groups, over: str, turn: int) -> np.ndarray:
    """The measured raw value of every item that is a feature, NaN elsewhere; (G,)."""
    found = np.full(len(groups.names), np.nan)
    if over == "features":
        raw = torch.where(space.measured, space.inputs[0], torch.nan)[turn]
        found[: raw.shape[-1]] = raw.cpu().numpy()
    return found


def notes(
    corpus: Corpus, model: Method, rows: np.ndarray, turn: int, *, method: str, over: str, within: bool | None
) -> Iterator[str]:
    """One sentence for each thing that cannot be shown or does not hold."""
    for position, name in enumerate(MODALITIES):
        if name not in model.spec.modalities:
            yield f"this run does not use {name}: its part cannot be shown"
        elif not corpus.present[rows, position].any():
            yield f"{name} was not measured in this dialogue: its part cannot be shown"
        elif not corpus.present[rows[turn], position] and over == "features":
            yield f"{name} was not measured in this utterance: it counts for exactly 0"
    if over == "turns" and turn == 0:
        yield "the first utterance has no earlier turns: their part cannot be shown"
    if over == "features" and len(rows) == 1:
        yield "a dialogue of one utterance has no context: its part cannot be shown"
    if METHODS[method].sampled:
        yield "the values are drawn at random: each has a sampling error"
    if within is None:
        yield "the values of this method need not sum to f(x) − f(baseline)"
    elif not within:
        yield "the values miss f(x) − f(baseline) by more than the tolerance"
