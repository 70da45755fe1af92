"""One small corpus with two runs, and services of them that answer on loopback."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from service_process import TOKEN, Service, start

from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.serve import Engine
from tests.conftest import Workspace, short_config

WIDTHS = {"text": 6, "audio": 5, "visual": 4}


def small() -> Corpus:
    """A planted corpus with turns that lack a modality, and cells that were not measured."""
    corpus = generate(PlantedConfig(dialogues=24, utterances_per_dialogue=7, widths=WIDTHS, missing=0.1), name="small")
    text = corpus.features["text"].copy()
    text[np.random.default_rng(0).random(text.shape) < 0.005] = np.nan
    return replace(corpus, features=corpus.features | {"text": text}, stored_hash=None)


@pytest.fixture(scope="session")
def place(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Corpus `small` with the runs `dnr` over mmgcn and `plain`."""
    from dnr_core.experiment import train_run

    root = tmp_path_factory.mktemp("service")
    made = Workspace(root / "data", root / "checkpoints")
    corpus = small()
    corpus.save(made.data / "small")
    for name, backbone in (("dnr", "mmgcn"), ("plain", "late_fusion")):
        config = short_config(name, backbone)
        train_run(made.engine, made.data / "small", config, made.checkpoints / name, device="cpu")
    return made


@pytest.fixture(scope="session")
def engine(place: Workspace) -> Engine:
    return place.engine


@pytest.fixture(scope="session")
def corpus(engine: Engine) -> Corpus:
    return engine.corpus("small")


@pytest.fixture(scope="session")
def service(place: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The run `dnr` at an address."""
    made = start(place.checkpoints / "dnr", tmp_path_factory.mktemp("log") / "dnr.txt")
    yield made
    assert made.stop() == 0
    assert made.log.read_text() == "", "the service complained"


@pytest.fixture(scope="session")
def plain_service(place: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A copy of the run `plain` on all addresses, with a token and short limits; it ends on Ctrl-C."""
    folder = tmp_path_factory.mktemp("plain")
    shutil.copytree(place.checkpoints / "plain", folder / "copy")
    (folder / "token").write_text(TOKEN + "\n")
    words = ("--host", "0.0.0.0", "--token-file", str(folder / "token"), "--max-body-mib", "1", "--max-turns", "50")
    made = start(folder / "copy", folder / "log.txt", *words)
    made.address, made.token = made.address.replace("0.0.0.0", "127.0.0.1"), TOKEN
    yield made
    assert made.stop(signal.SIGINT) == 0
    assert made.log.read_text() == "", "the service complained"


@pytest.fixture
def run_folder(place: Workspace) -> Path:
    return place.checkpoints / "dnr"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs all of these, so that it starts each service once."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("service"))
