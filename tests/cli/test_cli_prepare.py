"""`prepare`: real releases where they are at hand, small ones written here, and every fault that a source may have."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import SHARED, Result, check_one_line

from dnr_core.data.corpus import Corpus

needs_releases = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real corpora at {SHARED} (set DNR_SHARED)")
RELEASES = SHARED / "releases"
HEADER = "utterance_id,dialogue_id,split,turn,speaker,text,emotion,sentiment,audio_pitch_hz,visual_AU12"
ROWS = (
    "a0,a,train,0,Ann,one,joy,positive,120,1",
    "a1,a,train,1,Bob,two,anger,negative,130,2",
    "b0,b,dev,0,Cyd,three,neutral,neutral,140,0.5",
    "c0,c,test,0,Dan,four,sadness,negative,150,3",
)


def table(folder: Path, *, header: str = HEADER, rows: tuple[str, ...] = ROWS, text_rows: int | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "utterances.csv").write_text("\n".join((header, *rows)) + "\n")
    np.save(folder / "text_two.npy", np.ones((len(rows) if text_rows is None else text_rows, 2), dtype=np.float32))
    return folder


def without(column: str) -> dict[str, Any]:
    place = HEADER.split(",").index(column)
    lines = [",".join(cell for at, cell in enumerate(line.split(",")) if at != place) for line in (HEADER, *ROWS)]
    return {"header": lines[0], "rows": tuple(lines[1:])}


def changed(row: int, old: str, new: str) -> dict[str, Any]:
    assert old in ROWS[row]
    return {"rows": tuple(line.replace(old, new, 1) if at == row else line for at, line in enumerate(ROWS))}


# ---- real releases -------------------------------------------------------------------------------------------------


@needs_releases
@pytest.mark.parametrize(
    ("sources", "layout", "rows", "emotions", "trainable"),
    [
        (["meld"], "table", 13708, 7, True),
        (["iemocap"], "table", 7433, 6, True),
        ([f"releases/{split}_sent_emo.csv" for split in ("train", "dev", "test")], "meld_csv", 13708, 7, False),
        (["releases/cosmic_meld.pkl"], "cosmic", 13708, 7, False),
        (["releases/cosmic_iemocap.pkl"], "cosmic", 7433, 6, False),
        (["releases/mmgcn_meld_sample.pkl"], "mmgcn", 1197, 7, True),
        (["releases/mmgcn_iemocap_sample.pkl"], "mmgcn", 693, 6, True),
        (["releases/dnr_meld_sample.pkl"], "dnr", 1197, 7, True),
        (["releases/dnr_iemocap_sample.pkl"], "dnr", 693, 6, True),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_every_real_release_becomes_a_corpus(
    run: Callable[..., Result],
    tmp_path: Path,
    sources: list[str],
    layout: str,
    rows: int,
    emotions: int,
    trainable: bool,
) -> None:
    report = run(["prepare", *(SHARED / source for source in sources), "--out", "made", "--json"]).json
    assert (report["layout"], report["rows"], len(report["emotions"])) == (layout, rows, emotions)
    assert (sum(report["widths"].values()) > 0) == trainable
    assert sum(report["utterances_per_split"].values()) == rows
    counted = sum(sum(split.values()) for split in report["labels"].values())
    assert counted + report["unlabelled"] == rows
    corpus = Corpus.load(tmp_path / "made")
    assert len(corpus) == rows and list(corpus.emotions) == report["emotions"]
    assert set(corpus.split_of.values()) == {"train", "dev", "test"}


@needs_releases
def test_the_report_is_a_table_for_people(real: Callable[..., Result], tmp_path: Path) -> None:
    ended = real(["prepare", RELEASES / "dnr_iemocap_sample.pkl", "--out", tmp_path / "made"])
    assert (ended.code, ended.err) == (0, "")
    assert "made: 693 utterances in 15 dialogues (dnr)" in ended.out
    assert all(word in ended.out for word in ("train", "dev", "test", "happy", "imputed cells", "not measured", "rule"))


@needs_releases
def test_a_folder_of_many_releases_lists_them(refused: Callable[..., Result]) -> None:
    names = [path.name for path in RELEASES.iterdir()]
    assert len(names) == 9
    refused(["prepare", RELEASES, "--out", "made"], 2, "several releases", "name the one to prepare", *names)


# ---- what works ----------------------------------------------------------------------------------------------------


def test_json_is_one_object_and_nothing_else(run: Callable[..., Result], tmp_path: Path) -> None:
    ended = run(["prepare", table(tmp_path / "in"), "--out", "made", "--json"])
    assert ended.err == ""
    assert ended.json["corpus"] == "made"
    assert ended.json["utterances_per_split"] == {"train": 2, "dev": 1, "test": 1}
    assert ended.json["widths"] == {"text": 2, "audio": 1, "visual": 1}
    assert ended.json["labels"]["train"]["joy"] == 1


def test_emotions_restrict_and_order_the_labels(run: Callable[..., Result], tmp_path: Path) -> None:
    source = table(tmp_path / "in")
    found = run(["prepare", source, "--out", "made", "--emotions", "anger", "joy", "--json"]).json
    assert (found["emotions"], found["unlabelled"]) == (["anger", "joy"], 2)
    assert found["left_out"] == {"neutral": 1, "sadness": 1}
    assert Corpus.load(tmp_path / "made").labels.tolist() == [1, 0, -1, -1]


def test_the_sentiment_can_be_the_target(run: Callable[..., Result], tmp_path: Path) -> None:
    found = run(["prepare", table(tmp_path / "in"), "--out", "made", "--target", "sentiment", "--json"]).json
    assert found["emotions"] == ["neutral", "positive", "negative"]
    assert Corpus.load(tmp_path / "made").labels.tolist() == [1, 2, 0, 2]


def test_the_template_can_be_filled_in_and_prepared(run: Callable[..., Result], tmp_path: Path) -> None:
    ended = run("prepare --template --out mine")
    assert ended.code == 0 and "prepare mine --out data/NAME" in ended.out
    file = tmp_path / "mine" / "utterances.csv"
    header = file.read_text().strip().split(",")
    cells = {"utterance_id": "u", "dialogue_id": "d", "split": "train", "turn": "0", "speaker": "A", "text": "hi"}
    for turn, emotion in enumerate(("joy", "anger")):
        own = cells | {"utterance_id": f"u{turn}", "turn": str(turn), "emotion": emotion, "audio_duration_s": "1.5"}
        file.write_text(file.read_text() + ",".join(own.get(name, "") for name in header) + "\n")
    assert run("prepare mine --out made --json").json["rows"] == 2


def test_the_template_speaks_json(run: Callable[..., Result]) -> None:
    assert run("prepare --template --out mine --json").json == {"template": "mine/utterances.csv"}


def test_media_are_counted(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a0.wav").write_bytes(b"")
    found = run(["prepare", table(tmp_path / "in"), "--out", "made", "--media", "clips", "--json"]).json
    assert found["media"] == {"found": 1, "missing": 3, "ambiguous": 0}


# ---- what does not -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["utterance_id", "dialogue_id", "speaker", "text", "emotion"])
def test_a_missing_column_is_named(refused: Callable[..., Result], tmp_path: Path, column: str) -> None:
    source = table(tmp_path / "in", **without(column))
    refused(["prepare", source, "--out", "made"], 3, f"utterances.csv lacks the column '{column}'", "add it")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (changed(1, "a1,", "a0,"), ["duplicate utterance id", "got 'a0'"]),
        (changed(1, "anger", "angstrom"), ["unknown emotion in row 2", "'a1'", "got 'angstrom'", "--emotions"]),
        (changed(1, "130", "loud"), ["row 2", "'audio_pitch_hz'", "got 'loud'", "expected a number"]),
        (changed(1, ",1,Bob", ",0,Bob"), ["dialogue 'a' has turn 0 twice"]),
        (changed(1, "train", "dev"), ["dialogue 'a' stands in two splits"]),
        (changed(1, "train", "holdout"), ["unknown split", "got 'holdout'", "expected one of train, dev, test"]),
        (changed(1, "a1,a", "a1,"), ["row 2 has no dialogue_id"]),
        (changed(1, "130", "inf"), ["infinite audio feature 'audio_pitch_hz'", "'a1'"]),
        ({"rows": ()}, ["has no row"]),
        ({"header": HEADER.replace("visual_AU12", "audio_pitch_hz")}, ["has a column twice", "'audio_pitch_hz'"]),
        ({"text_rows": 3}, ["text_two.npy does not match utterances.csv", "got 3 rows", "expected 4"]),
    ],
    ids=lambda value: value[0].replace(" ", "-") if isinstance(value, list) else None,
)
def test_a_fault_in_a_table_is_named(
    refused: Callable[..., Result], tmp_path: Path, fault: dict[str, Any], words: list[str]
) -> None:
    refused(["prepare", table(tmp_path / "in", **fault), "--out", "made"], 3, *words)


def test_a_feature_that_no_train_row_has_is_named(refused: Callable[..., Result], tmp_path: Path) -> None:
    lines = tuple(f"{line}," + ("" if "train" in line else "1") for line in ROWS)
    source = table(tmp_path / "in", header=f"{HEADER},audio_level_db", rows=lines)
    refused(["prepare", source, "--out", "made"], 3, "audio feature 'audio_level_db' is empty in every train row")


@pytest.mark.parametrize("flags", ["--emotions joy", "--emotions joy joy", "--emotions joy boredom"])
def test_emotions_must_be_there(refused: Callable[..., Result], tmp_path: Path, flags: str) -> None:
    refused(["prepare", table(tmp_path / "in"), "--out", "made", *flags.split()], 2, "--emotions", "expected")


def dnr_release(**changes: Any) -> dict[str, Any]:
    """The DnR layout with two dialogues, one of two turns."""
    release = {
        "trainVid": ["a"],
        "testVid": ["b"],
        "speaker": {"a": ["M", "F"], "b": ["M"]},
        "label": {"a": [0, 1], "b": [2]},
        "text": {"a": [np.ones(3), np.ones(3)], "b": [np.ones(3)]},
        "audio": {"a": [np.ones(2), np.ones(2)], "b": [np.ones(2)]},
        "visual": {"a": [np.ones(2), np.ones(2)], "b": [np.ones(2)]},
        "sentence": {"a": ["hi", "ho"], "b": ["hm"]},
    }
    return release | changes


class Caller:
    """Unpickling this runs a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_a_pickle_that_calls_something_is_refused_and_not_run(refused: Callable[..., Result], tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    for protocol in range(6):
        (tmp_path / "release.pkl").write_bytes(pickle.dumps(dnr_release(extra=Caller(trap)), protocol))
        refused("prepare release.pkl --out made", 3, "release.pkl", "got the global", "system", "nothing was executed")
    assert not trap.exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_pickle_is_refused(refused: Callable[..., Result], tmp_path: Path, share: float) -> None:
    whole = pickle.dumps(dnr_release(), 2)
    (tmp_path / "release.pkl").write_bytes(whole[: int(len(whole) * share)])
    refused("prepare release.pkl --out made", 3, "release.pkl is not a readable pickle", "download the file again")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": {"a": [], "b": [2]}}, ["dialogue 'a' is empty"]),
        ({"label": {"a": [0, 99], "b": [2]}}, ["label 99", "--emotions"]),
        ({"label": {"a": [0, "x"], "b": [2]}}, ["label that is no whole number"]),
        ({"audio": {"a": [np.ones(2)], "b": [np.ones(2)]}}, ["dialogue 'a': audio features do not match", "got 1"]),
        ({"text": {"a": [np.ones(3), np.ones(4)], "b": [np.ones(3)]}}, ["text features of another width", "got 4"]),
        ({"trainVid": ["a", "z"]}, ["the train list names dialogue 'z'"]),
        ({"testVid": ["a", "b"]}, ["dialogue 'a' stands in two splits"]),
        ({"speaker": 3}, ["is no release that can be read", "expected a list"]),
    ],
)
def test_a_fault_in_a_pickle_is_named(
    refused: Callable[..., Result], tmp_path: Path, changes: dict[str, Any], words: list[str]
) -> None:
    (tmp_path / "release.pkl").write_bytes(pickle.dumps(dnr_release(**changes)))
    refused("prepare release.pkl --out made", 3, *words)


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"\x00\x01\x02", b'"open quote\n'])
def test_a_csv_that_is_none_is_refused(refused: Callable[..., Result], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "utterances.csv").write_bytes(content)
    refused("prepare utterances.csv --out made", 3, "utterances.csv")


