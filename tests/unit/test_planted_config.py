"""The planted configuration refuses what cannot be planted, and says why."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.data.planted_config import default_mixture, emotion_names


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"emotions": 5, "mixture": {"copy:audio+text": 1}}, "even number of emotions"),
        ({"emotions": 2, "mixture": {"rdnxor:audio+text": 1}}, "even number of emotions"),
        ({"mixture": {"unique:smell": 1}}, "expected sources among unique:text"),
        ({"mixture": {"redundant:text+audio": 1}}, "expected sources among"),
        ({"mixture": {"unique:text": 0}}, "not all of them 0"),
        ({"mixture": {"unique:text": 1}, "sources_per_utterance": 2}, "two or more"),
        ({"class_weights": (1, 2)}, "6 positive numbers"),
        ({"class_weights": (1, 1, 1, 1, 1, 0)}, "6 positive numbers"),
        ({"emotions": ("joy", "joy")}, "different names"),
        ({"emotions": 1}, "2 to 100"),
        ({"widths": {"smell": 3}}, "text, audio and visual"),
        ({"noise": -0.1}, "greater than or equal to 0"),
        ({"missing": 1.0}, "less than or equal to 0.9"),
        ({"loudness": 3}, "Extra inputs"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(options, problem):
    with pytest.raises(ValidationError, match=problem):
        PlantedConfig(**options)


def test_an_odd_number_of_emotions_leaves_copy_out_of_the_default_mixture():
    assert not [source for source in PlantedConfig(emotions=emotion_names(7)).mixture if source.startswith("copy")]
    assert len(default_mixture(6)) == 13 and len(default_mixture(7)) == 10
    assert sum(default_mixture(6).values()) == pytest.approx(11)
    names = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
    seven = generate(PlantedConfig(emotions=names, dialogues=3))
    assert seven.emotions == names and seven.utterances["text"].str.len().min() > 10
