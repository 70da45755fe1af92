"""An edit of one turn is what the model says of a corpus that was edited that way; what cannot be edited is named."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError
from dnr_core.explain.edits import Edit, Effect, draw_donor, feature_ranges
from dnr_core.explain.predict import predict_split
from dnr_core.explain.whatif import edited_logits
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import save_run
from dnr_core.types import MODALITIES
from tests.conftest import with_rows
from tests.unit.small import changed, handmade, short, small_corpus, untrained

MODELS = [
    ("dnr", "mmgcn"), ("dnr", "dialogue_gcn"), ("plain", "sdt"), ("plain", "late_fusion"), ("df_erc", None),
    ("drkf", None),
]  # fmt: skip
CLOSE = 1e-6


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Planted dialogues in which some modalities were not measured."""
    return small_corpus(12, missing=0.2, seed=3)


@pytest.fixture(scope="module")
def row(corpus: Corpus) -> int:
    """A test turn with everything measured, turns before and after it, and several speakers before it."""
    return next(
        int(row) for row in corpus.rows("test")
        if corpus.present[row].all() and 2 <= corpus.utterance(int(row)).turn < len(around(corpus, int(row))) - 2
    )  # fmt: skip


@pytest.fixture(scope="module", params=MODELS, ids=lambda pair: "-".join(filter(None, pair)))
def model(request: pytest.FixtureRequest, corpus: Corpus) -> Method:
    """A model with random weights."""
    return untrained(corpus, short(*request.param)).model


def around(corpus: Corpus, row: int) -> np.ndarray:
    """The rows of the dialogue of a turn."""
    return corpus.dialogue_rows[corpus.utterance(row).dialogue_id]


def plainly(model: Method, corpus: Corpus, row: int) -> np.ndarray:
    """What the model says of the dialogue as it stands in a corpus: predicted with its whole split."""
    rows, logits = predict_split(model, TensorCorpus(corpus), corpus, corpus.utterance(row).split)
    return logits[np.searchsorted(rows, around(corpus, row))]


def asked(model: Method, corpus: Corpus, row: int, **edit) -> np.ndarray:
    """What the model says of the edited dialogue."""
    return edited_logits(model, TensorCorpus(corpus), corpus, row, Edit(**edit))


def set_cell(corpus: Corpus, row: int, modality: str, name: str, value: float) -> Corpus:
    """The corpus with one cell changed on the disk's side of the model."""
    features = corpus.features[modality][row].copy()
    features[corpus.feature_names[modality].index(name)] = value
    return changed(corpus, np.array([row]), modality, features)


def test_no_edit_and_a_context_of_all_turns_change_nothing(model: Method, corpus: Corpus, row: int) -> None:
    before = plainly(model, corpus, row)
    assert np.abs(asked(model, corpus, row) - before).max() < CLOSE
    turns = len(before)
    assert np.abs(asked(model, corpus, row, before=turns, after=turns) - before).max() < CLOSE


def test_a_moved_feature_is_the_model_on_a_corpus_with_that_cell_changed(
    model: Method, corpus: Corpus, row: int
) -> None:
    name, other = corpus.feature_names["audio"][3], corpus.feature_names["text"][5]
    value = float(corpus.features["audio"][row, 3]) + 1.7
    moved = asked(model, corpus, row, cells=(("audio", name, value), ("text", other, -2.0)))
    wanted = set_cell(set_cell(corpus, row, "audio", name, value), row, "text", other, -2.0)
    assert np.abs(moved - plainly(model, wanted, row)).max() < CLOSE
    assert np.abs(moved - plainly(model, corpus, row)).max() > 1e-4, "the feature matters"


