"""Notes and tags survive crashes, two writers and bad disks, and come back from what was exported."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.errors import DataError, DnRError, UsageError
from dnr_core.notes import COLUMNS, Notebook, export_csv, export_json
from dnr_core.serve import Engine

ROOT = Path(__file__).resolve().parents[2]
CORPUS, OTHER = "a" * 64, "b" * 64
AWKWARD = ' two\nlines, "quoted"; =1+1 <b>x</b> *y* $z$ é 👩‍👩‍👧‍👦\ttab\r\nend'


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return Notebook(tmp_path / "data" / "notes.sqlite")


def texts(notebook: Notebook, corpus: str = CORPUS) -> list[tuple[str, str, str]]:
    return [(entry.utterance_id, entry.kind, entry.text) for entry in notebook.entries(corpus)]


def test_notes_are_appended_and_tags_are_there_once(notebook):
    assert notebook.entries(CORPUS) == [] and not notebook.path.exists(), "reading makes no file"
    notebook.add_note(CORPUS, "u1", "first")
    notebook.add_note(CORPUS, "u1", "first")
    notebook.add_tag(CORPUS, "u2", " sarcasm ")
    notebook.add_tag(CORPUS, "u2", "sarcasm")
    notebook.add_note(OTHER, "u1", "of another corpus")
    assert texts(notebook) == [("u1", "note", "first")] * 2 + [("u2", "tag", "sarcasm")]
    notebook.remove(notebook.entries(CORPUS)[0].id)
    notebook.remove("gone already")
    assert texts(notebook) == [("u1", "note", "first"), ("u2", "tag", "sarcasm")]
    assert texts(notebook, OTHER) == [("u1", "note", "of another corpus")]


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 10_001])
def test_a_text_without_sense_is_refused(notebook, text):
    with pytest.raises(DataError, match="cannot be saved"):
        notebook.add_note(CORPUS, "u1", text)
    assert not notebook.path.exists()


@pytest.mark.parametrize(("form", "write"), [("csv", export_csv), ("json", export_json)])
def test_what_was_exported_comes_back_once(notebook, tmp_path, form, write):
    notebook.add_note(CORPUS, "u,1", AWKWARD)
    notebook.add_tag(CORPUS, "u2", "label noise")
    content = write(notebook.entries(CORPUS)).encode()
    other = Notebook(tmp_path / "elsewhere.sqlite")
    other.add_tag(CORPUS, "u2", "label noise")  # the same tag, set by somebody else
    done = other.import_entries(f"notes.{form}", content)
    assert (done.added, done.known) == (1, 1)
    assert [entry for entry in other.entries(CORPUS) if entry.kind == "note"] == notebook.entries(CORPUS)[:1]
    again = other.import_entries(f"notes.{form}", content)
    assert (again.added, again.known) == (0, 2)
    assert len(other.entries(CORPUS)) == 2


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.json", b"{", "x.json holds no notes"),
        ("x.json", b"[1]", "x.json holds no notes"),
        ("x.csv", b"\xff\xfe\x00", "x.csv holds no notes"),
        ("x.csv", b"a,b\n1,2\n", "entry 1 is no note"),
        ("x.json", b'{"entries": [{"id": 3}]}', "entry 1 is no note"),
        ("x.csv", (",".join(COLUMNS) + "\n1,c,u,note,fine,t\n2,c,u,deed,bad,t\n").encode(), "entry 2 is no note.*deed"),
    ],
)
def test_a_bad_file_adds_nothing_and_names_the_row(notebook, name, content, told):
    with pytest.raises(DataError, match=told):
        notebook.import_entries(name, content)
    assert notebook.entries("c") == []


WRITER = """
import sys
from pathlib import Path
from dnr_core.notes import Notebook
book = Notebook(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    book.add_note("c", sys.argv[2], f"{sys.argv[2]} {number}")
    print(number, flush=True)
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def test_a_killed_writer_loses_nothing_that_it_said_was_saved(notebook):
    process = writer(notebook.path, "u", 100_000)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(15)]
    process.send_signal(signal.SIGKILL)
    said += process.stdout.read().splitlines()
    process.wait()
    found = [text for _, _, text in texts(notebook, "c")]
    assert found[: len(said)] == [f"u {number}" for number in range(len(said))]
    assert len(found) <= len(said) + 1
    with sqlite3.connect(notebook.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    notebook.add_note("c", "u", "after the crash")
    assert texts(notebook, "c")[-1] == ("u", "note", "after the crash")


def test_a_write_is_on_the_disk_before_it_returns(notebook):
    """A power cut cannot be tried here: SQLite promises it for its write-ahead log with synchronous = FULL (2)."""
    asked = ("PRAGMA journal_mode", "PRAGMA synchronous")
    assert notebook.write(lambda found: [found.execute(one).fetchone()[0] for one in asked]) == ["wal", 2]


def test_two_writers_at_once_from_the_first_row_on_lose_nothing(notebook):
    both = [writer(notebook.path, name, 15) for name in ("one", "two")]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    found = [text for _, _, text in texts(notebook, "c")]
    assert len(found) == 30
    for name in ("one", "two"):
        assert [text for text in found if text.startswith(name)] == [f"{name} {number}" for number in range(15)]


FULL = """
import resource, signal, sys
from pathlib import Path
from dnr_core.errors import DnRError
from dnr_core.notes import Notebook
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
book = Notebook(Path(sys.argv[1]))
for number in range(100):
    try:
        book.add_note("c", "u", f"{number} " + "x" * 4000)
    except DnRError as error:
        print(number, error)
        break
"""


def test_a_full_disk_gives_one_line_and_keeps_what_was_saved(notebook):
    """Files of more than 60,000 bytes cannot be written in that process."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(notebook.path)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    (line,) = done.stdout.splitlines()
    number, _, told = line.partition(" ")
    assert told.startswith(f"cannot write {notebook.path}") and "free space" in told and "nothing was saved" in told
    assert 0 < int(number) < 20
    assert len(notebook.entries("c")) == int(number)


READ_ONLY = """
import os, sys
from pathlib import Path
from dnr_core.errors import DnRError
from dnr_core.notes import Notebook
if os.getuid() == 0:
    os.setgid(65534), os.setuid(65534)
book = Notebook(Path(sys.argv[1]))
print([entry.text for entry in book.entries("c")])
try:
    book.add_note("c", "u", "second")
except DnRError as error:
    print(error)
"""


def test_a_folder_that_cannot_be_written_is_read_and_gives_one_line(tmp_path):
    folder = Path("/tmp") / f"notes-{os.getpid()}"  # one that another user can reach
    folder.mkdir()
    try:
        book = Notebook(folder / "notes.sqlite")
        book.add_note("c", "u", "first")
        folder.chmod(0o555), book.path.chmod(0o444)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(book.path)], capture_output=True, text=True, cwd=ROOT, check=True
        )
        read, told = done.stdout.splitlines()
        assert read == "['first']"
        assert told.startswith(f"cannot write {book.path}") and "make the data folder writable" in told
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_damaged_file_and_another_format_are_named(notebook):
    notebook.path.parent.mkdir()
    notebook.path.write_bytes(b"not a database, " * 100)
    for action in (lambda: notebook.entries("c"), lambda: notebook.add_note("c", "u", "x")):
        with pytest.raises(DnRError, match=r"not a database.*move the file away"):
            action()
    notebook.path.unlink()
    notebook.add_note("c", "u", "x")
    with sqlite3.connect(notebook.path) as connection:
        connection.execute("PRAGMA user_version = 7")
    for action in (lambda: notebook.entries("c"), lambda: notebook.add_note("c", "u", "x")):
        with pytest.raises(DataError, match="unknown format version: got 7; expected 1"):
            action()


def test_a_file_where_the_folder_belongs_gives_one_line(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(DnRError, match="a file where a folder belongs"):
        Notebook(tmp_path / "data" / "notes.sqlite").add_note("c", "u", "x")


def test_the_engine_keeps_notes_beside_the_corpora_and_knows_its_utterances(tmp_path):
    corpus = generate(PlantedConfig(dialogues=6, utterances_per_dialogue=4), name="small")
    corpus.save(tmp_path / "small")
    engine, name = Engine(tmp_path, tmp_path / "runs"), str(corpus.utterances["utterance_id"][3])
    engine.add_note("small", name, "seen")
    assert [(one.corpus, one.utterance_id, one.text) for one in engine.notes("small")] == [(corpus.hash, name, "seen")]
    assert (tmp_path / "notes.sqlite").is_file() and [info.name for info in engine.corpora()] == ["small"]
    with pytest.raises(UsageError, match="has no utterance 'nobody'"):
        engine.add_tag("small", "nobody", "sarcasm")
