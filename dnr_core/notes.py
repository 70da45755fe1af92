"""Notes and tags of people on utterances, in one SQLite file: appended row by row, each write one transaction."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from dnr_core.errors import DataError, DnRError, reason

FILE, FORMAT_VERSION = "notes.sqlite", 1
KINDS = ("note", "tag")
LONGEST = 10_000
SCHEMA = """
CREATE TABLE entries (
    id TEXT PRIMARY KEY, corpus TEXT NOT NULL, utterance_id TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE INDEX of_corpus ON entries (corpus, utterance_id);
"""
Result = TypeVar("Result")


@dataclass(frozen=True)
class Entry:
    """A note or a tag (`kind`) on an utterance of the corpus with this hash; `created` in UTC, ISO 8601.

    A note has an id of its own; the id of a tag follows from what it says, so that the same tag is one row.
    """

    id: str
    corpus: str
    utterance_id: str
    kind: str
    text: str
    created: str


COLUMNS = tuple(field.name for field in fields(Entry))


@dataclass(frozen=True)
class Imported:
    """What an import did: entries that were new, and those that were there already."""

    added: int
    known: int


class Notebook:
    """The notes of all corpora of a data folder. Nothing is kept in memory: every call reads or writes the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self, corpus: str) -> list[Entry]:
        """Every entry on a corpus (its hash), oldest first. Raises DnRError where the file cannot be read."""
        if not self.path.exists():
            return []
        query = f"SELECT {', '.join(COLUMNS)} FROM entries WHERE corpus = ? ORDER BY created, id"
        with self.reading() as connection:
            return [Entry(*row) for row in connection.execute(query, (corpus,))]

    def add_note(self, corpus: str, utterance_id: str, text: str) -> Entry:
        """Append a note. Raises DnRError where it cannot be written, DataError for a text that is empty or too long."""
        made = Entry(uuid4().hex, corpus, utterance_id, "note", checked_text(text), now())
        self.insert([made])
        return made

    def add_tag(self, corpus: str, utterance_id: str, text: str) -> None:
        """Tag an utterance; a tag that is there already stays as it is. Raises as `add_note`."""
        words = checked_text(text)
        self.insert([Entry(tag_id(corpus, utterance_id, words), corpus, utterance_id, "tag", words, now())])

    def remove(self, entry_id: str) -> None:
        """Delete one entry; nothing happens where it is gone already."""
        self.write(lambda connection: connection.execute("DELETE FROM entries WHERE id = ?", (entry_id,)))

    def insert(self, entries: list[Entry]) -> int:
        """Append entries in one transaction, those already there left alone; returns how many were new."""
        command = f"INSERT OR IGNORE INTO entries VALUES ({', '.join('?' * len(COLUMNS))})"
        rows = [tuple(asdict(entry).values()) for entry in entries]
        return self.write(lambda connection: connection.executemany(command, rows).rowcount)

    def import_entries(self, name: str, content: bytes) -> Imported:
        """Add what `export_csv` or `export_json` wrote, told by the ending of `name`; a second time changes nothing.

        Raises DataError, naming the row, where something is not an entry: then nothing is added.
        """
        made = [checked_entry(record, place) for place, record in enumerate(read_records(name, content), 1)]
        added = self.insert(made) if made else 0
        return Imported(added, len(made) - added)

    def write(self, change: Callable[[sqlite3.Connection], Result]) -> Result:
        """One change as one transaction, on the disk when this returns. Raises DnRError where it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=20, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    prepare(connection, self.path)
                    return change(connection)
        except (OSError, sqlite3.Error) as error:
            got = reason(error) if isinstance(error, OSError) else error
            damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
            do = "move the file away" if damaged else "free space, or make the data folder writable; nothing was saved"
            raise DnRError(f"cannot write {self.path}", got=got, do=do) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that changes nothing, also in a folder that cannot be written. Raises DnRError."""
        try:
            with closing(self.opened_to_read()) as connection:
                check_version(connection, self.path)
                yield connection
        except sqlite3.Error as error:
            raise DnRError(f"cannot read {self.path}", got=error, do="move the file away to start a new one") from error

    def opened_to_read(self) -> sqlite3.Connection:
        """Read-only; as a file that nobody changes where SQLite cannot put its log beside it."""
        address = f"{self.path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, timeout=20)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError:
            connection.close()
            return sqlite3.connect(f"{address}&immutable=1", uri=True)
        return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the table in a new file; check the format of an older one."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        check_version(connection, path)
        return
    for command in filter(str.strip, SCHEMA.split(";")):
        connection.execute(command)
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise DataError for a file of another format."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != FORMAT_VERSION:
        raise DataError(f"{path} has an unknown format version", got=version, expected=FORMAT_VERSION,
                        do="move the file away to start a new one")  # fmt: skip


def now() -> str:
    """The time in UTC, to the microsecond, so that entries keep their order."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def tag_id(corpus: str, utterance_id: str, text: str) -> str:
    """The id of a tag: the same for the same tag on the same utterance."""
    return json.dumps(["tag", corpus, utterance_id, text], ensure_ascii=False)


def checked_text(text: str) -> str:
    """The text without blanks at its ends. Raises DataError where nothing is left or it is too long."""
    words = text.replace("\x00", "").strip()
    if not 0 < len(words) <= LONGEST:
        raise DataError("this cannot be saved as a note or tag", got=f"{len(words):,} characters",
                        expected=f"1 to {LONGEST:,}")  # fmt: skip
    return words


def export_json(entries: list[Entry]) -> str:
    """Entries as a JSON object with its format version."""
    return json.dumps(
        {"format_version": FORMAT_VERSION, "entries": [asdict(entry) for entry in entries]}, indent=1,
        ensure_ascii=False,
    )  # fmt: skip


def export_csv(entries: list[Entry]) -> str:
    """Entries as CSV, one row each, with COLUMNS as header."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(entry) for entry in entries)
    return stream.getvalue()


def read_records(name: str, content: bytes) -> list[Any]:
    """The records of an exported file. Raises DataError where it is not one."""
    try:
        text = content.decode("utf-8-sig")
        if name.lower().endswith(".json"):
            found = json.loads(text)
            return found["entries"] if isinstance(found["entries"], list) else [found["entries"]]
        return list(csv.DictReader(io.StringIO(text, newline="")))
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise DataError(
            f"{name} holds no notes", got=repr(error), expected="a CSV or JSON file exported here"
        ) from error


def checked_entry(record: Any, place: int) -> Entry:
    """One record as an entry; the id of a tag is made anew. Raises DataError where something is missing."""
    given = [record.get(column) for column in COLUMNS] if isinstance(record, dict) else [None]
    if any(not isinstance(value, str) or not value for value in given):
        raise DataError(f"entry {place} is no note", got=repr(record)[:80], expected=f"text in {', '.join(COLUMNS)}")
    entry = Entry(*given)
    if entry.kind not in KINDS:
        raise DataError(f"entry {place} is no note", got=f"kind {entry.kind[:40]!r}", expected=" or ".join(KINDS))
    words = checked_text(entry.text)
    own = tag_id(entry.corpus, entry.utterance_id, words) if entry.kind == "tag" else entry.id
    return Entry(own, entry.corpus, entry.utterance_id, entry.kind, words, entry.created)
