"""Runs the command line, in this process and as a real one; a tiny planted corpus and run are shared by a session."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import SHORT, TINY, Folders, Result, check_one_line, listing, shell, words_of

from dnr_core.cli import main
from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate


@pytest.fixture(scope="session")
def folders(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The corpus `tiny` (20 dialogues) and the run `run` on it, trained by the command line."""
    made = Folders(tmp_path_factory.mktemp("cli"))
    made.short.write_text(json.dumps(SHORT))
    generate(PlantedConfig.model_validate(TINY), name="tiny").save(made.corpus)
    assert main(words_of(["train", "--corpus", made.corpus, "--config", made.short, "--out", made.run])) == 0
    return made


@pytest.fixture(scope="session")
def tiny(folders: Folders) -> Corpus:
    return Corpus.load(folders.corpus)


@pytest.fixture
def real(folders: Folders) -> Callable[..., Result]:
    """Run a command as a real process."""
    return lambda command, **options: shell(folders, command, **options)


@pytest.fixture
def run(
    folders: Folders,
    one_thread: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[..., Result]:
    """Run a command in this process, in an empty working directory."""
    for name, value in folders.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def call(command: str | list[Any]) -> Result:
        capsys.readouterr()
        code = main(words_of(command))
        written = capsys.readouterr()
        return Result(code, written.out, written.err)

    return call


@pytest.fixture
def refused(run: Callable[..., Result], folders: Folders, tmp_path: Path) -> Callable[..., Result]:
    """Run a command that must fail with this code, say these words on one line, and leave every file as it was."""

    def call(command: str | list[Any], code: int, *words: str) -> Result:
        before = listing(tmp_path, folders.root)
        result = run(command)
        check_one_line(result, code, *words)
        assert listing(tmp_path, folders.root) == before
        return result

    return call
