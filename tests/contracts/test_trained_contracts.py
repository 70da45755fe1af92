"""What every method with every backbone promises of training and of the disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from contract_samples import PAIRS, configured

from dnr_core.config import RunConfig, StageConfig
from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.explain.predict import predict_split
from dnr_core.model.batch import TensorCorpus
from dnr_core.training.checkpoint import load_model, read_run, save_run
from dnr_core.training.loop import Trained, build_model, train
from dnr_core.types import MODALITIES

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def four() -> Corpus:
    """Four dialogues, all in train, whose labels are random: only memory helps."""
    config = PlantedConfig(
        dialogues=4, utterances_per_dialogue=6, noise_share=1.0, widths=dict.fromkeys(MODALITIES, 16)
    )
    corpus = generate(config, name="four")
    return replace(corpus, utterances=corpus.utterances.assign(split="train"), stored_hash=None)


def memorising(method: str, backbone: str | None, divide: str = "pairwise") -> RunConfig:
    """A configuration without any regularisation."""
    config = configured(method, backbone, divide)
    options = {key: 0.0 if key.endswith(("dropout", "noise")) else value for key, value in config.options.items()}
    stage = StageConfig(epochs=60, learning_rate=5e-3, weight_decay=0, batch=64, patience=60, schedule="constant")
    stages = {name: stage.model_copy(update={"epochs": 30 if name == "divide" else 60}) for name in config.stages}
    update = {"width": 32, "dropout": 0.0, "average": 0.0, "options": options, "stages": stages}
    return config.model_copy(update=update)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_four_dialogues_can_be_learned_by_heart(pair, four):
    trained = train(four, memorising(*pair), device="cpu")
    rows, logits = predict_split(trained.model, TensorCorpus(four), four, "train")
    accuracy = float((logits.argmax(1) == four.labels[rows]).mean())
    assert accuracy >= 0.95


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_saved_model_comes_back_bit_by_bit(pair, four, tmp_path: Path):
    config = configured(*pair)
    model = build_model(four, config)
    batch = TensorCorpus(four).batch(np.arange(len(four.dialogue_rows["dialogue_000"]))[None])
    model.train()(batch)
    model.eval().fit_baselines([batch])
    model.finish([batch])
    save_run(tmp_path / "run", Trained(model, [], 0.0), config, four, {})
    loaded = load_model(read_run(tmp_path / "run"))
    assert loaded.spec == model.spec and loaded.players == model.players and not loaded.training
    state, found = model.state_dict(), loaded.state_dict()
    assert list(state) == list(found)
    assert all(torch.equal(state[name], found[name]) for name in state)
    assert torch.equal(loaded(batch).logits, model(batch).logits)
    assert all(torch.equal(loaded.baseline(player), model.baseline(player)) for player in model.players)
    assert all(model.baseline(player).any() for player in model.players)
