"""Turn attributions against people: human cause annotations in RECCON's layout, matched with a corpus and scored."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.errors import DataError
from dnr_core.explain.audit import Share, share_of

EVIDENCE = "expanded emotion cause evidence"
LATENT = "b"
METRICS = ("precision_at_1", "precision_at_k", "average_precision", "mean_rank")
NULLS = ("previous_turn", "same_speaker")
PREFIX = re.compile(r"^(train|dev|valid|test)\.")


@dataclass(frozen=True)
class Annotated:
    """One annotated utterance: its text, the turns (from 0) that people named, and whether a cause is latent."""

    text: str
    causes: tuple[int, ...]
    latent: bool


@dataclass(frozen=True)
class Causes:
    """Human causes in terms of a corpus.

    `earlier`: utterance id → turns of its dialogue (from 0, all before it) that caused its emotion. Left out, and
    counted: utterances whose every earlier turn is a cause, because any ranking of them is right. `counts`:
    `dialogues`, `dialogues_unmatched`, `utterances`, `utterances_unmatched`, `annotated` (with a cause), `latent`,
    `causes_unmatched` (turns that the corpus does not have), `no_earlier_cause`, `all_earlier_turns`.
    """

    earlier: dict[str, tuple[int, ...]]
    counts: dict[str, int]


@dataclass(frozen=True)
class CauseScores:
    """How well attributions of `n` utterances find the turns that people named.

    `scores`: ranker ('attribution' and NULLS) → metric (METRICS) → mean over utterances with a 95 % interval over
    dialogues; `gains`: null → metric → attribution minus null, paired. Mean rank counts from 1, and lower is better.
    """

    n: int
    scores: dict[str, dict[str, Share]]
    gains: dict[str, dict[str, Share]]
    without_attribution: int


def read_causes(path: Path | str) -> dict[str, list[list[Annotated]]]:
    """Read `{key: [[utterance, …], …]}` (RECCON, Poria et al. 2021); keys lose their `train.`/`test.` prefix.

    An utterance has `turn` (1, 2, …), `utterance`, and where people named causes "expanded emotion cause evidence":
    turn numbers, or "b" for a latent cause. Raises DataError that names the place.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read causes {path}", got=error, expected="JSON in RECCON's layout") from error
    if not isinstance(content, dict) or not content:
        raise DataError(f"no causes in {path}", got=type(content).__name__, expected="an object of dialogues")
    found: dict[str, list[list[Annotated]]] = {}
    for key, dialogues in content.items():
        here = f"causes {path.name}, dialogue {key!r}"
        if not isinstance(dialogues, list) or not all(isinstance(part, list) for part in dialogues):
            raise DataError(here, got=brief(dialogues), expected="a list of lists of utterances")
        read = [[annotated(item, place, len(part), here) for place, item in enumerate(part)] for part in dialogues]
        found.setdefault(PREFIX.sub("", key), []).extend(read)
    return found


def annotated(item: Any, place: int, count: int, dialogue: str) -> Annotated:
    """One utterance, checked. Raises DataError."""
    here = f"{dialogue}, utterance {place + 1}"
    if not isinstance(item, dict) or not isinstance(item.get("utterance"), str):
        raise DataError(here, got=brief(item), expected="an object with turn and utterance")
    if item.get("turn") != place + 1:
        raise DataError(f"{here}, turn", got=brief(item.get("turn")), expected=place + 1)
    evidence = item.get(EVIDENCE, [])
    if not isinstance(evidence, list):
        raise DataError(f"{here}, {EVIDENCE}", got=brief(evidence), expected="a list of turns")
    turns = [entry for entry in evidence if entry != LATENT]
    for turn in turns:
        if type(turn) is not int or not 1 <= turn <= count:
            raise DataError(f"{here}, {EVIDENCE}", got=brief(turn), expected=f'a turn from 1 to {count}, or "b"')
    return Annotated(item["utterance"], tuple(sorted({turn - 1 for turn in turns})), len(turns) < len(evidence))


