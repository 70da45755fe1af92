"""Clips are matched to utterances by name, and never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnr_core.data.media import find_media
from dnr_core.errors import DataError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(folder: Path, utterance_id: str, split: str = "train") -> tuple[str, str]:
    paths, counts = find_media(folder, utterance_ids=[utterance_id], splits=[split])
    outcome = next(word for word, count in counts.items() if count)
    return outcome, str(Path(paths[0]).relative_to(folder.resolve())) if paths[0] else ""


def test_a_clip_is_named_after_its_utterance(tmp_path: Path) -> None:
    touch(tmp_path, "Session1/Ses01F_impro01_F000.WAV", "Session1/Ses01F_impro01_F000.txt")
    assert found(tmp_path, "Ses01F_impro01_F000") == ("found", "Session1/Ses01F_impro01_F000.WAV")
    assert found(tmp_path, "Ses01F_impro01_F001") == ("missing", "")


def test_meld_names_are_looked_up_in_the_folder_of_their_split(tmp_path: Path) -> None:
    touch(tmp_path, "train_splits/dia0_utt0.mp4", "dev_splits_complete/dia0_utt0.mp4", "out_splits_test/dia0_utt0.mp4")
    assert found(tmp_path, "dev_dia0_utt0", "dev") == ("found", "dev_splits_complete/dia0_utt0.mp4")
    assert found(tmp_path, "test_dia0_utt0", "test") == ("found", "out_splits_test/dia0_utt0.mp4")
    assert found(tmp_path, "train_dia0_utt0", "dev") == ("found", "train_splits/dia0_utt0.mp4")


def test_doubtful_clips_are_left_out(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "dia0_utt0.mp4",
        "train/dia1_utt0.mp4",
        "train/dia1_utt0.wav",
        "a/x.mp4",
        "b/x.mp4",
        "dev/dia2_utt0.mp4",
    )
    assert found(tmp_path, "train_dia0_utt0") == ("ambiguous", "")
    assert found(tmp_path, "train_dia1_utt0") == ("ambiguous", "")
    assert found(tmp_path, "x") == ("ambiguous", "")
    assert found(tmp_path, "train_dia2_utt0") == ("missing", "")


def test_a_split_is_a_word_in_the_name_of_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "latest/dia0_utt0.mp4", "train_and_dev/dia1_utt0.mp4")
    assert found(tmp_path, "test_dia0_utt0", "test") == ("ambiguous", "")
    assert found(tmp_path, "dev_dia1_utt0", "dev") == ("ambiguous", "")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no media folder"):
        find_media(tmp_path / "none", utterance_ids=["a"], splits=["train"])