def test_an_array_of_objects_is_refused(refused: Callable[..., Result], tmp_path: Path) -> None:
    source = table(tmp_path / "in")
    np.save(source / "text_two.npy", np.array([{"a": 1}] * 4, dtype=object), allow_pickle=True)
    refused(["prepare", source, "--out", "made"], 3, "text_two.npy is not a readable array")


def test_sources_and_out_are_needed(refused: Callable[..., Result], tmp_path: Path) -> None:
    table(tmp_path / "in")
    (tmp_path / "empty").mkdir()
    refused("prepare --out made", 2, "prepare needs a source")
    refused("prepare in", 2, "prepare needs --out")
    refused("prepare gone --out made", 3, "no such file or folder: gone")
    refused("prepare empty --out made", 3, "no release in empty", "got an empty folder")
    refused("prepare in --out in", 1, "in exists", "add --overwrite")
    refused("prepare in --out in --overwrite", 1, "in cannot be replaced")
    refused("prepare in --out made --media gone", 3, "no media folder", "got gone")
    refused("prepare --template --out in", 1, "utterances.csv exists")
    refused("prepare in --out in/utterances.csv/made", 1, "cannot write", "a file where a folder belongs")


def test_a_real_process_reports_bad_data_in_one_line(real: Callable[..., Result], tmp_path: Path) -> None:
    source = table(tmp_path / "in", **changed(1, "a1,", "a0,"))
    ended = real(["prepare", source, "--out", tmp_path / "made", "--json"])
    check_one_line(ended, 3, "duplicate utterance id: got 'a0'; expected each id once; rename or drop the copy")
    assert not (tmp_path / "made").exists()


def test_text_of_any_script_survives(run: Callable[..., Result], real: Callable[..., Result], tmp_path: Path) -> None:
    rows = tuple(line.replace("joy", "Freude\u00fc").replace("Ann", "\u5c0f\u660e") for line in ROWS)
    source = table(tmp_path / "in", rows=rows)
    flags = ["--emotions", "Freude\u00fc", "anger", "sadness", "neutral"]
    ended = real(["prepare", source, "--out", tmp_path / "made", *flags], environment={"PYTHONIOENCODING": "ascii"})
    assert (ended.code, ended.err) == (0, "") and "Freude\\xfc" in ended.out
    as_json = run(["prepare", source, "--out", "again", *flags, "--json"])
    assert json.loads(as_json.out)["emotions"][0] == "Freude\u00fc"
    assert Corpus.load(tmp_path / "made").utterances["speaker"].iloc[0] == "\u5c0f\u660e"
