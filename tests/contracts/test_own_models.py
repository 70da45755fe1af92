"""A user's own backbone and method join through entry points: registry, training, disk and command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dnr_core.data.planted import PlantedConfig, generate

MODULE = '''
import torch
from torch import nn
from torch.nn import functional
from dnr_core.model.backbones.base import Backbone, BackboneOutput
from dnr_core.model.batch import Components, LossTerms, MethodOutput
from dnr_core.model.layers import FeatureScaler
from dnr_core.model.methods.base import Method, Stage


class Straight(Backbone):
    """One linear layer on the concatenated modalities."""

    def __init__(self, spec):
        super().__init__(spec)
        self.hidden_width = spec.width * spec.modalities
        self.classifier = nn.Linear(self.hidden_width, spec.emotions)

    def forward(self, inputs, present, speaker, mask):
        hidden = inputs.flatten(2)
        return BackboneOutput(self.classifier(hidden), hidden)


class TextOnly(Method):
    """A linear layer on text."""

    stages = (Stage("train", "dialogue"),)
    players = ("modality:text",)

    def __init__(self, spec):
        super().__init__(spec)
        self.scaler = FeatureScaler(spec.widths["text"])
        self.read = nn.Linear(spec.widths["text"], spec.emotions)
        self.register_baselines({"modality:text": spec.widths["text"]})

    def fit_features(self, features, labels):
        self.scaler.fit(features["text"])

    def decompose(self, batch):
        there = batch.present[..., 0]
        vector = self.scaler(batch.text).masked_fill(~there[..., None], 0.0)
        return Components({"modality:text": vector}, {"modality:text": there})

    def predict(self, components, batch):
        vector = components.vectors["modality:text"]
        return MethodOutput(self.read(vector), vector, components)

    def loss(self, batch, stage):
        task = self.cross_entropy(self(batch).logits, batch)
        return LossTerms(task, {"task": task.detach()})
'''


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip leaves it: a module and its metadata; and a corpus in data/small."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_models.py").write_text(MODULE)
    info = folder / "site" / "my_models-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "my_models.py").rename(folder / "site" / "my_models.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-models\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[dnr_core.backbones]\nstraight = my_models:Straight\nmmgcn = my_models:Straight\n\n"
        "[dnr_core.methods]\ntext_only = my_models:TextOnly\n"
    )
    generate(PlantedConfig(dialogues=8, utterances_per_dialogue=5)).save(folder / "data" / "small")
    (folder / "short.json").write_text(json.dumps({"stages": {"train": {"epochs": 2}}}))
    return folder


def dnr(folder: Path, *words: str, site: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command where the package is installed (or not)."""
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root)] + [str(folder / "site")] * site)
    environment = os.environ | {
        "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "DNR_DATA": str(folder / "data"),
        "DNR_CHECKPOINTS": str(folder / "checkpoints"),
    }  # fmt: skip
    command = [sys.executable, "-m", "dnr_core", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_registries_list_them_after_their_own(installed):
    done = dnr(installed, "doctor", "--json")
    assert done.returncode == 0, done.stderr
    known = json.loads(done.stdout)["registries"]
    assert "straight" in known["backbones"] and "text_only" in known["methods"]
    without = json.loads(dnr(installed, "doctor", "--json", site=False).stdout)["registries"]
    assert "straight" not in without["backbones"] and "text_only" not in without["methods"]


@pytest.mark.parametrize(("method", "backbone"), [("plain", "straight"), ("text_only", "mmgcn")])
def test_they_train_and_are_evaluated_and_explained_by_name(installed, method, backbone):
    out = f"checkpoints/{method}"
    words = ("--corpus", "data/small", "--method", method, "--backbone", backbone, "--config", "short.json")
    done = dnr(installed, "train", *words, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    scores = dnr(installed, "evaluate", "--checkpoint", out, "--json")
    assert scores.returncode == 0, scores.stderr
    trained = json.loads(done.stdout)
    assert json.loads(scores.stdout)["weighted_f1"] == pytest.approx(trained["test"]["weighted_f1"], abs=1e-9)
    missing = dnr(installed, "explain", "--checkpoint", out, "--out", f"{method}.parquet", "--split", "dev", site=False)
    assert missing.returncode == 4 and len(missing.stderr.splitlines()) == 1
    assert "not installed" in missing.stderr and (method if method != "plain" else backbone) in missing.stderr


def test_a_name_of_ours_cannot_be_taken_over(installed):
    root = Path(__file__).resolve().parents[2]
    code = "from dnr_core.registry import lookup; print(lookup('backbone', 'mmgcn').__module__)"
    path = os.pathsep.join([str(root), str(installed / "site")])
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "dnr_core.model.backbones.mmgcn"
