"""On a CUDA device: the same numbers as on the CPU, and training in bfloat16."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dnr_core.config import RunConfig, preset
from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.explain.coalitions import dialogue_scope
from dnr_core.explain.predict import predict_split
from dnr_core.model.batch import TensorCorpus
from dnr_core.registry import lookup, names
from dnr_core.training.build import build_model, choose_device
from dnr_core.training.loop import Trained, train

DEVICE = "cuda"
PAIRS = [
    pytest.param((method, backbone), id="-".join(filter(None, (method, backbone))))
    for method in names("method")
    for backbone in ([None] if lookup("method", method).own_network else names("backbone"))
]
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return generate(PlantedConfig(dialogues=24, utterances_per_dialogue=8, missing=0.1))


def few_epochs(method: str, backbone: str | None, epochs: int = 3) -> RunConfig:
    config = preset(method, backbone)
    stages = {name: stage.model_copy(update={"epochs": epochs}) for name, stage in config.stages.items()}
    return config.model_copy(update={"stages": stages})


@pytest.fixture
def full_precision():
    """cuDNN rounds to TensorFloat-32 by default: 1e-3."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@pytest.mark.parametrize("pair", PAIRS)
def test_logits_parts_and_coalitions_agree_with_the_cpu(pair, corpus, full_precision):
    model = build_model(corpus, few_epochs(*pair)).eval()
    rows = corpus.dialogue_rows[corpus.dialogue_ids("test")[0]][None]
    here, there = TensorCorpus(corpus).batch(rows), TensorCorpus(corpus, DEVICE).batch(rows)
    with torch.no_grad():
        expected, parts = model(here).logits, model.decompose(here).vectors
        table = dialogue_scope(model, here)
        model.to(DEVICE)
        torch.testing.assert_close(model(there).logits.cpu(), expected, atol=1e-4, rtol=0)
        for player, vector in model.decompose(there).vectors.items():
            torch.testing.assert_close(vector.cpu(), parts[player], atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(dialogue_scope(model, there), table, atol=1e-4)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_short_training_in_bfloat16_learns_and_returns_to_the_cpu(pair, corpus):
    config = few_epochs(*pair, epochs=8)
    trained = train(corpus, config, device="auto")
    assert choose_device("auto").type == DEVICE
    assert {tensor.device.type for tensor in trained.model.state_dict().values()} == {"cpu"}
    assert all(tensor.isfinite().all() for tensor in trained.model.state_dict().values())
    assert all(parameter.dtype == torch.float32 for parameter in trained.model.parameters())
    for stage in trained.model.stages:
        losses = [record["dev_loss"] for record in trained.history if record["stage"] == stage.name]
        assert len(losses) == 8 and min(losses) < losses[0]
    rows, logits = predict_split(trained.model, TensorCorpus(corpus), corpus, "train")
    assert float((logits.argmax(1) == corpus.labels[rows]).mean()) > 1.5 / len(corpus.emotions)


def test_a_run_killed_on_the_device_goes_on_where_it_was(corpus, tmp_path):
    config, path = few_epochs("dnr", "mmgcn"), tmp_path / "state.safetensors"

    class Killed(BaseException):
        pass

    def kill(record: dict) -> None:
        if record["epoch"] == 2:
            raise Killed

    with pytest.raises(Killed):
        train(corpus, config, device=DEVICE, state_path=path, progress=kill)
    trained: Trained = train(corpus, config, device=DEVICE, state_path=path, resume=True)
    assert [(record["stage"], record["epoch"]) for record in trained.history] == [
        (stage, epoch) for stage in ("divide", "refine") for epoch in (1, 2, 3)
    ]


def test_labels_of_nobody_do_not_stop_the_device(corpus):
    unlabelled = replace(corpus, utterances=corpus.utterances.copy(), stored_hash=None)
    unlabelled.utterances.loc[corpus.rows("dev"), "emotion"] = ""
    trained = train(unlabelled, few_epochs("dnr", "mmgcn", epochs=1), device=DEVICE)
    assert len(trained.history) == 2
