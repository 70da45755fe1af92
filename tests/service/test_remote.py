"""The engine with a service behind it says what the engine with the weights says, to 1e-5, and needs no torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from service_process import ROOT, TOKEN, Service

from dnr_core.data.corpus import Corpus
from dnr_core.errors import CheckpointError, DnRError, UsageError
from dnr_core.explain.store import CoalitionStore
from dnr_core.serve import Edit, Engine
from tests.conftest import Workspace

CLOCK = ("seconds",)
SLOW = ("split_information", "projection", "error_audit", "suspects", "compare", "attribution_check")
"""What is asked of one run only: it takes seconds, or needs no model of its own."""


def same(found: Any, wanted: Any, where: str = "result") -> None:
    """Equal, numbers to 1e-5 (measured seconds apart)."""
    assert type(found) is type(wanted), where
    if isinstance(wanted, CoalitionStore):
        same({name: np.asarray(array) for name, array in found.arrays.items()},
             {name: np.asarray(array) for name, array in wanted.arrays.items()}, where)  # fmt: skip
    elif is_dataclass(wanted):
        for field in fields(wanted):
            if field.name not in CLOCK:
                same(getattr(found, field.name), getattr(wanted, field.name), f"{where}.{field.name}")
    elif isinstance(wanted, np.ndarray) and wanted.dtype.kind == "f":
        assert found.dtype == wanted.dtype and found.shape == wanted.shape, where
        atol = 5e-3 if wanted.dtype == np.float16 else 1e-5
        np.testing.assert_allclose(found, wanted, atol=atol, rtol=1e-5, err_msg=where)
    elif isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype, where
        np.testing.assert_array_equal(found, wanted, err_msg=where)
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted), where
        for name in wanted:
            same(found[name], wanted[name], f"{where}[{name!r}]")
    elif isinstance(wanted, (tuple, list)):
        assert len(found) == len(wanted), where
        for place, (one, other) in enumerate(zip(found, wanted, strict=True)):
            same(one, other, f"{where}[{place}]")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, abs=1e-5, nan_ok=True), where
    else:
        assert found == wanted, where


@pytest.fixture
def elsewhere(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Service], tuple[Engine, str]]:
    """`elsewhere(service)` → an engine with the corpus, no weights and nothing stored, and the name of the run."""

    def begin(service: Service) -> tuple[Engine, str]:
        monkeypatch.setenv("DNR_SERVER", service.address)
        monkeypatch.setenv("DNR_TOKEN", service.token)
        made = Engine(place.data, tmp_path / "checkpoints")
        (run,) = made.runs()
        assert run.problem is None
        assert not list(made.checkpoints.rglob("model.safetensors"))
        return made, run.name

    return begin


@pytest.fixture
def bare(place: Workspace, tmp_path: Path) -> Engine:
    """An engine with the weights, and nothing stored."""
    for name in ("dnr", "plain"):
        away = shutil.ignore_patterns("results")
        shutil.copytree(place.checkpoints / name, tmp_path / "bare" / name, ignore=away)
    return Engine(place.data, tmp_path / "bare")


def asked(engine: Engine, run: str, corpus: Corpus) -> dict[str, Callable[[], Any]]:
    """Everything that the engine computes of a run."""
    name, data = corpus.dialogue_ids("test")[1], "small"
    utterance = corpus.dialogue(name).utterances[3].utterance_id
    off, edit = frozenset(engine.run(run).players[:2]), Edit(absent=("audio",), before=2)
    return {
        "predictions": lambda: engine.predictions(run, data, "test"),
        "evaluate": lambda: engine.evaluate(run, data, "dev"),
        "signals": lambda: engine.signals(run, data, "test"),
        "dialogue_values": lambda: engine.dialogue_values(run, data, name),
        "dialogue_values of donors": lambda: engine.dialogue_values(run, data, name, "dialogue", "donor"),
        "dialogue_coalitions": lambda: engine.dialogue_coalitions(run, data, name, "utterance"),
        "utterance_values": lambda: engine.utterance_values(run, data, utterance, "utterance", "zero"),
        "switched": lambda: engine.switched(run, data, name, off, turn=2, removal="donor"),
        "compute_coalitions": lambda: engine.compute_coalitions(run, data, "test"),
        "component_null": lambda: engine.component_null(run, data),
        "dialogue_sets": lambda: engine.dialogue_sets(run, data, name),
        "split_values": lambda: engine.split_values(run, data, "test"),
        "split_claims": lambda: engine.split_claims(run, data, "test"),
        "error_audit": lambda: engine.error_audit(run, data, "test"),
        "suspects": lambda: engine.suspects(run, data, "test"),
        "information": lambda: engine.information(run, data, "test"),
        "split_information": lambda: engine.split_information(run, data, "test"),
        "attribution": lambda: engine.attribution(run, data, utterance),
        "attribution of parts": lambda: engine.attribution(
            run, data, utterance, method="gradient_shap", over="components", baseline="donor"
        ),
        "attribution_check": lambda: engine.attribution_check(run, data, utterance, over="turns"),
        "whatif": lambda: engine.whatif(run, data, utterance, edit),
        "whatif with a donor": lambda: engine.whatif(
            run, data, utterance, Edit(parts=((engine.run(run).players[0], next(iter(corpus.row_of))),))
        ),
        "projection": lambda: engine.projection(run, data, "all", "pca"),
        "compare": lambda: engine.compare(run, run, data, "test", resamples=50),
    }


@pytest.mark.parametrize("name", ["dnr", "plain"])
def test_every_result_is_the_same(
    name: str, elsewhere: Any, bare: Engine, corpus: Corpus, request: pytest.FixtureRequest
) -> None:
    remote, run = elsewhere(request.getfixturevalue("service" if name == "dnr" else "plain_service"))
    here = asked(bare, name, corpus)
    for what, ask in asked(remote, run, corpus).items():
        if name == "dnr" or what not in SLOW:
            same(ask(), here[what](), what)
    assert remote.evaluate(run, "small", "test")["n"] == len(corpus.rows("test"))
    folders = remote.checkpoints / run / "results", bare.checkpoints / name / "results"
    stored = [{path.relative_to(folder) for path in folder.rglob("*.safetensors")} for folder in folders]
    assert stored[0] == stored[1] and len(stored[0]) >= 5


def test_the_card_is_the_same(elsewhere: Any, service: Service, bare: Engine) -> None:
    remote, run = elsewhere(service)
    assert remote.card(run) is None
    seen: list[str] = []
    found = remote.compute_card(run, "small", progress=lambda what, done, of: seen.append(what))
    wanted = bare.compute_card("dnr", "small")
    for card in (found, wanted):
        card.pop("seconds")
    same(json.loads(json.dumps(found)), json.loads(json.dumps(wanted)))
    assert "vectors of the parts" in seen and remote.card(run) is not None


def test_a_computation_that_is_cancelled_keeps_what_came_and_goes_on_from_there(
    elsewhere: Any, service: Service, corpus: Corpus
) -> None:
    remote, run = elsewhere(service)
    seen: list[int] = []

    def stop(done: int, of: int) -> bool:
        seen.append(done)
        return len(seen) == 2

    half = remote.compute_coalitions(run, "small", "train", progress=stop)
    assert len(seen) == 2 and int(half.done.sum()) == seen[-1] < len(corpus.rows("train"))
    rest: list[int] = []
    whole = remote.compute_coalitions(run, "small", "train", progress=lambda done, of: rest.append(done))
    assert whole.complete and rest[0] > seen[-1]
    assert remote.component_null(run, "small", "utterance", progress=lambda done, of: True) is None


def test_refusals_are_the_same_errors(elsewhere: Any, service: Service, corpus: Corpus) -> None:
    remote, run = elsewhere(service)
    utterance = corpus.dialogue(corpus.dialogue_ids("test")[0]).utterances[0].utterance_id
    with pytest.raises(UsageError, match="unknown class: got 'bored'; expected one of happy"):
        remote.attribution(run, "small", utterance, target="bored")
    with pytest.raises(UsageError, match="does not attribute to this"):
        remote.attribution(run, "small", utterance, method="occlusion", over="features")


def test_a_corpus_that_the_service_has_forgotten_is_sent_again(
    elsewhere: Any, service: Service, corpus: Corpus, place: Workspace
) -> None:
    remote, run = elsewhere(service)
    remote.predictions(run, "small", "test")
    for shift in (1, 2, 3):
        other = corpus.features | {"audio": corpus.features["audio"] + np.float32(shift)}
        name = f"shifted{shift}"
        type(corpus)(**{f.name: getattr(corpus, f.name) for f in fields(corpus)} | {
            "name": name, "features": other, "stored_hash": None}).save(place.data / name, overwrite=True)  # fmt: skip
        remote.predictions(run, name, "test")
    assert len(remote.predictions(run, "small", "dev").row) == len(corpus.rows("dev"))
    for shift in (1, 2, 3):
        shutil.rmtree(place.data / f"shifted{shift}")


def test_a_service_that_is_away_is_one_sentence(
    place: Workspace, service: Service, elsewhere: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, run = elsewhere(service)
    kept = remote.predictions(run, "small", "test")
    monkeypatch.setenv("DNR_SERVER", "http://127.0.0.1:9")
    away = Engine(place.data, remote.checkpoints)
    problem = away.runs()[-1].problem
    assert problem and problem.startswith("the service at http://127.0.0.1:9 does not answer") and "\n" not in problem
    same(away.predictions(run, "small", "test"), kept)  # what is stored is shown all the same
    with pytest.raises(DnRError, match=r"does not answer.*start it"):
        away.predictions(run, "small", "dev")
    assert "does not answer" in str(away.words_problem(run, "small"))
    monkeypatch.setenv("DNR_SERVER", "gpu-box")
    lost = Engine(place.data, remote.checkpoints)
    assert "such as http://host:8600" in str(lost.runs()[-1].problem)
    with pytest.raises(DnRError, match="such as http://host:8600"):
        lost.run(lost.runs()[-1].name)
    monkeypatch.delenv("DNR_SERVER")
    alone = Engine(place.data, remote.checkpoints)
    assert [one.problem for one in alone.runs()] == [None]
    same(alone.predictions(run, "small", "test"), kept)
    with pytest.raises(CheckpointError, match=f"weights of {run} are not here.*DNR_SERVER={service.address}"):
        alone.predictions(run, "small", "dev")


def test_a_wrong_token_and_another_run_are_said(
    elsewhere: Any, plain_service: Service, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, run = elsewhere(plain_service)
    monkeypatch.setenv("DNR_SERVER", service.address)
    with pytest.raises(DnRError, match="another run is served"):
        Engine(remote.data, remote.checkpoints).predictions(run, "small", "test")
    monkeypatch.setenv("DNR_SERVER", plain_service.address)
    monkeypatch.setenv("DNR_TOKEN", TOKEN[:-1])
    problem = Engine(remote.data, remote.checkpoints / "none").runs()[-1].problem
    assert problem and "not allowed: got another token" in problem


SCRIPT = """
import sys
class Refuses:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in ("torch", "captum"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuses())
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
from test_remote import SLOW, asked
from dnr_core.serve import Engine
engine = Engine(Path({data!r}), Path({checkpoints!r}))
run = engine.runs()[0].name
corpus = engine.corpus("small")
for what, ask in asked(engine, run, corpus).items():
    if what not in SLOW or what == "attribution_check":
        ask()
print("all of it")
"""


def test_all_of_it_works_where_torch_cannot_be_imported(place: Workspace, service: Service, tmp_path: Path) -> None:
    script = SCRIPT.format(root=str(ROOT), tests=str(ROOT / "tests" / "service"), data=str(place.data),
                           checkpoints=str(tmp_path / "laptop"))  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"DNR_SERVER": service.address}, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.stdout == "all of it\n", ended.stderr[-2000:]


def test_a_map_is_fitted_here_with_vectors_from_there(
    elsewhere: Any, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, run = elsewhere(service)
    assert remote.projection(run, "small", "hidden", "umap") is None
    fit = remote.begin_fit(run, "small", "hidden", "pca")
    assert fit.process.wait(timeout=120) == 0, fit.line
    assert json.loads(fit.answer)
    found = remote.projection(run, "small", "hidden", "pca")
    assert found is not None and found.n == len(remote.corpus("small"))
