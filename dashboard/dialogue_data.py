"""The numbers of one dialogue, before and after parts were switched off, as the Engine gives them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dashboard.state import Selection, engine, shelf
from dnr_core.errors import DnRError
from dnr_core.figures.numbers import DialogueNumbers, Offered, read_dialogue
from dnr_core.types import softmax

NOT_SHOWN_WITHOUT_RUN = "Predictions cannot be shown because no checkpoint is chosen: the dialogue can be read."

CANNOT = "What the data offer cannot be shown because"
NO_SUBSET_MODEL = f"{CANNOT} this run has no model of modality subsets: train it again to get one."
TOO_FEW_MODALITIES = f"{CANNOT} fewer than two modalities were measured."
NOT_OFFERED = CANNOT + " it is not stored for {split} yet: run `python -m dnr_core explain --split {split}`."


def predicted_dialogue(chosen: Selection, without_run: str = NOT_SHOWN_WITHOUT_RUN) -> DialogueNumbers:
    """The dialogue in focus with its predictions alone; a DnRError becomes `problem`, as does `without_run`."""
    corpus, name = chosen.corpus, chosen.dialogue
    read = read_dialogue(corpus, name)
    if chosen.run is None:
        return replace(read, problem=without_run)
    try:
        found = engine().predictions(chosen.run.info.name, str(chosen.corpus_name), read.dialogue.split)
    except DnRError as error:
        return replace(read, problem=str(error))
    return read_dialogue(corpus, name, found)


def dialogue_numbers(chosen: Selection) -> DialogueNumbers:
    """Everything the Dialogue page shows; a DnRError becomes `problem`, and the rest is shown all the same."""
    read = predicted_dialogue(chosen)
    if chosen.run is None or read.before is None:
        return read
    key, name = (chosen.run.info.name, str(chosen.corpus_name)), str(chosen.dialogue)
    after = values = claims = sets = problem = None
    try:
        values = engine().dialogue_values(*key, name)
        claims = engine().dialogue_claims(*key, name)
        manifest = engine().header(chosen.run.info.name).manifest_hash
        sets = shelf().get(("sets", manifest, chosen.corpus.hash, name), lambda: engine().dialogue_sets(*key, name))
        if chosen.off:
            turn = chosen.turn if chosen.scope == "turn" else None
            after = softmax(engine().switched(*key, name, chosen.off, turn=turn))
    except DnRError as error:
        problem = str(error)
    return replace(read, after=after, values=values, problem=problem, claims=claims, sets=sets)


def offered_to(chosen: Selection) -> Offered | str:
    """What the data offer about the utterance in focus, or in one line why it cannot be shown.

    Raises DnRError where run and corpus do not fit.
    """
    assert chosen.run is not None
    key, corpus = (chosen.run.info.name, chosen.corpus_name), chosen.corpus
    split = corpus.split_of[chosen.dialogue]
    found = engine().stored_information(*key, split)
    if found is None and not chosen.run.config.get("subset"):
        return NO_SUBSET_MODEL
    if found is None and not engine().has_information(*key):
        return TOO_FEW_MODALITIES
    if found is None:
        return NOT_OFFERED.format(split=split)
    row = int(np.searchsorted(corpus.rows(split), corpus.dialogue_rows[chosen.dialogue][chosen.turn]))
    numbers = (float(array[row]) for array in (found.pointwise[:, -1], found.completeness_gap, found.p_value))
    return Offered(found.atoms, found.values[row], int(found.classes[row]), *numbers, bool(found.significant[row]))


def failed_parts(chosen: Selection) -> tuple[str, ...]:
    """Parts that fail their null test on dev; none where nothing is stored."""
    assert chosen.run is not None
    null = engine().stored_null(chosen.run.info.name, chosen.corpus_name)
    if null is None or null.gates is None:
        return ()
    return tuple(name for name, good in zip(null.gates.players, null.gates.passed, strict=True) if not good)


@dataclass(frozen=True)
class SplitSteps:
    """Rows of a split that can be stepped to, in corpus order: `errors` and `shifts` (row numbers)."""

    errors: np.ndarray
    shifts: np.ndarray
    wrong_in: dict[str, int]


def split_steps(chosen: Selection, split: str) -> SplitSteps:
    """Where the errors and the emotion shifts of a split are; without a run that can be used there are no errors."""
    corpus = chosen.corpus
    shifts = shelf().get(("shifts", corpus.hash, split), lambda: engine().emotion_shifts(chosen.corpus_name, split))
    if chosen.run is None:
        return SplitSteps(np.array([], dtype=int), shifts, {})
    key = ("errors", corpus.hash, engine().header(chosen.run.info.name).manifest_hash, split)
    try:
        errors, wrong_in = shelf().get(key, lambda: find_errors(chosen, split))
    except DnRError:
        return SplitSteps(np.array([], dtype=int), shifts, {})
    return SplitSteps(errors, shifts, wrong_in)


def find_errors(chosen: Selection, split: str) -> tuple[np.ndarray, dict[str, int]]:
    """Rows that are predicted wrong and their number per dialogue. Raises DnRError where the run does not fit."""
    assert chosen.run is not None
    found = engine().predictions(chosen.run.info.name, str(chosen.corpus_name), split)
    errors = found.row[(found.gold >= 0) & (found.predicted != found.gold)]
    ids = chosen.corpus.utterances["dialogue_id"].to_numpy(dtype=object)
    names, counts = np.unique(ids[errors].astype(str), return_counts=True)
    return errors, {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def following(rows: np.ndarray, current: int) -> int | None:
    """The next of the rows after `current`, from the start again after the last; None where there is none."""
    if not len(rows):
        return None
    place = int(np.searchsorted(rows, current, side="right"))
    return int(rows[place % len(rows)])
