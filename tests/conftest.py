"""Small planted corpora and runs that the tests of the app and of the browser share; trained once a session."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from dnr_core.config import RunConfig, preset
from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.serve import Engine
from dnr_core.types import MODALITIES

RUN = "planted-dnr-mmgcn-s0"
HOSTILE_TEXTS = (
    "*fell* **down** `code` $x$ $$y$$ :material/home: [a](http://example.org)",
    "<b>bold</b> <script>document.title='taken'</script> <img src=x onerror=\"document.title='taken'\">",
    "&lt;already escaped&gt; &amp; <!-- comment -->",
    "bell \x07 null-ish \x01 escape \x1b[31m delete \x7f next line \x85",
    "\u202eright to left override\u202c and שלום עולם, مرحبا",
    "emoji 👩‍👩‍👧‍👦 🏳️‍🌈 zero\u200bwidth\u200djoiner",
    "A" * 10_000,
    "   leading and trailing spaces   \n\tnew line and tab",
    "",
)


HOSTILE_NAMES = ("<b>x</b> & $y$", "<a href='http://example.org'>go</a>", "&lt;br&gt;<br>%{x}", "1", "2", "2020-01-02")


@dataclass(frozen=True)
class Workspace:
    """A data folder and a checkpoint folder as a user has them, and the engine over both."""

    data: Path
    checkpoints: Path

    @property
    def engine(self) -> Engine:
        return Engine(self.data, self.checkpoints)


def short_config(method: str, backbone: str) -> RunConfig:
    """A preset with few epochs."""
    config = preset(method, backbone)
    epochs = {"divide": 12, "refine": 3, "train": 4}
    stages = {name: stage.model_copy(update={"epochs": epochs[name]}) for name, stage in config.stages.items()}
    return config.model_copy(update={"stages": stages})


def train_run(corpus: Corpus, folder: Path, method: str, backbone: str) -> None:
    """Train a small run and save it with its test scores."""
    from dnr_core.explain.predict import predict_split
    from dnr_core.model.batch import TensorCorpus
    from dnr_core.training.checkpoint import save_run
    from dnr_core.training.loop import train
    from dnr_core.training.metrics import evaluation

    config = short_config(method, backbone)
    trained = train(corpus, config, device="cpu")
    rows, logits = predict_split(trained.model, TensorCorpus(corpus), corpus, "test")
    dialogues = corpus.utterances["dialogue_id"].to_numpy(dtype=object)[rows]
    scores = evaluation(corpus.labels[rows], logits.argmax(1), dialogues, corpus.emotions)
    metrics = {"test": scores, "train_seconds": trained.seconds, "epochs": len(trained.history)}
    save_run(folder, trained, config, corpus, metrics)


def with_rows(corpus: Corpus, name: str, keep: np.ndarray, **columns: list[object]) -> Corpus:
    """Some rows of a corpus under another name, with some columns replaced."""
    frame = corpus.utterances[keep].reset_index(drop=True).assign(**columns)
    features = {modality: corpus.features[modality][keep] for modality in MODALITIES}
    present = corpus.present[keep]
    return replace(corpus, name=name, utterances=frame, features=features, present=present, stored_hash=None)


def longest_test_dialogue(corpus: Corpus) -> str:
    """The id of the longest dialogue of the test split."""
    return max(corpus.dialogue_ids("test"), key=lambda name: len(corpus.dialogue_rows[name]))


def hostile(corpus: Corpus) -> Corpus:
    """The corpus with texts that a page must show as they are, in its longest test dialogue."""
    texts = corpus.utterances["text"].tolist()
    rows = corpus.dialogue_rows[longest_test_dialogue(corpus)]
    for row, text in zip(rows, HOSTILE_TEXTS, strict=False):
        texts[row] = text
    return with_rows(corpus, "hostile", np.ones(len(corpus), dtype=bool), text=texts)


def hostile_names(corpus: Corpus) -> Corpus:
    """The corpus with names of emotions that a figure must show as they are."""
    renamed = dict(zip(corpus.emotions, HOSTILE_NAMES, strict=True))
    emotion = [renamed[name] for name in corpus.utterances["emotion"]]
    made = replace(corpus, emotions=HOSTILE_NAMES, utterances=corpus.utterances.assign(emotion=emotion))
    return with_rows(made, "names", np.ones(len(corpus), dtype=bool))


def odd(corpus: Corpus) -> Corpus:
    """A test split with a dialogue of one turn and one without labels; faults and a lost clip in it."""
    single, unlabelled = corpus.dialogue_ids("test")[:2]
    keep = np.ones(len(corpus), dtype=bool)
    keep[corpus.dialogue_rows[single][1:]] = False
    emotions = corpus.utterances["emotion"].to_numpy(dtype=object).copy()
    emotions[corpus.dialogue_rows[unlabelled]] = ""
    media = np.full(len(corpus), "", dtype=object)
    media[corpus.dialogue_rows[single][0]] = "gone/clip.mp4"
    faults = np.full(len(corpus), "", dtype=object)
    faults[corpus.dialogue_rows[single][0]] = "visual:no_face"
    columns = {
        name: list(values[keep]) for name, values in (("emotion", emotions), ("media", media), ("faults", faults))
    }
    made = with_rows(corpus, "odd", keep, **columns)
    made.present[made.dialogue_rows[single][0], MODALITIES.index("visual")] = False
    return made


def text_only(corpus: Corpus) -> Corpus:
    """The corpus without features: it can be read, and nothing can be trained on it."""
    count = len(corpus)
    return replace(
        corpus,
        name="words",
        features={modality: np.zeros((count, 0), dtype=np.float32) for modality in MODALITIES},
        feature_names=dict.fromkeys(MODALITIES, ()),
        present=np.zeros((count, 3), dtype=bool),
        stored_hash=None,
    )


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """Tiny batches: threads that wait for each other on a busy machine cost far more than they bring."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def workspace(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Corpora planted, hostile, names, odd, long, words, broken; runs of dnr and plain, a corrupt and an empty one."""
    root = tmp_path_factory.mktemp("workspace")
    made = Workspace(root / "data", root / "checkpoints")
    corpus = generate(PlantedConfig(dialogues=40, utterances_per_dialogue=12))
    corpus.save(made.data / "planted")
    for other in (hostile(corpus), hostile_names(corpus), odd(corpus), text_only(corpus)):
        other.save(made.data / other.name)
    generate(PlantedConfig(dialogues=3, utterances_per_dialogue=420, seed=5), name="long").save(made.data / "long")
    narrow = PlantedConfig(dialogues=6, widths={"text": 10, "audio": 6, "visual": 6})
    generate(narrow, name="narrow").save(made.data / "narrow")
    (made.data / "broken").mkdir()
    (made.data / "broken" / "corpus.json").write_text("{ not json")
    train_run(corpus, made.checkpoints / RUN, "dnr", "mmgcn")
    train_run(corpus, made.checkpoints / "plain-run", "plain", "late_fusion")
    train_run(hostile_names(corpus), made.checkpoints / "names-run", "plain", "late_fusion")
    for name in ("planted", "hostile"):
        made.engine.compute_coalitions(RUN, name, "test")
    for split in ("train", "dev", "test"):
        made.engine.predictions(RUN, "planted", split)
    made.engine.predictions(RUN, "hostile", "test")
    made.engine.projection(RUN, "planted", "all", "pca")
    shutil.copytree(made.checkpoints / RUN, made.checkpoints / "corrupt-run")
    metrics = json.loads((made.checkpoints / "corrupt-run" / "metrics.json").read_text())
    metrics["test"]["weighted_f1"] = 0.99
    (made.checkpoints / "corrupt-run" / "metrics.json").write_text(json.dumps(metrics))
    (made.checkpoints / "empty-run").mkdir()
    return made


@pytest.fixture
def app_folders(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace as what the app reads."""
    monkeypatch.setenv("DNR_DATA", str(workspace.data))
    monkeypatch.setenv("DNR_CHECKPOINTS", str(workspace.checkpoints))
    return workspace
