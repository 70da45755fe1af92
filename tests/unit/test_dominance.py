"""Which part, family and modalities explain a prediction, on values made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dnr_core.explain.dominance import dominance, dominance_of
from dnr_core.types import ComponentValues, players_of

PLAYERS = players_of(("text", "audio", "visual"))


def told(**values: float) -> tuple[str, str, str]:
    """Component, family and sources for one utterance; parts are named like unique_text or redundant_audio_text."""
    own = np.zeros((1, len(PLAYERS)))
    for name, value in values.items():
        family, *members = name.split("_")
        own[0, PLAYERS.index(f"{family}:{'+'.join(members)}")] = value
    found = dominance_of(own, PLAYERS, np.array([0]))
    return PLAYERS[found.component[0]], found.family[0], found.sources[0]


def test_one_strong_part_names_itself() -> None:
    assert told(unique_text=3, synergistic_audio_text=1) == ("unique:text", "unique", "text")
    assert told(synergistic_audio_visual=2, unique_text=1) == (
        "synergistic:audio+visual", "synergistic", "audio+visual",
    )  # fmt: skip


def test_the_sum_of_a_family_does_not_decide() -> None:
    assert told(unique_text=1.5, unique_visual=1.2, synergistic_audio_text=2)[1:] == ("synergistic", "audio+text")
    assert told(synergistic_audio_text=1.5, synergistic_text_visual=1.2, unique_text=2)[1:] == ("unique", "text")


def test_two_unique_parts_outweigh_the_synergistic_part_of_their_modalities_together() -> None:
    copy = "synergistic:audio+text", "unique", "audio+text"
    assert told(unique_text=1.5, unique_audio=0.6, synergistic_audio_text=2) == copy
    assert told(unique_text=1.5, unique_audio=0.4, synergistic_audio_text=2)[1] == "synergistic"  # 1.9 in all
    assert told(unique_text=1.8, unique_audio=0.4, synergistic_audio_text=2)[1] == "synergistic"  # below a quarter


def test_redundant_pairs_outweigh_a_unique_part_together() -> None:
    split = {"redundant_audio_text": 1.0, "redundant_text_visual": 0.9, "redundant_audio_visual": 0.8}
    assert told(unique_text=2.5, **split) == ("unique:text", "redundant", "audio+text+visual")
    assert told(unique_text=2.8, **split)[1:] == ("unique", "text")
    assert told(unique_text=1.7, redundant_audio_text=1.6, redundant_text_visual=0.3)[1:] == ("unique", "text")
    assert told(synergistic_audio_text=1.2, **split)[1:] == ("synergistic", "audio+text")


@pytest.mark.parametrize(("second", "sources"), [(0.5, "audio+text"), (1.0, "audio+text+visual")])
def test_a_redundant_pair_counts_from_a_quarter_of_the_strongest_on(second: float, sources: str) -> None:
    assert told(redundant_audio_text=4, redundant_text_visual=second)[2] == sources


def test_only_redundant_pairs_are_merged() -> None:
    assert told(unique_text=4, unique_audio=3.9)[2] == "text"
    assert told(synergistic_audio_text=2, synergistic_audio_visual=2)[2] == "audio+text"


def test_where_nothing_speaks_for_the_prediction_only_the_least_bad_part_is_named() -> None:
    own = np.full((1, len(PLAYERS)), -1.0)
    own[0, PLAYERS.index("redundant:audio+text")] = -0.1
    found = dominance_of(own, PLAYERS, np.array([0]))
    assert (found.family[0], found.sources[0]) == ("redundant", "audio+text")


def test_plain_modalities_are_a_family_of_their_own() -> None:
    own = np.array([[1.0, 2.0, 0.5]])
    found = dominance_of(own, ("modality:text", "modality:audio", "modality:visual"), np.array([0]))
    assert (found.component[0], found.family[0], found.sources[0]) == (1, "modality", "audio")


def test_the_values_of_the_predicted_class_decide() -> None:
    values = np.zeros((2, len(PLAYERS), 2), dtype=np.float32)
    values[:, PLAYERS.index("unique:text"), 0] = 5
    values[:, PLAYERS.index("unique:visual"), 1] = 4
    total = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    zero = np.zeros_like(total)
    found = dominance(ComponentValues(PLAYERS, ("a", "b"), "dialogue", "mean", values, zero, total, zero))
    assert found.predicted.tolist() == [0, 1]
    assert found.sources.tolist() == ["text", "visual"]
