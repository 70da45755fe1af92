"""Which corpora and runs there are, by name; each read once and checked. No torch."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

from dnr_core.config import checkpoint_root, data_root
from dnr_core.data.corpus import Corpus, read_header
from dnr_core.errors import DnRError, UsageError, one_of
from dnr_core.training.checkpoint import RunHeader, read_run
from dnr_core.types import CorpusInfo, RunInfo, RunSummary

DEMO_CORPUS, DEMO_RUN = "planted", "planted-dnr-mmgcn-s0"


class Recent:
    """A small least-recently-used store, safe between threads: who wants one value waits for no other to be made."""

    def __init__(self, size: int) -> None:
        self.size, self.lock = size, threading.Lock()
        self.items: OrderedDict[Hashable, Any] = OrderedDict()
        self.making: dict[Hashable, threading.RLock] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of a key, made where it is not there; by one thread, whatever others ask for it meanwhile."""
        with self.lock:
            if key in self.items:
                return self.touched(key)
            own = self.making.setdefault(key, threading.RLock())
        with own:
            with self.lock:
                if key in self.items:
                    return self.touched(key)
            try:
                made = make()
                with self.lock:
                    self.items[key] = made
                    while len(self.items) > self.size:
                        self.items.popitem(last=False)
                return made
            finally:
                with self.lock:
                    self.making.pop(key, None)

    def known(self, key: Hashable) -> Any:
        """The value of a key, None where it is not there."""
        with self.lock:
            return self.touched(key) if key in self.items else None

    def touched(self, key: Hashable) -> Any:
        """The value of a key that is there, from now on the latest; the lock is held."""
        self.items.move_to_end(key)
        return self.items[key]


class Catalogue:
    """Corpora under `data`, runs under `checkpoints`; names are folder names there, paths are taken as they are."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        self.data = data or data_root()
        self.checkpoints = checkpoints or checkpoint_root()
        self._corpora, self._headers = Recent(3), Recent(16)

    def corpora(self) -> list[CorpusInfo]:
        """Every corpus folder, readable or not, by name."""
        folders = sorted(p for p in self.data.glob("*") if p.is_dir() and not p.name.startswith("."))
        return [self.corpus_info(folder) for folder in folders]

    def corpus_info(self, folder: Path) -> CorpusInfo:
        """What a corpus folder says of itself, from its header only."""
        try:
            header = read_header(folder)
        except DnRError as error:
            return CorpusInfo(folder.name, str(folder), str(error))
        counts = header.get("counts", {})
        return CorpusInfo(
            folder.name, str(folder), None, counts.get("utterances", 0), counts.get("dialogues", 0),
            tuple(header["emotions"]), header["hash"],
        )  # fmt: skip

    def runs(self) -> list[RunInfo]:
        """Every run folder (also `<run>/seed-<n>`), readable or not, by name."""
        folders = [p for p in self.checkpoints.glob("*") if p.is_dir() and not p.name.startswith(".")]
        found: list[Path] = []
        for folder in folders:
            seeds = [p for p in folder.glob("seed-*") if p.is_dir()]
            found += seeds or [folder]
        return [self.run_info(folder) for folder in sorted(found)]

    def run_info(self, folder: Path) -> RunInfo:
        """What a run folder says of itself; a problem is one line, not an error."""
        name = str(folder.relative_to(self.checkpoints))
        try:
            return self.header(folder).summary(name).info
        except DnRError as error:
            return RunInfo(name, str(folder), str(error))

    def corpus(self, name: str | Path) -> Corpus:
        """A corpus by name or path. Raises UsageError (unknown name, choices listed) or DataError (damaged)."""
        folder = self.folder(name, self.data)
        if not folder.is_dir() and isinstance(name, str) and Path(name).name == name:
            choices = [info.name for info in self.corpora()]
            if choices:
                raise one_of("unknown corpus", name, choices)
        stamp = (folder / "corpus.json").stat().st_mtime_ns if (folder / "corpus.json").is_file() else 0
        return self._corpora.get((folder.resolve(), stamp), lambda: Corpus.load(folder))

    def header(self, run: str | Path) -> RunHeader:
        """The checked header of a run by name or path. Raises UsageError (unknown name) or CheckpointError."""
        folder = self.folder(run, self.checkpoints)
        if not folder.is_dir() and isinstance(run, str) and Path(run).name == run:
            choices = [info.name for info in self.runs()]
            if choices:
                raise one_of("unknown checkpoint", run, choices)
        stamps = tuple(
            sorted((p.name, p.stat().st_mtime_ns, p.stat().st_size) for p in folder.glob("*") if p.is_file())
        )
        return self._headers.get((folder.resolve(), stamps), lambda: read_run(folder))

    def run(self, run: str | Path) -> RunSummary:
        """What a run says of itself: configuration, metrics, history."""
        return self.header(run).summary(str(run))

    @staticmethod
    def folder(name: str | Path, root: Path) -> Path:
        """A name is a folder under `root`; a Path is taken as it is. Names cannot leave the root."""
        if isinstance(name, Path):
            return name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise UsageError("not a name", got=repr(name), expected=f"a folder under {root}")
        return root / name

    def default_corpus(self, run: str | Path) -> str | None:
        """The name of the corpus that a run was trained on, where it is there."""
        wanted = self.header(run).manifest["corpus"]["hash"]
        return next((info.name for info in self.corpora() if info.hash == wanted), None)

    def ensure_demo(self) -> None:
        """Write the demo corpus where it is absent and the demo run is there."""
        folder = self.data / DEMO_CORPUS
        if folder.exists() or not (self.checkpoints / DEMO_RUN).is_dir():
            return
        from dnr_core.data.planted import generate

        generate(name=DEMO_CORPUS).save(folder)
