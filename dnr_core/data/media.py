"""Finds the clip of each utterance in a folder of video or audio files."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from dnr_core.errors import DataError

EXTENSIONS = frozenset({".mp4", ".mkv", ".avi", ".webm", ".wav", ".mp3", ".flac", ".ogg", ".m4a"})
SPLIT_IN_NAME = re.compile(r"(?<![a-z])(train|dev|test)")
SPLIT_IN_ID = re.compile(r"(train|dev|test)_(.+)")


def find_media(
    folder: Path, *, utterance_ids: Sequence[str], splits: Sequence[str]
) -> tuple[list[str], dict[str, int]]:
    """Absolute path of each utterance's clip ('' where there is none) and counts of found, missing and ambiguous.

    A clip is named after the utterance id. Names that exist in every split (MELD: `dia0_utt0.mp4`) are looked up in a
    sub-folder whose name contains the split's. Several candidates: no clip. Raises DataError for a missing folder.
    """
    if not folder.is_dir():
        raise DataError("no media folder", got=str(folder), expected="a folder of clips named by utterance id")
    clips = _index(folder)
    counts = {"found": 0, "missing": 0, "ambiguous": 0}
    paths: list[str] = []
    for utterance_id, split in zip(utterance_ids, splits, strict=True):
        candidates, decided = _candidates(clips, utterance_id, split)
        outcome = "found" if decided and len(candidates) == 1 else "ambiguous" if candidates else "missing"
        counts[outcome] += 1
        paths.append(str(candidates[0][0]) if outcome == "found" else "")
    return paths, counts


def _index(folder: Path) -> dict[str, list[tuple[Path, str]]]:
    """Per file stem: absolute path and the split that its sub-folder names ('' where none); one walk."""
    root = folder.resolve()
    clips: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for parent, folders, files in os.walk(root):
        folders.sort()
        split = _split_of(Path(parent).relative_to(root))
        for file in sorted(files):
            path = Path(parent, file)
            if path.suffix.lower() in EXTENSIONS:
                clips[path.stem].append((path, split))
    return clips


def _split_of(relative: Path) -> str:
    """The split that the deepest telling part of a path names, '' where none does or one names several."""
    for part in reversed(relative.parts):
        named = set(SPLIT_IN_NAME.findall(part.lower()))
        if named:
            return named.pop() if len(named) == 1 else ""
    return ""


def _candidates(
    clips: dict[str, list[tuple[Path, str]]], utterance_id: str, split: str
) -> tuple[list[tuple[Path, str]], bool]:
    """Clips that may be this utterance's, and whether the split is beyond doubt."""
    exact = clips.get(utterance_id, [])
    if len(exact) == 1:
        return exact, True
    if exact:
        return [clip for clip in exact if clip[1] == split] or exact, True
    prefixed = SPLIT_IN_ID.fullmatch(utterance_id)
    if prefixed is None:
        return [], True
    shared = clips.get(prefixed[2], [])
    own = [clip for clip in shared if clip[1] == prefixed[1]]
    unsure = [clip for clip in shared if clip[1] == ""]
    return (own, True) if own else (unsure, False)
