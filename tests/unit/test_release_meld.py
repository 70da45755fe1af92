"""`prepare` on MELD's three CSVs, and the mending of their text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnr_core.data.release import mend_pickled_text, mend_text
from dnr_core.data.release_meld import seconds
from dnr_core.data.releases import prepare
from dnr_core.errors import DataError, UsageError


def data_error(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        prepare([folder], name="meld")
    assert "\n" not in str(caught.value)
    return str(caught.value)


MELD_HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,StartTime,EndTime"


def write_meld(folder: Path, split: str, rows: list[str]) -> Path:
    path = folder / f"{split}_sent_emo.csv"
    path.write_text("\n".join([MELD_HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def test_meld_files_get_their_split_into_the_ids(tmp_path: Path) -> None:
    train = [
        '1,"Hi, you",Ann,joy,positive,0,3,"00:00:05,250","0:01:00,5"',
        "2,Oh\x85,Bob,anger,negative,0,1,later,00:00:02",
    ]
    paths = [write_meld(tmp_path, "train", train), write_meld(tmp_path, "dev", [train[1]])]
    corpus, report = prepare(paths[::-1], name="meld")
    assert corpus.utterances["utterance_id"].tolist() == ["train_dia0_utt1", "train_dia0_utt3", "dev_dia0_utt1"]
    assert corpus.utterances["turn"].tolist() == [0, 1, 0]
    assert corpus.utterances["text"].tolist() == ["Oh…", "Hi, you", "Oh…"]
    assert corpus.split_of == {"train_dia0": "train", "dev_dia0": "dev"}
    assert corpus.utterance(1).start_s == 5.25
    assert corpus.utterance(1).end_s == 60.5
    assert corpus.utterance(0).start_s is None
    assert corpus.widths == {"text": 0, "audio": 0, "visual": 0}
    assert not corpus.present.any()
    assert report.missing["audio"] == {"not_in_release": 3}
    assert prepare([tmp_path], name="meld", target="sentiment")[0].labels.tolist() == [2, 1, 2]


def test_faults_in_meld_files_are_named(tmp_path: Path) -> None:
    row = "1,Hi,Ann,joy,positive,0,0,00:00:01,00:00:02"
    write_meld(tmp_path, "train", [row, row])
    assert "'train_dia0_utt0'" in data_error(tmp_path)
    write_meld(tmp_path, "train", [row.replace("joy", "joyy")])
    assert "'joyy'" in data_error(tmp_path)
    write_meld(tmp_path, "train", [row.replace(",0,0,", ",x,0,")])
    assert "Dialogue_ID" in data_error(tmp_path)
    (tmp_path / "train_sent_emo.csv").write_text("Utterance,Speaker\nHi,Ann\n")
    assert "'Emotion'" in data_error(tmp_path)


def test_clock_times_are_seconds() -> None:
    assert seconds("01:20:57,256") == pytest.approx(4857.256)
    assert seconds("0:00:01.5") == 1.5
    assert np.isnan(seconds("soon"))


def test_control_characters_become_what_they_stand_for() -> None:
    assert mend_text("It\x92s \x93so\x94 \x85") == "It’s “so” …"
    assert mend_text("\x81 é") == "\x81 é"
    assert mend_pickled_text("It\xe2\x80\x99s caf\xc3\xa9") == "It’s café"
    assert mend_pickled_text("caf\xe9 \x92") == "café ’"
    assert mend_pickled_text("It’s") == "It’s"


def test_two_files_of_one_split_are_refused(tmp_path: Path) -> None:
    row = "1,Hi,Ann,joy,positive,0,0,00:00:01,00:00:02"
    (tmp_path / "copy").mkdir()
    paths = [write_meld(tmp_path, "train", [row]), write_meld(tmp_path / "copy", "train", [row])]
    with pytest.raises(UsageError, match="two files for split train"):
        prepare(paths, name="meld")
