"""`prepare` on pickled releases: every layout, written here with numbers that can be counted by hand."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnr_core.data.corpus import Corpus
from dnr_core.data.releases import prepare
from dnr_core.data.report import PrepareReport
from dnr_core.errors import DataError, UsageError

LENGTHS = {"b": 2, "a": 1, "c": 3}
CODES = {"b": [0, 5], "a": [1], "c": [2, 3, 4]}
WORDS = {"b": ["It\x92s", "b1"], "a": ["a0"], "c": ["c0", "c1", "c2"]}
M_OR_F = {"b": ["M", "F"], "a": ["F"], "c": ["M", "M", "F"]}
ONE_HOT = {key: [[0, 1, 0]] * length for key, length in LENGTHS.items()}
IDS = {key: [f"{key}_F00{turn}" for turn in range(length)] for key, length in LENGTHS.items()}
SPLITS = ({"a", "b"}, {"c"})


def vectors(width: int, start: float = 1.0) -> dict[str, list[np.ndarray]]:
    """One vector an utterance, filled with start, start + 1, … in the order of LENGTHS."""
    number = iter(range(99))
    return {key: [np.full(width, start + next(number)) for _ in range(length)] for key, length in LENGTHS.items()}


def dnr_dict(**changes: Any) -> dict[str, Any]:
    release = {
        "trainVid": ["a", "b"],
        "testVid": ["c"],
        "speaker": M_OR_F,
        "label": CODES,
        "text": vectors(4),
        "audio": vectors(3, 10.0),
        "visual": vectors(2, 20.0),
        "sentence": WORDS,
    }
    return {key: value for key, value in (release | changes).items() if value is not None}


def prepared(tmp_path: Path, content: object, **options: Any) -> tuple[Corpus, PrepareReport]:
    path = tmp_path / "release.pkl"
    path.write_bytes(pickle.dumps(content, 2))
    return prepare([path], name="small", **options)


def data_error(tmp_path: Path, content: object) -> str:
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, content)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def nine(**changes: Any) -> tuple[Any, ...]:
    parts = {
        "ids": IDS,
        "speakers": M_OR_F,
        "labels": CODES,
        "text": vectors(4),
        "audio": vectors(3, 10.0),
        "visual": vectors(2, 20.0),
        "sentences": WORDS,
        "train": SPLITS[0],
        "test": SPLITS[1],
    }
    return tuple((parts | changes).values())


@pytest.mark.parametrize("content", [nine(), dnr_dict(), nine(speakers=ONE_HOT) + ({},)], ids=["nine", "dnr", "ten"])
def test_features_labels_and_text_land_in_their_rows(tmp_path: Path, content: object) -> None:
    corpus, report = prepared(tmp_path, content)
    assert corpus.dialogue_ids() == ["b", "a", "c"]
    assert corpus.labels.tolist() == [0, 5, 1, 2, 3, 4]
    assert corpus.utterances["text"].tolist() == ["It’s", "b1", "a0", "c0", "c1", "c2"]
    assert corpus.widths == {"text": 4, "audio": 3, "visual": 2}
    assert corpus.features["visual"][:, 1].tolist() == [20, 21, 22, 23, 24, 25]
    assert corpus.feature_names["visual"] == ("visual_000", "visual_001")
    assert corpus.present.all()
    assert report.dialogues_per_split == {"train": 1, "dev": 1, "test": 1}
    assert corpus.split_of["c"] == "test"


def test_ids_are_the_release_s_own_or_count_turns(tmp_path: Path) -> None:
    own, _ = prepared(tmp_path, nine())
    assert own.utterances["utterance_id"].tolist()[:3] == ["b_F000", "b_F001", "a_F000"]
    counted, _ = prepared(tmp_path, dnr_dict())
    assert counted.utterances["utterance_id"].tolist()[:3] == ["b_utt0", "b_utt1", "a_utt0"]
    numbers = {key: [str(turn) for turn in range(length)] for key, length in LENGTHS.items()}
    restarted, _ = prepared(tmp_path, nine(ids=numbers))
    assert restarted.utterances["utterance_id"].tolist() == counted.utterances["utterance_id"].tolist()


def test_speakers_tell_the_label_set(tmp_path: Path) -> None:
    iemocap, _ = prepared(tmp_path, nine())
    assert iemocap.emotions == ("happy", "sad", "neutral", "angry", "excited", "frustrated")
    assert iemocap.utterances["speaker"].tolist()[:2] == ["M", "F"]
    meld, _ = prepared(tmp_path, nine(speakers=ONE_HOT))
    assert meld.emotions == ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
    assert meld.utterances["speaker"].tolist()[:2] == ["speaker_1", "speaker_1"]
    arrays = {key: np.array([2] * length) for key, length in LENGTHS.items()}
    dnr, _ = prepared(tmp_path, dnr_dict(speaker=None, speakers=arrays))
    assert dnr.emotions == meld.emotions
    assert dnr.utterances["speaker"].tolist()[0] == "speaker_2"


def test_names_for_the_labels_can_be_given(tmp_path: Path) -> None:
    six, _ = prepared(tmp_path, nine(), emotions=["u", "v", "w", "x", "y", "z"])
    assert six.emotions == ("u", "v", "w", "x", "y", "z")
    assert six.labels.tolist() == [0, 5, 1, 2, 3, 4]
    four, report = prepared(tmp_path, nine(), emotions=["happy", "sad", "neutral", "angry"])
    assert four.labels.tolist() == [0, -1, 1, 2, 3, -1]
    assert report.left_out == {"excited": 1, "frustrated": 1}
    with pytest.raises(UsageError, match=r"2 names.*expected 6"):
        prepared(tmp_path, nine(), emotions=["u", "v"])


def test_labels_beyond_the_names_are_an_error_and_negative_ones_unlabelled(tmp_path: Path) -> None:
    assert "label 6" in data_error(tmp_path, nine(labels=CODES | {"a": [6]}))
    corpus, report = prepared(tmp_path, nine(labels=CODES | {"a": [-1]}))
    assert corpus.labels.tolist() == [0, 5, -1, 2, 3, 4]
    assert report.unlabelled == 1
    assert "'a'" in data_error(tmp_path, nine(labels=CODES | {"a": [0.5]}))


def test_cosmic_lists_hold_text_only(tmp_path: Path) -> None:
    content = [M_OR_F, CODES, WORDS, ["a"], ["c"], ["b"]]
    corpus, report = prepared(tmp_path, content)
    assert corpus.split_of == {"b": "dev", "a": "train", "c": "test"}
    assert corpus.widths == {"text": 0, "audio": 0, "visual": 0}
    assert not corpus.present.any()
    assert set(corpus.utterances["faults"]) == {""}
    assert report.layout == "cosmic"
    with pytest.raises(DataError, match="no sentiment labels"):
        prepared(tmp_path, content, target="sentiment")


def test_the_second_label_list_is_the_sentiment(tmp_path: Path) -> None:
    codes = {"b": [0, 1], "a": [2], "c": [1, 1, 0]}
    corpus, _ = prepared(tmp_path, [ONE_HOT, CODES, codes, WORDS, ["a"], ["c"], ["b"]], target="sentiment")
    assert corpus.emotions == ("neutral", "positive", "negative")
    assert corpus.labels.tolist() == [0, 1, 2, 1, 1, 0]
    ten, _ = prepared(tmp_path, (*nine(speakers=ONE_HOT), codes), target="sentiment")
    assert ten.labels.tolist() == [0, 1, 2, 1, 1, 0]


def test_a_tuple_without_visual_is_the_dialogue_rnn_layout(tmp_path: Path) -> None:
    whole = nine(speakers=ONE_HOT)
    corpus, report = prepared(tmp_path, (*whole[:5], *whole[6:], {}))
    assert report.layout == "dialogue_rnn"
    assert corpus.widths == {"text": 4, "audio": 3, "visual": 0}


def test_whole_number_keys_become_text(tmp_path: Path) -> None:
    content = [{7: ["M"], 3: ["F"]}, {7: [0], 3: [1]}, {7: ["x"], 3: ["y"]}, [np.int64(7)], [3], []]
    corpus, _ = prepared(tmp_path, content)
    assert corpus.split_of == {"7": "train", "3": "test"}


def test_ids_that_say_dev_leave_train(tmp_path: Path) -> None:
    def renamed(part: dict[str, Any]) -> dict[str, Any]:
        return {{"a": "train_dia1", "b": "dev_dia0", "c": "test_dia2"}[key]: value for key, value in part.items()}

    parts = [renamed(part) for part in nine()[:7]]
    corpus, _ = prepared(tmp_path, (*parts, {"train_dia1", "dev_dia0"}, {"test_dia2"}))
    assert corpus.split_of == {"dev_dia0": "dev", "train_dia1": "train", "test_dia2": "test"}
    assert "1 dialogues whose ids say dev" in corpus.split_provenance


def test_missing_and_zero_rows_of_features_are_not_present(tmp_path: Path) -> None:
    visual, audio = vectors(2), vectors(3)
    visual["b"][0] = np.zeros(2)
    audio["b"][1] = np.full(3, np.nan)
    audio["c"][0][1] = np.nan
    corpus, report = prepared(tmp_path, dnr_dict(audio=audio, visual=visual))
    assert corpus.utterances["faults"].tolist() == ["visual:no_face", "audio:absent", "", "", "", ""]
    assert report.imputed["audio"] == {"audio_001": 1}


def test_lists_of_numbers_are_features_too(tmp_path: Path) -> None:
    plain = {key: [[0.5, 1] for _ in range(length)] for key, length in LENGTHS.items()}
    matrices = {key: np.ones((length, 2), dtype=np.float16) for key, length in LENGTHS.items()}
    corpus, _ = prepared(tmp_path, dnr_dict(text=plain, visual=matrices))
    assert corpus.features["text"][5].tolist() == [0.5, 1]
    assert corpus.features["visual"].shape == (6, 2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (dnr_dict(text=vectors(4) | {"a": []}), ["dialogue 'a'", "text features", "got 0", "expected 1"]),
        (dnr_dict(text={"a": [np.ones(4)]}), ["dialogue 'b'", "text features"]),
        (dnr_dict(sentence=WORDS | {"c": ["c0"]}), ["dialogue 'c'", "sentences", "got 1", "expected 3"]),
        (dnr_dict(speaker=M_OR_F | {"a": ["M", "F"]}), ["dialogue 'a'", "speakers", "got 2", "expected 1"]),
        (dnr_dict(label=CODES | {"a": []}), ["dialogue 'a' is empty"]),
        (dnr_dict(label=CODES | {"a": None}), ["dialogue 'a' is empty"]),
        (dnr_dict(text=vectors(4) | {"a": [np.ones(5)]}), ["dialogue 'a'", "another width", "got 5", "expected 4"]),
        (dnr_dict(text=vectors(4) | {"a": [np.ones((1, 4))]}), ["dialogue 'a'", "wrong form", "(1, 4)"]),
        (dnr_dict(text=vectors(4) | {"a": ["words"]}), ["dialogue 'a'", "wrong form", "str"]),
        (dnr_dict(text=vectors(4) | {"a": [np.array([1, 2, np.inf, 3])]}), ["infinite", "text_002", "a_utt0"]),
        (dnr_dict(trainVid=["a", "b", "z"]), ["train", "'z'"]),
        (dnr_dict(trainVid=["a", "b", "c"]), ["dialogue 'c'", "two splits"]),
        (dnr_dict(trainVid=[["a"]]), ["wrong form"]),
        (dnr_dict(speaker=M_OR_F | {"a": [None]}), ["dialogue 'a'", "speaker"]),
        (dnr_dict(label={}), ["holds no dialogue"]),
        (nine(ids=IDS | {"a": ["b_F000"]}), ["duplicate utterance id", "'b_F000'"]),
        (dnr_dict(label=None), ["no release", "trainVid"]),
        (nine()[:8], ["no release", "a tuple of 8"]),
        ({}, ["no release", "(none)"]),
        ("text", ["no release", "a str"]),
    ],
)  # fmt: skip
def test_a_fault_is_one_line_that_names_it(tmp_path: Path, content: object, words: list[str]) -> None:
    message = data_error(tmp_path, content)
    assert [word for word in words if word not in message] == []


def test_dialogues_of_no_split_are_left_out_and_reported(tmp_path: Path) -> None:
    corpus, report = prepared(tmp_path, dnr_dict(trainVid=["b"]))
    assert corpus.dialogue_ids() == ["b", "c"]
    assert any("1 dialogues that stand in no split" in rule for rule in report.rules)


def test_nested_lists_that_share_their_parts_are_refused_at_once(tmp_path: Path) -> None:
    bomb: list[Any] = [1.0] * 100
    for _ in range(30):
        bomb = [bomb] * 100
    assert "wrong form" in data_error(tmp_path, dnr_dict(text=vectors(4) | {"a": [bomb]}))
    assert data_error(tmp_path, dnr_dict(label=CODES | {"a": [bomb]}))
    assert data_error(tmp_path, dnr_dict(sentence=WORDS | {"a": [bomb]}))
    assert data_error(tmp_path, dnr_dict(speaker=M_OR_F | {"a": [bomb]}))
