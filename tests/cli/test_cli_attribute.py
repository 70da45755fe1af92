"""`attribute`: what made a prediction, with its completeness error, by every method."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
from command_line import TINY, Folders, Result, listing

from dnr_core.commands import Attribute
from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.explain.attribution import BASELINES, SCALES
from dnr_core.explain.attribution_methods import METHODS
from dnr_core.explain.predict import predict_split
from dnr_core.model.batch import TensorCorpus
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import load_model, read_run
from dnr_core.types import ATTRIBUTIONS, OVERS, softmax

KEYS = {
    "utterance_id", "dialogue_id", "method", "over", "target", "scale", "baseline", "total", "baseline_total",
    "completeness_error", "tolerance", "within_tolerance", "n_steps", "seconds", "notes", "items", "checkpoint",
    "corpus",
}  # fmt: skip


@pytest.fixture(scope="module")
def turns(tiny: Corpus) -> list[str]:
    """The ids of the turns of the first dialogue of the test split."""
    rows = tiny.dialogue_rows[tiny.dialogue_ids("test")[0]]
    return [tiny.utterance(int(row)).utterance_id for row in rows]


@pytest.fixture(scope="module")
def logits(folders: Folders, tiny: Corpus) -> dict[str, np.ndarray]:
    """What the run says of every test utterance, by the path that `evaluate` takes."""
    rows, found = predict_split(load_model(read_run(folders.run)), TensorCorpus(tiny), tiny, "test")
    return {tiny.utterance(int(row)).utterance_id: values for row, values in zip(rows, found, strict=True)}


def test_the_choices_are_those_of_the_methods() -> None:
    assert tuple(METHODS) == ATTRIBUTIONS
    hints = get_type_hints(Attribute)
    assert get_args(get_args(hints["baseline"])[0]) == BASELINES and get_args(hints["scale"]) == SCALES
    assert get_args(get_args(hints["over"])[0]) == OVERS


@pytest.mark.parametrize("method", ATTRIBUTIONS)
def test_every_method_explains_the_prediction_with_its_error(
    run: Callable[..., Result],
    folders: Folders,
    tiny: Corpus,
    turns: list[str],
    logits: dict[str, np.ndarray],
    method: str,
) -> None:
    before = listing(folders.run)
    found = run(f"attribute --checkpoint {folders.run} --utterance {turns[2]} --method {method} --json").json
    assert set(found) == KEYS
    assert (found["checkpoint"], found["corpus"]) == (str(folders.run), str(folders.corpus))
    assert (found["utterance_id"], found["method"], found["over"]) == (turns[2], method, METHODS[method].overs[0])
    assert found["target"] == tiny.emotions[logits[turns[2]].argmax()]
    assert found["total"] == pytest.approx(logits[turns[2]].max(), abs=1e-4)
    values = [item["value"] for item in found["items"]]
    gap = sum(values) - (found["total"] - found["baseline_total"])
    assert found["completeness_error"] == pytest.approx(gap, abs=1e-9) and any(values)
    if METHODS[method].complete:
        assert found["within_tolerance"] == (abs(gap) <= found["tolerance"])
        assert found["within_tolerance"] or METHODS[method].sampled
    else:
        assert found["within_tolerance"] is None
    assert listing(folders.run) == before


def test_the_flags_say_what_is_explained(
    run: Callable[..., Result], folders: Folders, tiny: Corpus, turns: list[str], logits: dict[str, np.ndarray]
) -> None:
    start = f"attribute --checkpoint {folders.run} --corpus {folders.corpus} --utterance {turns[1]}"
    other = int(logits[turns[1]].argmin())
    flags = f"--target {tiny.emotions[other]} --baseline zero --scale probability --over turns"
    found = run(f"{start} {flags} --json").json
    assert (found["target"], found["baseline"]) == (tiny.emotions[other], "zero")
    assert found["total"] == pytest.approx(softmax(logits[turns[1]])[other], abs=1e-5)
    assert [item["name"] for item in found["items"]] == turns
    assert [item["kind"] for item in found["items"]] == ["earlier", "itself", *["later"] * (len(turns) - 2)]
    donor = run(f"{start} --baseline donor --json").json
    assert donor["baseline_total"] != run(f"{start} --json").json["baseline_total"]
    row = tiny.row_of[turns[1]]
    raw = np.concatenate([tiny.features[name][row] for name in ("text", "audio", "visual")])
    assert [item["observed"] for item in donor["items"][:-1]] == pytest.approx(raw)
    assert donor["items"][-1] == {"name": "context", "kind": "context", "observed": None} | {
        "value": donor["items"][-1]["value"]
    }


def test_text_shows_the_largest_values_and_how_exact_they_are(
    run: Callable[..., Result], folders: Folders, turns: list[str]
) -> None:
    start = f"attribute --checkpoint {folders.run} --utterance {turns[2]}"
    items = run(f"{start} --json").json["items"]
    shown = run(start)
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.splitlines()
    assert lines[0].startswith(f"{turns[2]}: logit of ") and "at the baseline (mean)" in lines[0]
    assert lines[1] == f"integrated_gradients over features, the largest 15 of {len(items)} values:"
    assert lines[2].split() == ["value", "observed", "name", "kind"]
    largest = sorted(items, key=lambda item: -abs(item["value"]))[:15]
    assert [line.split()[2] for line in lines[3:18]] == [item["name"] for item in largest]
    assert [float(line.split()[0]) for line in lines[3:18]] == pytest.approx([i["value"] for i in largest], rel=1e-3)
    assert lines[18].startswith("completeness error ") and lines[18].endswith(": within tolerance")
    assert lines[19].startswith("50 steps or samples, ") and lines[19].endswith(" s") and len(lines) == 20
    sampled = run(f"{start} --method occlusion").out
    assert "not promised" in sampled and "note: the values of this method need not sum" in sampled
    assert "observed" not in sampled, "turns have no measured value"


def test_what_is_unknown_is_refused_with_the_choices(
    refused: Callable[..., Result], folders: Folders, tiny: Corpus, turns: list[str]
) -> None:
    start = f"attribute --checkpoint {folders.run}"
    refused(
        f"{start} --utterance nobody", 2, "corpus tiny has no such utterance: got 'nobody'", "ids such as dialogue_"
    )
    one = f"{start} --utterance {turns[0]}"
    refused(f"{one} --method magic", 2, "unknown attribution method: got 'magic'", ", ".join(ATTRIBUTIONS))
    refused(f"{one} --target bored", 2, "unknown class: got 'bored'", ", ".join(tiny.emotions))
    refused(f"{one} --baseline one", 2, "bad --baseline", "expected one of donor, mean, zero")
    refused(f"{one} --scale bits", 2, "bad --scale", "expected one of logit, probability")
    refused(f"{one} --over parts", 2, "bad --over", "components, features, modalities, turns, words")
    refused(f"{one} --over words", 2, "Values cannot be given to words because nothing says that the 8 text features")
    refused(f"{one} --method occlusion --over features", 2, "occlusion does not attribute", "expected one of turns")
    refused(f"attribute --checkpoint gone --utterance {turns[0]}", 4, "no run at gone")


def test_another_corpus_is_stated(run: Callable[..., Result], folders: Folders, tmp_path: Path) -> None:
    other = generate(PlantedConfig.model_validate(TINY | {"seed": 1}), name="other").save(tmp_path / "other")
    one = Corpus.load(other).utterance(0).utterance_id
    start = f"attribute --checkpoint {folders.run} --utterance {one}"
    sentence = "the run was trained on tiny, another corpus"
    assert sentence in run(f"{start} --corpus {other} --json").json["notes"]
    assert f"note: {sentence}" in run(f"{start} --corpus {other}").out
    assert sentence not in run(f"{start} --json").json["notes"]


def test_the_engine_keeps_what_it_computed(folders: Folders, turns: list[str]) -> None:
    engine = Engine(folders.data, folders.checkpoints)
    first = engine.attribution("run", "tiny", turns[3], over="turns")
    assert engine.attribution("run", "tiny", turns[3], over="turns") is first
    other = engine.attribution("run", "tiny", turns[3], over="turns", baseline="zero")
    assert other.baseline == "zero" and first.baseline == "mean"
