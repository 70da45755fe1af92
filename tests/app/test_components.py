"""The Components page shows the numbers of the engine for the chosen settings, and computes long things on request."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from sklearn.metrics import f1_score

from dnr_core.explain.information_split import PARTS, SplitBits, SplitInformation
from dnr_core.figures.spec import readable
from dnr_core.results.splits import save_split_information
from dnr_core.serve import Engine
from tests.app.conftest import Page
from tests.conftest import RUN

KEY = (RUN, "planted")


def focus(engine, turn=1):
    """The first test dialogue and one of its utterances."""
    corpus = engine.corpus("planted")
    dialogue = corpus.dialogue_ids("test")[0]
    return dialogue, corpus.utterance(int(corpus.dialogue_rows[dialogue][turn]))


def drawn(page, key):
    """Label → number of all bars of a chart."""
    found = {}
    for trace in page.chart(key)["data"]:
        names = [label.split("   ")[0] for label in trace["y"]]  # what stands behind it is the number in words
        found |= dict(zip(names, trace["x"], strict=True))
    return found


@pytest.mark.parametrize(
    ("link", "scope", "removal"),
    [({}, "dialogue", "mean"), ({"scope": "turn", "removal": "zero", "emotion": "sad"}, "utterance", "zero")],
)
def test_one_turn_in_depth_is_what_the_engine_says(app_folders, link, scope, removal):
    engine = app_folders.engine
    dialogue, utterance = focus(engine)
    page = Page("components", dialogue=dialogue, turn="1", **link)
    found = engine.utterance_values(*KEY, utterance.utterance_id, scope, removal)
    emotions = engine.header(RUN).emotions
    label = emotions.index(link["emotion"]) if link else int(found.total[0].argmax())
    names = [readable(player) for player in found.players]
    assert drawn(page, "parts") == pytest.approx(dict(zip(names, found.values[0, :, label], strict=True)))
    assert f"What the model used for “{emotions[label]}”" in page.text
    heat = page.chart("interactions")["data"][0]
    assert (heat["y"], heat["x"]) == (names[1:], names[:-1])
    for row, cells in enumerate(heat["z"], start=1):
        wanted = [found.interactions[0, row, column, label] if column < row else None for column in range(8)]
        assert [cell is None for cell in cells] == [cell is None for cell in wanted]
        assert cells[:row] == pytest.approx(wanted[:row])
    (gap,) = re.findall(r"The values sum to the change of the logit within (\S+)\.", page.text)
    assert float(gap) == pytest.approx(found.completeness_gap[0, label], rel=0.06, abs=1e-12)
    assert ("is tested for the predicted emotion only" in page.text) == bool(link)


def test_the_smallest_sets_of_this_turn_only_do_what_is_said(app_folders):
    engine = app_folders.engine
    dialogue, utterance = focus(engine)
    sets, players = engine.utterance_sets(*KEY, utterance.utterance_id, "utterance"), engine.header(RUN).players

    def without(off):
        return int(engine.switched(*KEY, dialogue, frozenset(off), turn=1)[1].argmax())

    predicted = without(())
    assert without(set(players) - set(sets["keeping"])) == predicted
    text = Page("components", dialogue=dialogue, turn="1", scope="turn").text
    if sets["flipping"]:
        assert without(sets["flipping"]) != predicted
        assert f"flips it when off: {', '.join(map(readable, sets['flipping']))} (off in this turn only)." in text
    else:
        assert "no set of parts flips it (off in this turn only)." in text


def test_the_fall_of_the_score_is_that_of_switching_off(app_folders):
    engine = app_folders.engine
    corpus, page = engine.corpus("planted"), Page("components")
    gold = corpus.labels[corpus.rows("test")]

    def score(off):
        logits = [engine.switched(*KEY, name, frozenset(off)) for name in corpus.dialogue_ids("test")]
        return f1_score(gold, np.concatenate(logits).argmax(1), average="weighted", zero_division=0)

    bars = drawn(page, "drops")
    assert len(bars) == 9 + 3 + 3
    players = engine.header(RUN).players
    for name, off in {
        "synergistic · audio+text": ["synergistic:audio+text"],
        "everything with audio": [player for player in players if "audio" in player],
        "all unique": [player for player in players if player.startswith("unique")],
    }.items():
        assert bars[name] == pytest.approx(score([]) - score(off), abs=1e-9), name


def test_means_are_those_of_the_turns_predicted_as_the_emotion(app_folders):
    engine = app_folders.engine
    corpus, page = engine.corpus("planted"), Page("components")
    sums, counts = np.zeros((6, 9)), np.zeros(6)
    for name in corpus.dialogue_ids("test"):
        values = engine.dialogue_values(*KEY, name)
        for turn, label in enumerate(values.total.argmax(1)):
            sums[label] += values.values[turn, :, label]
            counts[label] += 1
    heat = page.chart("means")["data"][0]
    known = counts > 0
    np.testing.assert_allclose(np.array(heat["z"], dtype=float), sums[known] / counts[known, None], rtol=1e-5)
    assert heat["y"] == [f"{name} (n = {int(n)})" for name, n in zip(corpus.emotions, counts, strict=True) if n]


@pytest.fixture
def copied(app_folders, tmp_path, monkeypatch):
    """`copied(run)` → an engine over a copy of one run, which the app reads, too."""

    def copy(run):
        shutil.copytree(app_folders.checkpoints / run, tmp_path / "runs" / run, dirs_exist_ok=True)
        monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path / "runs"))
        return Engine(app_folders.data, tmp_path / "runs")

    return copy


def test_a_split_is_computed_when_it_is_asked_for_and_a_plain_method_shows_its_modalities(copied):
    engine = copied("plain-run")
    page = Page("components", checkpoint="plain-run")
    assert engine.stored_coalitions("plain-run", "planted", "test", "dialogue") is None, "opening computes nothing long"
    assert list(drawn(page, "parts")) == ["text", "audio", "visual"]
    assert page.chart("interactions")["data"][0]["y"] == ["audio", "visual"]
    button = page.app.button(key="ask_values")
    assert button.label == f"Compute all {len(engine.corpus('planted').rows('test'))} turns of test (8 coalitions each)"
    button.click()
    page.run()
    assert engine.stored_coalitions("plain-run", "planted", "test", "dialogue") is not None
    assert page.chart("means")["data"][0]["x"] == ["text", "audio", "visual"]
    assert len(drawn(page, "drops")) == 3, "a modality is one part here, and there are no families"
    again = Page("components", checkpoint="plain-run")
    assert again.chart("means") and not [button for button in again.app.button if button.key == "ask_values"]
    assert "What the data offer cannot be shown because this run has no model of modality subsets" in again.text


def test_a_method_without_parts_says_so(copied):
    engine = copied(RUN)
    folder = engine.checkpoints / RUN
    rewrite_supports(folder)
    page = Page("components")
    assert "method dnr has no parts that can be switched off" in page.text and not page.notices
    assert not page.app.get("plotly_chart")
    assert "is not measured yet" not in Page("overview").text


def rewrite_supports(folder):
    """The run as one of a method that supports nothing."""
    import json

    from dnr_core.data.files import file_sha256

    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"supports": []}))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["config.json"] = file_sha256(folder / "config.json")
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_what_the_modalities_tell_is_drawn_with_interval_and_null(demo, tmp_path, monkeypatch):
    shutil.copytree(demo.checkpoints, tmp_path / "runs")
    engine = Engine(demo.data, tmp_path / "runs")
    pairs = {
        pair: {part: SplitBits(0.1 * place + 0.01, (0.0, 0.9), 0.1) for place, part in enumerate(PARTS)}
        for pair in ("audio+text", "audio+visual", "text+visual")
    }
    whole = {name: SplitBits(bits, (bits - 0.1, bits + 0.1), 0.0) for name, bits in
             (("union", 0.5), ("synergistic", 0.25), ("total", 0.75))}  # fmt: skip
    store = engine.store(*engine.fitting(*KEY))
    save_split_information(store, "test", SplitInformation(900, pairs, whole))
    assert engine.stored_split_information(*KEY, "test") == SplitInformation(900, pairs, whole)
    monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path / "runs"))
    page = Page("components")
    bars = drawn(page, "bits")
    assert len(bars) == 12 and bars["audio+text: unique text"] == pytest.approx(0.21)
    below = [trace for trace in page.chart("bits")["data"] if trace["name"] == "not above its null"]
    assert below[0]["y"] == [f"{pair}: redundant   0.01" for pair in pairs], "0.01 is below 0.1"
    assert "tell 0.75 (0.65–0.85) bits of the gold emotion: 0.50 (0.40–0.60) are told by single" in page.text
    assert "audio+text: synergistic 0.310 0.000–0.900 0.100 yes" in page.text
    store.path("test", "split_information").unlink()
    assert [one.label for one in Page("components").app.button if one.key == "ask_information"] == [
        "Measure what the modalities tell of test"
    ]


def test_settings_are_chosen_on_the_page(app_folders):
    page = Page("components")
    page.app.selectbox(key="pick_emotion").set_value("angry")
    page.run()
    assert page.state("emotion") == "angry" and "What the model used for “angry”" in page.text
    page.app.selectbox(key="pick_emotion").set_value("")
    page.run()
    assert page.state("emotion") is None