def test_a_missing_cell_is_filled_and_a_modality_that_was_not_measured_comes_with_its_means(
    model: Method, corpus: Corpus, row: int
) -> None:
    name = corpus.feature_names["visual"][2]
    holed = set_cell(corpus, row, "visual", name, math.nan)
    assert np.abs(asked(model, holed, row, cells=(("visual", name, 0.4),))
                  - plainly(model, set_cell(corpus, row, "visual", name, 0.4), row)).max() < CLOSE  # fmt: skip
    present = corpus.present.copy()
    present[row, MODALITIES.index("visual")] = False
    without = replace(corpus, present=present, stored_hash=None)
    train = corpus.rows("train")[corpus.present[corpus.rows("train"), MODALITIES.index("visual")]]
    mean = corpus.features["visual"][train].mean(axis=0, dtype=np.float64).astype(np.float32)
    wanted = set_cell(changed(corpus, np.array([row]), "visual", mean), row, "visual", name, 0.4)
    given = asked(model, without, row, cells=(("visual", name, 0.4),))
    assert np.abs(given - plainly(model, wanted, row)).max() < 1e-5


def test_a_modality_declared_missing_is_the_model_on_a_corpus_that_lacks_it(
    model: Method, corpus: Corpus, row: int
) -> None:
    present = corpus.present.copy()
    present[row, MODALITIES.index("audio")] = False
    wanted = plainly(model, replace(corpus, present=present, stored_hash=None), row)
    assert np.abs(asked(model, corpus, row, absent=("audio",)) - wanted).max() < CLOSE


@pytest.mark.parametrize("edit", [{}, {"absent": ("audio",), "cells": (("text", "text_dim_003", 2.5),)}])
def test_a_shortened_context_is_the_dialogue_of_these_turns_alone(
    model: Method, corpus: Corpus, row: int, edit: dict
) -> None:
    rows, turn, there = around(corpus, row), corpus.utterance(row).turn, corpus.present.copy()
    made = corpus
    if edit:
        there[row, MODALITIES.index("audio")] = False
        made = replace(set_cell(corpus, row, *edit["cells"][0]), present=there)
    for before, after in ((1, 0), (0, 1), (None, 1), (1, None), (0, 0)):
        left = Edit(before=before, after=after).window(turn, len(rows))
        keep = np.ones(len(corpus), dtype=bool)
        keep[np.setdiff1d(rows, rows[left])] = False
        numbers = corpus.utterances["turn"].to_numpy().copy()
        numbers[rows[left]] = np.arange(left.stop - left.start)
        alone = with_rows(made, "alone", keep, turn=list(numbers[keep]))
        wanted = plainly(model, alone, alone.row_of[corpus.utterance(row).utterance_id])
        found = asked(model, corpus, row, before=before, after=after, **edit)
        assert len(wanted) == left.stop - left.start < len(rows)
        assert np.abs(found[left] - wanted).max() < CLOSE
        assert np.isnan(np.delete(found, np.r_[left], axis=0)).all()


def test_speakers_are_numbered_anew_in_what_is_left_of_the_dialogue(corpus: Corpus) -> None:
    model = untrained(corpus, short("dnr", "dialogue_gcn")).model
    data = TensorCorpus(corpus)
    seen = [int(row) for row in corpus.rows("test")
            if corpus.utterance(int(row)).turn and data.speaker[row] != 0]  # fmt: skip
    row = seen[0]
    turn = corpus.utterance(row).turn
    keep = np.ones(len(corpus), dtype=bool)
    keep[around(corpus, row)[:turn]] = False
    numbers = corpus.utterances["turn"].to_numpy().copy()
    numbers[around(corpus, row)] -= turn
    alone = with_rows(corpus, "alone", keep, turn=list(numbers[keep]))
    wanted = plainly(model, alone, alone.row_of[corpus.utterance(row).utterance_id])
    assert np.abs(asked(model, corpus, row, before=0)[turn:] - wanted).max() < CLOSE


