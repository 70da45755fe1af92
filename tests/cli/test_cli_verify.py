"""`verify`: turn attributions scored against people, the card of a run, the planted-truth suite as it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import TINY, Folders, Result

from dnr_core.cli.output import table
from dnr_core.cli.verify import planted_tables
from dnr_core.config import preset
from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig
from dnr_core.explain.causes import EVIDENCE
from dnr_core.model.batch import TensorCorpus
from dnr_core.results.verified import verified
from dnr_core.training.checkpoint import load_model, read_run
from dnr_core.verification import SUITES, Case, Suite


def annotation(corpus: Corpus, dialogue: str, causes: dict[int, list[Any]]) -> list[dict[str, Any]]:
    """A dialogue in RECCON's layout; causes per turn, both from 1."""
    said = [corpus.utterance(int(row)) for row in corpus.dialogue_rows[dialogue]]
    return [
        {"turn": turn, "speaker": one.speaker, "utterance": one.text, "emotion": one.emotion}
        | ({EVIDENCE: causes[turn]} if turn in causes else {})
        for turn, one in enumerate(said, start=1)
    ]


def two_dialogues(corpus: Corpus) -> list[str]:
    """The first two dialogues of the test split that have five turns or more."""
    return [name for name in corpus.dialogue_ids("test") if len(corpus.dialogue_rows[name]) >= 5][:2]


@pytest.fixture
def causes(tiny: Corpus, tmp_path: Path) -> Path:
    """Turns 3 and 5 of two test dialogues were caused by the turn before; two more cannot be scored; one is foreign."""
    first, second = two_dialogues(tiny)
    content = {
        f"test.{first}": [annotation(tiny, first, {2: [1], 3: [2], 4: ["b", 4], 5: [4]})],
        second: [annotation(tiny, second, {3: [2], 5: [4, 5]})],
        "foreign": [[{"turn": 1, "utterance": "Nobody says this here"}]],
    }
    path = tmp_path / "causes.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_causes_are_scored_against_people_and_both_nulls(
    run: Callable[..., Result], folders: Folders, tiny: Corpus, causes: Path
) -> None:
    ended = run(f"verify --causes {causes} --checkpoint {folders.run} --json")
    found = ended.json
    assert "turn attributions (2/2)" in ended.err
    assert (found["checkpoint"], found["corpus"], found["causes"]) == (
        str(folders.run), str(folders.corpus), str(causes)
    )  # fmt: skip
    lengths = [len(tiny.dialogue_rows[name]) for name in two_dialogues(tiny)]
    assert found["counts"] == {
        "dialogues": 3, "dialogues_unmatched": 1, "utterances": sum(lengths) + 1, "utterances_unmatched": 1,
        "annotated": 6, "latent": 1, "causes_unmatched": 0, "no_earlier_cause": 1, "all_earlier_turns": 1,
    }  # fmt: skip
    assert (found["n"], found["splits"], found["without_attribution"]) == (4, {"test": 4}, 0)
    assert found["share_within_tolerance"] == 1.0

    model, data = load_model(read_run(folders.run)), TensorCorpus(tiny)
    ranks = [rank_of_previous(model, data, tiny, name, turn) for name in two_dialogues(tiny) for turn in (2, 4)]
    scores = found["scores"]
    assert set(scores) == {"attribution", "previous_turn", "same_speaker"}
    assert scores["attribution"]["mean_rank"]["value"] == pytest.approx(np.mean(ranks))
    for name in ("precision_at_1", "precision_at_k"):
        assert scores["attribution"][name]["value"] == np.mean(np.array(ranks) == 1)
    assert scores["attribution"]["average_precision"]["value"] == pytest.approx(np.mean(1 / np.array(ranks)))
    assert {metric["value"] for metric in scores["previous_turn"].values()} == {1.0}
    assert all(metric["n"] == 4 and len(metric["interval"]) == 2 for metric in scores["attribution"].values())
    gain = found["gains"]["previous_turn"]["mean_rank"]
    assert gain["value"] == pytest.approx(np.mean(ranks) - 1)

    lines = run(f"verify --causes {causes} --checkpoint {folders.run}").out.splitlines()
    assert lines[0] == f"{causes}: 2 of 3 dialogues and {sum(lengths)} of {sum(lengths) + 1} utterances matched"
    assert lines[1].startswith("6 utterances with a cause, 4 scored (4 test); not scored: 1 with no earlier cause")
    assert [line.split("  ")[0] for line in lines[4:9]] == [
        "attribution", "previous_turn", "same_speaker", "gain over previous_turn", "gain over same_speaker"
    ]  # fmt: skip
    assert lines[5].split() == ["previous_turn", "4", *["1", "[1,", "1]"] * 4]
    assert lines[9].startswith("complete within tolerance: 100.0%; ")


