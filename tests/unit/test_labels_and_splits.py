"""Which labels a corpus has, and which dialogues are train, dev and test, where the release leaves it open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dnr_core.data.corpus import Corpus
from dnr_core.data.labels import known_set
from dnr_core.data.releases import prepare
from dnr_core.data.report import PrepareReport
from dnr_core.data.splits import draw
from dnr_core.errors import DataError, UsageError

FIVE = ["joy", "neutral", "joy", "anger", "sadness"]


def prepared(
    folder: Path,
    labels: Sequence[str],
    *,
    dialogues: Sequence[str] | None = None,
    split: str = "train",
    **options: object,
) -> tuple[Corpus, PrepareReport]:
    """One utterance a label, each in a dialogue of its own unless `dialogues` says otherwise."""
    dialogues = [f"d{row:02d}" for row in range(len(labels))] if dialogues is None else dialogues
    rows = [f"{name}_u,{name},{split},A,x,{label}" for name, label in zip(dialogues, labels, strict=True)]
    table = folder / "utterances.csv"
    table.write_text("\n".join(["utterance_id,dialogue_id,split,speaker,text,emotion", *rows]) + "\n")
    return prepare([table], name="small", **options)  # type: ignore[arg-type]


def test_known_label_sets_are_recognised_by_most_labels() -> None:
    assert known_set(["happy", "sad", "excited"])[0] == "happy"  # type: ignore[index]
    assert known_set(["Neutral", "joy", "joyy"])[1] == "surprise"  # type: ignore[index]
    assert known_set(["positive", "negative", "neutral"])[1] == "positive"  # type: ignore[index]
    assert known_set(["neutral", "calm"]) is None
    assert known_set([""]) is None


def test_other_label_sets_are_taken_as_they_are_in_alphabetical_order(tmp_path: Path) -> None:
    corpus, _ = prepared(tmp_path, ["neutral", "lost", "bored", "keen"])
    assert corpus.emotions == ("bored", "keen", "lost", "neutral")


def test_known_labels_are_spelt_as_in_their_set(tmp_path: Path) -> None:
    corpus, _ = prepared(tmp_path, ["Joy", "ANGER", ""])
    assert corpus.utterances["emotion"].tolist() == ["joy", "anger", ""]


def test_labels_can_be_merged(tmp_path: Path) -> None:
    labels = ["Happy", "excited", "sad", "excited", "angry", ""]
    corpus, report = prepared(tmp_path, labels, emotions=["happy=happy+excited", "sad"])
    assert corpus.emotions == ("happy", "sad")
    assert corpus.labels.tolist() == [0, 0, 1, 0, -1, -1]
    assert (report.unlabelled, report.left_out) == (2, {"angry": 1})
    assert "2 utterances labelled excited count as happy" in report.text()


def test_merged_emotions_can_have_a_new_name(tmp_path: Path) -> None:
    corpus, _ = prepared(tmp_path, FIVE, emotions=["pleased=joy", "other=neutral+anger+sadness"])
    assert corpus.labels.tolist() == [0, 1, 0, 1, 1]


@pytest.mark.parametrize(
    "choice", [["joy=", "anger"], ["=joy", "anger"], ["joy=joy++anger", "sadness"], ["joy", "other=joy+anger"]]
)
def test_a_merge_that_makes_no_sense_is_refused(tmp_path: Path, choice: list[str]) -> None:
    with pytest.raises(UsageError, match="--emotions"):
        prepared(tmp_path, FIVE, emotions=choice)


def test_chosen_emotions_order_the_labels_and_others_stay_as_context(tmp_path: Path) -> None:
    corpus, report = prepared(tmp_path, FIVE, emotions=["joy", "anger"])
    assert corpus.emotions == ("joy", "anger")
    assert corpus.labels.tolist() == [0, -1, 0, 1, -1]
    assert (report.unlabelled, report.left_out) == (2, {"neutral": 1, "sadness": 1})
    assert "2; outside --emotions: neutral 1, sadness 1" in report.text()


@pytest.mark.parametrize("emotions", [["joy", "fear"], ["joy", "joy"], ["joy"], ["joy", "angre"]])
def test_a_choice_that_cannot_be_met_is_a_usage_error(tmp_path: Path, emotions: list[str]) -> None:
    with pytest.raises(UsageError, match="--emotions"):
        prepared(tmp_path, FIVE, emotions=emotions)


def test_a_typing_error_is_found_even_where_emotions_are_chosen(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 5.*'joyy'.*one of neutral, surprise"):
        prepared(tmp_path, [*FIVE[:4], "joyy"], emotions=["joy", "anger"])


def test_ids_name_the_split_where_the_column_is_empty(tmp_path: Path) -> None:
    names = ["train_1", "val_1", "test-2", "dev3"]
    corpus, _ = prepared(tmp_path, FIVE[:4], dialogues=names, split="")
    assert corpus.split_of == {"train_1": "train", "val_1": "dev", "test-2": "test", "dev3": "dev"}
    assert corpus.split_provenance == "named in the dialogue ids"


def test_a_tenth_of_the_train_dialogues_becomes_dev_whatever_their_order(tmp_path: Path) -> None:
    names = [f"d{number:02d}" for number in range(30)]
    labels = ["joy", "anger"] * 15
    corpus, report = prepared(tmp_path, labels, dialogues=names)
    assert report.dialogues_per_split == {"train": 27, "dev": 3}
    assert "3 of 30 train dialogues drawn from the sorted ids with seed 1203" in corpus.split_provenance
    assert corpus.notes["splits_seed"] == 1203
    reversed_order, _ = prepared(tmp_path, labels, dialogues=names[::-1])
    assert reversed_order.split_of == corpus.split_of
    other, _ = prepared(tmp_path, labels, dialogues=names, splits_seed=1)
    assert other.split_of != corpus.split_of


def test_without_any_split_eight_one_one_are_drawn(tmp_path: Path) -> None:
    _, report = prepared(tmp_path, ["joy", "anger"] * 10, split="")
    assert report.dialogues_per_split == {"train": 16, "dev": 2, "test": 2}
    _, report = prepared(tmp_path, ["joy", "anger"], split="")
    assert report.dialogues_per_split == {"train": 2}


def test_a_release_of_test_dialogues_alone_stays_so(tmp_path: Path) -> None:
    _, report = prepared(tmp_path, FIVE, split="test")
    assert report.dialogues_per_split == {"test": 5}


def test_a_draw_does_not_depend_on_the_order_of_ids() -> None:
    ids = [f"d{number}" for number in range(50)]
    assert draw(ids, count=5, seed=7) == draw(ids[::-1], count=5, seed=7)
