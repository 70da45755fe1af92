"""Attributions of real models, checked against an independent oracle and against each other."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError
from dnr_core.explain.attribution import as_json, attribute
from dnr_core.explain.attribution_inputs import train_means
from dnr_core.explain.attribution_methods import (
    METHODS,
    MOST_STEPS,
    STEPS,
)
from dnr_core.explain.attribution_split import integrated_gradients_split
from dnr_core.explain.coalitions import dialogue_scope
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.registry import names
from dnr_core.types import MODALITIES
from tests.unit.small import changed, short, small_corpus, untrained

RAW = [name for name in METHODS if "features" in METHODS[name].overs]
PAIRS = [(method, backbone) for method in ("plain", "dnr") for backbone in names("backbone")]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Planted dialogues with absent modalities, and single missing cells in a row of test and one of train."""
    made = small_corpus(12, missing=0.2, seed=3)
    for split in ("test", "train"):
        row = next(row for row in made.rows(split) if made.present[row].all() and made.utterance(int(row)).turn > 1)
        values = made.features["text"][row].copy()
        values[[1, 4]] = np.nan
        made = changed(made, np.array([row]), "text", values)
    return made


@pytest.fixture(scope="module")
def data(corpus: Corpus) -> TensorCorpus:
    return TensorCorpus(corpus)


@pytest.fixture(scope="module")
def model(corpus: Corpus) -> Method:
    return build(corpus, "dnr", "mmgcn")


def build(corpus: Corpus, method: str, backbone: str) -> Method:
    """A model with random weights, and baselines of its parts from train."""
    made = untrained(corpus, short(method, backbone)).model
    tensors = TensorCorpus(corpus)
    made.fit_baselines([tensors.batch(corpus.dialogue_rows[name][None]) for name in corpus.dialogue_ids("train")])
    return made


def holed(corpus: Corpus) -> int:
    """The test row with missing cells in measured text."""
    return next(int(row) for row in corpus.rows("test") if corpus.imputed["text"][row].any())


def lacking(corpus: Corpus, modality: str) -> str:
    """An utterance of the test split without a modality that another turn of its dialogue has."""
    there = corpus.present[:, MODALITIES.index(modality)]
    rows_of = {int(row): corpus.dialogue_rows[corpus.utterance(int(row)).dialogue_id] for row in corpus.rows("test")}
    return corpus.utterance(
        next(row for row, rows in rows_of.items() if not there[row] and there[rows].any())
    ).utterance_id


@pytest.mark.parametrize(("method", "backbone"), PAIRS)
def test_every_method_of_attribution_works_on_every_model(
    method: str, backbone: str, corpus: Corpus, data: TensorCorpus
) -> None:
    model = build(corpus, method, backbone)
    utterance = lacking(corpus, "audio")
    rows = corpus.dialogue_rows[corpus.utterance(corpus.row_of[utterance]).dialogue_id]
    with torch.no_grad():
        logits = model(data.batch(rows[None])).logits[0, corpus.row_of[utterance] - rows[0]]
    for name, entry in METHODS.items():
        for over in set(entry.overs) - {"words"}:
            found = attribute(model, data, corpus, utterance, method=name, over=over)
            assert np.isfinite(found.values).all() and np.abs(found.values).max() > 0
            assert found.total == pytest.approx(float(logits.max()), abs=1e-5)
            gap = found.values.sum() - (found.total - found.baseline_total)
            assert found.completeness_error == pytest.approx(gap, abs=1e-9)
            if "integrated" in name:
                assert found.within_tolerance and abs(gap) <= found.tolerance
            elif not entry.complete:
                assert found.within_tolerance is None


