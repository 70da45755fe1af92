"""The sentences of planted dialogues: they say what the text of the utterance carries, and no more."""

from __future__ import annotations

import pytest

from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.data.planted_codes import plan
from dnr_core.data.planted_config import EMOTIONS
from dnr_core.data.planted_phrases import CARRIED, FILLS, HALF, LIKE, MASKED, PLAIN
from dnr_core.data.planted_text import either


def only(*sources: str, **options: object) -> PlantedConfig:
    """A small corpus without any noise in which these sources are equally frequent."""
    settings = {"dialogues": 30, "noise": 0.0, "noise_share": 0.0, "mixture": dict.fromkeys(sources, 1.0)} | options
    return PlantedConfig(**settings)  # type: ignore[arg-type]


def matches(text: str, phrases: tuple[str, ...]) -> bool:
    """Whether a sentence begins as one of these phrases does, up to its first place to fill in or its end."""
    return any(text.startswith(phrase.split("{")[0]) for phrase in phrases)


@pytest.mark.parametrize("source", ["unique:text", "redundant:text+visual"])
def test_the_words_carry_the_emotion_where_text_does(source):
    planted = generate(only(source))
    for text, emotion in zip(planted.utterances["text"], planted.utterances["emotion"], strict=True):
        assert matches(text, CARRIED[emotion]), (text, emotion)


@pytest.mark.parametrize("source", ["unique:audio", "redundant:audio+visual", "synergistic:audio+visual"])
def test_the_words_are_everyday_words_where_text_says_nothing(source):
    planted = generate(only(source))
    assert all(matches(text, PLAIN) for text in planted.utterances["text"])


def test_sarcasm_follows_the_code_of_the_words_and_not_the_label():
    planted = generate(config := only("synergistic:audio+text"))
    codes = plan(config).codes[:, 0, 0]  # (N,) of the text
    assert all(matches(t, MASKED[EMOTIONS[c]]) for t, c in zip(planted.utterances["text"], codes, strict=True))
    happy = planted.utterances[codes == 0]
    assert happy["text"].str.startswith("Oh wonderful, another ").any() and set(happy["emotion"]) == set(EMOTIONS)


def test_half_of_a_copy_names_the_emotions_that_remain():
    planted = generate(only("copy:text+visual"))  # text knows the half: the first three or the last three
    for text, label in zip(planted.utterances["text"], planted.labels, strict=True):
        assert either(list(EMOTIONS[:3] if label < 3 else EMOTIONS[3:])) in text
    assert either(["joy", "sad", "anger"]) == "happy, sad or angry" and either(["joy"]) == "happy"


def test_no_sentence_comes_twice_in_a_dialogue_and_none_has_a_gap():
    rows = generate().utterances
    assert not rows.duplicated(["dialogue_id", "text"]).any()
    assert not rows["text"].str.contains(r"[{}]", regex=True).any()
    assert rows["text"].str.match(r"^[A-Z].*[.!?]$").all()
    assert not rows["text"].str.contains(r"[.!?] [a-z]").any()


def test_every_case_has_at_least_eight_templates_whose_places_can_be_filled():
    for phrases in (*CARRIED.values(), *MASKED.values(), HALF, PLAIN):
        assert len(set(phrases)) == len(phrases) >= 8
        for phrase in phrases:
            assert not phrase.startswith("{")
            phrase.format(person="", feeling="", **dict.fromkeys(FILLS, ""))
    assert set(EMOTIONS) | {"other"} == set(CARRIED) == set(MASKED) and set(LIKE.values()) < set(EMOTIONS)