def test_the_part_of_a_donor_is_its_own_and_that_of_itself_changes_nothing(
    model: Method, corpus: Corpus, row: int
) -> None:
    itself = corpus.utterance(row).utterance_id
    before = plainly(model, corpus, row)
    whole = tuple((part, itself) for part in model.players)
    assert np.abs(asked(model, corpus, row, parts=whole) - before).max() < CLOSE
    donor = next(int(other) for other in corpus.rows("train") if corpus.present[other].all())
    given = tuple((part, corpus.utterance(donor).utterance_id) for part in model.players)
    wanted = corpus
    for modality in MODALITIES:
        wanted = changed(wanted, np.array([row]), modality, corpus.features[modality][donor])
    found = asked(model, corpus, row, parts=given)
    assert np.abs(found - plainly(model, wanted, row)).max() < 1e-5, "all parts of a turn are the turn"
    assert np.abs(found - before).max() > 1e-4
    one = asked(model, corpus, row, parts=given[:1])
    assert np.abs(one - before).max() > 1e-5 and np.abs(one - found).max() > 1e-5


@pytest.fixture(scope="module")
def engine(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The corpus and an untrained run of dnr and of df_erc on it."""
    root = tmp_path_factory.mktemp("whatif")
    corpus.save(root / "data" / "small")
    for method, backbone in (("dnr", "mmgcn"), ("df_erc", None)):
        config = short(method, backbone)
        save_run(root / "checkpoints" / method, untrained(corpus, config), config, corpus, {"test": {}})
    return Engine(root / "data", root / "checkpoints")


@pytest.mark.parametrize("run", ["dnr", "df_erc"])
def test_the_engine_compares_with_the_stored_predictions(engine: Engine, run: str, corpus: Corpus, row: int) -> None:
    utterance = corpus.utterance(row)
    stored = engine.predictions(run, "small", "test")
    own = np.searchsorted(stored.row, around(corpus, row))
    nothing = engine.whatif(run, "small", utterance.utterance_id, Edit())
    np.testing.assert_array_equal(nothing.logits_after, stored.logits[own])
    assert nothing.turn == utterance.turn and not len(nothing.flipped)
    found = engine.whatif(run, "small", utterance.utterance_id, Edit(before=50, after=50))
    assert np.abs(found.after - stored.probabilities[own]).max() < CLOSE
    edit = Edit(absent=("text",), cells=(("audio", corpus.feature_names["audio"][0], 1.0),), after=0)
    model, _ = engine.loaded(*engine.fitting(run, "small"))
    wanted = edited_logits(model, TensorCorpus(corpus), corpus, row, edit)
    np.testing.assert_array_equal(engine.whatif(run, "small", utterance.utterance_id, edit).logits_after, wanted)


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        ({"cells": (("audio", "pitch", 1.0),)}, "unknown feature of audio: got 'pitch'; expected one of 8, such"),
        ({"cells": (("smell", "rose", 1.0),)}, "got 'smell'; expected one of text, audio, visual"),
        ({"absent": ("smell",)}, "got 'smell'; expected one of text, audio, visual"),
        ({"parts": (("unique:smell", "x"),)}, "unknown part: got 'unique:smell'; expected one of unique:text, "),
        ({"parts": (("unique:text", "nobody"),)}, "unknown donor: got 'nobody'; expected an utterance id of corpus"),
        ({"absent": ("text",), "cells": (("text", "text_dim_000", 1.0),)}, "text is declared missing in this turn"),
        ({"absent": ("text",), "parts": (("unique:text", "ITSELF"),)}, "unique:text cannot be replaced: this turn has"),
        ({"text": "Hello."}, "the words of corpus small cannot be edited: got 12 text features"),
    ],
)  # fmt: skip
def test_what_cannot_be_edited_is_named_with_the_choices(engine, corpus, row, edit, line):
    itself = corpus.utterance(row).utterance_id
    if "parts" in edit:
        edit["parts"] = tuple((part, itself if donor == "ITSELF" else donor) for part, donor in edit["parts"])
    with pytest.raises(UsageError) as error:
        engine.whatif("dnr", "small", itself, Edit(**edit))
    assert line in str(error.value) and "\n" not in str(error.value)


def test_a_donor_without_the_part_and_an_unknown_turn_are_refused(engine, corpus, row):
    lacking = next(u for u in map(corpus.utterance, range(len(corpus))) if not u.present[0])
    with pytest.raises(UsageError, match="has no unique:text: got text not measured; choose another donor"):
        engine.whatif("dnr", "small", corpus.utterance(row).utterance_id,
                      Edit(parts=(("unique:text", lacking.utterance_id),)))  # fmt: skip
    with pytest.raises(UsageError, match="corpus small has no utterance 'nobody'"):
        engine.whatif("dnr", "small", "nobody", Edit())


@pytest.mark.parametrize("value", [math.nan, math.inf, True, "3"])
def test_a_feature_takes_finite_numbers_only(value):
    with pytest.raises(UsageError, match="expected a finite number"):
        Edit(cells=(("audio", "pitch", value),))


@pytest.mark.parametrize(
    "edit", [{"before": -1}, {"after": 1.5}, {"before": True}, {"absent": ("text",), "after": "2"}]
)
def test_a_context_is_a_number_of_turns(edit):
    with pytest.raises(UsageError, match=r"this one: got .*; expected a number from 0, or None for all"):
        Edit(**edit)


def test_a_feature_is_changed_once():
    with pytest.raises(UsageError, match="feature pitch of audio is changed twice"):
        Edit(cells=(("audio", "pitch", 1.0), ("audio", "pitch", 2.0)))
    with pytest.raises(UsageError, match="unique:text is changed twice"):
        Edit(parts=(("unique:text", "a"), ("unique:text", "b")))


def test_what_changed_by_hand():
    before, after = np.log([[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]]), np.log([[0.2, 0.8], [0.3, 0.7], [1, 1]])
    after[2] = np.nan
    found = Effect(("joy", "anger"), 0, before, after)
    assert found.read.tolist() == [True, True, False] and found.flipped.tolist() == [0]
    assert (found.predicted.tolist(), found.later.tolist()) == ([0, 1, 0], [1, 1, -1])
    np.testing.assert_allclose(found.delta, [-0.5, 0.1, np.nan], atol=1e-12)


def test_ranges_are_percentiles_of_the_measured_train_rows():
    corpus = handmade({"train": (101,), "test": (3,)})
    corpus.features["audio"][:, 0] = np.arange(104)
    corpus.features["audio"][:, 1] = 5.0
    corpus.features["audio"][7, 0] = np.nan
    corpus.present[100, MODALITIES.index("audio")] = False
    found = feature_ranges(corpus, "audio")
    train = np.delete(np.arange(100.0), 7)
    assert (found.low[0], found.high[0]) == pytest.approx((np.percentile(train, 1), np.percentile(train, 99)))
    assert found.mean[0] == pytest.approx(train.mean())
    assert (found.low[1], found.high[1], found.mean[1]) == (4.0, 6.0, 5.0), "a constant feature can be moved too"
    corpus.features["visual"][:101, 1] = np.nan
    assert np.isnan(feature_ranges(corpus, "visual").mean).tolist() == [False, True]


def test_a_donor_is_drawn_from_train_by_its_seed(corpus, row):
    drawn = [draw_donor(corpus, row, parts=("unique:audio", "redundant:text+visual"), emotion="sad", seed=seed)
             for seed in range(20)]  # fmt: skip
    again = draw_donor(corpus, row, parts=("unique:audio", "redundant:text+visual"), emotion="sad", seed=3)
    assert again == drawn[3] and len(set(drawn)) > 3
    for name in drawn:
        donor = corpus.utterance(corpus.row_of[name])
        assert (donor.split, donor.emotion, donor.present) == ("train", "sad", (True, True, True))
    with pytest.raises(UsageError, match="unknown emotion of a donor: got 'bliss'; expected one of happy"):
        draw_donor(corpus, row, parts=("unique:audio",), emotion="bliss", seed=0)
    with pytest.raises(UsageError, match="seed of a donor: got -1"):
        draw_donor(corpus, row, parts=("unique:audio",), emotion="sad", seed=-1)
