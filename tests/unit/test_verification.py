"""Agreement with planted truth by hand, the Bayes observer, the controls, and a small suite from end to end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small import WIDTHS, handmade, short, small_corpus

from dnr_core.config import RunConfig
from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig
from dnr_core.errors import InterruptedRun, UsageError
from dnr_core.explain.agreement import Told, agreement, planted_parts, told_by_components
from dnr_core.explain.atoms import ATOMS
from dnr_core.explain.store import component_values
from dnr_core.model.methods.base import Method
from dnr_core.types import ComponentValues, players_of
from dnr_core.verification import SUITES, VIEWS, Case, Control, Suite, run_suite, verify
from dnr_core.verification.observer import observer_row
from dnr_core.verification.suites import permuted_visual, random_labels

PLAYERS = players_of(("text", "audio", "visual"))
SMALL = {"dialogues": 16, "utterances_per_dialogue": 6, "widths": WIDTHS}
CASE = Case("small", PlantedConfig.model_validate(SMALL))


def with_truth(*truths: tuple[str, str], dialogues: int = 1) -> Corpus:
    """A test split of equal dialogues whose turns have these truth columns; all are happy."""
    corpus = handmade({"test": (len(truths),) * dialogues})
    family, sources = (list(column) * dialogues for column in zip(*truths, strict=True))
    frame = corpus.utterances.assign(emotion="happy", truth_family=family, truth_sources=sources)
    return replace(corpus, utterances=frame, stored_hash=None)


def told(
    corpus: Corpus, *claims: tuple[str, str], wrong: tuple[int, ...] = (), values: np.ndarray | None = None
) -> Told:
    """These claims in every dialogue; predictions are right but in the turns `wrong`."""
    family, sources = (
        np.array(column * len(corpus.dialogue_rows), dtype=object) for column in zip(*claims, strict=True)
    )
    predicted = np.isin(corpus.utterances["turn"], wrong).astype(int)
    own = np.zeros((len(corpus), len(PLAYERS))) if values is None else values
    return Told(np.arange(len(corpus)), predicted, PLAYERS, own, family, sources)


TRUTHS = (
    ("unique", "text"),
    ("unique", "text"),
    ("unique", "visual"),
    ("redundant", "audio+text+visual"),
    ("synergistic", "audio+text"),
    ("unique", "audio+visual"),
    ("none", ""),
)
CLAIMS = (
    ("unique", "text"),
    ("unique", "audio"),
    ("redundant", "text+visual"),
    ("redundant", "audio+text+visual"),
    ("redundant", "audio+text"),
    ("unique", "audio+visual"),
    ("unique", "text"),
)


def test_agreement_is_balanced_over_families_and_over_sources():
    """Family: 3 of 4 unique (a copy is unique), 1 of 1, 0 of 1. Exact: ½ of text, 0 of visual, 1, 0; no copy."""
    found = agreement(told(corpus := with_truth(*TRUTHS), *CLAIMS), corpus)
    assert found.family.value == pytest.approx((3 / 4 + 1 + 0) / 3)
    assert found.exact.value == pytest.approx((1 / 2 + 0 + 1 + 0) / 4)
    assert (found.accuracy, found.synergistic, found.n) == (1.0, 1.0, 6)
    assert found.family.interval is None, "one dialogue has no interval"


def test_only_right_predictions_count_but_what_was_never_right_counts_as_nothing():
    """Turns 1 and 4 are wrong: 3 of 3 … 2 of 3 unique (turn 2 is claimed redundant), 1, and synergy 0."""
    found = agreement(told(corpus := with_truth(*TRUTHS), *CLAIMS, wrong=(1, 4)), corpus)
    assert found.family.value == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found.exact.value == pytest.approx((1 + 0 + 1 + 0) / 4)
    assert (found.synergistic, found.n) == (0.0, 4)
    assert found.accuracy == pytest.approx(5 / 7)


def test_equal_dialogues_leave_no_doubt_and_unequal_ones_do():
    same = agreement(told(corpus := with_truth(*TRUTHS, dialogues=5), *CLAIMS), corpus)
    assert same.family.interval == pytest.approx((7 / 12, 7 / 12))
    mixed = told(corpus, *CLAIMS)
    assert mixed.family is not None
    mixed.family[corpus.dialogue_rows["test0"]] = "synergistic"
    found = agreement(mixed, corpus)
    assert found.family.value == pytest.approx((12 / 20 + 4 / 5 + 1 / 5) / 3)
    low, high = found.family.interval or (0, 0)
    assert low < (found.family.value or 0) < high


def test_a_source_that_was_not_measured_cannot_be_named():
    corpus = with_truth(*TRUTHS)
    present = corpus.present.copy()
    present[2] = [True, True, False]
    lost = replace(corpus, present=present, stored_hash=None)
    found = agreement(told(lost, *CLAIMS), lost)
    assert found.exact.value == pytest.approx((1 / 2 + 1 + 0) / 3), "visual is gone"
    assert found.n == 5


def test_some_utterances_alone():
    corpus = with_truth(*TRUTHS)
    found = agreement(told(corpus, *CLAIMS), corpus, where=np.arange(7) < 2)
    assert (found.family.value, found.exact.value, found.synergistic, found.n) == (1.0, 0.5, None, 2)


def test_two_sources_are_ranked():
    """Values 9 … 1 for the parts in order. Planted first and last: 7 of 14 pairs stand right, D = 0; all pairs: D = 1;
    first and third: 13 of 14, D = 12/14.
    """
    corpus = with_truth(("unique;synergistic", "text;text+visual"), ("unique;unique", "text;audio"))
    values = np.tile(np.arange(9.0, 0, -1), (2, 1))
    found = agreement(told(corpus, ("unique", "text"), ("unique", "text"), values=values), corpus)
    assert found.rank == pytest.approx((0 + 1) / 2)
    assert found.exact.value is None and found.family.value == 1.0, "only the second has one family"
    corpus = with_truth(("unique;unique", "text;visual"))
    assert agreement(told(corpus, ("unique", "text"), values=values[:1]), corpus).rank == pytest.approx(12 / 14)


def test_what_a_source_stands_for_among_the_parts():
    def names(truth: str, parts: tuple[str, ...] = PLAYERS) -> set[str]:
        return {part for part, chosen in zip(parts, planted_parts(truth, parts), strict=True) if chosen}

    assert names("unique:audio+text") == {"unique:audio", "unique:text"}
    pairs = {"redundant:audio+text", "redundant:audio+visual", "redundant:text+visual"}
    assert names("redundant:audio+text+visual") == pairs
    assert names("redundant:audio+text+visual", ATOMS) == {"redundant:audio+text+visual"}
    assert names("redundant;synergistic:audio+text;audio+text") == {"redundant:audio+text", "synergistic:audio+text"}


def values_of(players: tuple[str, ...], own: np.ndarray) -> ComponentValues:
    """Values (N, K) for the first of two classes, which is predicted."""
    values = np.stack([own, -own], axis=2)
    total = values.sum(1) + [0.5, 0]
    return component_values(
        players, tuple(map(str, range(len(own)))), "dialogue", "mean", values, np.zeros((len(own), 36, 2)),
        np.zeros_like(total), total,
    )  # fmt: skip


def test_a_modality_is_named_by_the_strongest_part_or_by_the_claim_and_has_its_share():
    own = np.zeros((3, 9))
    own[0, PLAYERS.index("unique:visual")] = 3
    own[1, PLAYERS.index("redundant:audio+text")], own[1, PLAYERS.index("redundant:text+visual")] = 2, 1
    own[2, PLAYERS.index("synergistic:audio+text")] = 2
    found = told_by_components(values_of(PLAYERS, own), np.arange(3))
    assert found.names("visual").tolist() == [True, True, False]
    assert found.names("audio").tolist() == [False, True, True]
    assert found.share("visual") == pytest.approx((3 + 0.5) / 8)
    assert sum(found.share(name) for name in ("text", "audio", "visual")) == pytest.approx(1)


def test_whole_modalities_have_no_families_and_the_reason_is_given():
    interactions = values_of(PLAYERS, np.ones((2, 9)))
    players = ("modality:text", "modality:audio", "modality:visual")
    found = told_by_components(replace(interactions, players=players, values=interactions.values[:, :3]), np.arange(2))
    assert found.family is None and "whole modalities" in str(found.reason)
    corpus = with_truth(*TRUTHS[:2])
    scored = agreement(replace(found, predicted=np.array([0, 1])), corpus)
    assert (scored.accuracy, scored.family.value, scored.exact.value, scored.rank) == (0.5, None, None, None)


def test_the_observer_is_right_where_there_is_no_noise_and_worse_where_there_is():
    quiet = {**SMALL, "dialogues": 60, "noise": 0.05, "noise_share": 0.0}
    clean = PlantedConfig.model_validate(quiet)
    row, why = observer_row(Case("quiet", clean).corpus(5))
    assert row == {"bayes_accuracy": 1.0, "bayes_family": 1.0, "bayes_exact": 1.0} and why is None
    loud = PlantedConfig.model_validate(quiet | {"noise": 1.5})
    assert observer_row(Case("loud", loud).corpus(5))[0]["bayes_accuracy"] < 0.9
    later = PlantedConfig.model_validate(quiet | {"earlier_turn_share": 0.5})
    row, why = observer_row(Case("later", later).corpus(5))
    assert set(row.values()) == {None} and why == "the Bayes observer sees single utterances"


def test_controls_destroy_what_they_say_and_nothing_else():
    corpus = small_corpus()
    labels = random_labels(corpus, np.random.default_rng(0))
    before, after = corpus.utterances["emotion"], labels.utterances["emotion"]
    assert sorted(before) == sorted(after) and 0 < (before == after).mean() < 0.5
    assert all((labels.features[name] == corpus.features[name]).all() for name in corpus.features)
    visual = permuted_visual(corpus, np.random.default_rng(0))
    moved = (visual.features["visual"] != corpus.features["visual"]).any(1)
    assert moved.mean() > 0.9
    assert (np.sort(visual.features["visual"], axis=0) == np.sort(corpus.features["visual"], axis=0)).all()
    assert (visual.features["text"] == corpus.features["text"]).all() and visual.hash != corpus.hash


def test_the_suites_are_what_they_promise():
    standard, hard = SUITES["standard"], SUITES["hard"]
    assert [(case.config.noise, case.config.dialogues) for case in standard.cases] == [
        (0.5, 480), (0.6, 480), (0.5, 240), (1.0, 480),
    ]  # fmt: skip
    assert [control.modality for control in standard.controls] == [None, "visual"]
    names = [one.name for one in (*standard.cases, *standard.controls, *hard.cases)]
    assert len(set(names)) == len(names) == 14
    assert hard.cases[3].config.mixture["synergistic:audio+text+visual"] == 1.0
    assert CASE.corpus(101).hash != CASE.corpus(102).hash


def truth_view(model: Method, corpus: Corpus, config: RunConfig, test_claims: bool) -> Told:
    """A view that knows the truth (a copy as two sources) and claims all."""
    rows = corpus.rows("test")
    frame = corpus.utterances.iloc[rows]
    family, sources = (frame[name].to_numpy(dtype=object) for name in ("truth_family", "truth_sources"))
    values = np.array([planted_parts(f"{f}:{s}", PLAYERS) for f, s in zip(family, sources, strict=True)], dtype=float)
    return Told(rows, corpus.labels[rows], PLAYERS, values, family, sources, np.ones(len(rows), dtype=bool))


def test_a_small_suite_from_end_to_end():
    lines: list[str] = []
    control = Control(replace(CASE, name="permuted"), permuted_visual, "visual")
    views = VIEWS | {"truth": truth_view}
    found = run_suite(Suite((CASE,), (control,)), short(epochs=2), seeds=2, views=views, progress=lines.append)
    expected = [(seed, view) for seed in (101, 102) for view in ("components", "information", "truth")]
    assert [(row["seed"], row["view"]) for row in found["agreement"]] == expected
    for row in found["agreement"]:
        assert (row["corpus"], row["noise"], row["reason"]) == ("small", 0.5, None)
        assert row["bayes_accuracy"] > 0.7 and row["bayes_exact"] > 0.7
    true = [row for row in found["agreement"] if row["view"] == "truth"]
    assert all((row["accuracy"], row["family"], row["exact"], row["rank"]) == (1, 1, 1, 1) for row in true)
    assert true[0]["train"] == len(CASE.corpus(101).rows("train"))
    claimed = next(row for row in found["controls"] if row["view"] == "truth")
    corpus = control.corpus(101)
    sources = corpus.utterances["truth_sources"][corpus.rows("test")]
    assert claimed["claims"] == 1.0
    assert claimed["false_claims"] == pytest.approx(np.mean(["visual" in one for one in sources]), abs=0.15)
    own = found["controls"][0]
    assert 0 < own["value_share"] < 1 and own["false_claims"] <= own["claims"] <= 1
    assert any(line.startswith("small, seed 101, components: accuracy") for line in lines)
    again = run_suite(Suite((CASE,)), short(epochs=2))
    assert again["agreement"] == [row for row in found["agreement"] if row["seed"] == 101 and row["view"] != "truth"]


def test_utterances_whose_source_stands_in_the_turn_before_have_a_row_of_their_own():
    case = Case("later", PlantedConfig.model_validate(SMALL | {"earlier_turn_share": 0.5}))
    found = run_suite(Suite((case,)), short(epochs=1), views={"truth": truth_view})["agreement"]
    assert [row["corpus"] for row in found] == ["later", "later-only"]
    assert 0 < found[1]["n"] < found[0]["n"] and found[1]["exact"] == 1.0
    assert found[0]["bayes_accuracy"] is None and "single utterances" in found[0]["reason"]


def test_a_method_without_families_has_accuracy_and_a_reason():
    control = Control(CASE, random_labels)
    found = run_suite(Suite((CASE,), (control,)), short("plain", "late_fusion", epochs=2))
    row = found["agreement"][0]
    assert row["family"] is None and row["exact"] is None and "whole modalities" in row["reason"]
    assert 0 <= row["accuracy"] <= 1 and row["synergistic"] is not None
    assert found["controls"][0]["value_share"] is None and found["controls"][0]["claims"] is not None


def test_ctrl_c_stops_the_suite():
    def stop(line: str) -> None:
        if "epoch" in line:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRun, match="small"):
        run_suite(Suite((CASE,)), short(epochs=1), progress=stop)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "nonsense"}, "unknown method.*dnr"),
        ({"backbone": "nonsense"}, "unknown backbone.*mmgcn"),
        ({"preset": "nonsense"}, "unknown preset.*fast, paper"),
        ({"divide": "nonsense"}, "unknown divide.*pairwise, official"),
        ({"method": "plain", "divide": "official"}, "method plain divides nothing"),
        ({"suite": "nonsense"}, "unknown suite.*standard, hard"),
        ({"seeds": 0}, "number of seeds: got 0"),
    ],
)
def test_wrong_words_are_refused(wrong, message):
    with pytest.raises(UsageError, match=message):
        verify(**({"method": "dnr", "backbone": "mmgcn"} | wrong))
