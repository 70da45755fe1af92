"""The Compare page says of two runs what an independent count says, and why where it cannot."""

from __future__ import annotations

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from dnr_core.explain.compare import Change
from dnr_core.figures.rows import compare as compare_rows
from dnr_core.figures.screen import render
from dnr_core.figures.spec import FigureSpec, readable
from dnr_core.types import SPLITS
from tests.app.conftest import Page
from tests.app.test_pages import SILENT, SITUATIONS
from tests.conftest import RUN

OTHER = "plain-run"


def rows_of(page):
    """The HTML of the list of utterances."""
    found = [json.loads(element.proto.json)["html"] for element in page.app.get("bidi_component")]
    return found[0]


def predictions(engine, split="test"):
    """gold, what A says, what B says."""
    a, b = (engine.predictions(run, "planted", split) for run in (RUN, OTHER))
    return a.gold, a.predicted, b.predicted


@pytest.fixture
def opened(app_folders):
    return Page("compare", against=OTHER)


def test_scores_and_sentences_are_those_of_an_independent_count(app_folders, opened):
    gold, a, b = predictions(app_folders.engine)
    scores = [f1_score(gold, said, average="weighted", zero_division=0) for said in (a, b)]
    assert f"weighted F1 {scores[0]:.3f} {scores[1]:.3f}" in opened.text
    (size, word) = re.findall(r"B is (\d+\.\d) points (better|worse) in weighted F1", opened.text)[0]
    assert float(size) == pytest.approx(100 * abs(scores[1] - scores[0]), abs=0.051)
    assert word == ("better" if scores[1] > scores[0] else "worse")
    low, high = app_folders.engine.compare(RUN, OTHER, "planted", "test").scores["weighted_f1"].interval
    assert ("cannot tell which is better" in opened.text) == (low <= 0 <= high)
    assert ("more than chance" in opened.text) == (not low <= 0 <= high)
    only_a, only_b = int(((a == gold) & (b != gold)).sum()), int(((a != gold) & (b == gold)).sum())
    assert f"A has {only_a} and B {only_b}" in opened.text and f"n = {len(gold)} turns" in opened.text
    p = binomtest(only_a, only_a + only_b).pvalue
    assert (f"p = {p:.3f}" if p >= 0.001 else "p < 0.001") in opened.text
    both, neither = int(((a == gold) & (b == gold)).sum()), int(((a != gold) & (b != gold)).sum())
    for label, count in {"both right": both, "only A right": only_a, "both wrong": neither}.items():
        assert f"{label} {count} {count / len(gold):.0%} of {len(gold)} turns" in opened.text


@pytest.mark.parametrize(
    ("interval", "says"),
    [
        ((0.01, 0.05), "(1.0 to 5.0; n = 80 turns in 9 dialogues): more than chance."),
        ((-0.05, -0.01), "(−5.0 to −1.0; n = 80 turns in 9 dialogues): more than chance."),
        ((-0.01, 0.05), "(−1.0 to 5.0; n = 80 turns in 9 dialogues): cannot tell which is better."),
        (None, "(n = 80 turns in 9 dialogues): one dialogue has no interval, so cannot tell."),
    ],
)
def test_the_verdict_is_that_of_the_interval(interval, says):
    change = Change(0.5, 0.53, 0.03, interval)
    found = SimpleNamespace(n=80, dialogues=9, scores={"weighted_f1": change})
    assert compare_rows.verdict(found) == f"B is 3.0 points better in weighted F1 {says}"


def test_every_emotion_has_its_change_and_is_filled_only_where_zero_is_left_out(app_folders, opened):
    gold, a, b = predictions(app_folders.engine)
    emotions = app_folders.engine.header(RUN).emotions
    drawn = {trace["y"][0]: trace for trace in opened.chart("changes")["data"]}
    assert len(drawn) == len(set(gold))
    for place, name in enumerate(emotions):
        trace = drawn[f"{name} (n = {(gold == place).sum()})"]
        change = [f1_score(gold == place, said == place, zero_division=0) for said in (a, b)]
        assert trace["x"][0] == pytest.approx(100 * (change[1] - change[0]), abs=1e-9)
        (x,), (up,), (down,) = trace["x"], trace["error_x"]["array"], trace["error_x"]["arrayminus"]
        assert trace["marker"]["symbol"] == ("circle-open" if x - down <= 0 <= x + up else "circle")


