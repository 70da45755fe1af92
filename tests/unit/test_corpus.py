"""The corpus on disk: it comes back as it was, or says in one line what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small import changed, files_below, handmade, listed, relabelled, small_corpus

from dnr_core.data.corpus import Corpus
from dnr_core.data.files import replacing_folder
from dnr_core.errors import DataError, DnRError, UsageError
from dnr_core.types import MODALITIES


@pytest.fixture
def corpus() -> Corpus:
    return handmade({"train": (3, 2), "dev": (1,), "test": (2,)})


def error_of(make, kind: type[DnRError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_columns(corpus: Corpus, **columns: object) -> Corpus:
    return replace(corpus, utterances=corpus.utterances.assign(**columns), stored_hash=None)


def test_a_corpus_comes_back_as_it_was(corpus, tmp_path: Path):
    corpus.features["audio"][1, 0] = np.nan
    corpus.present[2, 2] = False
    corpus.utterances.loc[0, ["start_s", "media", "faults"]] = [1.25, "clip é.mp4", "visual:no_face;audio:absent"]
    corpus.utterances.loc[1, ["emotion", "text"]] = ["", "“quoted”, with\nnew line"]
    loaded = Corpus.load(corpus.save(tmp_path / "a"))
    pd.testing.assert_frame_equal(loaded.utterances, corpus.utterances, check_dtype=False)
    for modality in MODALITIES:
        np.testing.assert_array_equal(loaded.features[modality], corpus.features[modality])
        assert loaded.features[modality].dtype == np.float32
    assert (loaded.present == corpus.present).all() and loaded.present.dtype == bool
    assert loaded.feature_names == corpus.feature_names and loaded.emotions == corpus.emotions
    assert loaded.hash == corpus.hash and replace(loaded, stored_hash=None).hash == corpus.hash
    assert [int(cells.sum()) for cells in loaded.imputed.values()] == [0, 1, 0]
    first, second = loaded.dialogue("train0").utterances[:2]
    assert (first.start_s, first.end_s, first.media) == (1.25, None, "clip é.mp4")
    assert first.faults == ("visual:no_face", "audio:absent") and first.present == (True, True, True)
    assert second.emotion is None and loaded.labels.tolist()[:3] == [0, -1, 0]


def test_the_hash_is_that_of_the_content():
    corpus = small_corpus(6)
    assert corpus.hash == small_corpus(6).hash and len(corpus.hash) == 64
    assert replace(corpus, name="other", stored_hash=None).hash == corpus.hash
    assert with_columns(corpus, media="clip.mp4").hash == corpus.hash
    others = [
        changed(corpus, np.array([3]), "audio", corpus.features["audio"][3] + 1e-3),
        relabelled(corpus, np.array([0]), ""),
        with_columns(corpus, text="other"),
        with_columns(corpus, speaker="other"),
        replace(corpus, present=corpus.present & (np.arange(len(corpus)) > 0)[:, None], stored_hash=None),
        replace(corpus, emotions=corpus.emotions[::-1], stored_hash=None),
        replace(corpus, feature_names={**corpus.feature_names, "audio": tuple("abcdefgh")}, stored_hash=None),
    ]
    assert len({corpus.hash, *(other.hash for other in others)}) == 1 + len(others)


def test_rows_splits_and_dialogues_are_found(corpus):
    assert corpus.rows("train").tolist() == [0, 1, 2, 3, 4] and corpus.rows("test").tolist() == [6, 7]
    assert corpus.dialogue_ids() == ["train0", "train1", "dev0", "test0"] and corpus.dialogue_ids("dev") == ["dev0"]
    assert corpus.dialogue_rows["train1"].tolist() == [3, 4] and corpus.row_of["test0_utt1"] == 7
    assert "has no dialogue 'x'" in error_of(lambda: corpus.dialogue("x"), UsageError)
    lone = handmade({"train": (2,)})
    assert "got 'test'; expected one of train" in error_of(lambda: lone.rows("test"), UsageError)


@pytest.mark.parametrize("name", ["utterances.parquet", "features.safetensors"])
@pytest.mark.parametrize("harm", ["cut", "changed", "gone"])
def test_a_damaged_file_is_named(corpus, tmp_path: Path, name, harm):
    path = corpus.save(tmp_path / "a") / name
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if harm == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    message = error_of(lambda: Corpus.load(tmp_path / "a"))
    assert name in message and "prepare it again" in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{ not json", "is damaged"),
        ("[]", "is damaged"),
        ("{}", "is damaged"),
        ('{"format_version": 99}', "unknown format version: got 99; expected 1"),
        ('{"format_version": 1, "name": "x"}', "got no 'emotions'"),
    ],
)
def test_a_damaged_header_is_named(corpus, tmp_path: Path, text, says):
    (corpus.save(tmp_path / "a") / "corpus.json").write_text(text)
    message = error_of(lambda: Corpus.load(tmp_path / "a"))
    assert says in message and "corpus.json" in message


def test_a_missing_corpus_says_how_to_make_one(tmp_path: Path):
    assert "dnr_core prepare" in error_of(lambda: Corpus.load(tmp_path / "nothing"))


def test_an_existing_corpus_is_replaced_only_when_asked(corpus, tmp_path: Path):
    corpus.save(tmp_path / "a")
    assert "add --overwrite" in error_of(lambda: corpus.save(tmp_path / "a"), DnRError)
    with_columns(corpus, text="new").save(tmp_path / "a", overwrite=True)
    assert Corpus.load(tmp_path / "a").utterances["text"].tolist() == ["new"] * 8
    assert listed(tmp_path) == ["a"]


def test_half_a_folder_never_shows(tmp_path: Path):
    def fill(overwrite: bool = False) -> None:
        with replacing_folder(tmp_path / "a", overwrite=overwrite) as temporary:
            (temporary / "part").write_text("half")
            assert not (tmp_path / "a").exists() or overwrite
            raise OSError(28, "No space left on device")

    message = error_of(fill, DnRError)
    assert "No space left on device" in message and files_below(tmp_path) == []
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").write_text("kept")
    error_of(lambda: fill(overwrite=True), DnRError)
    assert files_below(tmp_path) == ["a", "a/old"]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"utterance_id": "same"}, "duplicate utterance id: got 'same'"),
        ({"emotion": "rage"}, "unknown emotion in utterance 'train0_utt0': got 'rage'; expected one of happy, sad"),
        ({"split": "validation"}, "unknown split: got 'validation'"),
        ({"turn": 0}, "turn out of order in dialogue 'train0': got turn 0 in place 1"),
        ({"split": ["train", "dev", *["train"] * 6]}, "dialogue 'train0' stands in two splits"),
        ({"dialogue_id": [*"abab", *"cccc"], "turn": [0, 0, 1, 1, 0, 1, 2, 3], "split": "train"}, "not contiguous"),
    ],
)
def test_rows_that_break_the_contract_are_refused(corpus, columns, says):
    assert says in error_of(lambda: with_columns(corpus, **columns))


def test_a_column_or_all_rows_missing_is_refused(corpus):
    frame = corpus.utterances
    assert "got no 'speaker'" in error_of(lambda: replace(corpus, utterances=frame.drop(columns="speaker")))
    assert "has no utterance" in error_of(lambda: replace(corpus, utterances=frame.iloc[:0]))


def test_features_that_do_not_fit_are_refused(corpus):
    def with_audio(values: np.ndarray) -> Corpus:
        return replace(corpus, features={**corpus.features, "audio": values}, stored_hash=None)

    audio = corpus.features["audio"]
    assert "audio rows do not match the utterances: got 7; expected 8" in error_of(lambda: with_audio(audio[:7]))
    assert "audio feature names do not match: got 2; expected 1" in error_of(lambda: with_audio(audio[:, :1]))
    infinite = audio.copy()
    infinite[5, 1] = np.inf
    message = error_of(lambda: with_audio(infinite))
    assert "infinite audio feature 'audio_y'" in message and "'dev0_utt0'" in message
    empty = audio.copy()
    empty[:5, 1] = np.nan
    assert "audio feature 'audio_y' is empty in every train row" in error_of(lambda: with_audio(empty))
    corpus.present[:, 1] = False
    assert with_audio(np.where(np.arange(8)[:, None] < 5, np.inf, audio)).widths["audio"] == 2, "not measured: ignored"


def test_the_file_is_json_with_the_facts(corpus, tmp_path: Path):
    header = json.loads((corpus.save(tmp_path / "a") / "corpus.json").read_text())
    assert header["counts"] == {"utterances": 8, "dialogues": 4} and header["emotions"] == ["happy", "sad"]
    assert header["feature_names"]["visual"] == ["visual_x", "visual_y"] and header["format_version"] == 1
