"""Releases that were handed over in a browser: prepared by a process of its own, then a corpus, or nothing is left."""

from __future__ import annotations

import atexit
import json
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from dnr_core.data.faults import RULES
from dnr_core.data.files import check_replaceable, swap_in
from dnr_core.data.report import make_report
from dnr_core.errors import DnRError, UsageError, reason
from dnr_core.results.background import Background
from dnr_core.results.base import Results

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
NAME_RULE = "1 to 64 letters, digits, - or _, the first a letter or digit"
PREFIX, FORGOTTEN_S = ".upload.", 24 * 3600.0
"""Folders of uploads, and after how many seconds without a change one is taken for what a crash left."""
Content = bytes | memoryview


class Upload:
    """One release on its way: `running`, then either a `report` (it is a corpus) or a `problem` (one line).

    All of it lies in `folder` (`files`, and `corpus/<name>` while that is written), which is removed when it ends,
    however it ends. `report` is what `prepare --json` says.
    """

    def __init__(self, name: str, folder: Path, target: Path, process: Background, *, overwrite: bool) -> None:
        self.name, self.folder, self.target, self.overwrite = name, folder, target, overwrite
        self.process = process
        self.report: dict[str, Any] | None = None
        self.problem: str | None = None
        self._cancelled = False
        self._watch = threading.Thread(target=self._finish, name=f"upload-{name}", daemon=True)
        self._watch.start()

    @property
    def running(self) -> bool:
        """Whether neither the corpus is there nor the failure known."""
        return self._watch.is_alive()

    @property
    def line(self) -> str:
        """How far it is."""
        return self._plain(self.process.line)

    @property
    def seconds(self) -> float:
        """How long ago it began."""
        return self.process.seconds

    def cancel(self) -> None:
        """End it; nothing of it stays. A corpus that is there already stays."""
        self._cancelled = True
        self.process.cancel()
        self._watch.join(timeout=20)

    def _finish(self) -> None:
        """Wait for the process, put the corpus into its place, remove everything else."""
        try:
            code = self.process.process.wait()
            if self._cancelled:
                self.problem = "cancelled: nothing was kept"
            elif code == 0:
                said = json.loads(self.process.answer)
                self._publish()
                self.report = said | {"corpus": str(self.target)}
            else:
                last = self.line or "nothing was said"
                ended = f"the process was ended from outside (signal {-code}), perhaps for memory; last: {last}"
                self.problem = ended if code < 0 else last
        except (DnRError, ValueError) as error:
            self.problem = self._plain(str(error))
        except OSError as error:
            self.problem = f"cannot write {self.target}: {reason(error)}"
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            atexit.unregister(self.cancel)

    def _publish(self) -> None:
        """Rename the finished corpus to where it belongs. Raises DnRError where something came there meanwhile."""
        if self.target.exists():
            check_free(self.target, overwrite=self.overwrite)
        swap_in(self.folder / "corpus" / self.name, self.target)

    def _plain(self, line: str) -> str:
        """A line without the folders that nobody but this program knows."""
        return line.replace(f"{self.folder / 'files'}/", "").replace(str(self.folder / "corpus"), "the upload")


class UploadResults(Results):
    """Turns files that were handed over into corpora, and says of a corpus what `prepare` said of it."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._uploads: dict[str, Upload] = {}
        self._uploads_lock = threading.Lock()

    def begin_upload(
        self,
        files: Sequence[tuple[str, Content]],
        name: str,
        *,
        overwrite: bool = False,
        emotions: Sequence[str] = (),
        target: str = "emotion",
    ) -> Upload:
        """Start to prepare the `files` (name and content) of one release as corpus `name`, as `prepare` does.

        Raises UsageError (a bad name, no file, two of one name, an emotion that looks like an option) or DnRError (it
        exists and is not to be overwritten, it is being prepared already, or it cannot be written).
        """
        place = self.data.resolve() / checked_name(name)
        names = file_names(files)
        if strange := [word for word in emotions if word.startswith("-")]:
            raise UsageError("not an emotion", got=repr(strange[0][:80]))
        if place.exists():
            check_free(place, overwrite=overwrite)
        with self._uploads_lock:
            known = self._uploads.get(name)
            if known is not None and known.running:
                raise DnRError(f"corpus {name} is being prepared already", do="wait for it, or choose another name")
            folder = new_folder(place.parent)
            try:
                paths = write_files(folder / "files", names, files)
                process = Background(arguments(paths, folder, name, emotions, target), self.data, self.checkpoints)
            except OSError as error:
                shutil.rmtree(folder, ignore_errors=True)
                raise DnRError(f"cannot write in {self.data}", got=reason(error), do="free space") from error
            made = self._uploads[name] = Upload(name, folder, place, process, overwrite=overwrite)
            atexit.register(made.cancel)
        return made

    def corpus_report(self, corpus: str | Path) -> dict[str, Any]:
        """What `prepare --json` says of a corpus that is there; labels and clips left out then are not known now."""
        found = self.corpus(corpus)
        layout, rules = str(found.notes.get("layout", "made here")), list(found.notes.get("rules", ()))
        rules += RULES if "layout" in found.notes and found.present.any() else ()
        return make_report(found, layout=layout, left_out={}, media={}, rules=rules).to_dict()


def checked_name(name: str) -> str:
    """A name that a corpus may have. Raises UsageError."""
    if NAME.fullmatch(name) is None:
        raise UsageError("not a name for a corpus", got=repr(name[:80]), expected=NAME_RULE)
    return name


def check_free(place: Path, *, overwrite: bool) -> None:
    """Raise DnRError unless a corpus that exists at `place` is to be overwritten, and is one."""
    if not overwrite:
        raise DnRError(f"corpus {place.name} exists", do="choose another name, or say that it is to be replaced")
    check_replaceable(place, holds="corpus.json")


def file_names(files: Sequence[tuple[str, Content]]) -> list[str]:
    """The names of the files without folders. Raises UsageError for no file, a hidden one, or two of one name."""
    if not files:
        raise UsageError("no file was given", expected="the files of one release")
    names = [PurePosixPath(given.replace("\\", "/")).name for given, _ in files]
    for name in names:
        if not name or name.startswith(".") or not name.isprintable() or len(name.encode()) > 200:
            raise UsageError("a file has no usable name", got=repr(name[:80]))
        if names.count(name) > 1:
            raise UsageError("two files have one name", got=repr(name), expected="the files of one release")
    return names


def new_folder(data: Path) -> Path:
    """A folder of its own for an upload, on the disk of the corpora; those that a crash left are removed.

    Raises DnRError where it cannot be made.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        for old in data.glob(f"{PREFIX}*"):
            if time.time() - old.stat().st_mtime > FORGOTTEN_S:
                shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir=data))
    except OSError as error:
        raise DnRError(f"cannot write in {data}", got=reason(error), do="free space, or change $DNR_DATA") from error


def write_files(folder: Path, names: Sequence[str], files: Sequence[tuple[str, Content]]) -> list[Path]:
    """Write the contents under their names; returns the paths."""
    folder.mkdir()
    paths = [folder / name for name in names]
    for path, (_, content) in zip(paths, files, strict=True):
        path.write_bytes(content)
    return paths


def arguments(paths: Sequence[Path], folder: Path, name: str, emotions: Sequence[str], target: str) -> list[str]:
    """The words of `prepare` for an upload."""
    words = ["prepare", *map(str, paths), "--out", str(folder / "corpus" / name), "--target", target]
    return [*words, *(["--emotions", *emotions] if emotions else []), "--progress", "--json"]
