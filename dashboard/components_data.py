"""The numbers of the Components page: one utterance in depth, and its whole split; computed on request where long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from dashboard.dialogue_data import CANNOT, dialogue_numbers
from dashboard.markup import notice
from dashboard.state import LISTED, SCOPES, Selection, engine, shelf
from dnr_core.errors import DnRError
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.rows.turns import truth
from dnr_core.types import REMOVALS, ComponentValues

SCOPE_OF = {"dialogue": "dialogue", "turn": "utterance"}
"""The scope of the engine by that of the page."""
USED = ("Shapley value", "part", "modality", "logit", "scope", "removal", "decisive", "completeness")
WITHOUT = ("removal", "scope", "weighted F1", "bootstrap interval")
TOLD = ("bits", "BROJA", "unique", "redundant", "synergistic", "modality", "null")
"""Words of the glossary behind the headings."""
ABOUT_PAIRS = "Shapley interactions in logits: + together more, − they stand in for each other."
NO_RUN = "Values cannot be shown because no checkpoint is chosen: choose one at the left."
NO_PARTS = (
    "What the parts do cannot be shown because method {method} has no parts that can be switched off; "
    "what the data offer does not need them."
)
NO_INFORMATION = f"{CANNOT} this run has no model of modality subsets, or fewer than two modalities were measured."
ABOUT_BITS = (
    "Bits about the gold emotion: what both tell (redundant), what one tells and the other does not (unique), what "
    "only both together tell (synergistic); null: the 95 % quantile of the same with shuffled labels."
)
NOT_TESTED = (
    "Whether a part is decisive is tested for the predicted emotion only, with parts off in every turn and replaced by "
    "their mean. The values sum to the change of the logit within {gap:.1e}."
)


@dataclass(frozen=True)
class Depth:
    """The utterance in focus: exact `values` (N = 1) of its parts, the class `label` that is explained, and the
    smallest sets that keep and flip its predicted class. `numbers` are those of its dialogue, parts all on.
    """

    numbers: DialogueNumbers
    values: ComponentValues
    label: int
    sets: dict[str, tuple[str, ...] | None]

    @property
    def predicted(self) -> int:
        """The class that is predicted with every part on."""
        return int(self.values.total[0].argmax())


def settings(chosen: Selection) -> tuple[str, str]:
    """Scope and removal as the engine calls them."""
    return SCOPE_OF[chosen.scope], chosen.removal


def has_parts(chosen: Selection) -> bool:
    """Whether the method has parts that can be switched off."""
    return chosen.run is not None and "components" in chosen.run.supports


def is_tested(chosen: Selection, found: Depth) -> bool:
    """Whether null tests speak of what is shown."""
    return settings(chosen) == ("dialogue", REMOVALS[0]) and found.label == found.predicted


def whole_dialogue(chosen: Selection) -> DialogueNumbers:
    """The dialogue in focus with every part on."""
    read = dialogue_numbers(replace(chosen, off=frozenset(), scope=next(iter(SCOPES)), listed=LISTED[0]))
    return read if chosen.run is not None else replace(read, problem=NO_RUN)


def depth(chosen: Selection, numbers: DialogueNumbers) -> Depth:
    """The utterance in focus under the chosen settings: stored, or computed now. Raises DnRError."""
    assert chosen.run is not None
    utterance = numbers.dialogue.utterances[chosen.turn].utterance_id
    key = (chosen.run.info.name, chosen.corpus_name, utterance, *settings(chosen))
    values = engine().utterance_values(*key)
    label = chosen.corpus.emotions.index(chosen.emotion) if chosen.emotion else int(values.total[0].argmax())
    manifest = engine().header(chosen.run.info.name).manifest_hash
    sets = shelf().get(("sets of one", manifest, chosen.corpus.hash, *key), lambda: engine().utterance_sets(*key))
    return Depth(numbers, values, label, sets)


def about_turn(numbers: DialogueNumbers, turn: int) -> str:
    """Id, gold and predicted emotion, and what was planted, in one line."""
    utterance = numbers.dialogue.utterances[turn]
    words = [utterance.utterance_id]
    words.append(f"gold {utterance.emotion}" if utterance.emotion else "no label")
    if numbers.before is not None:
        label = int(numbers.predicted[turn])
        words.append(f"predicted {numbers.emotions[label]} ({numbers.before[turn, label]:.2f})")
    if utterance.truth_family:
        words.append(f"planted: {truth(utterance)}")
    return " · ".join(words)


def gap_of(found: Depth) -> float:
    """What the values of the explained class miss of the change of its logit."""
    return float(found.values.completeness_gap[0, found.label])


def asked(question: str, key: str, compute: Callable[[Callable[[int, int], None]], Any]) -> Any:
    """A button; where it was pressed, what `compute` gives, with a progress bar meanwhile; None where it was not."""
    if not st.button(question, key=key):
        return None
    bar = st.progress(0.0)

    def progress(done: int, of: int) -> None:
        bar.progress(done / max(1, of), text=f"{done:,} of {of:,}")

    try:
        found = compute(progress)
    except DnRError as error:
        notice(str(error))
        return None
    finally:
        bar.empty()
    return found


def split_values(chosen: Selection, split: str) -> Any:
    """What the parts do over a split (the engine's SplitValues): stored, or on request; None: not yet."""
    assert chosen.run is not None
    key = (chosen.run.info.name, chosen.corpus_name, split, *settings(chosen))
    turns, coalitions = len(chosen.corpus.rows(split)), 2 ** len(chosen.run.players)
    return engine().stored_split_values(*key) or asked(
        f"Compute all {turns:,} turns of {split} ({coalitions:,} coalitions each)",
        "ask_values",
        lambda progress: engine().split_values(*key, progress=progress),
    )  # fmt: skip


def split_information(chosen: Selection, split: str) -> Any:
    """What the modalities tell of a split (the engine's SplitInformation): stored, or on request; None: not yet."""
    assert chosen.run is not None
    key = (chosen.run.info.name, chosen.corpus_name, split)
    return engine().stored_split_information(*key) or asked(
        f"Measure what the modalities tell of {split}", "ask_information",
        lambda progress: engine().split_information(*key, progress=progress),
    )  # fmt: skip
