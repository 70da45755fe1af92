"""Divide and Refine without one of its parts: what is left out is not there, and everything else works."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small import short, small_corpus

from dnr_core.config import RunConfig, preset
from dnr_core.data.corpus import Corpus
from dnr_core.explain.coalitions import Donors, dialogue_scope
from dnr_core.explain.predict import values_of_rows
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.dnr import PartsAlone
from dnr_core.study.variants import configured, variants_of
from dnr_core.training.checkpoint import load_model, read_run, save_run
from dnr_core.training.loop import train
from dnr_core.types import FAMILIES

pytestmark = pytest.mark.usefixtures("one_thread")
DIVIDES = ("pairwise", "official")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return small_corpus(12)


def configuration(divide: str, **update: object) -> RunConfig:
    config = preset("dnr", "late_fusion", divide=divide)
    stages = {name: stage.model_copy(update={"epochs": 1}) for name, stage in config.stages.items()}
    options = config.options | ({"head_width": 8} if divide == "official" else {})
    return config.model_copy(update={"width": 16, "stages": stages, "options": options} | update)


@pytest.mark.parametrize("divide", DIVIDES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_that_is_left_out_is_nowhere_available_and_worth_nothing(corpus, divide, family, tmp_path):
    config = configuration(divide, without=(family,))
    trained = train(corpus, config, device="cpu")
    save_run(tmp_path / "run", trained, config, corpus, {})
    model = load_model(read_run(tmp_path / "run"))
    assert model.spec == trained.model.spec and model.spec.without == (family,)
    assert all(np.isfinite(list(record.values())[4:]).all() for record in trained.history)
    rows = corpus.dialogue_rows[corpus.dialogue_ids("test")[0]]
    components = model.decompose(TensorCorpus(corpus).batch(rows[None]))
    off = [player.startswith(family) for player in model.players]
    assert len(off) == 9 and sum(off) == 3
    for player, gone in zip(model.players, off, strict=True):
        assert bool(components.available[player].any()) is not gone
        assert bool(components.vectors[player].any()) is not gone
    values = values_of_rows(model, corpus, rows, "dialogue", "mean", lambda done, of: None)
    assert values is not None
    assert np.abs(values.values[:, off]).max() < 1e-9 < np.abs(values.values[:, ~np.array(off)]).max()
    assert np.abs(values.completeness_gap).max() < 1e-4
    Donors.of(model, TensorCorpus(corpus), corpus)


@pytest.mark.parametrize("divide", DIVIDES)
def test_without_refine_the_parts_have_the_only_word(corpus, divide):
    trained = train(corpus, configuration(divide, without=("refine",)), device="cpu")
    model = trained.model
    assert {record["stage"] for record in trained.history} == {"divide"}
    assert isinstance(model.backbone, PartsAlone)
    batch = TensorCorpus(corpus).batch(corpus.rows("train")[:12].reshape(2, 6))
    said = model.stage_logits(batch, "divide")
    scale = model.sharpness * model.loudness if divide == "pairwise" else 1.0
    torch.testing.assert_close(model(batch).logits, scale * said, atol=1e-5, rtol=0)
    assert said.std() > 0 and dialogue_scope(model, TensorCorpus(corpus).batch(np.arange(3)[None])).any()


WEIGHTS = [
    (divide, name) for divide in DIVIDES for name in preset("dnr", None, divide=divide).options if "weight" in name
]


@pytest.mark.parametrize(("divide", "name"), WEIGHTS)
def test_every_loss_can_be_off(corpus, divide, name):
    config = configuration(divide)
    trained = train(corpus, config.model_copy(update={"options": config.options | {name: 0.0}}), device="cpu")
    term = f"train_{name.removesuffix('_weight')}"
    known = [record[term] for record in trained.history if term in record]
    assert known and set(known) == {0.0}


@pytest.mark.parametrize("divide", DIVIDES)
def test_all_losses_can_be_off_at_once(corpus, divide):
    config = configuration(divide)
    options = config.options | {name: 0.0 for of, name in WEIGHTS if of == divide}
    trained = train(corpus, config.model_copy(update={"options": options}), device="cpu")
    assert all(np.isfinite(record["dev_loss"]) for record in trained.history)


def test_built_in_ablations_change_what_they_say_and_nothing_else():
    base = configured("dnr", "mmgcn", "fast", 0, {}, {}).model_dump()
    for name, fields in variants_of(["dnr"], None)["dnr"].items():
        found = configured("dnr", "mmgcn", "fast", 0, {}, fields).model_dump()
        changed = {key for key in base | found if base.get(key) != found.get(key)}
        if name == "without_divide":
            assert found == preset("plain", "mmgcn").model_dump(), "raw features into the backbone are plain"
        elif name == "official_divide":
            assert found == preset("dnr", "mmgcn", divide="official").model_dump()
        elif "without" in fields:
            assert changed == {"without"}
        else:
            assert changed == {"options"}
            other = {key for key in base["options"] if base["options"][key] != found["options"][key]}
            assert other == set(fields["options"]) and all(found["options"][key] == 0 for key in other)
    families = [fields["without"] for fields in variants_of(["dnr"], None)["dnr"].values() if "without" in fields]
    assert families == [["refine"], *([family] for family in FAMILIES)]
    weights = {name for divide, name in WEIGHTS if divide == "pairwise"}
    off = {key for fields in variants_of(["dnr"], None)["dnr"].values() for key in fields.get("options", {})}
    assert weights <= off, "a loss without an ablation"
    assert short().without == ()
