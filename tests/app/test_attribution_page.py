"""The Attribution page shows the numbers of the engine, says how exact they are, and tests them on request."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from dashboard import attribution_tables
from dnr_core.explain.attribution import Attribution
from dnr_core.figures.build import attribution as attribution_figures
from dnr_core.figures.rows import attribution as attribution_rows
from dnr_core.types import MODALITIES
from tests.app.conftest import Page
from tests.conftest import RUN

KEY = (RUN, "planted")


def focus(engine, turn=1):
    """The first test dialogue and the id of one of its utterances."""
    corpus = engine.corpus("planted")
    dialogue = corpus.dialogue_ids("test")[0]
    return dialogue, corpus.utterance(int(corpus.dialogue_rows[dialogue][turn])).utterance_id


def page_rows(engine):
    """The rows of the dialogue that a page opens with."""
    corpus = engine.corpus("planted")
    return corpus.dialogue_rows[corpus.dialogue_ids("test")[0]]


def drawn(page, key):
    """Label → number of all bars of a chart."""
    found = {}
    for trace in page.chart(key)["data"]:
        found |= dict(zip(map(unescape, trace["y"]), trace["x"], strict=True))
    return found


def by_hand(values, kinds, names, over="features", **changed):
    """An attribution with made-up values; everything else is plausible."""
    made = Attribution(
        "u", "d", "integrated_gradients", over, "joy", "logit", "mean", tuple(names), tuple(kinds),
        np.array(values, dtype=float), np.full(len(values), np.nan), total=1.5, baseline_total=-0.5,
        completeness_error=0.002, tolerance=0.02, within_tolerance=True, n_steps=50, seconds=0.1,
    )  # fmt: skip
    return replace(made, **changed)


def test_the_features_are_those_of_the_engine_and_the_bars_sum_to_the_whole(app_folders):
    engine = app_folders.engine
    dialogue, utterance = focus(engine)
    page = Page("attribution", dialogue=dialogue, turn="1")
    found = engine.attribution(*KEY, utterance)
    bars = drawn(page, "features")
    assert sum(bars.values()) == pytest.approx(found.total - found.baseline_total, abs=found.tolerance)
    own = np.array(found.kinds) != "context"
    order = np.argsort(-np.abs(found.values[own]))[:10]
    wanted = {f"{found.kinds[place]} · {found.names[place]}": found.values[place] for place in order}
    assert {name: bars[name] for name in wanted} == pytest.approx(wanted, abs=1e-5)
    assert bars["all other turns"] == pytest.approx(found.values[-1], abs=1e-5) and len(bars) == 12
    assert f"What made the logit of “{found.target}”" in page.text
    assert "✓ yes" in page.text and f"{found.tolerance:.4f}" in page.text and "training mean" in page.text


@pytest.mark.parametrize(
    ("link", "key", "method"),
    [
        ({"over": "modalities", "emotion": "sad", "baseline": "zero"}, "blocks", "integrated_gradients"),
        ({"over": "components"}, "blocks", "layer_integrated_gradients"),
        ({"over": "components", "method": "feature_ablation", "baseline": "donor"}, "blocks", "feature_ablation"),
    ],
)
def test_method_view_emotion_and_baseline_are_those_of_the_link(app_folders, link, key, method):
    engine = app_folders.engine
    dialogue, utterance = focus(engine)
    page = Page("attribution", dialogue=dialogue, turn="1", **link)
    options = {"over": link["over"], "method": method, "baseline": link.get("baseline", "mean")}
    found = engine.attribution(*KEY, utterance, target=link.get("emotion"), **options)
    assert not page.notices
    assert list(drawn(page, key).values()) == pytest.approx(list(found.values), abs=1e-5)
    assert ("not promised" in page.text) == (method == "feature_ablation")


def test_the_chat_carries_the_value_of_every_turn(app_folders):
    engine = app_folders.engine
    dialogue, utterance = focus(engine, turn=3)
    page = Page("attribution", dialogue=dialogue, turn="3", over="turns", method="occlusion")
    found = engine.attribution(*KEY, utterance, method="occlusion", over="turns")
    heights = {x: y for trace in page.chart("turns")["data"] for x, y in zip(trace["x"], trace["y"], strict=True)}
    assert [heights[turn] for turn in range(len(found.values))] == pytest.approx(list(found.values), abs=1e-5)
    for turn, (value, kind) in enumerate(zip(found.values, found.kinds, strict=True)):
        assert (
            f"{kind} {value:+.2f}".replace("-", "−").replace("+0.00", "0.00").replace("−0.00", "0.00") in page.chat
        ), turn


def test_a_dialogue_of_one_turn_and_a_slow_method_say_so(app_folders):
    single = app_folders.engine.corpus("odd").dialogue_ids("test")[0]
    page = Page("attribution", corpus="odd", checkpoint=RUN, dialogue=single, over="turns")
    assert "this dialogue has one turn only" in page.text and not page.notices
    page = Page("attribution", method="shapley_value_sampling", over="turns")
    button = page.app.button(key="ask_attribution")
    turns = len(page_rows(app_folders.engine))
    assert button.label == f"Compute Shapley values, sampled ({25 * turns:,} passes through the model)"
    assert not page.app.get("plotly_chart")
    button.click()
    assert page.run().chart("turns")
    assert not [one for one in Page("attribution", method="shapley_value_sampling", over="turns").app.button
                if one.key == "ask_attribution"], "what was computed is kept"  # fmt: skip


def test_faithfulness_is_measured_on_request(app_folders):
    engine = app_folders.engine
    page = Page("attribution", checkpoint="plain-run", over="modalities")
    page.app.button(key="ask_check").click()
    page.run()
    share_out, (largest, random, smallest) = page.chart("insertion")["data"][0]["x"], page.chart("insertion")["data"]
    assert share_out == pytest.approx([0, 1 / 3, 2 / 3, 1])
    utterance = (
        engine.corpus("planted")
        .utterance(int(engine.corpus("planted").dialogue_rows[engine.corpus("planted").dialogue_ids("test")[0]][0]))
        .utterance_id
    )
    found = engine.attribution("plain-run", "planted", utterance, over="modalities")
    assert largest["y"][0] == random["y"][0] == smallest["y"][0] == pytest.approx(found.baseline_total, abs=1e-4)
    assert largest["y"][-1] == random["y"][-1] == smallest["y"][-1] == pytest.approx(found.total, abs=1e-4)
    for words in ("infidelity", "agrees with Gradient × input", "agrees with Shapley values, sampled",
                  "top 100 % of layers random", "(20 orders)"):  # fmt: skip
        assert words in page.text


def test_the_settings_of_the_page_change_what_is_explained(app_folders):
    page = Page("attribution")
    before = drawn(page, "features")
    page.app.selectbox(key="pick_method").set_value("gradient_x_input")
    page.run()
    assert page.state("method") == "gradient_x_input" and drawn(page, "features") != before
    assert "not promised by this method" in page.text
    page.app.selectbox(key="pick_emotion").set_value("angry")
    assert "What made the logit of “angry”" in page.run().text


def test_an_attribution_that_misses_its_sum_is_not_to_be_trusted():
    kinds, names = ("text", "context"), ("pitch", "context")
    (row,) = attribution_rows.exactness(by_hand([1, 2], kinds, names, completeness_error=-0.5, within_tolerance=False))
    assert row[0] == "−0.5000" and row[1] == "0.0200" and "✗ no: do not trust" in row[2] and "color" in row[2]
    (row,) = attribution_rows.exactness(by_hand([1, 2], kinds, names, within_tolerance=None, n_steps=None))
    assert row[1:3] == ["–", "not promised by this method"] and row[6] == "–"


def test_the_sentence_and_the_bars_by_hand():
    found = by_hand(
        [0.1, 0.8, -0.3, 0.05, 1.35], ("text", "audio", "audio", "visual", "context"),
        ("word", "laughter_pitch", "pause", "smile", "context"), observed=np.array([1, 3.25, np.nan, 0, np.nan]),
    )  # fmt: skip
    spec = attribution_figures.features(found, 2)
    assert list(spec.data["item"]) == ["audio · laughter_pitch", "audio · pause", "2 other features", "all other turns"]
    assert list(spec.data["value"]) == pytest.approx([0.8, -0.3, 0.15, 1.35])
    assert list(spec.data["says"])[:2] == ["audio · laughter_pitch, measured 3.25", "audio · pause, not measured"]
    assert spec.caption == (
        "The rest of the dialogue speaks most for “joy” (+1.35 logit); “pause” of audio speaks most against “joy” "
        "(−0.30 logit). All values together: +2.00; the model goes from −0.50 at the baseline to +1.50."
    )
    blocks = attribution_figures.blocks(by_hand([0.0, 0.001, 0.0], ("modalities",) * 3, MODALITIES, over="modalities"))
    assert list(blocks.data["part"]) == list(MODALITIES)
    assert blocks.caption.startswith("Nothing speaks for or against “joy”.")


def test_the_bar_of_a_turn_is_as_wide_as_its_value():
    found = by_hand([3.0, -1.0, 0.0, 1.5], ("earlier", "earlier", "itself", "later"), "abcd", over="turns")
    bar = attribution_tables.turn_bar(found)
    assert 'left" style="width:25.00%"></span>' in bar(0) and "width:100.00%" in bar(0), "1 of 4 lies left of zero"
    assert bar(1).index("seg") < bar(1).index("right") and "earlier −1.00" in bar(1)
    assert "seg" not in bar(2) and "width:50.00%" in bar(3) and "later +1.50" in bar(3)


def test_the_turn_that_matters_most_beside_this_one_is_named():
    found = by_hand([0.2, -1.0, 4.0, 0.5], ("earlier", "earlier", "itself", "later"), "abcd", over="turns")
    caption = attribution_figures.turns(found).caption
    assert caption.startswith("Turn 2 (this one) speaks most for “joy” (+4.00 logit); turn 1 speaks most against")
    assert "Of the other turns, turn 1 matters most (−1.00)." in caption
