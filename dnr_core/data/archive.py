"""Unpacks a zipped release into a folder, however hostile the zip: nothing outside the folder, nothing without end."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from dnr_core.errors import DataError, DnRError, reason

SUFFIXES = frozenset({".csv", ".npy", ".pkl", ".pickle", ".p"})
"""Files that a release is read from; clips and notes in an archive stay where they are."""
MOST_BYTES, MOST_FILES, BLOCK = 8 * 2**30, 2_000, 2**20
MOST_RATIO, ALWAYS_BYTES = 200, 256 * 2**20
"""Unpacked bytes for a packed one (feature tables reach about 20, deflate at best 1032), and what is fine anyway."""
Step = Callable[[str], None]
"""Called with what is being done, in words."""


@contextmanager
def unpacked(sources: Sequence[Path], beside: Path, *, step: Step = lambda words: None) -> Iterator[list[Path]]:
    """`sources` with a folder in place of every zip; the folders lie in `beside` and vanish with the block.

    Raises DataError for an archive that is damaged, encrypted, reaches outside its folder or grows too large, DnRError
    where it cannot be written.
    """
    if not any(is_archive(source) for source in sources):
        yield list(sources)
        return
    with _scratch(beside) as scratch:
        found = []
        for place, source in enumerate(sources):
            if is_archive(source):
                step(f"unpacking {source.name}")
                unpack(source, scratch / str(place))
            found.append(scratch / str(place) if is_archive(source) else source)
        yield found


def is_archive(source: Path) -> bool:
    """Whether a source is to be unpacked: a file that calls itself zip."""
    return source.suffix.lower() == ".zip" and source.is_file()


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of a zip that a release may be read from into a new `folder`. Raises as `unpacked`."""
    try:
        folder.mkdir(parents=True)
        with zipfile.ZipFile(archive) as packed:
            fair = max(ALWAYS_BYTES, MOST_RATIO * archive.stat().st_size)
            left = min(MOST_BYTES, fair, shutil.disk_usage(folder).free)
            for member in _wanted(packed, archive.name):
                left = _write(packed, member, folder, left=left, name=archive.name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        got = "it is encrypted" if "password" in str(error) or "encrypted" in str(error) else error
        raise DataError(f"{archive.name} is not a readable zip", got=got, do="pack the folder again") from error
    except OSError as error:
        raise DnRError(f"cannot unpack {archive.name}", got=reason(error), do="free space") from error


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    try:
        beside.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".unpacked.", suffix=".tmp", dir=beside))
    except OSError as error:
        raise DnRError(f"cannot write in {beside}", got=reason(error), do="choose another --out") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wanted(packed: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    """The members to unpack. Raises DataError for a path that leaves the folder, or for too many files."""
    found = []
    for member in packed.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in member.filename:
            raise DataError(
                f"{name} holds a path that leaves its folder", got=repr(member.filename[:80]),
                do="nothing was unpacked; use a file from its publisher",
            )  # fmt: skip
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
        if not member.is_dir() and not hidden and path.suffix.lower() in SUFFIXES:
            found.append(member)
    if len({member.filename for member in found}) < len(found):
        raise DataError(f"{name} holds two files of one name", do="pack the folder again")
    if len(found) > MOST_FILES:
        raise DataError(f"{name} holds too many files", got=f"{len(found):,}", expected=f"at most {MOST_FILES:,}")
    return found


def _write(packed: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, *, left: int, name: str) -> int:
    """Write one member, counting the bytes that really come; returns how many more may come. Raises DataError."""
    target = folder / PurePosixPath(member.filename.replace("\\", "/"))
    target.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(member) as stream, target.open("xb") as out:
        while block := stream.read(BLOCK):
            left -= len(block)
            if left < 0:
                raise DataError(
                    f"{name} unpacks to too much",
                    expected=f"at most {MOST_BYTES // 2**30} GiB, {MOST_RATIO} times its size, and the space on disk",
                    do="unpack it yourself and prepare the folder",
                )
            out.write(block)
    return left