def test_an_absent_modality_and_a_missing_cell_count_for_exactly_nothing(
    model: Method, data: TensorCorpus, corpus: Corpus
) -> None:
    hole = corpus.utterance(holed(corpus)).utterance_id
    for method in RAW:
        found = attribute(model, data, corpus, lacking(corpus, "audio"), method=method, over="features")
        audio = np.array(found.kinds) == "audio"
        assert audio.sum() == 8 and (found.values[audio] == 0).all() and np.isnan(found.observed[audio]).all()
        assert any("audio was not measured in this utterance" in note for note in found.notes)
        found = attribute(model, data, corpus, hole, method=method, over="features")
        assert (found.values[[1, 4]] == 0).all() and np.isnan(found.observed[[1, 4]]).all()
        assert (found.values[[0, 2, 3]] != 0).all()


def test_feature_names_are_kept_and_views_add_up_to_each_other(
    model: Method, data: TensorCorpus, corpus: Corpus
) -> None:
    row = holed(corpus)
    utterance = corpus.utterance(row)
    features = attribute(model, data, corpus, utterance.utterance_id)
    turns = attribute(model, data, corpus, utterance.utterance_id, over="turns")
    blocks = attribute(model, data, corpus, utterance.utterance_id, over="modalities")
    expected = tuple(name for modality in MODALITIES for name in corpus.feature_names[modality])
    assert features.names == (*expected, "context") and features.kinds[-1] == "context"
    np.testing.assert_array_equal(features.observed[12:20], corpus.features["audio"][row])
    itself = turns.kinds.index("itself")
    assert turns.names[itself] == utterance.utterance_id and itself == utterance.turn > 1
    assert turns.kinds == ("earlier",) * itself + ("itself",) + ("later",) * (len(turns.names) - 1 - itself)
    assert features.values[:-1].sum() == pytest.approx(turns.values[itself], abs=1e-6)
    assert features.values[-1] == pytest.approx(np.delete(turns.values, itself).sum(), abs=1e-6)
    assert blocks.names == MODALITIES and blocks.values.sum() == pytest.approx(turns.values.sum(), abs=1e-6)


def test_occlusion_is_the_prediction_with_a_turn_replaced_by_the_train_means(
    model: Method, data: TensorCorpus, corpus: Corpus
) -> None:
    utterance = corpus.utterance(holed(corpus))
    rows = corpus.dialogue_rows[utterance.dialogue_id]
    found = attribute(model, data, corpus, utterance.utterance_id, method="occlusion", target="sad")
    ablated = attribute(
        model, data, corpus, utterance.utterance_id, method="feature_ablation", over="turns", target="sad"
    )
    train = corpus.rows("train")
    for turn, row in enumerate(rows):
        other = corpus
        for modality in MODALITIES:
            other = changed(other, np.array([row]), modality, np.nanmean(corpus.features[modality][train], axis=0))
        with torch.no_grad():
            logits = model(TensorCorpus(other).batch(rows[None])).logits[0, utterance.turn]
        expected = found.total - float(logits[corpus.emotions.index("sad")])
        assert found.values[turn] == pytest.approx(expected, abs=2e-5)
    np.testing.assert_allclose(found.values, ablated.values, atol=1e-6)


def test_attribution_to_parts_runs_from_no_part_to_all_parts(model: Method, data: TensorCorpus, corpus: Corpus) -> None:
    utterance = corpus.utterance(holed(corpus))
    batch = data.batch(corpus.dialogue_rows[utterance.dialogue_id][None])
    table = dialogue_scope(model, batch)[utterance.turn]  # (2^K, C)
    found = attribute(model, data, corpus, utterance.utterance_id, method="layer_integrated_gradients", target="angry")
    angry = corpus.emotions.index("angry")
    assert found.names == model.players and found.within_tolerance
    assert found.total == pytest.approx(table[-1, angry], abs=1e-5)
    assert found.baseline_total == pytest.approx(table[0, angry], abs=1e-5)
    ablated = attribute(
        model, data, corpus, utterance.utterance_id, method="feature_ablation", over="components", target="angry"
    )
    without_first = table[len(table) - 2, angry]
    assert ablated.values[0] == pytest.approx(table[-1, angry] - without_first, abs=2e-5)


