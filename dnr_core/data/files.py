"""Folders that appear whole or not at all, and hashes of files."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from dnr_core.errors import DnRError, reason


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well and vanishes when it does not.

    Raises DnRError where it cannot be written (permission, disk full).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        got = reason(error) if isinstance(error, OSError) else error
        raise DnRError(f"cannot write {path}", got=got, do="free space, or write somewhere else") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """A temporary folder beside `folder` that takes its place when the block ends well and vanishes when it does not.

    Raises DnRError where `folder` exists (unless `overwrite`), or where it cannot be written (permission, disk full).
    """
    if folder.exists() and not overwrite:
        raise DnRError(f"{folder} exists", do="choose another --out, or add --overwrite")
    target = folder.resolve()
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
        temporary.chmod(0o755)
        yield temporary
        for path in temporary.iterdir():
            path.chmod(0o644)
        swap_in(temporary, target)
    except (OSError, SafetensorError) as error:
        got = reason(error) if isinstance(error, OSError) else error
        raise DnRError(f"cannot write {folder}", got=got, do="free space or choose another --out") from error
    finally:
        if temporary is not None and temporary.exists():
            shutil.rmtree(temporary, ignore_errors=True)


def check_replaceable(folder: Path, *, holds: str) -> None:
    """Raise DnRError where `folder` is there and neither empty nor one with the file `holds`: it is something else."""
    if folder.is_dir() and ((folder / holds).is_file() or not any(folder.iterdir())):
        return
    if folder.exists():
        got = "a folder with other things" if folder.is_dir() else "a file"
        expected = f"a folder with {holds}"
        raise DnRError(f"{folder} cannot be replaced", got=got, expected=expected, do="choose another --out")


def swap_in(temporary: Path, folder: Path) -> None:
    """Rename `temporary` to `folder`; an older folder is set aside first and removed last."""
    if not folder.exists():
        temporary.rename(folder)
        return
    aside = folder.with_name(f".{folder.name}.old-{os.getpid()}.tmp")
    folder.rename(aside)
    temporary.rename(folder)
    shutil.rmtree(aside, ignore_errors=True)
