"""What keeps large corpora quick: shortcuts that must give what the slow way gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.errors import DataError, UsageError
from dnr_core.explain.audit import resampled
from dnr_core.figures.screen.drawing import literals


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Dialogues whose ids are not in the order of their rows."""
    made = generate(PlantedConfig(dialogues=12, utterances_per_dialogue=4))
    frame = made.utterances.assign(dialogue_id=[f"d{7 * int(name[-3:]) % 12}" for name in made.utterances.dialogue_id])
    return replace(made, utterances=frame, stored_hash=None)


def test_dialogues_are_numbered_as_their_sorted_ids(corpus):
    ids = corpus.utterances["dialogue_id"].to_numpy(dtype=object)
    assert list(ids) != sorted(ids)
    assert np.array_equal(corpus.dialogue_places, np.unique(ids, return_inverse=True)[1])


def test_rows_of_a_split_are_those_of_the_table_every_time(corpus):
    for split in corpus.splits:
        expected = [row for row, name in enumerate(corpus.utterances["split"]) if name == split]
        assert corpus.rows(split).tolist() == corpus.rows(split).tolist() == expected
    with pytest.raises(UsageError, match="no split"):
        corpus.rows("other")


def test_a_stored_corpus_gives_the_same_utterances_as_the_one_that_was_saved(corpus, tmp_path):
    loaded = Corpus.load(corpus.save(tmp_path / "c"))
    assert [loaded.utterance(row) for row in range(len(corpus))] == [corpus.utterance(r) for r in range(len(corpus))]
    assert {str(loaded.utterances[name].dtype) for name in ("text", "dialogue_id", "split")} == {"object"}


def test_a_table_without_a_column_is_refused_with_one_line(corpus, tmp_path, monkeypatch):
    folder = corpus.save(tmp_path / "c")
    frame = corpus.utterances.drop(columns="speaker")
    monkeypatch.setattr(pd, "read_parquet", lambda path: frame)
    with pytest.raises(DataError, match="speaker"):
        Corpus.load(folder)


def test_dialogues_are_drawn_as_numpy_draws_them_with_seed_0():
    expected = np.random.default_rng(0).multinomial(5, np.full(5, 0.2), size=1000)
    assert np.array_equal(resampled(5), expected) and not resampled(5).flags.writeable


def test_texts_are_escaped_wherever_one_of_them_needs_it():
    assert literals(["a", 3, "x y"]) == ["a", "3", "x y"]
    assert literals(["a", "<b>", "&amp;", '"']) == ["a", "&lt;b&gt;", "&amp;amp;", '"']