def test_the_mean_baseline_leaves_out_what_was_not_measured(data: TensorCorpus, corpus: Corpus) -> None:
    for modality in MODALITIES:
        expected = np.nanmean(corpus.features[modality][corpus.rows("train")].astype(np.float64), axis=0)
        np.testing.assert_allclose(train_means(data, corpus)[modality].numpy(), expected, atol=1e-6)


def test_baselines_are_the_train_mean_zero_or_other_train_utterances(
    model: Method, data: TensorCorpus, corpus: Corpus
) -> None:
    utterance = corpus.utterance(holed(corpus)).utterance_id
    found = {name: attribute(model, data, corpus, utterance, baseline=name) for name in ("mean", "zero", "donor")}
    totals = [one.baseline_total for one in found.values()]
    assert len({round(total, 5) for total in totals}) == 3 and all(one.within_tolerance for one in found.values())
    again = attribute(model, data, corpus, utterance, baseline="donor")
    np.testing.assert_array_equal(again.values, found["donor"].values)


def test_probabilities_of_all_classes_sum_to_one_and_their_attributions_to_nothing(
    model: Method, data: TensorCorpus, corpus: Corpus
) -> None:
    utterance = corpus.utterance(holed(corpus)).utterance_id
    found = [attribute(model, data, corpus, utterance, target=name, scale="probability") for name in corpus.emotions]
    assert sum(one.total for one in found) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(np.sum([one.values for one in found], axis=0), 0, atol=1e-5)
    assert found[0].tolerance == pytest.approx(max(0.0025, 0.01 * abs(found[0].total - found[0].baseline_total)))


@pytest.mark.parametrize("scale", ["logit", "probability"])
def test_a_split_gives_the_numbers_of_each_utterance_alone(
    scale: str, model: Method, data: TensorCorpus, corpus: Corpus
) -> None:
    dialogues, seen = corpus.dialogue_ids("test")[:2], []
    found = integrated_gradients_split(
        model, data, corpus, dialogues, scale=scale, progress=lambda done, of: seen.append((done, of))
    )
    assert seen == [(1, 2), (2, 2)] and found.share_within_tolerance == 1.0 and found.skipped == ()
    for dialogue in found.dialogues:
        for turn in (0, 3):
            utterance = corpus.utterance(int(dialogue.rows[turn])).utterance_id
            alone = attribute(model, data, corpus, utterance, scale=scale)
            np.testing.assert_allclose(dialogue.text[turn], alone.values[:12], atol=1e-6)
            over_turns = attribute(model, data, corpus, utterance, over="turns", scale=scale)
            np.testing.assert_allclose(dialogue.turns[turn], over_turns.values, atol=1e-6)
            blocks = attribute(model, data, corpus, utterance, over="modalities", scale=scale)
            np.testing.assert_allclose(dialogue.modalities[turn], blocks.values, atol=1e-6)
            assert corpus.emotions[dialogue.target[turn]] == alone.target
            assert dialogue.total[turn] == pytest.approx(alone.total, abs=1e-6)
    gold = integrated_gradients_split(model, data, corpus, dialogues, targets=corpus.labels)
    np.testing.assert_array_equal(gold.joined("target"), corpus.labels[gold.joined("rows")])
    with pytest.raises(ValueError, match="turns cannot be joined"):
        gold.joined("turns")


def test_sampled_methods_repeat_themselves_and_leave_the_global_generators_alone(
    model: Method, data: TensorCorpus, corpus: Corpus
) -> None:
    utterance = corpus.utterance(holed(corpus)).utterance_id
    for method in ("gradient_shap", "shapley_value_sampling"):
        torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
        first = attribute(model, data, corpus, utterance, method=method, over="turns")
        assert torch.equal(torch.get_rng_state(), torch_before)
        np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)
        again = attribute(model, data, corpus, utterance, method=method, over="turns")
        np.testing.assert_array_equal(first.values, again.values)
        assert any("sampling error" in note for note in first.notes)


