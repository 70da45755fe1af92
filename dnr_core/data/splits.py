"""Settles which dialogue is for training, choosing and testing, and says why."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from dnr_core.data.release import Release
from dnr_core.errors import DataError
from dnr_core.types import SPLITS

SPLITS_SEED = 1203
"""The seed of the drawn splits: its own, so that no other seed moves a dialogue."""
SHARE = 0.1
SPELLINGS = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "test",
    "testing": "test",
}
NAMED_IN_ID = re.compile(r"(train|dev|val|valid|test)(?:[^a-z]|$)", re.IGNORECASE)


def split_in_id(dialogue_id: str) -> str:
    """The split that an id starts with (`dev_dia3` → `dev`), or ''."""
    match = NAMED_IN_ID.match(dialogue_id)
    return SPELLINGS[match[1].lower()] if match else ""


def read_split(word: str) -> str:
    """`'validation'` → `'dev'`; '' stays ''. Raises DataError for another word."""
    split = SPELLINGS.get(word.strip().lower(), word.strip())
    if split and split not in SPLITS:
        raise DataError("unknown split", got=repr(word), expected="one of " + ", ".join(SPLITS))
    return split


def settle_splits(release: Release, *, seed: int) -> tuple[dict[str, str], str]:
    """The split of each dialogue, and one line that says where it is from.

    The release's own comes first; ids that name their split move dev dialogues out of train, and stand in where the
    release states none; without any, train, dev and test are drawn 8:1:1. Where there is no dev part, 10 % of the
    train dialogues are drawn for it.
    """
    splits, source = dict(release.splits), release.split_from
    if not any(splits.values()):
        splits = {dialogue: split_in_id(dialogue) for dialogue in splits}
        source = "named in the dialogue ids"
        if not all(splits.values()):
            return _draw_all(list(splits), seed=seed)
    moved = [dialogue for dialogue, split in splits.items() if split == "train" and split_in_id(dialogue) == "dev"]
    if moved:
        splits |= dict.fromkeys(moved, "dev")
        source += f"; {len(moved)} dialogues whose ids say dev moved from train to dev"
    train = [dialogue for dialogue, split in splits.items() if split == "train"]
    if release.draws_dev and "dev" not in splits.values() and len(train) > 1:
        drawn = draw(train, count=_share(train), seed=seed)
        splits |= dict.fromkeys(drawn, "dev")
        source += f"; dev: {len(drawn)} of {len(train)} train dialogues drawn from the sorted ids with seed {seed}"
    return splits, source


def draw(dialogue_ids: Sequence[str], *, count: int, seed: int) -> list[str]:
    """`count` of the ids, the same ones whatever order they come in."""
    return random.Random(seed).sample(sorted(dialogue_ids), count)


def _draw_all(dialogue_ids: Sequence[str], *, seed: int) -> tuple[dict[str, str], str]:
    if len(dialogue_ids) < 3:
        return dict.fromkeys(dialogue_ids, "train"), "none stated, too few dialogues to draw from: all are train"
    share = _share(dialogue_ids)
    drawn = draw(dialogue_ids, count=2 * share, seed=seed)
    splits = dict.fromkeys(dialogue_ids, "train") | dict.fromkeys(drawn[:share], "dev")
    splits |= dict.fromkeys(drawn[share:], "test")
    source = f"none stated; dev and test: {share} dialogues each drawn from the sorted ids with seed {seed}"
    return splits, source


def _share(dialogue_ids: Sequence[str]) -> int:
    return max(1, round(SHARE * len(dialogue_ids)))
