"""Uploads: whatever was handed over becomes the corpus that `prepare` would make of it, or leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import pickle
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dnr_core.data import archive
from dnr_core.data.archive import unpack
from dnr_core.data.corpus import Corpus
from dnr_core.data.releases import prepare
from dnr_core.errors import DataError, DnRError, UsageError
from dnr_core.results.upload import FORGOTTEN_S
from dnr_core.serve import Engine

SHARED = Path(os.environ.get("DNR_SHARED") or Path(__file__).resolve().parents[3] / "shared" / "data")
HEADER = "utterance_id,dialogue_id,split,turn,speaker,text,emotion,audio_pitch_hz,audio_loudness,visual_AU12"
ROWS = (
    "a0,a,train,0,Ann,one,joy,120,1,1",
    "a1,a,train,1,Bob,two,anger,130,0.5,9",
    "b0,b,dev,0,Cyd,three,joy,0,0,0.5",
    "c0,c,test,0,Dan,four,sadness,150,2,3",
)
TABLE = ("\n".join((HEADER, *ROWS)) + "\n").encode()


def array(rows: int = 4) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.arange(2.0 * rows, dtype=np.float32).reshape(rows, 2))
    return stream.getvalue()


def zipped(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return stream.getvalue()


class Calls:
    """A pickle of it asks for a call."""

    def __reduce__(self):
        return print, ("it was called",)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path / "data", tmp_path / "checkpoints")


def ended(upload, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while upload.running and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not upload.running
    return upload


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_dropped_table_becomes_the_corpus_that_prepare_makes_of_it(engine, tmp_path):
    files = [("utterances.csv", TABLE), ("text_two.npy", array())]
    made = ended(engine.begin_upload(files, "mine"))
    assert made.problem is None
    own = tmp_path / "own"
    own.mkdir()
    for name, content in files:
        (own / name).write_bytes(content)
    wanted, report = prepare([own], name="mine")
    corpus = engine.corpus("mine")
    assert (corpus.hash, corpus.name, corpus.sources) == (wanted.hash, "mine", wanted.sources)
    told = dict(made.report)
    assert told.pop("corpus") == str(engine.data.resolve() / "mine")
    assert told == json.loads(json.dumps(report.to_dict()))
    assert told["missing"]["audio"] == {"all_zero": 1} and told["missing"]["visual"] == {"out_of_range": 1}
    assert engine.corpus_report("mine") == report.to_dict()
    assert [info.name for info in engine.corpora()] == ["mine"]
    assert left_in(engine.data) == ["mine"], "the uploaded files are gone"


@pytest.mark.parametrize("folder", ["", "release/"])
def test_a_zip_of_a_folder_is_the_folder(engine, folder):
    members = [("utterances.csv", TABLE), ("text_two.npy", array()), ("clip.mp4", b"no clip"), ("__MACOSX/x.csv", b"")]
    packed = zipped(*((folder + name, content) for name, content in members))
    made = ended(engine.begin_upload([("release.zip", packed)], "mine"))
    assert made.problem is None
    assert engine.corpus("mine").widths == {"text": 2, "audio": 2, "visual": 1}
    assert left_in(engine.data) == ["mine"]


def test_labels_can_be_merged_and_ordered(engine):
    ended(engine.begin_upload([("any name.csv", TABLE)], "mine", emotions=["good=joy", "bad=anger+sadness"]))
    corpus = engine.corpus("mine")
    assert corpus.emotions == ("good", "bad")
    assert corpus.labels.tolist() == [0, 1, 0, 1]


CUT = pickle.dumps({"a": np.arange(100.0)})[:-40]
BAD = {
    "a pickle that calls": ([("x.pkl", pickle.dumps(Calls()))], "asks for something that data does not need"),
    "a pickle cut off": ([("x.pkl", CUT)], "x.pkl is not a readable pickle"),
    "a pickle of nothing": ([("x.pkl", b"")], "x.pkl is not a readable pickle"),
    "a column missing": ([("utterances.csv", TABLE.replace(b"speaker", b"who"))], "speaker"),
    "an array of another length": ([("utterances.csv", TABLE), ("text_two.npy", array(3))], "3 rows"),
    "an array that lies about its size": (
        [("utterances.csv", TABLE), ("text_two.npy", array().replace(b"(4, 2)", b"(4, 9" + b"9" * 11 + b")"))],
        "text_two.npy",
    ),
    "no release": ([("letter.docx", b"Dear")], "no release in letter.docx"),
    "two releases": ([("x.pkl", pickle.dumps({})), ("utterances.csv", TABLE)], "several releases"),
    "a file too many": ([("utterances.csv", TABLE), ("notes.txt", b"")], "notes.txt is no part of the release"),
    "a zip cut off": ([("x.zip", zipped(("utterances.csv", TABLE))[:-30])], "x.zip is not a readable zip"),
    "a zip that is none": ([("x.zip", b"PK and nothing")], "x.zip is not a readable zip"),
    "a zip of nothing": ([("x.zip", zipped())], "no release"),
    "a zip that climbs": ([("x.zip", zipped(("../../utterances.csv", TABLE)))], "leaves its folder"),
    "a zip with a root": ([("x.zip", zipped(("/tmp/utterances.csv", TABLE)))], "leaves its folder"),
    "a zip that climbs the other way": ([("x.zip", zipped(("..\\utterances.csv", TABLE)))], "leaves its folder"),
    "a zip in a zip": ([("x.zip", zipped(("y.zip", zipped(("utterances.csv", TABLE)))))], "no release"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_one_line_and_leaves_nothing_behind(engine, name, tmp_path):
    files, words = BAD[name]
    made = ended(engine.begin_upload(files, "mine"))
    assert made.report is None
    assert made.problem is not None and words in made.problem and "\n" not in made.problem
    assert "Traceback" not in made.problem and str(tmp_path) not in made.problem, "the reader knows no such folder"
    assert left_in(engine.data) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"], "nothing climbed out"


def test_a_zip_bomb_is_stopped_by_what_really_comes_out_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "ALWAYS_BYTES", 2**20)
    bomb = tmp_path / "bomb.zip"
    bomb.write_bytes(zipped(("utterances.csv", b"0" * 2**23)))
    assert bomb.stat().st_size * archive.MOST_RATIO < 2**23
    with pytest.raises(DataError, match=r"bomb\.zip unpacks to too much"):
        unpack(bomb, tmp_path / "out")
    written = sum(path.stat().st_size for path in (tmp_path / "out").iterdir())
    assert written <= bomb.stat().st_size * archive.MOST_RATIO + 2**20
    monkeypatch.setattr(archive, "ALWAYS_BYTES", 2**24)
    unpack(bomb, tmp_path / "small enough")
    assert (tmp_path / "small enough" / "utterances.csv").stat().st_size == 2**23


def test_an_existing_corpus_is_replaced_only_by_choice(engine):
    ended(engine.begin_upload([("utterances.csv", TABLE)], "mine"))
    before = engine.corpus("mine").hash
    with pytest.raises(DnRError, match="corpus mine exists"):
        engine.begin_upload([("utterances.csv", TABLE)], "mine")
    failed = ended(engine.begin_upload([("utterances.csv", b"none")], "mine", overwrite=True))
    assert failed.problem and engine.corpus("mine").hash == before, "a failure keeps what is there"
    changed = TABLE.replace(b"three", b"3")
    assert ended(engine.begin_upload([("utterances.csv", changed)], "mine", overwrite=True)).problem is None
    assert engine.corpus("mine").hash != before
    assert engine.corpus("mine").utterances["text"].tolist() == ["one", "two", "3", "four"]
    assert left_in(engine.data) == ["mine"]


def test_a_folder_that_is_no_corpus_is_never_replaced(engine):
    (engine.data / "mine").mkdir(parents=True)
    (engine.data / "mine" / "thesis.tex").write_text("mine")
    with pytest.raises(DnRError, match="cannot be replaced"):
        engine.begin_upload([("utterances.csv", TABLE)], "mine", overwrite=True)
    assert (engine.data / "mine" / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "..", "../up", "a/b", ".hidden", "-x", "a b", "ä", "x" * 65, "x\n"])
def test_a_name_that_is_no_name_is_refused(engine, name):
    with pytest.raises(UsageError, match="not a name for a corpus"):
        engine.begin_upload([("utterances.csv", TABLE)], name)
    assert not engine.data.exists()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "no file was given"),
        ([("a/x.csv", b""), ("b/x.csv", b"")], "two files have one name"),
        ([(".x.csv", b"")], "no usable name"),
        ([("a/", b"")], "no file|no usable name|no release"),
    ],
)
def test_files_without_a_usable_name_are_refused(engine, files, words):
    if files and files[0][0] == "a/":  # its last part is a plain name
        assert "no release" in (ended(engine.begin_upload(files, "mine")).problem or "")
        return
    with pytest.raises(UsageError, match=words):
        engine.begin_upload(files, "mine")


def test_options_cannot_be_smuggled_in(engine):
    with pytest.raises(UsageError, match="not an emotion"):
        engine.begin_upload([("utterances.csv", TABLE)], "mine", emotions=["joy", "--out", "elsewhere"])


def test_a_cancelled_upload_leaves_nothing_behind(engine):
    many = b"\n".join(b"u%d,d%d,train,0,Ann,words,joy,1,2,3" % (row, row) for row in range(60_000))
    upload = engine.begin_upload([("utterances.csv", HEADER.encode() + b"\n" + many)], "mine")
    with pytest.raises(DnRError, match="being prepared already"):
        engine.begin_upload([("utterances.csv", TABLE)], "mine")
    deadline = time.monotonic() + 30
    while not upload.line and upload.running and time.monotonic() < deadline:
        time.sleep(0.02)
    assert upload.line == "reading the release", "it says how far it is"
    upload.cancel()
    assert (upload.running, upload.report, upload.problem) == (False, None, "cancelled: nothing was kept")
    assert left_in(engine.data) == []
    assert ended(engine.begin_upload([("utterances.csv", TABLE)], "mine")).report is not None


def test_what_a_crash_left_is_removed_by_a_later_upload(engine):
    old, young = engine.data / ".upload.old", engine.data / ".upload.young"
    for folder in (old, young):
        (folder / "files").mkdir(parents=True)
    os.utime(old, (time.time() - FORGOTTEN_S - 60,) * 2)
    ended(engine.begin_upload([("utterances.csv", TABLE)], "mine"))
    assert left_in(engine.data) == [".upload.young", "mine"]


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real corpora at {SHARED} (set DNR_SHARED)")
def test_real_releases_as_they_are_published(engine):
    folder = SHARED / "releases"
    csvs = [(f"{split}_sent_emo.csv", (folder / f"{split}_sent_emo.csv").read_bytes()) for split in ("train", "dev")]
    csvs.append(("test_sent_emo.csv", (folder / "test_sent_emo.csv").read_bytes()))
    sample = (folder / "mmgcn_meld_sample.pkl").read_bytes()
    first = engine.begin_upload(csvs, "meld")
    second = engine.begin_upload([("sample.pkl", memoryview(sample))], "sample")
    assert ended(first).report["rows"] == 13708 and ended(second).report["rows"] == 1197
    assert isinstance(engine.corpus("sample"), Corpus)
    assert left_in(engine.data) == ["meld", "sample"]