def brief(value: Any) -> str:
    """A value as one short word for an error."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def match_causes(found: dict[str, list[list[Annotated]]], corpus: Corpus) -> Causes:
    """Find every annotated dialogue in a corpus: by its key, else by the texts that it shares; utterances by text, in
    order.
    """
    texts = [normalised(text) for text in corpus.utterances["text"]]
    holders: dict[str, set[str]] = {}
    for dialogue, rows in corpus.dialogue_rows.items():
        for row in rows:
            holders.setdefault(texts[row], set()).add(dialogue)
    earlier: dict[str, tuple[int, ...]] = {}
    counts: Counter[str] = Counter()
    for key, dialogues in found.items():
        for utterances in dialogues:
            said = [normalised(utterance.text) for utterance in utterances]
            dialogue = key if key in corpus.dialogue_rows else most_shared(said, holders)
            rows = corpus.dialogue_rows[dialogue] if dialogue else np.array([], dtype=int)
            turn_of = align(said, [texts[row] for row in rows])
            counts.update(dialogues=1, dialogues_unmatched=not turn_of)
            for place, utterance in enumerate(utterances):
                turns = causes_of(utterance, place, turn_of, counts)
                if turns:
                    earlier[str(corpus.utterances["utterance_id"].iloc[rows[turn_of[place]]])] = turns
    names = ("dialogues", "dialogues_unmatched", "utterances", "utterances_unmatched", "annotated", "latent",
             "causes_unmatched", "no_earlier_cause", "all_earlier_turns")  # fmt: skip
    return Causes(earlier, {name: int(counts[name]) for name in names})


def causes_of(utterance: Annotated, place: int, turn_of: dict[int, int], counts: Counter[str]) -> tuple[int, ...]:
    """The earlier turns of the corpus that caused an utterance, () where it cannot be scored; counts why."""
    counts.update(utterances=1, utterances_unmatched=place not in turn_of, latent=utterance.latent)
    if not utterance.causes or place not in turn_of:
        return ()
    known = [turn_of[cause] for cause in utterance.causes if cause in turn_of]
    turns = tuple(sorted(turn for turn in known if turn < turn_of[place]))
    counts.update(
        annotated=1,
        causes_unmatched=len(utterance.causes) - len(known),
        no_earlier_cause=not turns,
        all_earlier_turns=len(turns) == turn_of[place] > 0,
    )
    return turns if len(turns) < turn_of[place] else ()


def normalised(text: str) -> str:
    """Letters and digits only, lower case, one space between words: quotes, spaces and case do not matter."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", plain)) or " ".join(plain.split())


def most_shared(said: list[str], holders: dict[str, set[str]]) -> str | None:
    """The dialogue that shares the most texts with an annotated one, if it shares half of them, and is the only one."""
    votes = Counter(dialogue for text in set(said) for dialogue in holders.get(text, ()))
    best = votes.most_common(2)
    if not best or 2 * best[0][1] < len(set(said)) or (len(best) == 2 and best[0][1] == best[1][1]):
        return None
    return best[0][0]


def align(said: list[str], texts: list[str]) -> dict[int, int]:
    """Place in the annotation → turn of the corpus, equal texts in the same order."""
    blocks = SequenceMatcher(None, said, texts, autojunk=False).get_matching_blocks()
    return {block.a + step: block.b + step for block in blocks for step in range(block.size)}


def score_causes(causes: Causes, turn_values: Mapping[str, np.ndarray], corpus: Corpus) -> CauseScores:
    """Score turn attributions: utterance id → values (T,) of the turns of its dialogue, larger = more a cause.

    Only turns before the utterance are ranked, the attribution's ties against it. Nulls: 'previous_turn' ranks by
    nearness; 'same_speaker' ranks the turns of the same speaker first, then by nearness.
    """
    scored = [utterance for utterance in causes.earlier if utterance in turn_values]
    speakers = corpus.utterances["speaker"].to_numpy(dtype=object)
    rows = np.array([corpus.row_of[utterance] for utterance in scored], dtype=int)
    dialogues = corpus.utterances["dialogue_id"].to_numpy(dtype=object)[rows]
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in ("attribution", *NULLS)}
    for utterance, row in zip(scored, rows, strict=True):
        turn, truth = int(corpus.utterances["turn"].iloc[row]), causes.earlier[utterance]
        nearness = np.arange(turn, dtype=float)
        same = speakers[row - turn : row] == speakers[row]
        found["attribution"].append(measures(np.asarray(turn_values[utterance], dtype=float)[:turn], truth))
        found["previous_turn"].append(measures(nearness, truth))
        found["same_speaker"].append(measures(nearness + turn * same, truth))
    tables = {name: np.array(values).reshape(-1, len(METRICS)) for name, values in found.items()}  # (n, 4)

    def summary(table: np.ndarray) -> dict[str, Share]:
        return {metric: share_of(table[:, position], dialogues) for position, metric in enumerate(METRICS)}

    return CauseScores(
        n=len(scored),
        scores={name: summary(table) for name, table in tables.items()},
        gains={name: summary(tables["attribution"] - tables[name]) for name in NULLS},
        without_attribution=len(causes.earlier) - len(scored),
    )


def measures(values: np.ndarray, causes: tuple[int, ...]) -> tuple[float, ...]:
    """METRICS of one ranking: values (t,) of the earlier turns, `causes` those that people named (at least one)."""
    wrong = np.ones(len(values), dtype=bool)
    wrong[list(causes)] = False
    order = np.lexsort((~wrong, -values))  # largest value first; among equals the wrong ones first
    rank = np.flatnonzero(~wrong[order]) + 1  # (k,): places of the causes, from 1
    k = len(rank)
    return (
        float(rank[0] == 1),
        float(np.mean(~wrong[order][:k])),
        float(np.mean(np.arange(1, k + 1) / rank)),
        float(rank.mean()),
    )
