"""A service as the engine uses it: its run among the runs here, and what only it can compute."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Generator
from functools import cached_property
from pathlib import Path
from typing import Any

from dnr_core.data.corpus import Corpus
from dnr_core.data.files import replacing_folder
from dnr_core.errors import CheckpointError, DnRError
from dnr_core.remote.codec import decode, encode
from dnr_core.remote.corpora import pack
from dnr_core.remote.frames import frames
from dnr_core.remote.wire import ADDRESS, ServiceError, Wire, refusal
from dnr_core.training.checkpoint import FILES, SERVED, WEIGHTS, RunHeader, write_json
from dnr_core.types import RunInfo

AGAIN_S = 5.0
"""How long what was found about a service is believed."""
UNKNOWN_CORPUS, STAND_IN = 404, "served"
FILES_HERE = (*sorted({*FILES, "manifest.json"} - {WEIGHTS}), "card.json")


class Remote:
    """One service. What it computes is stored beside the mirror of its run, as if it had been computed here."""

    def __init__(self, address: str | None = None) -> None:
        """`address` as of Wire; one that is none is said when it is used."""
        self._address = address
        self._lock = threading.Lock()
        self._asked = -AGAIN_S
        self._problem: RunInfo | None = None
        self._encoder: bool | None = None

    @classmethod
    def from_environment(cls) -> Remote | None:
        """The service at $DNR_SERVER; None where there is none."""
        return cls(os.environ[ADDRESS]) if os.environ.get(ADDRESS) else None

    @cached_property
    def wire(self) -> Wire:
        """How to ask it. Raises UsageError: not an address."""
        return Wire(self._address)

    def check(self, run: str | Path) -> None:
        """Raise DnRError with what is wrong with the service where `run` is what stands for it in a list."""
        if self._problem is not None and run == self._problem.name:
            raise DnRError(self._problem.problem or "")

    def mirror(self, checkpoints: Path) -> RunInfo | None:
        """Write the JSON files of the served run into a folder of its own under `checkpoints`; None: it is there.

        Where that cannot be, what stands in its place in the list: a run with a problem.
        """
        with self._lock:
            if time.monotonic() - self._asked > AGAIN_S:
                try:
                    self._mirror(checkpoints)
                    self._problem = None
                except DnRError as error:
                    self._problem = RunInfo(STAND_IN, str(self._address), str(error))
                self._asked = time.monotonic()
            return self._problem

    def _mirror(self, checkpoints: Path) -> None:
        about = self.wire.ask("GET", "/model", read_s=10.0).json()
        name, manifest = str(about["run"]), str(about["manifest"])
        folder = checkpoints / f"{safe(name)}-served-{safe(manifest)[:8]}"
        if (folder / SERVED).is_file():
            return
        found = self.wire.ask("GET", "/run", read_s=30.0).json()["files"]
        with replacing_folder(folder, overwrite=False) as temporary:
            for file in FILES_HERE:
                if isinstance(found.get(file), str):
                    (temporary / file).write_text(found[file], encoding="utf-8", newline="")
            write_json(temporary / SERVED, {"format_version": 1, "address": self.wire.address})

    def has_encoder(self) -> bool:
        """Whether the text encoder is installed where the service runs. Raises DnRError."""
        if self._encoder is None:
            self._encoder = bool(self.wire.ask("GET", "/model").json().get("text_encoder"))
        return self._encoder

    def compute(
        self, name: str, manifest: str, corpus: Corpus, values: dict[str, Any], progress: Callable[..., Any]
    ) -> Any:
        """The result of a computation; None where `progress` returned True, which ends it there, too."""
        work = self._frames(name, manifest, corpus, values)
        try:
            for kind, found in work:
                if kind == "result":
                    return found
                if kind == "progress" and progress(*found):
                    return None
        finally:
            work.close()
        raise DnRError("the service broke off", got="no result")

    def pieces(
        self, name: str, manifest: str, corpus: Corpus, values: dict[str, Any]
    ) -> Generator[tuple[Any, ...], None, None]:
        """The pieces of a computation as they come; closing the generator ends it there too. Raises DnRError."""
        work = self._frames(name, manifest, corpus, values)
        try:
            for kind, found in work:
                if kind == "piece":
                    yield found
        finally:
            work.close()

    def _frames(
        self, name: str, manifest: str, corpus: Corpus, values: dict[str, Any]
    ) -> Generator[tuple[str, Any], None, None]:
        asked = {"params": {"manifest": manifest, "corpus": corpus.hash}, "data": encode(values), "stream": True}
        try:
            answer = self.wire.ask("POST", f"/compute/{name}", **asked)
        except ServiceError as error:
            if error.status != UNKNOWN_CORPUS:
                raise
            self.wire.ask("PUT", f"/corpora/{corpus.hash}", data=pack(corpus), read_s=600.0)
            answer = self.wire.ask("POST", f"/compute/{name}", **asked)
        with answer:
            coming = frames(answer.raw)
            while True:
                kind, payload = self.wire.guarded(lambda: next(coming))
                if kind == "error":
                    raise refusal(500, payload)
                if kind != "alive":
                    yield kind, json.loads(payload) if kind == "progress" else decode(payload)
                if kind == "result":
                    return


def served(remote: Remote | None, header: RunHeader) -> Remote:
    """The service that has the weights of a run. Raises CheckpointError where none was named."""
    if remote is not None:
        return remote
    raise CheckpointError(
        f"the weights of {header.folder.name} are not here", got="what a service at another place wrote of it",
        do=f"start with {ADDRESS}={header.served_by}",
    )  # fmt: skip


def safe(name: str) -> str:
    """What of a name that came over a wire can stand in the name of a folder."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_") else "-" for sign in name)[:80] or "run"
