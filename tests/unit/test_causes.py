"""Human causes: the file, its matching with a corpus, and scores against nulls; all texts are invented."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from dnr_core.config import preset
from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.errors import DataError
from dnr_core.explain.attribution_split import integrated_gradients_split
from dnr_core.explain.causes import EVIDENCE, Causes, match_causes, measures, read_causes, score_causes
from dnr_core.model.batch import TensorCorpus
from dnr_core.training.loop import train
from tests.unit.small import WIDTHS, handmade, small_corpus


def written(folder: Path, content: Any) -> Path:
    path = folder / "causes.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def annotation(corpus: Corpus, dialogue: str, causes: dict[int, list[Any]]) -> list[dict[str, Any]]:
    """A dialogue in RECCON's layout; causes per turn, both counted from 0 here ('b' is kept)."""
    made = []
    for turn, row in enumerate(corpus.dialogue_rows[dialogue]):
        one = corpus.utterance(int(row))
        item: dict[str, Any] = {"turn": turn + 1, "speaker": one.speaker, "utterance": one.text, "emotion": one.emotion}
        if turn in causes:
            item[EVIDENCE] = [cause if cause == "b" else cause + 1 for cause in causes[turn]]
        made.append(item)
    return made


def test_causes_are_read_and_found_again_by_their_texts(tmp_path: Path) -> None:
    corpus = small_corpus(8)
    first, second = corpus.dialogue_ids()[:2]
    changed_texts = annotation(corpus, second, {4: [1, 2, 4]})
    for item in changed_texts:
        item["utterance"] = "  " + item["utterance"].upper().replace("'", "\u2019").replace(" ", "  ") + " "
    content = {
        f"train.{first}": [annotation(corpus, first, {2: [0], 3: [3], 4: [1, "b"]})],
        "test.some_other_key": [changed_texts],
    }
    read = read_causes(written(tmp_path, content))
    assert set(read) == {first, "some_other_key"} and read[first][0][4].latent and read[first][0][4].causes == (1,)
    causes = match_causes(read, corpus)
    assert causes.earlier == {f"{first}_utt2": (0,), f"{first}_utt4": (1,), f"{second}_utt4": (1, 2)}
    lengths = [len(corpus.dialogue_rows[name]) for name in (first, second)]
    assert causes.counts == {
        "dialogues": 2, "dialogues_unmatched": 0, "utterances": sum(lengths), "utterances_unmatched": 0, "annotated": 4,
        "latent": 1, "causes_unmatched": 0, "no_earlier_cause": 1, "all_earlier_turns": 0,
    }  # fmt: skip


def test_repeated_texts_are_matched_in_order_and_lost_ones_counted(tmp_path: Path) -> None:
    corpus = handmade({"train": (5,), "test": (2,)})
    frame = corpus.utterances.copy()
    frame["text"] = ["Oh.", "Why?", "Oh.", "Because it rained.", "Oh.", "Not at all", "Yes"]
    corpus = replace(corpus, utterances=frame)
    said = ["oh", "why", "OH!", "Nobody said this", "because it  rained", "Oh."]
    content = [{"turn": place + 1, "utterance": text} for place, text in enumerate(said)]
    content[5][EVIDENCE] = [1, 3, 4]
    unknown = [{"turn": 1, "utterance": "Not in there"}, {"turn": 2, "utterance": "nor this", EVIDENCE: [1]}]
    causes = match_causes(read_causes(written(tmp_path, {"x": [content], "y": [unknown]})), corpus)
    assert causes.earlier == {"train0_utt4": (0, 2)}
    expected = {
        "utterances": 8,
        "utterances_unmatched": 3,
        "causes_unmatched": 1,
        "dialogues_unmatched": 1,
        "annotated": 1,
    }
    assert expected.items() <= causes.counts.items()