def rank_of_previous(model: Any, data: TensorCorpus, corpus: Corpus, dialogue: str, turn: int) -> int:
    """Where the turn before ranks among the earlier ones, by attributions of one utterance for its gold emotion."""
    from dnr_core.explain.attribution import attribute

    row = int(corpus.dialogue_rows[dialogue][turn])
    one = corpus.utterance(row)
    values = attribute(model, data, corpus, one.utterance_id, over="turns", target=one.emotion).values[:turn]
    return int((values > values[turn - 1]).sum()) + 1


def test_where_nothing_can_be_scored_there_is_no_number(
    run: Callable[..., Result], folders: Folders, tiny: Corpus, tmp_path: Path
) -> None:
    name = tiny.dialogue_ids("test")[0]
    (tmp_path / "none.json").write_text(json.dumps({name: [annotation(tiny, name, {2: [1], 3: [3]})]}))
    found = run(f"verify --causes none.json --checkpoint {folders.run} --json").json
    assert found["n"] == 0 and found["share_within_tolerance"] is None
    assert all(one["value"] is None for metrics in found["scores"].values() for one in metrics.values())
    text = run(f"verify --causes none.json --checkpoint {folders.run}").out
    assert "0 scored (none)" in text and "complete within tolerance: –" in text


def test_causes_that_cannot_be_used_are_refused(
    refused: Callable[..., Result], folders: Folders, causes: Path, tmp_path: Path
) -> None:
    (tmp_path / "foreign.json").write_text(json.dumps({"x": [[{"turn": 1, "utterance": "Nobody says this here"}]]}))
    (tmp_path / "broken.json").write_text("{")
    start = f"verify --checkpoint {folders.run} --causes"
    refused(f"{start} gone.json", 3, "cannot read causes gone.json", "RECCON")
    refused(f"{start} broken.json", 3, "cannot read causes broken.json")
    refused(f"{start} foreign.json", 3, "no dialogue of foreign.json is in corpus tiny", "got 1 dialogues")
    refused(f"verify --causes {causes}", 2, "verify --causes needs --checkpoint")
    refused(f"{start} {causes} --method dnr", 2, "measures a run that is there", "got --method", "leave --method out")


# ---- the decomposition card ----------------------------------------------------------------------------------------


def test_the_card_of_a_run_is_written_and_printed(run: Callable[..., Result], folders: Folders, tiny: Corpus) -> None:
    ended = run(f"verify --checkpoint {folders.run} --json")
    found, test = ended.json, len(tiny.rows("test"))
    stored = json.loads((folders.run / "card.json").read_text())
    assert found == stored | {"checkpoint": str(folders.run), "stored": True, "notes": []}
    assert read_run(folders.run).manifest_hash == stored["manifest"], "the run is as it was"
    doctor = run("doctor --json").json
    assert [one["problem"] for one in doctor["checkpoints"] if one["name"] == "run"] == [None]
    assert "probes of the planted codes (1/1)" in ended.err and "coalitions" not in ended.err, "stored by train"

    lines = run(f"verify --checkpoint {folders.run}").out.splitlines()
    assert lines[0].startswith(f"{folders.run}: dnr + mmgcn, preset fast, seed 0; measured on test of corpus tiny in ")
    agreement = stored["planted"]["agreement"]
    printed = next(line for line in lines if line.startswith("planted part named"))
    assert f"{agreement['exact']:.4g}" in printed.split() and str(agreement["n"]) in printed.split()
    gap = next(line for line in lines if line.startswith("largest completeness gap"))
    assert gap.split()[4] == f"{stored['completeness']['largest_gap']:.4g}" and "within tolerance 0.0001" in gap
    parts = next(line for line in lines if line.startswith("parts that pass"))
    assert f"{sum(stored['nulls']['passed'].values())} of 9" in parts
    assert any(line.startswith("turns with a decisive part") and f" {test}" in line for line in lines)