@pytest.mark.parametrize(("side", "first", "second"), [("a", 1, 2), ("b", 2, 1)])
def test_the_list_holds_exactly_what_only_one_side_gets_right(app_folders, side, first, second):
    sides = predictions(app_folders.engine)
    gold, right, wrong = sides[0], sides[first], sides[second]
    corpus = app_folders.engine.corpus("planted")
    flipped = corpus.rows("test")[(right == gold) & (wrong != gold)]
    assert len(flipped) > 0
    here = corpus.utterance(int(flipped[0]))
    page = Page("compare", against=OTHER, flips=side, dialogue=here.dialogue_id, turn=str(here.turn))
    html = rows_of(page)
    wanted = [f"{u.dialogue_id} · turn {u.turn}<" for u in map(corpus.utterance, map(int, flipped))]
    listed = re.findall(r"(dialogue_\d+ · turn \d+<)", html)
    assert listed == wanted[: len(listed)] and (len(listed) == len(wanted) or len(listed) == 40)
    assert re.search(r"class=focus>.*?" + re.escape(wanted[0]), html)
    assert f"In focus: {here.speaker}, turn {here.turn} of {here.dialogue_id}" in page.text


def test_the_utterance_in_focus_has_both_predictions_and_both_bars(app_folders, opened):
    engine = app_folders.engine
    corpus = engine.corpus("planted")
    dialogue = corpus.dialogue_ids("test")[0]
    said = []
    for side, run in (("a", RUN), ("b", OTHER)):
        values = engine.dialogue_values(run, "planted", dialogue)
        label = int(values.total[0].argmax())
        said.append(corpus.emotions[label])
        bars = {}
        for trace in opened.chart(f"parts_{side}")["data"]:
            bars |= dict(zip(trace["y"], trace["x"], strict=True))
        names = [readable(player) for player in values.players]
        assert bars == pytest.approx(dict(zip(names, values.values[0, :, label], strict=True)))
    gold = corpus.emotions[corpus.labels[corpus.dialogue_rows[dialogue][0]]]
    marks = ["✓" if name == gold else "✗" for name in said]
    assert f"A says {said[0]} {marks[0]}, B says {said[1]} {marks[1]}; gold: {gold}." in opened.text


def test_run_b_is_another_run_of_this_corpus_where_none_is_chosen_and_both_can_be_swapped(app_folders):
    page = Page("compare")
    assert page.state("against") == OTHER and not page.notices
    before = page.chart("changes")["data"][0]["x"][0]
    [button] = [one for one in page.app.button if one.label == "swap A and B"]
    button.click()
    page.run()
    assert (page.state("checkpoint"), page.state("against")) == (OTHER, RUN)
    assert page.chart("changes")["data"][0]["x"][0] == pytest.approx(-before)


@pytest.mark.parametrize(
    ("against", "words"),
    [
        ("names-run", "emotions"),
        ("corrupt-run", "corrupt-run"),
        ("nowhere", "Cannot compare with 'nowhere': there is no such checkpoint."),
        (RUN, f"Cannot compare with '{RUN}': it is run A already."),
        ("../../etc", "there is no such checkpoint"),
        ("<script>", "'<script>'"),
    ],
)
def test_a_run_that_cannot_be_compared_is_one_line(app_folders, against, words):
    page = Page("compare", against=against)
    (line,) = page.notices
    assert words in line and "\n" not in line


def test_with_one_run_there_is_the_command_that_makes_a_second(app_folders, tmp_path, monkeypatch):
    shutil.copytree(app_folders.checkpoints / RUN, tmp_path / RUN)
    monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path))
    page = Page("compare")
    command = f"python -m dnr_core train --corpus {app_folders.data / 'planted'} --method plain --backbone mmgcn"
    assert "No other run was trained on this corpus" in page.text and command in page.text
    assert not page.notices and not page.app.get("plotly_chart")


def test_another_split_is_chosen_and_training_data_are_named(app_folders):
    page = Page("compare", against=OTHER, split=SPLITS[0])
    gold, a, b = predictions(app_folders.engine, SPLITS[0])
    assert f"A has {((a == gold) & (b != gold)).sum():,} and B {((a != gold) & (b == gold)).sum():,}" in page.text
    assert "may have been trained on these utterances" in page.text


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_situation(app_folders, situation):
    page = Page("compare", **SITUATIONS[situation])
    assert bool(page.notices) == (situation not in SILENT)


def test_an_interval_figure_is_wide_enough_for_its_intervals():
    frame = pd.DataFrame(
        {"y": ["a", "b"], "x": [1.0, -1.0], "low": [-30.0, -2.0], "high": [3.0, -0.5], "g": ["a", "b"]}
    )
    figure = render(FigureSpec("intervals", frame, x="x", y="y", colour="g", low="low", high="high"))
    low, high = figure.layout.xaxis.range
    assert low < -30 and high > 3
    assert [trace.marker.symbol for trace in figure.data] == ["circle-open", "circle"]
    np.testing.assert_allclose([trace.error_x.arrayminus[0] for trace in figure.data], [31.0, 1.0])
