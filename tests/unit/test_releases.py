"""`prepare` on the table form: small tables written here, every number counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dnr_core.data.corpus import Corpus
from dnr_core.data.releases import find_release, prepare, template
from dnr_core.data.report import PrepareReport
from dnr_core.errors import DataError, DnRError, UsageError

HEADER = (
    "utterance_id,dialogue_id,split,turn,speaker,text,emotion,sentiment,start_s,end_s,"
    "audio_pitch_hz,audio_level_db,visual_AU01,visual_AU12,visual_fault,visual_note"
)
ROWS = [
    "a0,a,train,0,Ann,NA,joy,positive,0.5,1.5,120,60,0.5,1.5,,",
    "a1,a,train,1,Bob,no\x92way,neutral,neutral,,,,61,0,0,no_face,",
    "a2,a,train,2,Ann,None,joy,positive,,,130,62,7.5,1,,",
    "b0,b,dev,0,Cyd,hm,anger,negative,,,,,,,absent,blurred",
    "c0,c,test,0,Cyd,oh,sadness,negative,,,140,63,1,2,,",
]


def write_table(folder: Path, rows: list[str] | None = None, *, header: str = HEADER, text: int | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = ROWS if rows is None else rows
    (folder / "utterances.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    count = len(rows) if text is None else text
    np.save(folder / "text_tiny.npy", np.arange(1, 2 * count + 1, dtype=np.float16).reshape(count, 2))
    return folder


def prepared(folder: Path, **options: object) -> tuple[Corpus, PrepareReport]:
    return prepare([folder], name="small", **options)  # type: ignore[arg-type]


def changed(row: int, old: str, new: str) -> list[str]:
    assert old in ROWS[row]
    return [line.replace(old, new, 1) if position == row else line for position, line in enumerate(ROWS)]


def without(column: str) -> tuple[str, list[str]]:
    position = HEADER.split(",").index(column)
    drop = [
        ",".join(cell for place, cell in enumerate(line.split(",")) if place != position) for line in [HEADER, *ROWS]
    ]
    return drop[0], drop[1:]


def data_error(folder: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        prepared(folder, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_table_becomes_rows_and_features(tmp_path: Path) -> None:
    corpus, _ = prepared(write_table(tmp_path))
    assert corpus.dialogue_ids() == ["a", "b", "c"]
    assert corpus.emotions == ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
    assert corpus.labels.tolist() == [4, 0, 4, 6, 3]
    assert corpus.utterances["text"].tolist() == ["NA", "no’way", "None", "hm", "oh"]
    assert corpus.feature_names == {
        "text": ("text_tiny_000", "text_tiny_001"),
        "audio": ("audio_pitch_hz", "audio_level_db"),
        "visual": ("visual_AU01", "visual_AU12"),
    }
    np.testing.assert_array_equal(corpus.features["text"][1], [3, 4])
    np.testing.assert_array_equal(corpus.features["audio"][:, 0], [120, np.nan, 130, np.nan, 140])
    assert corpus.utterance(0).start_s == 0.5
    assert corpus.utterance(1).start_s is None
    assert [source["name"] for source in corpus.sources] == ["utterances.csv", "text_tiny.npy"]
    assert Corpus.load(corpus.save(tmp_path / "out")).hash == corpus.hash


def test_faults_say_what_was_not_measured(tmp_path: Path) -> None:
    corpus, report = prepared(write_table(tmp_path))
    assert corpus.present.tolist() == [
        [True, True, True],
        [True, True, False],
        [True, True, False],
        [True, False, False],
        [True, True, True],
    ]
    assert corpus.utterances["faults"].tolist() == [
        "",
        "visual:no_face",
        "visual:out_of_range",
        "audio:absent;visual:absent",
        "",
    ]
    assert report.missing == {
        "text": {},
        "audio": {"absent": 1},
        "visual": {"absent": 1, "no_face": 1, "out_of_range": 1},
    }
    assert report.imputed == {"text": {}, "audio": {"audio_pitch_hz": 1}, "visual": {}}


def test_the_report_counts_and_renders(tmp_path: Path) -> None:
    _, report = prepared(write_table(tmp_path))
    assert (report.rows, report.dialogues, report.unlabelled) == (5, 3, 0)
    assert report.utterances_per_split == {"train": 3, "dev": 1, "test": 1}
    assert report.labels["train"]["joy"] == 2
    assert any("visual_note" in rule for rule in report.rules)
    assert json.loads(json.dumps(report.to_dict()))["missing"]["audio"] == {"absent": 1}
    text = report.text()
    assert "5 utterances in 3 dialogues" in text
    assert "1 absent, 1 no_face, 1 out_of_range" in text


def test_rows_are_sorted_by_turn_and_arrays_move_with_them(tmp_path: Path) -> None:
    rows = [ROWS[2], ROWS[3], ROWS[0], ROWS[4], ROWS[1]]
    corpus, report = prepared(write_table(tmp_path, rows))
    assert corpus.utterances["utterance_id"].tolist() == ["a0", "a1", "a2", "b0", "c0"]
    assert corpus.features["text"][:, 0].tolist() == [5, 9, 1, 3, 7]
    assert any("sorted" in rule for rule in report.rules)


def test_without_turns_the_order_of_rows_counts_and_gaps_are_closed(tmp_path: Path) -> None:
    header, rows = without("turn")
    corpus, _ = prepared(write_table(tmp_path / "none", rows, header=header))
    assert corpus.utterances["turn"].tolist() == [0, 1, 2, 0, 0]
    corpus, report = prepared(write_table(tmp_path / "gap", changed(2, "train,2", "train,9")))
    assert corpus.utterances["turn"].tolist() == [0, 1, 2, 0, 0]
    assert any("renumbered" in rule for rule in report.rules)


@pytest.mark.parametrize("column", ["utterance_id", "dialogue_id", "speaker", "text", "emotion"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    header, rows = without(column)
    assert repr(column) in data_error(write_table(tmp_path, rows, header=header))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (changed(1, "a1,", "a0,"), ["duplicate utterance id", "'a0'"]),
        (changed(1, "neutral", "joyy"), ["row 2", "'a1'", "'joyy'", "surprise"]),
        (changed(0, "120", "loud"), ["row 1", "audio_pitch_hz", "'loud'"]),
        (changed(0, "120", "inf"), ["infinite", "audio_pitch_hz", "'a0'"]),
        (changed(0, "120", "1e39"), ["infinite", "audio_pitch_hz", "'a0'"]),
        (changed(1, "train", "dev"), ["dialogue 'a'", "two splits"]),
        (changed(1, "train", "tain"), ["unknown split", "'tain'"]),
        (changed(3, "dev", ""), ["dialogue 'b'", "no split"]),
        (changed(1, "train,1", "train,0"), ["row 2", "dialogue 'a'", "turn 0 twice"]),
        (changed(1, "train,1", "train,one"), ["row 2", "'one'"]),
        (changed(1, "train,1", "train,1.5"), ["row 2", "'1.5'"]),
        (changed(3, "b0,b", "b0,"), ["row 4", "dialogue_id"]),
        (changed(3, "b0,b", ",b"), ["row 4", "utterance_id"]),
        ([row.replace(",120,", ",,").replace(",130,", ",,") for row in ROWS], ["audio_pitch_hz", "every train row"]),
        ([row.replace("joy", "").replace("neutral", "").replace("anger", "").replace("sadness", "") for row in ROWS],
         ["no utterance carries a label"]),
        ([], ["no row"]),
        ([*ROWS, "x" + "," * 40], ["not a readable CSV"]),
    ],
)  # fmt: skip
def test_a_fault_in_the_table_is_one_line_that_names_it(tmp_path: Path, rows: list[str], words: list[str]) -> None:
    message = data_error(write_table(tmp_path, rows, text=len(rows)))
    assert [word for word in words if word not in message] == []


def test_an_array_must_fit_the_table(tmp_path: Path) -> None:
    message = data_error(write_table(tmp_path, text=4))
    assert "text_tiny.npy" in message
    assert "4 rows" in message
    np.save(tmp_path / "text_tiny.npy", np.zeros(5))
    assert "(N, d)" in data_error(tmp_path)
    np.save(tmp_path / "text_tiny.npy", np.array([[None]] * 5), allow_pickle=True)
    assert "not a readable array" in data_error(tmp_path)
    (tmp_path / "text_tiny.npy").write_bytes(b"")
    assert "not a readable array" in data_error(tmp_path)


def test_an_array_and_columns_of_one_modality_are_joined(tmp_path: Path) -> None:
    np.save(write_table(tmp_path) / "audio_wav2vec.npy", np.full((5, 3), 2.0))
    corpus, _ = prepared(tmp_path)
    assert corpus.feature_names["audio"][2:] == ("audio_wav2vec_002", "audio_pitch_hz", "audio_level_db")
    assert corpus.features["audio"][0].tolist() == [2, 2, 2, 120, 60]


def test_one_zero_feature_alone_is_a_measurement(tmp_path: Path) -> None:
    header = "utterance_id,dialogue_id,split,speaker,text,emotion,audio_laughs"
    rows = ["a0,a,train,A,x,joy,0", "a1,a,train,B,y,anger,1"]
    corpus, _ = prepared(write_table(tmp_path, rows, header=header))
    assert corpus.present[:, 1].tolist() == [True, True]


def test_the_sentiment_can_be_the_target(tmp_path: Path) -> None:
    corpus, _ = prepared(write_table(tmp_path), target="sentiment")
    assert corpus.emotions == ("neutral", "positive", "negative")
    assert corpus.labels.tolist() == [1, 0, 1, 2, 2]
    header, rows = without("sentiment")
    assert "'sentiment'" in data_error(write_table(tmp_path, rows, header=header), target="sentiment")
    with pytest.raises(UsageError, match="one of emotion, sentiment"):
        prepared(tmp_path, target="mood")


def test_the_template_is_a_table_that_only_lacks_rows(tmp_path: Path) -> None:
    file = template(tmp_path / "mine")
    assert file == tmp_path / "mine" / "utterances.csv"
    assert "no row" in data_error(tmp_path / "mine")
    with file.open("a", encoding="utf-8") as stream:
        stream.write("u0,d,train,0,A,hi,joy,,,,1.5,,0.5,\nu1,d,train,1,B,ho,anger,,,,2.5,,,\n")
    corpus, _ = prepared(file)
    assert corpus.present.tolist() == [[False, True, True], [False, True, False]]
    with pytest.raises(DnRError, match="exists"):
        template(tmp_path / "mine")


def test_several_releases_in_a_folder_are_listed(tmp_path: Path) -> None:
    write_table(tmp_path)
    (tmp_path / "train_sent_emo.csv").write_text("")
    (tmp_path / "pack.pkl").write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        prepared(tmp_path)
    assert caught.value.exit_code == 2
    assert all(name in str(caught.value) for name in ("utterances.csv", "train_sent_emo.csv", "pack.pkl"))
    assert prepared(tmp_path / "utterances.csv")[1].rows == 5


def test_no_release_says_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"notes\.txt.*expected utterances\.csv"):
        prepared(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        prepared(tmp_path / "none")
    with pytest.raises(UsageError, match="SOURCE"):
        find_release([])


def test_every_named_file_is_read(tmp_path: Path) -> None:
    table = write_table(tmp_path / "in") / "utterances.csv"
    assert find_release([table, tmp_path / "in" / "text_tiny.npy"]).files == (table,)
    np.save(tmp_path / "text_other.npy", np.zeros((5, 2)))
    with pytest.raises(UsageError, match=r"text_other\.npy is no part"):
        find_release([table, tmp_path / "text_other.npy"])


def test_a_release_one_folder_down_is_found(tmp_path: Path) -> None:
    write_table(tmp_path / "inner")
    assert find_release([tmp_path]).files == (tmp_path / "inner" / "utterances.csv",)
