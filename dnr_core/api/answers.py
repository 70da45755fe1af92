"""What a run says of dialogues, as JSON-ready values: emotions, values of parts, attributions. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dnr_core.api.bodies import Asked
from dnr_core.api.dialogues import Dialogues, corpus_of, with_means
from dnr_core.api.errors import ApiError
from dnr_core.api.served import Served
from dnr_core.data.corpus import Corpus
from dnr_core.errors import DataError
from dnr_core.explain.attribution import as_json, attribute
from dnr_core.explain.dominance import dominance
from dnr_core.explain.information import InformationValues, explain_information
from dnr_core.explain.nulls import Claims, claims
from dnr_core.explain.predict import coalitions_of_rows
from dnr_core.explain.store import values_from_logits
from dnr_core.model.batch import TensorCorpus
from dnr_core.types import ComponentValues, softmax

Stop = Callable[[], bool]
"""Whether nobody waits for the answer any more."""
Json = dict[str, Any]


class Stopped(Exception):
    """Nobody waits for the answer any more."""


def check_numbers(dialogues: Dialogues, logits: np.ndarray) -> None:
    """Raise ApiError 422 where a model cannot make finite logits (N, …) of what was sent."""
    good = np.isfinite(logits.reshape(len(logits), -1)).all(axis=1)
    if not good.all():
        place = int(np.searchsorted(dialogues.starts, int(good.argmin()), side="right")) - 1
        where = f"dialogues.{place}"
        raise ApiError(422, f"features of {where} are too large to compute with", expected="raw units of the corpus",
                       where=where)  # fmt: skip


def per_dialogue(dialogues: Dialogues, turns: list[Json]) -> list[Json]:
    """What was found of N turns, under the dialogues as they were sent."""
    pairs = zip(dialogues.ids, dialogues.starts[:-1], dialogues.starts[1:], strict=True)
    return [{"dialogue_id": name, "utterances": turns[start:end]} for name, start, end in pairs]


def predictions(served: Served, dialogues: Dialogues, logits: np.ndarray) -> Json:
    """Per turn the predicted emotion, probabilities and logits, in the order of `emotions`. logits: (N, C)."""
    check_numbers(dialogues, logits)
    emotions, chances = served.header.emotions, softmax(logits)
    turns = [
        {"predicted": emotions[best], "probability": one[best], "probabilities": one, "logits": raw}
        for best, one, raw in zip(logits.argmax(1).tolist(), chances.tolist(), logits.tolist(), strict=True)
    ]
    return {"run": served.name, "emotions": list(emotions), "dialogues": per_dialogue(dialogues, turns)}


@dataclass(frozen=True)
class Explained:
    """The coalition logits (N, 2^K, C) float32 of a request, and the request as a corpus."""

    corpus: Corpus
    logits: np.ndarray


def coalitions(served: Served, asked: Asked, stop: Stop) -> Explained:
    """All coalitions of every turn. Raises ApiError 422: a method without parts; Stopped."""
    if "components" not in served.header.config["supports"]:
        raise ApiError(422, f"method {served.header.config['run']['method']} has no parts to explain with")
    corpus = corpus_of(asked.dialogues, served.header)
    tensors = TensorCorpus(corpus)

    def tables() -> Iterator[np.ndarray]:
        for rows in corpus.dialogue_rows.values():
            if stop():
                raise Stopped
            yield coalitions_of_rows(served.model, tensors, rows, asked.options.scope, asked.options.removal)

    logits = np.concatenate(list(tables()))
    check_numbers(asked.dialogues, logits)
    return Explained(corpus, logits)


def coalitions_json(served: Served, asked: Asked, found: Explained) -> Json:
    """The logits of every coalition; bit k of a position is 1 where part k is on."""
    turns = [{"logits": table} for table in found.logits.tolist()]
    return about(served, asked) | {"dialogues": per_dialogue(asked.dialogues, turns)}


def about(served: Served, asked: Asked) -> Json:
    """What an explanation is of."""
    header, options = served.header, asked.options
    named = {"run": served.name, "emotions": list(header.emotions), "parts": list(header.players)}
    return named | {"scope": options.scope, "removal": options.removal}


def explanations(served: Served, asked: Asked, stop: Stop) -> Json:
    """Values of the parts and information atoms of every turn for its predicted emotion, with what is known of their
    error: completeness gap, p-values and claims.

    Claims about parts are tested against the null that is stored with the run, among the turns of the request; those
    about atoms need the corpus of the run and are not tested here (`significant` null).
    """
    found = coalitions(served, asked, stop)
    options, ids = asked.options, tuple(found.corpus.row_of)
    values = values_from_logits(served.header.players, ids, options.scope, options.removal, found.logits)
    null = served.nulls.get((options.scope, options.removal))
    tested = None if null is None else claims(null, values)
    why = "nothing is stored with the run to test against" if tested is None else tested.reason
    turns = parts_json(served, values, tested if why is None else None)
    atoms, missing = information(served, found.corpus, values)
    for row, turn in enumerate(turns):
        turn["information"] = None if atoms is None else atoms_json(atoms, row)
    said = {"not_tested": why, "information_missing": missing}
    return about(served, asked) | said | {"dialogues": per_dialogue(asked.dialogues, turns)}


def parts_json(served: Served, values: ComponentValues, tested: Claims | None) -> list[Json]:
    """Per turn the values of all parts for the predicted emotion, and what dominates."""
    found, chances = dominance(values), softmax(values.total)
    turns = []
    for row, emotion in enumerate(found.predicted.tolist()):
        turns.append({
            "predicted": served.header.emotions[emotion],
            "probability": float(chances[row, emotion]),
            "values": dict(zip(values.players, values.values[row, :, emotion].tolist(), strict=True)),
            "baseline": float(values.baseline[row, emotion]),
            "total": float(values.total[row, emotion]),
            "completeness_gap": float(values.completeness_gap[row, emotion]),
            "dominant_component": values.players[int(found.component[row])],
            "dominant_family": str(found.family[row]),
            "dominant_sources": str(found.sources[row]),
            "p": None if tested is None else float(tested.p[row]),
            "significant": None if tested is None else bool(tested.significant[row]),
        })  # fmt: skip
    return turns


def information(served: Served, corpus: Corpus, values: ComponentValues) -> tuple[InformationValues | None, str | None]:
    """The information view of a request, or why there is none."""
    if served.subset is None:
        return None, "the run has no subset model: train it again to see what the data offer"
    try:
        return explain_information(served.subset, corpus, "test", classes=values.total.argmax(1)), None
    except DataError as error:
        return None, str(error)


def atoms_json(found: InformationValues, row: int) -> Json:
    """The atoms of one turn, in bits."""
    return {
        "atoms": dict(zip(found.atoms, found.values[row].tolist(), strict=True)),
        "completeness_gap": float(found.completeness_gap[row]),
        "dominant_component": str(found.dominant_component[row]),
        "significant": None,
    }


def attribution(served: Served, asked: Asked, stop: Stop) -> Json:
    """What `attribute --json` prints of one turn. Raises ApiError 422 (no such turn), UsageError (as `attribute`)."""
    options, turns = asked.options, asked.dialogues.lengths[0]
    if options.turn >= turns:
        raise ApiError(422, "no such turn", got=options.turn, expected=f"0 to {turns - 1}", where="turn")
    if options.baseline == "mean" and set(served.means) != set(served.header.config["spec"]["modalities"]):
        raise ApiError(422, "this run does not keep the means of its features", do="choose zero", where="baseline")
    corpus = with_means(corpus_of(asked.dialogues, served.header), served.means)
    check_numbers(asked.dialogues, served.logits([(asked.dialogues, 0)])[0])
    chosen = {name: getattr(options, name) for name in ("method", "target", "baseline", "scale", "over")}
    with served.drawing:
        found = attribute(served.model, TensorCorpus(corpus), corpus, f"0:{options.turn}", **chosen)
    if not (math.isfinite(found.total) and np.isfinite(found.values).all()):
        raise ApiError(422, "the features are too large to compute with", expected="raw units of the corpus")
    said = {"dialogue_id": asked.dialogues.ids[0], "turn": options.turn, "run": served.name}
    return {name: value for name, value in as_json(found).items() if name != "utterance_id"} | said