def test_utterances_whose_every_earlier_turn_is_a_cause_are_left_out(tmp_path: Path) -> None:
    corpus = small_corpus(8)
    name = corpus.dialogue_ids()[0]
    content = {name: [annotation(corpus, name, {0: [0], 1: [0], 2: [0, 1], 3: [2]})]}
    causes = match_causes(read_causes(written(tmp_path, content)), corpus)
    assert causes.earlier == {f"{name}_utt3": (2,)}
    assert causes.counts["all_earlier_turns"] == 2 and causes.counts["no_earlier_cause"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "got list; expected an object of dialogues"),
        ({}, "got dict; expected an object of dialogues"),
        ({"d": "text"}, "dialogue 'd': got 'text'; expected a list of lists"),
        ({"d": [{"turn": 1}]}, "dialogue 'd': got .*expected a list of lists"),
        ({"d": [[{"turn": 1, "utterance": "a"}, {"turn": 2}]]}, "dialogue 'd', utterance 2: got {'turn': 2}; expected"),
        ({"d": [[{"turn": 0, "utterance": "a"}]]}, "utterance 1, turn: got 0; expected 1"),
        ({"d": [[{"turn": 1, "utterance": "a", EVIDENCE: 1}]]}, "utterance 1, expanded.*: got 1; expected a list"),
        ({"d": [[{"turn": 1, "utterance": "a", EVIDENCE: [2]}]]}, 'got 2; expected a turn from 1 to 1, or "b"'),
        ({"d": [[{"turn": 1, "utterance": "a", EVIDENCE: [True]}]]}, "got True; expected a turn"),
        ({"d": [[{"turn": 1, "utterance": "a", EVIDENCE: ["c"]}]]}, "got 'c'; expected a turn"),
    ],
)
def test_a_malformed_file_is_refused_with_the_place(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_causes(written(tmp_path, content))


def test_a_file_that_is_no_json_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    for name in ("broken.json", "absent.json"):
        with pytest.raises(DataError, match=f"cannot read causes .*{name}"):
            read_causes(tmp_path / name)


def test_measures_of_a_ranking_by_hand_and_by_scikit_learn() -> None:
    values = np.array([0.1, 0.9, 0.5, 0.7])  # ranks 4, 1, 3, 2
    assert measures(values, (0, 3)) == pytest.approx((0, 0.5, (1 / 2 + 2 / 4) / 2, 3.0))
    assert measures(values, (1,)) == (1.0, 1.0, 1.0, 1.0)
    assert measures(np.zeros(4), (1, 2)) == pytest.approx((0, 0, (1 / 3 + 2 / 4) / 2, 3.5)), "ties count against it"
    draw = np.random.default_rng(0)
    for _ in range(20):
        values, truth = draw.normal(size=12), draw.choice(12, size=3, replace=False)
        expected = average_precision_score(np.isin(np.arange(12), truth), values)
        assert measures(values, tuple(sorted(truth)))[2] == pytest.approx(expected)


def test_nulls_and_gains_by_hand() -> None:
    corpus = handmade({"train": (5, 5)})  # speakers A B A B A
    causes = Causes({"train0_utt4": (2,), "train1_utt4": (3,), "train1_utt3": (0,)}, {})
    values = {
        "train0_utt4": np.array([0, 0, 9, 1, 9.0]),  # the cause first
        "train1_utt4": np.array([9, 8, 7, 6, 0.0]),  # the cause last of four
    }
    scores = score_causes(causes, values, corpus)
    assert scores.n == 2 and scores.without_attribution == 1
    means = {ranker: {name: share.value for name, share in table.items()} for ranker, table in scores.scores.items()}
    assert means["attribution"] == {
        "precision_at_1": 0.5, "precision_at_k": 0.5, "average_precision": (1 + 1 / 4) / 2, "mean_rank": 2.5
    }  # fmt: skip
    assert means["previous_turn"]["mean_rank"] == 1.5  # 3 2 1 0: places 2 and 1
    assert means["same_speaker"]["mean_rank"] == 2.0  # 2 0 3 1: places 1 and 3
    assert means["same_speaker"]["precision_at_1"] == 0.5
    assert scores.gains["previous_turn"]["mean_rank"].value == 1.0
    low, high = scores.gains["previous_turn"]["mean_rank"].interval or (np.nan, np.nan)
    assert (low, high) == (-1.0, 3.0), "two dialogues: an interval from the one to the other"


def test_nothing_to_score_gives_no_number() -> None:
    scores = score_causes(Causes({}, {}), {}, handmade({"train": (3,)}))
    assert scores.n == 0 and scores.scores["attribution"]["mean_rank"].value is None


def test_turn_attribution_finds_sources_that_were_planted_in_the_previous_turn() -> None:
    mixture = {f"unique:{name}": 1.0 for name in WIDTHS}
    corpus = generate(
        PlantedConfig(
            dialogues=150, utterances_per_dialogue=8, widths=WIDTHS, mixture=mixture, noise=0.3, noise_share=0,
            earlier_turn_share=0.5,
        )
    )  # fmt: skip
    config = preset("plain", "late_fusion")
    stage = config.stages["train"].model_copy(update={"epochs": 20, "learning_rate": 3e-3})
    model = train(corpus, config.model_copy(update={"width": 32, "stages": {"train": stage}}), device="cpu").model
    found = integrated_gradients_split(
        model, TensorCorpus(corpus), corpus, corpus.dialogue_ids("test"), targets=corpus.labels
    )
    values = {
        corpus.utterance(int(row)).utterance_id: turns
        for dialogue in found.dialogues
        for row, turns in zip(dialogue.rows, dialogue.turns, strict=True)
    }
    turn = {name: corpus.utterance(corpus.row_of[name]).turn for name in corpus.notes["earlier_turn"]}
    planted = {name: (turn[name] - 1,) for name in turn if name in values and turn[name] > 1}
    scores = score_causes(Causes(planted, {}), values, corpus)
    chance = np.mean([1 / turn[name] for name in planted])
    first = scores.scores["attribution"]["precision_at_1"]
    assert scores.n == len(planted) > 50 and first.interval and first.interval[0] > chance + 0.1
    assert scores.scores["previous_turn"]["precision_at_1"].value == 1.0
