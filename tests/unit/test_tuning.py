"""A search begins with the preset, looks at dev alone, gives up what is below the median, and goes on after a stop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from small import changed, files_below, relabelled, short, small_corpus

from dnr_core import tuning
from dnr_core.config import RunConfig, parse_config
from dnr_core.data.corpus import Corpus
from dnr_core.errors import DataError, DnRError, InterruptedRun, UsageError
from dnr_core.experiment import measure
from dnr_core.training.loop import train
from dnr_core.tuning import Found, dev_score, journal_path, suggested, tune, values_of, without_test
from dnr_core.types import MODALITIES

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return small_corpus(24)


@pytest.fixture(scope="module")
def base() -> RunConfig:
    return short("plain", "late_fusion", epochs=4)


def run(corpus: Corpus, base: RunConfig, out: Path, trials: int = 4, **more: Any) -> Found:
    return tune(corpus, base, out, trials=trials, device="cpu", command="the command", **more)


@pytest.fixture(scope="module")
def found(corpus: Corpus, base: RunConfig, one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return run(corpus, base, tmp_path_factory.mktemp("tuned") / "best.json")


def test_the_first_trial_is_the_preset_and_the_best_is_not_below_it(corpus, base, found):
    first, *others = found.trials
    assert {name: first[name] for name in values_of(base)} == values_of(base)
    scores = [trial["dev_weighted_f1"] for trial in found.trials if trial["state"] == "complete"]
    tuned = found.config.tuned
    assert tuned is not None and tuned.dev_weighted_f1 == max(scores) >= scores[0] == tuned.preset_dev_weighted_f1
    assert (tuned.trials, tuned.pruned, tuned.seeds, tuned.command) == (4, 4 - len(scores), 1, "the command")
    drawn = ("train.learning_rate", "train.weight_decay", "dropout")
    assert all(len({trial[name] for trial in others}) == 3 for name in drawn), "trials repeat each other"
    assert len({trial["width"] for trial in found.trials}) > 1


def test_the_score_is_that_of_training_with_the_result(corpus, found):
    """On the whole corpus, test split and all."""
    trained = train(corpus, found.config, device="cpu")
    assert measure(trained, corpus)["dev"]["weighted_f1"] == pytest.approx(found.config.tuned.dev_weighted_f1, abs=1e-9)


def test_the_file_is_a_configuration(corpus, base, found, tmp_path):
    again = run(corpus, base, tmp_path / "best.json")
    stored = json.loads((tmp_path / "best.json").read_text())
    assert parse_config(stored, source="x") == again.config == found.config and again.trials == found.trials
    assert files_below(tmp_path) == ["best.json", "best.trials.jsonl"]


def test_nothing_of_test_is_read(corpus, base, found, tmp_path):
    """A test split of nothing but NaN with other labels, and no test split at all, give the same trials."""
    rows = corpus.rows("test")
    broken = relabelled(corpus, rows, "happy")
    for modality in MODALITIES:
        broken = changed(broken, rows, modality, np.full_like(corpus.features[modality][rows], np.nan))
    for number, other in enumerate((broken, without_test(corpus))):
        assert run(other, base, tmp_path / f"{number}.json") == found
    assert "test" not in without_test(corpus).split_of.values() and len(without_test(corpus)) == len(corpus) - len(rows)


def test_dev_is_read(corpus, base, found, tmp_path):
    rows = corpus.rows("dev")
    other = relabelled(corpus, rows, np.random.default_rng(0).choice(corpus.emotions, len(rows)))
    assert run(other, base, tmp_path / "best.json", trials=1).trials[0] != found.trials[0]


def test_a_stopped_search_goes_on_to_the_same_result(corpus, base, found, tmp_path, monkeypatch):
    out, honest, calls = tmp_path / "best.json", tuning.train, []

    def stops(*given: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return honest(*given, **more)

    monkeypatch.setattr(tuning, "train", stops)
    with pytest.raises(InterruptedRun, match="2 of 4 trials are finished: the same command goes on"):
        run(corpus, base, out)
    assert not out.exists()
    assert run(corpus, base, out) == found and len(calls) == 3 + 2
    assert run(corpus, base, out) == found and len(calls) == 5, "a finished search trains nothing"
    assert len(run(corpus, base, out, trials=5).trials) == 5 and len(calls) == 6


def test_another_search_in_the_same_place_is_refused(corpus, base, tmp_path):
    out = tmp_path / "best.json"
    run(corpus, base, out, trials=1)
    for other, what in (({"base": short("plain", "late_fusion", epochs=3)}, "begins with"), ({"seeds": 2}, "seeds")):
        with pytest.raises(DnRError, match=f"holds another search: got another {what}"):
            run(corpus, other.pop("base", base), out, **other)
    other = relabelled(corpus, corpus.rows("train"), corpus.emotions[0])
    with pytest.raises(DnRError, match="holds another search: got another corpus"):
        run(other, base, out)
    journal_path(out).write_text("nonsense\n")
    with pytest.raises(DnRError, match=r"cannot use .*trials\.jsonl"):
        run(corpus, base, out)


def test_a_trial_is_the_mean_of_its_seeds(corpus, base, tmp_path):
    seen = without_test(corpus)
    each = []
    for seed in (0, 1):
        trained = train(seen, base.model_copy(update={"seed": seed}), device="cpu")
        each.append(measure(trained, seen)["dev"]["weighted_f1"])
    assert each[0] != each[1]
    two = run(corpus, base, tmp_path / "two.json", trials=1, seeds=2)
    assert two.trials[0]["dev_weighted_f1"] == pytest.approx(np.mean(each), abs=1e-9)


def test_a_trial_below_the_median_is_given_up_in_that_epoch(corpus, base):
    """Four trials that stood at 0.9 in every epoch: the fifth is stopped in its fourth epoch, the first that counts."""
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(4, 4))
    ranges = {"x": optuna.distributions.FloatDistribution(0, 1)}
    for _ in range(4):
        steps = dict.fromkeys(range(1, 10), 0.9)
        trial = optuna.trial.create_trial(params={"x": 0.5}, distributions=ranges, value=0.9, intermediate_values=steps)
        study.add_trial(trial)
    trial = study.ask()
    with pytest.raises(optuna.TrialPruned, match="given up in epoch 4 of train"):
        dev_score(trial, without_test(corpus), base, "cpu")


def test_stages_are_compared_epoch_by_epoch(corpus):
    """Divide may stop early: the first epoch of refine is the first in every trial."""
    trial = optuna.create_study(direction="maximize").ask()
    dev_score(trial, without_test(corpus), short("dnr", "late_fusion", epochs=2), "cpu")
    assert list(trial.study.trials[0].intermediate_values) == [1, 2, 10_001, 10_002]


def test_every_stage_has_its_rate_and_no_decay_is_invented():
    base = short("dnr", "late_fusion")
    rates = {"divide.learning_rate": 1e-3, "refine.learning_rate": 2e-3}
    decays = {"divide.weight_decay": 0.3, "refine.weight_decay": 0.02}
    assert set(values_of(base)) == {*rates, *decays, "width", "dropout"}
    values = rates | decays | {"width": 64, "dropout": 0.1}
    made = suggested(optuna.trial.FixedTrial(values), base)
    assert values_of(made) == values and made.stages["divide"].epochs == base.stages["divide"].epochs
    none = {name: stage.model_copy(update={"weight_decay": 0.0}) for name, stage in base.stages.items()}
    assert set(values_of(base.model_copy(update={"stages": none}))) == {*rates, "width", "dropout"}


def test_what_cannot_be_searched_is_refused(corpus, base, tmp_path):
    for wrong in ({"trials": 0}, {"trials": 1, "seeds": 0}):
        with pytest.raises(UsageError, match="got 0; expected a positive number"):
            run(corpus, base, tmp_path / "best.json", **wrong)
    split = corpus.utterances["split"].replace("dev", "train")
    blind = replace(corpus, utterances=corpus.utterances.assign(split=split), stored_hash=None)
    for other in (blind, relabelled(corpus, corpus.rows("dev"), "")):
        with pytest.raises(DataError, match="has no labelled dev split"):
            run(other, base, tmp_path / "best.json", trials=1)
    assert files_below(tmp_path) == []


def test_a_loss_that_is_not_finite_ends_a_trial_and_not_the_search(corpus, base, tmp_path, monkeypatch):
    honest, calls = tuning.train, []

    def bursts(*given: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise DnRError("the loss of stage train is nan in epoch 1, batch 1")
        return honest(*given, **more)

    monkeypatch.setattr(tuning, "train", bursts)
    rows = run(corpus, base, tmp_path / "best.json", trials=3).trials
    assert [row["state"] for row in rows] == ["complete", "pruned", "complete"] and rows[1]["dev_weighted_f1"] is None