def test_a_card_that_cannot_be_asked_for(refused: Callable[..., Result], folders: Folders) -> None:
    refused("verify --corpus data/x", 2, "verify --corpus needs --checkpoint")
    refused(f"verify --checkpoint {folders.run} --seeds 2", 2, "measures a run that is there", "leave --seeds out")
    refused("verify --checkpoint gone", 4, "no run at gone")
    refused(f"verify --checkpoint {folders.run} --corpus gone", 3, "gone")


# ---- planted truth -------------------------------------------------------------------------------------------------


def test_bad_words_are_refused_before_anything_is_trained(refused: Callable[..., Result]) -> None:
    refused("verify --method magic", 2, "unknown method: got 'magic'", "plain, dnr")
    refused("verify --backbone magic", 2, "unknown backbone: got 'magic'", "late_fusion, mmgcn")
    refused("verify --seeds 0", 2, "seeds: got 0; expected a positive number")
    refused("verify --suite soft", 2, "bad --suite", "expected one of hard, standard")


def test_the_suite_is_run_as_it_was_asked_for_and_stored(
    run: Callable[..., Result], folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case("small", PlantedConfig.model_validate(TINY | {"noise": 0.4}))
    monkeypatch.setitem(SUITES, "hard", Suite(cases=(case,)))
    ended = run("verify --method plain --backbone late_fusion --seeds 2 --suite hard --json")
    found = ended.json
    asked = {"method": "plain", "backbone": "late_fusion", "preset": "fast", "suite": "hard"}
    assert asked.items() <= found.items()
    rows = found["agreement"]
    expected = [("small", 0.4, "components"), ("small", 0.4, "information")] * 2
    assert [(row["corpus"], row["noise"], row["view"]) for row in rows] == expected
    assert len({row["seed"] for row in rows}) == 2 and all(0 <= row["accuracy"] <= 1 for row in rows)
    assert "training on" in ended.err, "progress goes to stderr"
    stored = folders.checkpoints / "verify-plain-late_fusion-fast-hard-seeds2.json"
    assert f"stored in {stored}" in ended.err
    card = verified(folders.checkpoints, preset("plain", "late_fusion", seed=7))
    mean = np.mean([row["accuracy"] for row in rows if row["view"] == "components"])
    assert (card["suite"], card["seeds"], card["cases"][0]["accuracy"]) == ("hard", 2, pytest.approx(mean))
    shown = run("verify --method plain --backbone late_fusion --suite hard").out.splitlines()
    assert shown[0].startswith("method plain, backbone late_fusion, preset fast, suite hard, seconds ")
    assert shown[2] == "agreement" and shown[3].split()[:5] == list(rows[0])[:5] and shown[4].startswith("small ")


def test_rows_become_aligned_columns_whatever_they_hold() -> None:
    rows = [
        {"corpus": "noise 0.5", "train": 6500, "family": 0.98765, "interval": [0.97, 0.99]},
        {"corpus": "n", "train": 40, "family": None, "reason": "no parts"},
    ]
    assert table(rows).splitlines() == [
        "corpus     train  family      interval  reason",
        "noise 0.5   6500  0.9877  [0.97, 0.99]  –",
        "n             40       –             –  no parts",
    ]
    shown = planted_tables({"method": "dnr", "seconds": 3.5, "agreement": rows, "controls": []})
    assert shown.startswith("method dnr, seconds 3.5\n\nagreement\ncorpus ") and "controls" not in shown
