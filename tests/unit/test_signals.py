"""Signals of a run through the engine: stored beside the predictions, read without torch, empty without any."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError
from dnr_core.model.batch import Signals, TensorCorpus
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import save_run
from tests.unit.small import short, small_corpus, untrained

pytestmark = pytest.mark.usefixtures("one_thread")
METHODS = ("df_erc", "drkf", "plain")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Dialogues of different lengths with absent modalities."""
    made = small_corpus(12, missing=0.2)
    keep = np.ones(len(made), dtype=bool)
    keep[made.dialogue_rows[made.dialogue_ids("test")[0]][2:]] = False
    frame = made.utterances[keep].reset_index(drop=True)
    features = {name: values[keep] for name, values in made.features.items()}
    return replace(made, utterances=frame, features=features, present=made.present[keep], stored_hash=None)


@pytest.fixture(scope="module")
def root(corpus: Corpus, one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signals")
    corpus.save(folder / "data" / "small")
    for method in METHODS:
        backbone = "late_fusion" if method == "plain" else None
        config = short(method, backbone)  # type: ignore[arg-type]
        save_run(folder / "runs" / method, untrained(corpus, config), config, corpus, {})
    return folder


@pytest.fixture
def engine(root: Path) -> Engine:
    return Engine(root / "data", root / "runs")


@pytest.mark.parametrize("method", ["df_erc", "drkf"])
def test_signals_are_in_the_order_of_the_split(method: str, engine: Engine, corpus: Corpus):
    """Dialogue by dialogue from the model itself, whatever the batches of the engine were."""
    found = engine.signals(method, "small", "test")
    rows = corpus.rows("test")
    ids = corpus.utterances["utterance_id"].to_numpy(dtype=object)
    assert found.utterance_ids == tuple(ids[rows])
    model, data = engine.loaded(*engine.fitting(method, "small"))
    for dialogue in corpus.dialogue_ids("test"):
        own = corpus.dialogue_rows[dialogue]
        expected = model.signals(data.batch(own[None]))
        assert dict(expected.descriptions) == found.descriptions
        for name, value in expected.values.items():
            place = np.searchsorted(rows, own)
            np.testing.assert_allclose(found.values[name][place], value[0].numpy(), atol=1e-5)


@pytest.mark.parametrize("method", ["df_erc", "drkf"])
def test_an_absent_modality_is_nan(method: str, engine: Engine, corpus: Corpus):
    found = engine.signals(method, "small", "train")
    present = corpus.present[corpus.rows("train")]
    assert not present.all()
    wide = [values for values in found.values.values() if values.ndim == 2]
    assert len(wide) == 1 and (np.isnan(wide[0]) == ~present).all()


def test_signals_are_stored_and_read_without_torch(engine: Engine, root: Path):
    first = engine.signals("df_erc", "small", "dev")
    stored = list((root / "runs" / "df_erc" / "results").glob("*/dev/signals.safetensors"))
    assert len(stored) == 1
    code = (
        "import sys; from pathlib import Path; from dnr_core.serve import Engine; root = Path(sys.argv[1]);"
        "found = Engine(root / 'data', root / 'runs').signals('df_erc', 'small', 'dev');"
        "print('torch' in sys.modules, round(float(found.values['context_weight'].sum()), 4))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", str(round(float(first.values["context_weight"].sum()), 4))]


def test_a_damaged_file_is_computed_again(engine: Engine, root: Path):
    first = engine.signals("drkf", "small", "dev")
    next((root / "runs" / "drkf" / "results").glob("*/dev/signals.safetensors")).write_bytes(b"damaged")
    again = Engine(root / "data", root / "runs").signals("drkf", "small", "dev")
    for name, values in first.values.items():
        np.testing.assert_array_equal(again.values[name], values)


def test_a_method_without_signals_has_an_empty_answer_and_no_file(engine: Engine, root: Path, corpus: Corpus):
    found = engine.signals("plain", "small", "test")
    assert (found.values, found.descriptions, len(found.utterance_ids)) == ({}, {}, len(corpus.rows("test")))
    assert not list((root / "runs" / "plain").rglob("signals.safetensors"))


def test_an_unknown_split_is_refused(engine: Engine):
    with pytest.raises(UsageError, match="unknown split: got 'all'"):
        engine.signals("df_erc", "small", "all")


def test_every_signal_needs_its_description(corpus: Corpus):
    values = TensorCorpus(corpus).batch(corpus.rows("dev")[None]).label
    with pytest.raises(ValueError, match=r"\['odd'\] do not fit descriptions \[\]"):
        Signals({"odd": values}, {})
