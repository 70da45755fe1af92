"""Settles the label set of a corpus: known, given, or its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dnr_core.data.release import IEMOCAP_EMOTIONS, MELD_EMOTIONS, SENTIMENTS
from dnr_core.errors import DataError, UsageError

KNOWN_SETS = (MELD_EMOTIONS, IEMOCAP_EMOTIONS, SENTIMENTS)


def known_set(labels: Sequence[str]) -> tuple[str, ...] | None:
    """The known label set that holds most of the distinct labels, or None where none holds more than half.

    A tie goes to the set that holds more rows, then to the first of KNOWN_SETS. Case is ignored.
    """
    counts = Counter(label.casefold() for label in labels if label)
    if not counts:
        return None

    def held(known: tuple[str, ...]) -> tuple[int, int]:
        return sum(label in known for label in counts), sum(n for label, n in counts.items() if label in known)

    best = max(KNOWN_SETS, key=held)
    return best if 2 * held(best)[0] > len(counts) else None


@dataclass(frozen=True)
class Labels:
    """The settled label set.

    `emotions`: their order; `of` (N,): the label of each utterance, '' = unlabelled; `left_out`: rows of each label
    outside the chosen set; `merged`: (label, emotion) → rows of labels that were counted as another emotion.
    """

    emotions: tuple[str, ...]
    of: list[str]
    left_out: dict[str, int]
    merged: dict[tuple[str, str], int]

    @property
    def rules(self) -> list[str]:
        """What was merged, in words."""
        return [f"{count:,} utterances labelled {label} count as {to}" for (label, to), count in self.merged.items()]


def resolve_labels(
    labels: Sequence[str],
    *,
    utterance_ids: Sequence[str],
    emotions: Sequence[str] | None,
    known: tuple[str, ...] | None,
) -> Labels:
    """The label set and the labels within it.

    `emotions` is the user's choice (see `parse_choice`); `known` the set that the release states (None: looked for
    with `known_set`). Raises DataError for a label outside a known set, UsageError for a chosen emotion that never
    occurs.
    """
    known = known or known_set(labels)
    spelling = {label.casefold(): label for label in known or ()}
    named = [spelling.get(label.casefold(), label) for label in labels]
    if not any(named):
        raise DataError("no utterance carries a label", do="fill the emotion column, or choose another --target")
    choice = parse_choice(emotions or ())
    taken = [source for sources in choice.values() for source in sources]
    if known and set(taken) <= set(known):
        _check_known(named, utterance_ids, known)
    if emotions is None:
        return Labels(known or tuple(sorted(set(named) - {""})), named, {}, {})
    _check_choice(emotions, taken, named)
    into = {source: emotion for emotion, sources in choice.items() for source in sources}
    outside = Counter(label for label in named if label and label not in into)
    merged = Counter((label, into[label]) for label in named if into.get(label, label) != label)
    return Labels(tuple(choice), [into.get(label, "") for label in named], dict(sorted(outside.items())), dict(merged))


def parse_choice(emotions: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Emotion → the labels that count as it: `sad` is the label sad, `happy=happy+excited` merges two.

    Raises UsageError for an empty name.
    """
    choice: dict[str, tuple[str, ...]] = {}
    for entry in emotions:
        name, merges, sources = entry.partition("=")
        parts = tuple(sources.split("+")) if merges else (name,)
        if not name or not all(parts):
            raise UsageError("--emotions", got=repr(entry), expected="a name, or name=label+label")
        choice[name] = choice.get(name, ()) + parts
    return choice


def _check_known(labels: Sequence[str], utterance_ids: Sequence[str], known: tuple[str, ...]) -> None:
    for row, label in enumerate(labels):
        if label and label not in known:
            raise DataError(
                f"unknown emotion in row {row + 1}, utterance {utterance_ids[row]!r}",
                got=repr(label),
                expected="one of " + ", ".join(known),
                do="mend the label, or name the label set with --emotions",
            )


def _check_choice(emotions: Sequence[str], taken: Sequence[str], labels: Sequence[str]) -> None:
    if len(set(taken)) != len(taken) or len(emotions) < 2:
        raise UsageError(
            "--emotions", got=" ".join(emotions), expected="two or more different names, each label in one of them"
        )
    there = sorted(set(labels) - {""})
    missing = [label for label in taken if label not in there]
    if missing:
        raise UsageError(
            "--emotions names an emotion that never occurs",
            got=repr(missing[0]),
            expected="some of " + ", ".join(there),
        )