def test_unknown_words_are_answered_with_what_there_is(model: Method, data: TensorCorpus, corpus: Corpus) -> None:
    utterance = corpus.utterance(holed(corpus)).utterance_id
    for options, message in (
        ({"method": "deep_lift"}, "unknown attribution method: got 'deep_lift'; expected one of integrated_gradients"),
        ({"target": "bored"}, "unknown class: got 'bored'; expected one of happy, sad"),
        ({"baseline": "blur"}, "expected one of mean, zero, donor"),
        ({"scale": "odds"}, "expected one of logit, probability"),
        ({"over": "parts"}, "expected one of features, turns, modalities"),
        ({"method": "occlusion", "over": "features"}, "expected one of turns"),
    ):
        with pytest.raises(UsageError, match=message):
            attribute(model, data, corpus, utterance, **options)
    with pytest.raises(
        UsageError, match=f"no such utterance: got 'nobody'; expected one of {len(corpus)} ids such as dialogue_"
    ):
        attribute(model, data, corpus, "nobody")
    with pytest.raises(UsageError, match="unknown baseline"):
        integrated_gradients_split(model, data, corpus, corpus.dialogue_ids("test"), baseline="blur")


def test_what_cannot_be_shown_is_said(model: Method, data: TensorCorpus, corpus: Corpus) -> None:
    row = int(corpus.dialogue_rows[corpus.dialogue_ids("test")[0]][0])
    frame = corpus.utterances.copy()
    frame.loc[row, "dialogue_id"] = "alone"
    rest = corpus.dialogue_rows[corpus.dialogue_ids("test")[0]][1:]
    frame.loc[rest, "turn"] = np.arange(len(rest))
    single = replace(corpus, utterances=frame)
    tensors, alone = TensorCorpus(single), str(frame["utterance_id"].iloc[row])
    with pytest.raises(UsageError, match=r"cannot be shown .*got a dialogue of one utterance"):
        attribute(model, tensors, single, alone, over="turns")
    found = attribute(model, tensors, single, alone)
    assert "context" not in found.names and any("no context" in note for note in found.notes)
    first = attribute(model, data, corpus, alone, over="turns")
    assert any("no earlier turns" in note for note in first.notes)


def test_a_modality_missing_everywhere_is_left_out_and_nothing_at_all_is_an_error(
    model: Method, corpus: Corpus
) -> None:
    rows = corpus.dialogue_rows[corpus.dialogue_ids("test")[0]]
    utterance = corpus.utterance(int(rows[2])).utterance_id
    present = corpus.present.copy()
    present[rows, 2] = False
    blind = replace(corpus, present=present)
    found = attribute(model, TensorCorpus(blind), blind, utterance, over="modalities")
    assert found.names == ("text", "audio")
    assert any("visual was not measured in this dialogue" in note for note in found.notes)
    present = present.copy()
    present[rows] = False
    nothing = replace(corpus, present=present)
    with pytest.raises(UsageError, match="no measured modality"):
        attribute(model, TensorCorpus(nothing), nothing, utterance)
    dialogues = nothing.dialogue_ids("test")[:2]
    split = integrated_gradients_split(model, TensorCorpus(nothing), nothing, dialogues)
    assert split.skipped == (dialogues[0],) and len(split.dialogues) == 1


def test_the_json_form_is_strict_and_holds_every_item(model: Method, data: TensorCorpus, corpus: Corpus) -> None:
    utterance = corpus.utterance(holed(corpus)).utterance_id
    found = attribute(model, data, corpus, utterance)
    read = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert (
        read["utterance_id"] == utterance
        and read["method"] == "integrated_gradients"
        and STEPS <= read["n_steps"] <= MOST_STEPS
    )
    assert [item["name"] for item in read["items"]] == list(found.names)
    assert sum(item["value"] for item in read["items"]) == pytest.approx(found.values.sum())
    assert read["items"][1]["observed"] is None and read["items"][0]["observed"] is not None
    assert read["within_tolerance"] is True and read["seconds"] > 0
