"""Training: the same command gives the same weights, dev alone selects, and trouble is said in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import changed, files_below, handmade, relabelled, short, small_corpus

from dnr_core.cli import main
from dnr_core.config import RunConfig, StageConfig
from dnr_core.data.corpus import Corpus
from dnr_core.errors import DataError, DnRError
from dnr_core.explain.predict import predict_split
from dnr_core.model.batch import LossTerms, TensorCorpus
from dnr_core.model.methods.plain import Plain
from dnr_core.training.build import build_model, choose_device
from dnr_core.training.loop import Trained, Trainer, train
from dnr_core.training.optimise import MovingAverage, learning_rate
from dnr_core.types import MODALITIES

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return small_corpus()


def same_weights(first: Trained, second: Trained) -> bool:
    one, two = first.model.state_dict(), second.model.state_dict()
    return list(one) == list(two) and all(torch.equal(one[name], two[name]) for name in one)


def told(trained: Trained) -> list[dict[str, Any]]:
    """The history without its clock."""
    return [{key: value for key, value in record.items() if key != "seconds"} for record in trained.history]


def accuracy(trained: Trained, corpus: Corpus, split: str) -> float:
    rows, logits = predict_split(trained.model, TensorCorpus(corpus), corpus, split)
    known = corpus.labels[rows] >= 0
    return float((logits.argmax(1) == corpus.labels[rows])[known].mean())


def constant(epochs: int, **update: Any) -> RunConfig:
    """plain + mmgcn at a constant rate, so that fewer epochs are the beginning of more."""
    stage = StageConfig(epochs=epochs, learning_rate=3e-3, batch=4, patience=100, schedule="constant")
    return short("plain", stages={"train": stage}, **update)


def test_the_same_configuration_gives_the_same_weights_and_another_seed_others(corpus):
    config = short(epochs=2)
    first, second = train(corpus, config, device="cpu"), train(corpus, config, device="cpu")
    assert same_weights(first, second) and told(first) == told(second)
    assert not same_weights(first, train(corpus, short(epochs=2, seed=1), device="cpu"))


def test_it_learns(corpus):
    trained = train(corpus, constant(40, dropout=0.0), device="cpu")
    losses = [record["train_task"] for record in trained.history]
    assert losses[-1] < 0.5 * losses[0] and accuracy(trained, corpus, "train") > 0.35
    assert not trained.model.training and not trained.interrupted


def test_nothing_of_test_changes_the_weights(corpus):
    rows = corpus.rows("test")
    other = relabelled(corpus, rows, "happy")
    for modality in MODALITIES:
        other = changed(other, rows, modality, np.full_like(corpus.features[modality][rows], 50.0))
    config = short(epochs=3)
    first, second = train(corpus, config, device="cpu"), train(other, config, device="cpu")
    assert same_weights(first, second) and told(first) == told(second)


def test_dev_selects_the_epoch_and_teaches_nothing(corpus):
    rows = corpus.rows("dev")
    draw = np.random.default_rng(0)
    other = relabelled(corpus, rows, draw.choice(corpus.emotions, len(rows)))
    first, second = train(corpus, constant(8), device="cpu"), train(other, constant(8), device="cpu")
    assert [r["train_task"] for r in first.history] == [r["train_task"] for r in second.history]
    assert [r["dev_weighted_f1"] for r in first.history] != [r["dev_weighted_f1"] for r in second.history]
    assert not same_weights(first, second), "another dev split chose the same epoch"


def test_the_weights_kept_are_those_of_the_best_epoch_on_dev(corpus):
    rows = corpus.rows("dev")
    other = relabelled(corpus, rows, np.random.default_rng(0).choice(corpus.emotions, len(rows)))
    trained = train(other, constant(8), device="cpu")
    scores = [(record["dev_weighted_f1"], -record["dev_loss"]) for record in trained.history]
    best = scores.index(max(scores)) + 1
    assert [record["epoch"] for record in trained.history if record["best"]][-1] == best < 8
    assert same_weights(trained, train(other, constant(best), device="cpu"))
    assert not same_weights(trained, train(other, constant(best + 1, seed=1), device="cpu"))


def test_the_average_of_the_weights_is_what_dev_sees_and_the_run_keeps(corpus):
    plain, averaged = (train(corpus, constant(1, average=decay), device="cpu") for decay in (0.0, 0.98))
    assert plain.history[0]["train_task"] == averaged.history[0]["train_task"]
    assert plain.history[0]["dev_loss"] != averaged.history[0]["dev_loss"] and not same_weights(plain, averaged)


def test_training_stops_when_dev_has_not_improved_for_patience_epochs(corpus):
    stage = StageConfig(epochs=40, learning_rate=0.05, batch=4, patience=3, schedule="constant")
    history = train(corpus, short("plain", stages={"train": stage}), device="cpu").history
    assert len(history) < 40 and [record["best"] for record in history[-4:]] == [True, False, False, False]


def test_the_dev_split_does_not_follow_the_seed_of_training(corpus):
    def dev(seed: int) -> list[torch.Tensor]:
        config = short("plain", seed=seed)
        trainer = Trainer(corpus, config, device=torch.device("cpu"), state_path=None, progress=lambda record: None)
        return [batch.text for batch in trainer.dev]

    assert all(torch.equal(first, second) for first, second in zip(dev(0), dev(7), strict=True))
    seen = {tuple(row) for batch in dev(0) for row in batch.flatten(0, 1).tolist()}
    assert {tuple(row) for row in corpus.features["text"][corpus.rows("dev")].tolist()} <= seen


def test_the_front_end_is_fitted_on_measured_train_rows_alone(corpus):
    train_rows = corpus.rows("train")
    other = changed(corpus, train_rows[:3], "audio", np.full((3, 8), 1e6))
    other.present[train_rows[:3], 1] = False
    model = build_model(other, short("plain"))
    expected = corpus.features["audio"][train_rows[3:]].mean(0)
    np.testing.assert_allclose(model.get_submodule("scalers")["audio"].mean, expected, atol=1e-5)


def test_class_weights_follow_the_frequencies_of_train():
    """happy 4 times, sad once, angry never: w ∝ 1/4, 1; Σ w · count = number of rows: 5/8, 5/2."""
    corpus = handmade({"train": (5,), "dev": (2,)}, emotions=("happy", "sad", "angry"))
    corpus = relabelled(corpus, np.arange(7), ["happy", "happy", "sad", "happy", "happy", "angry", "sad"])
    balanced = build_model(corpus, short("plain", class_balance=1.0)).class_weight
    assert balanced.tolist() == pytest.approx([5 / 8, 5 / 2, 0])
    assert build_model(corpus, short("plain")).class_weight.tolist() == pytest.approx([1, 1, 0])


def test_the_rate_warms_up_and_decays_to_a_hundredth():
    settings = StageConfig(epochs=100, learning_rate=1e-3, batch=1)
    found = [learning_rate(settings, epoch) for epoch in (0, 2.5, 5, 52.5, 100)]
    assert found == pytest.approx([1e-4, 5.5e-4, 1e-3, 1e-3 * (0.01 + 0.99 / 2), 1e-5])
    assert learning_rate(settings.model_copy(update={"schedule": "constant"}), 70) == 1e-3
    linear = settings.model_copy(update={"schedule": "linear", "warm_up_steps": 40})
    found = [learning_rate(linear, epoch, steps_per_epoch=2) for epoch in (0, 10, 20, 60, 100)]
    assert found == pytest.approx([0, 5e-4, 1e-3, 5e-4, 0], abs=1e-12)


def test_the_moving_average_by_hand(corpus):
    """Decay 2/11 after the first step, 3/12 after the second: w₀·2/11 + w₁·9/11, then · 1/4 + w₂·3/4."""
    model = build_model(corpus, short("plain"))
    weight = model.get_submodule("backbone.classifier").bias
    with torch.no_grad():
        weight.fill_(1.0)
        average = MovingAverage(model, 0.98, {})
        weight.fill_(12.0)
        average.update()
        assert average.weights["backbone.classifier.bias"][0] == pytest.approx(2 / 11 + 12 * 9 / 11)
        weight.fill_(0.0)
        average.update()
    assert average.weights["backbone.classifier.bias"][0] == pytest.approx((2 / 11 + 108 / 11) / 4)


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_a_loss_that_is_not_a_number_names_epoch_batch_and_feature(corpus, monkeypatch, tmp_path: Path, capsys, bad):
    rows = corpus.rows("train")
    other = changed(corpus, rows[5:6], "audio", np.array([1, 2, 3, -3e38, 5, 6, 7, 8], dtype=np.float32))
    other.save(tmp_path / "data" / "huge")
    calls: list[int] = []
    honest = Plain.loss

    def broken(self: Plain, batch: Any, stage: str) -> LossTerms:
        calls.append(1)
        terms = honest(self, batch, stage)
        return LossTerms(terms.total * float(bad), terms.parts) if len(calls) == 3 else terms

    monkeypatch.setattr(Plain, "loss", broken)
    (tmp_path / "short.json").write_text(json.dumps({"width": 16, "stages": {"train": {"epochs": 4, "batch": 64}}}))
    out = tmp_path / "runs" / "broken"
    words = ["--corpus", str(tmp_path / "data" / "huge"), "--method", "plain", "--out", str(out)]
    assert main(["train", *words, "--config", str(tmp_path / "short.json")]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == (
        f"the loss of stage train is {bad} in epoch 3, batch 1: got largest feature "
        "audio audio_band_01_slope_db = 3e+38; look at that feature, or lower the learning rate"
    )
    assert not out.exists()


def test_huge_features_do_not_break_training(corpus):
    rows = corpus.rows("train")
    other = changed(corpus, rows[:2], "audio", np.array([[3e38] * 8, [-3e38] * 8], dtype=np.float32))
    trained = train(other, short(epochs=1), device="cpu")
    assert all(tensor.isfinite().all() for tensor in trained.model.state_dict().values())


@pytest.mark.parametrize("method", ["plain", "dnr"])
def test_two_modalities_unlabelled_utterances_and_four_emotions(method):
    corpus = small_corpus(16, emotions=("angry", "happy", "neutral", "sad"))
    emotion = corpus.utterances["emotion"].to_numpy(dtype=object).copy()
    emotion[np.random.default_rng(0).random(len(emotion)) < 0.3] = ""
    emotion[corpus.dialogue_rows[corpus.dialogue_ids("train")[0]]] = ""
    corpus = relabelled(corpus, np.arange(len(corpus)), emotion)
    corpus.present[:, 2] = False
    corpus.features["visual"][:] = np.nan
    trained = train(corpus, short(method, epochs=3), device="cpu")
    assert trained.model.spec.modalities == ("text", "audio") and trained.model.spec.emotions == 4
    rows, logits = predict_split(trained.model, TensorCorpus(corpus), corpus, "test")
    assert logits.shape == (len(rows), 4) and np.isfinite(logits).all()
    assert {name.split(":")[1] for name in trained.model.players} <= {"text", "audio", "audio+text"}


def test_an_unlabelled_utterance_teaches_nothing_but_its_features_are_context(corpus):
    rows = corpus.rows("train")[::2]
    first = relabelled(corpus, rows, "")
    hidden = train(first, constant(2), device="cpu")
    known = train(corpus, constant(2), device="cpu")
    assert told(hidden)[0]["train_task"] != told(known)[0]["train_task"]
    trainer = Trainer(first, short(), device=torch.device("cpu"), state_path=None, progress=lambda record: None)
    assert set(trainer.labelled) == set(corpus.rows("train")) - set(rows)


def test_without_a_dev_split_training_selects_on_train():
    corpus = handmade({"train": (4, 3, 5), "test": (3,)})
    trained = train(corpus, short("plain", epochs=2), device="cpu")
    assert len(trained.history) == 2 and trained.history[0]["dev_weighted_f1"] >= 0


def test_a_corpus_without_features_is_refused_with_what_to_do(corpus, tmp_path: Path, capsys):
    words = replace(
        corpus,
        name="words",
        features={name: np.zeros((len(corpus), 0), dtype=np.float32) for name in MODALITIES},
        feature_names=dict.fromkeys(MODALITIES, ()),
        present=np.zeros((len(corpus), 3), dtype=bool),
        stored_hash=None,
    )
    words.save(tmp_path / "words")
    code = main(["train", "--corpus", str(tmp_path / "words"), "--out", str(tmp_path / "run")])
    lines = capsys.readouterr().err.splitlines()
    assert code == 3 and len(lines) == 1
    assert "words has no features to train on: got text only" in lines[0] and "prepare --embed minilm" in lines[0]
    assert files_below(tmp_path) == sorted(["words", *(f"words/{name}" for name in (
        "corpus.json", "features.safetensors", "utterances.parquet"))])  # fmt: skip


def test_one_emotion_a_missing_stage_and_a_missing_device_are_refused(corpus):
    lone = relabelled(corpus, corpus.rows("train"), "happy")
    with pytest.raises(DataError, match="fewer than two emotions in train"):
        build_model(lone, short())
    config = short().model_copy(update={"stages": {"divide": short().stages["divide"]}})
    with pytest.raises(DnRError, match="has no stage 'refine'"):
        train(corpus, config, device="cpu")
    if not torch.cuda.is_available():
        assert choose_device("auto").type == "cpu"
        with pytest.raises(DnRError, match="no CUDA device: got cuda; expected auto or cpu"):
            choose_device("cuda")


def test_the_same_command_gives_the_same_metrics(corpus, tmp_path: Path, capsys):
    corpus.save(tmp_path / "small")
    stages = {name: {"epochs": 2} for name in ("divide", "refine")}
    (tmp_path / "short.json").write_text(json.dumps({"width": 16, "stages": stages}))

    def run(name: str) -> dict[str, Any]:
        words = ["--corpus", str(tmp_path / "small"), "--config", str(tmp_path / "short.json"), "--json"]
        assert main(["train", *words, "--out", str(tmp_path / name)]) == 0
        return json.loads(capsys.readouterr().out)

    first, second = run("a"), run("b")
    assert first["test"] == second["test"] and first["dev"] == second["dev"] and first["epochs"] == 4
    assert first["test"]["n"] == len(corpus.rows("test"))
    low, high = first["test"]["interval"]["weighted_f1"]
    assert low <= first["test"]["weighted_f1"] <= high
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (tmp_path / "b" / "model.safetensors").read_bytes()
    assert main(["train", "--corpus", str(tmp_path / "small"), "--out", str(tmp_path / "a")]) == 1
    assert "add --overwrite or --resume" in capsys.readouterr().err


def test_several_seeds_are_summarised_with_sd_and_t_interval(corpus, tmp_path: Path, capsys):
    corpus.save(tmp_path / "small")
    (tmp_path / "short.json").write_text(json.dumps({"width": 16, "stages": {"train": {"epochs": 2}}}))
    words = ["--corpus", str(tmp_path / "small"), "--method", "plain", "--config", str(tmp_path / "short.json")]
    assert main(["train", *words, "--seeds", "3", "--out", str(tmp_path / "three"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    metrics = [json.loads((tmp_path / "three" / f"seed-{n}" / "metrics.json").read_text()) for n in range(3)]
    values = [one["test"]["weighted_f1"] for one in metrics]
    assert len(set(values)) > 1, "seeds must differ"
    one = found["weighted_f1"]
    assert one["values"] == values and one["mean"] == pytest.approx(sum(values) / 3)
    sd = (sum((value - one["mean"]) ** 2 for value in values) / 2) ** 0.5
    half = 4.302652729911275 * sd / 3**0.5  # t of 2 degrees of freedom at 0.975
    assert one["sd"] == pytest.approx(sd)
    assert one["interval"] == pytest.approx([one["mean"] - half, one["mean"] + half])
    assert json.loads((tmp_path / "three" / "summary.json").read_text())["weighted_f1"] == one
