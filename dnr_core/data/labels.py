"""Settles the label set of a corpus: known, given, or its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

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


def resolve_labels(
    labels: Sequence[str],
    *,
    utterance_ids: Sequence[str],
    emotions: Sequence[str] | None,
    known: tuple[str, ...] | None,
) -> tuple[tuple[str, ...], list[str], dict[str, int]]:
    """The label set, the N labels within it ('' = unlabelled), and how many rows each left-out label had.

    `emotions` is the user's choice; `known` the set that the release states (None: looked for with `known_set`).
    Raises DataError for a label outside a known set, UsageError for a chosen emotion that never occurs.
    """
    known = known or known_set(labels)
    spelling = {label.casefold(): label for label in known or ()}
    named = [spelling.get(label.casefold(), label) for label in labels]
    if not any(named):
        raise DataError("no utterance carries a label", do="fill the emotion column, or choose another --target")
    if known and (emotions is None or set(emotions) <= set(known)):
        _check_known(named, utterance_ids, known)
    if emotions is None:
        return known or tuple(sorted(set(named) - {""})), named, {}
    _check_choice(emotions, named)
    chosen = set(emotions)
    outside = Counter(label for label in named if label and label not in chosen)
    return tuple(emotions), [label if label in chosen else "" for label in named], dict(sorted(outside.items()))


def _check_known(labels: Sequence[str], utterance_ids: Sequence[str], known: tuple[str, ...]) -> None:
    for row, label in enumerate(labels):
        if label and label not in known:
            raise DataError(
                f"unknown emotion in row {row + 1}, utterance {utterance_ids[row]!r}",
                got=repr(label),
                expected="one of " + ", ".join(known),
                do="mend the label, or name the label set with --emotions",
            )


def _check_choice(emotions: Sequence[str], labels: Sequence[str]) -> None:
    if len(set(emotions)) != len(emotions) or len(emotions) < 2:
        raise UsageError("--emotions", got=" ".join(emotions), expected="two or more different names")
    there = sorted(set(labels) - {""})
    missing = [emotion for emotion in emotions if emotion not in there]
    if missing:
        raise UsageError(
            "--emotions names an emotion that never occurs",
            got=repr(missing[0]),
            expected="some of " + ", ".join(there),
        )
