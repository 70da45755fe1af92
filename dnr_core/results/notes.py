"""The notes and tags of people on the utterances of a corpus, kept beside the corpora."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from dnr_core.catalogue import Catalogue
from dnr_core.errors import UsageError
from dnr_core.notes import FILE, Entry, Imported, Notebook, export_csv, export_json

EXPORTS = {"csv": export_csv, "json": export_json}


class NoteResults(Catalogue):
    """Reads and writes the notebook of the data folder; utterances are checked against their corpus."""

    @cached_property
    def notebook(self) -> Notebook:
        """The notebook of the data folder."""
        return Notebook(self.data / FILE)

    def notes(self, corpus: str | Path) -> list[Entry]:
        """Every note and tag on a corpus, oldest first. Raises DnRError where they cannot be read."""
        return self.notebook.entries(self.corpus(corpus).hash)

    def add_note(self, corpus: str | Path, utterance_id: str, text: str) -> Entry:
        """Append a note to an utterance. Raises UsageError for an unknown one, DnRError where it cannot be written."""
        return self.notebook.add_note(self.checked(corpus, utterance_id), utterance_id, text)

    def add_tag(self, corpus: str | Path, utterance_id: str, text: str) -> None:
        """Tag an utterance. Raises as `add_note`."""
        self.notebook.add_tag(self.checked(corpus, utterance_id), utterance_id, text)

    def remove_note(self, entry_id: str) -> None:
        """Delete a note or tag. Raises DnRError where it cannot be written."""
        self.notebook.remove(entry_id)

    def export_notes(self, corpus: str | Path, form: str) -> str:
        """Every note and tag on a corpus as a file of this form (a name of EXPORTS)."""
        return EXPORTS[form](self.notes(corpus))

    def import_notes(self, name: str, content: bytes) -> Imported:
        """Add exported notes, those already there left alone. Raises DataError where the file is none of ours."""
        return self.notebook.import_entries(name, content)

    def checked(self, corpus: str | Path, utterance_id: str) -> str:
        """The hash of a corpus that has this utterance."""
        rows = self.corpus(corpus)
        if utterance_id not in rows.row_of:
            raise UsageError(f"corpus {rows.name} has no utterance {utterance_id!r}", do="choose one from the list")
        return rows.hash
