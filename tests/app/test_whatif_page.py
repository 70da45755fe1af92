"""The What-if page asks the engine about exactly what was changed, shows its numbers, and is clean on another turn."""

from __future__ import annotations

import re
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest

from dashboard import whatif_controls, whatif_edits, whatif_figures
from dashboard.dialogue_data import DialogueNumbers
from dnr_core.explain.edits import Effect
from dnr_core.figures.screen import render
from dnr_core.serve import Edit
from tests.app.conftest import Page
from tests.conftest import RUN

KEY = (RUN, "planted")
TURN = 2


@pytest.fixture
def page(app_folders):
    """The page of a test turn with turns before and after it."""
    return Page("whatif", turn=str(TURN))


@pytest.fixture
def utterance(app_folders):
    """The utterance of that page."""
    corpus = app_folders.engine.corpus("planted")
    return corpus.utterance(int(corpus.dialogue_rows[corpus.dialogue_ids("test")[0]][TURN]))


def widget(page, kind, key):
    return next(one for one in getattr(page.app, kind) if one.key == key)


def put(page, kind, key, value):
    """Set a widget as a person does, and run."""
    widget(page, kind, key).set_value(value)
    return page.run()


def bars(page):
    """Label → probability of the bars of the edited turn."""
    found = {}
    for trace in page.chart("probabilities")["data"]:
        found |= dict(zip(map(unescape, trace["y"]), trace["x"], strict=True))
    return found


def wanted(found, gold):
    """The bars that an effect is drawn as."""
    names = [f"{name} (gold)" if name == gold else name for name in found.emotions]
    sides = {"before": found.before[found.turn], "after": found.after[found.turn]}
    return {f"{name} · {side}": sides[side][k] for side in sides for k, name in enumerate(names)}


def test_without_an_edit_the_page_shows_the_stored_prediction(app_folders, page, utterance):
    stored = app_folders.engine.predictions(*KEY, "test")
    own = stored.probabilities[list(stored.utterance_ids).index(utterance.utterance_id)]
    shown = bars(page)
    assert len(shown) == 6 and all(name.endswith("· before") for name in shown)
    assert list(shown.values()) == pytest.approx(list(own), abs=1e-6)
    assert "Nothing is edited: this is the stored prediction." in page.text
    assert widget(page, "button", "whatif_reset").disabled and not page.notices


def test_all_edits_together_are_what_the_engine_says_of_them(app_folders, page, utterance):
    engine = app_folders.engine
    ranges = engine.feature_ranges("planted", "audio")
    name = ranges.names[1]
    put(page, "segmented_control", "whatif_modality", "audio")
    put(page, "slider", f"whatif_move_audio_{name}", float(ranges.high[1]))
    put(page, "pills", "whatif_parts", ["unique:text"])
    put(page, "selectbox", "whatif_emotion", "excited")
    put(page, "number_input", "whatif_seed", 4)
    put(page, "pills", "whatif_absent", ["visual"])
    put(page, "slider", "whatif_before", 1)
    donor = engine.draw_donor("planted", utterance.utterance_id, parts=("unique:text",), emotion="excited", seed=4)
    edit = Edit(cells=(("audio", name, float(ranges.high[1])),), parts=(("unique:text", donor),), absent=("visual",),
                before=1)  # fmt: skip
    found = engine.whatif(*KEY, utterance.utterance_id, edit)
    assert bars(page) == pytest.approx(wanted(found, utterance.emotion), abs=1e-6)
    heights = {x: y for one in page.chart("whatif_deltas")["data"] for x, y in zip(one["x"], one["y"], strict=True)}
    read = np.flatnonzero(found.read)
    assert sorted(heights) == read.tolist() == list(range(1, len(found.read)))
    assert [heights[turn] for turn in read] == pytest.approx(list(found.delta[read]), abs=1e-6)
    for words in (f"unique · text from {donor}", "visual missing", "1 turn before it", f"{name} of audio",
                  f"Donor {donor} (excited)", f"{len(found.flipped)} of {len(read)} predictions flip",
                  "1 turn is not read any more."):  # fmt: skip
        assert words in page.text
    rows = re.findall(r"<tr><td>(.*?)</tr>", page.html.split("Δ of what was predicted")[1])
    assert len(rows) == len(found.read) and "not read" in rows[0]
    later = found.emotions[found.later[TURN]]
    assert f"{TURN} (edited)" in rows[TURN] and f"{later} {found.after[TURN].max():.3f}" in rows[TURN]


def test_edits_survive_a_page_switch_and_another_turn_starts_clean(page):
    put(page, "pills", "whatif_absent", ["audio"])
    put(page, "slider", "whatif_after", 0)
    changed = bars(page)
    page.app.switch_page("views/dialogue.py").run()
    page.app.switch_page("views/whatif.py").run()
    page.check()
    assert bars(page) == changed and widget(page, "pills", "whatif_absent").value == ["audio"]
    assert widget(page, "slider", "whatif_after").value == 0
    page.app.button(key="step_ArrowRight").click().run()
    assert "nothing yet" in page.text and widget(page, "pills", "whatif_absent").value == []
    page.app.button(key="step_ArrowLeft").click().run()
    assert "nothing yet" in page.text, "it belonged to one look at one turn"


def test_reset_takes_everything_back(page):
    before = bars(page)
    put(page, "pills", "whatif_absent", ["text"])
    assert len(bars(page)) == 12
    page.app.button(key="whatif_reset").click().run()
    assert bars(page) == before and widget(page, "pills", "whatif_absent").value == []


def test_a_slider_put_back_is_no_edit_and_a_feature_taken_off_the_list_neither(app_folders, page, utterance):
    corpus = app_folders.engine.corpus("planted")
    name = corpus.feature_names["text"][0]
    put(page, "segmented_control", "whatif_modality", "text")
    put(page, "multiselect", "whatif_features_text", [name])
    key, real = f"whatif_move_text_{name}", float(corpus.features["text"][corpus.row_of[utterance.utterance_id], 0])
    assert widget(page, "slider", key).value == pytest.approx(real)
    put(page, "slider", key, widget(page, "slider", key).max)
    assert f"{name} of text {real:.4g} →" in page.text
    put(page, "slider", key, real)
    assert "nothing yet" in page.text
    put(page, "slider", key, widget(page, "slider", key).min)
    put(page, "multiselect", "whatif_features_text", [corpus.feature_names["text"][1]])
    assert "nothing yet" in page.text and not [one for one in page.app.slider if one.key == key]


def test_the_features_that_matter_come_first_on_request(app_folders):
    engine = app_folders.engine
    corpus = engine.corpus("planted")
    dialogue = corpus.dialogue_ids("test")[1]
    utterance = corpus.utterance(int(corpus.dialogue_rows[dialogue][TURN]))
    page = Page("whatif", dialogue=dialogue, turn=str(TURN))
    put(page, "segmented_control", "whatif_modality", "text")
    assert widget(page, "multiselect", "whatif_features_text").options == list(corpus.feature_names["text"])
    page.app.button(key="whatif_rank").click().run()
    found = engine.attribution(*KEY, utterance.utterance_id)
    own = {name: abs(value) for name, kind, value in zip(found.names, found.kinds, found.values, strict=True)
           if kind == "text"}  # fmt: skip
    assert widget(page, "multiselect", "whatif_features_text").options == sorted(own, key=lambda name: -own[name])
    assert f"ranked by attribution to “{found.target}”" in page.text


def test_a_modality_declared_missing_lets_its_edits_rest(app_folders, page, utterance):
    put(page, "segmented_control", "whatif_modality", "text")
    slider = next(one for one in page.app.slider if one.key.startswith("whatif_move_text"))
    put(page, "slider", slider.key, slider.max)
    put(page, "pills", "whatif_parts", ["unique:text"])
    moved = bars(page)
    put(page, "pills", "whatif_absent", ["text"])
    found = app_folders.engine.whatif(*KEY, utterance.utterance_id, Edit(absent=("text",)))
    assert bars(page) == pytest.approx(wanted(found, utterance.emotion), abs=1e-6) and not page.notices
    assert "its features and words rest until it is back" in page.text
    put(page, "pills", "whatif_absent", [])
    assert bars(page) == moved


def test_an_unknown_donor_is_one_line_and_a_known_one_is_quoted(app_folders, page):
    corpus = app_folders.engine.corpus("planted")
    put(page, "pills", "whatif_parts", ["unique:audio"])
    put(page, "segmented_control", "whatif_by", "id")
    assert "nothing yet" in page.text
    put(page, "text_input", "whatif_donor", "<b>nobody</b>")
    (line,) = page.notices
    assert line.startswith("unknown donor: got '<b>nobody</b>'; expected an utterance id of corpus planted")
    donor = corpus.utterance(int(corpus.rows("train")[5]))
    put(page, "text_input", "whatif_donor", donor.utterance_id)
    assert not page.notices and f"“{donor.text}”" in page.text


def test_another_checkpoint_keeps_what_it_can_do(page):
    put(page, "pills", "whatif_absent", ["audio"])
    put(page, "pills", "whatif_parts", ["unique:text"])
    put(page, "selectbox", "pick_checkpoint", "plain-run")
    assert not page.notices and widget(page, "pills", "whatif_absent").value == ["audio"]
    assert "audio missing" in page.text and "unique · text from" not in page.text
    assert "The parts of this method are whole modalities." in page.text
    put(page, "pills", "whatif_parts", ["modality:text"])
    assert len(bars(page)) == 12 and "text from" in page.text


def test_what_cannot_be_done_is_said(app_folders):
    page = Page("whatif")
    assert widget(page, "text_area", "whatif_words").disabled
    assert "The words cannot be edited because nothing says that the 96 text features of planted" in page.text
    assert "No turns before this one." in page.text
    single = app_folders.engine.corpus("odd").dialogue_ids("test")[0]
    page = Page("whatif", corpus="odd", checkpoint=RUN, dialogue=single)
    assert whatif_controls.ONE_TURN in page.text and not page.notices
    assert "visual" not in widget(page, "pills", "whatif_absent").options
    put(page, "segmented_control", "whatif_modality", "visual")
    slider = next(one for one in page.app.slider if one.key.startswith("whatif_move_visual"))
    assert "not measured (filled in: mean" in slider.label
    slider.set_value(slider.max)
    assert "visual was not measured in this turn: its other features take their training mean." in page.run().text


def test_hostile_texts_stay_text(app_folders):
    corpus = app_folders.engine.corpus("hostile")
    dialogue = max(corpus.dialogue_ids("test"), key=lambda name: len(corpus.dialogue_rows[name]))
    page = Page("whatif", corpus="hostile", checkpoint=RUN, dialogue=dialogue, turn="1")
    assert "<script>" not in page.html and "&lt;script&gt;" in page.html
    assert whatif_controls.literal("a_b*c$[x](y)") == r"a\_b\*c\$\[x\]\(y\)"


def by_hand(before, after, turn=0):
    """An effect with made-up probabilities, and the numbers of its dialogue; turn 1 has no label, the others joy."""
    names, gold = ("joy", "anger"), np.array([0, -1, 0])
    people = [SimpleNamespace(speaker=who, emotion=None if turn == 1 else "joy") for turn, who in enumerate("ABA")]
    with np.errstate(divide="ignore"):
        found = Effect(names, turn, np.log(np.array(before, dtype=float)), np.log(np.array(after, dtype=float)))
    return DialogueNumbers(SimpleNamespace(utterances=people), names, gold), found


BEFORE = [[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]]


def test_the_sentences_by_hand():
    numbers, found = by_hand(BEFORE, [[0.2, 0.8], [0.3, 0.7], [np.nan, np.nan]])
    assert whatif_figures.turn_reading(numbers, found, edited=True) == (
        "“joy” goes from 0.700 to 0.200 (−0.500): the prediction flips to “anger” (0.300 → 0.800), away from the gold "
        "emotion."
    )
    assert whatif_figures.dialogue_reading(numbers, found) == (
        "1 of 2 predictions flip: turn 0 joy → anger. Right are 0 of 1 labelled turns (before: 1; ✗ marks the wrong "
        "ones). 1 turn is not read any more."
    )
    assert whatif_figures.spread_reading(found) == (
        "The edited turn (dotted) changes by −0.500; of the other turns, turn 1 changes most (+0.100)."
    )
    cells = whatif_figures.rows(numbers, found)
    assert cells[0][-2:] == ["−0.500", "<b>⇄ flips</b>"] and cells[1][-2:] == ["+0.100", ""]
    assert cells[2][4] == "<small>not read</small>" and cells[2][5] == "–" and cells[1][2] == "–"
    numbers, found = by_hand(BEFORE, [[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]])
    assert whatif_figures.turn_reading(numbers, found, edited=True).startswith("Nothing moves, in no turn")
    numbers, found = by_hand(BEFORE, [[0.65, 0.35], [0.4, 0.6], [0.5, 0.5]])
    assert whatif_figures.turn_reading(numbers, found, edited=True).endswith("(−0.050) and is still predicted.")
    assert "the other turns not at all: this model does not hear it in them." in whatif_figures.spread_reading(found)


def test_the_figures_by_hand():
    numbers, found = by_hand(BEFORE, [[0.2, 0.8], [0.3, 0.7], [np.nan, np.nan]])
    spec = whatif_figures.timeline(numbers, found)
    assert list(spec.data[["row", "turn", "mark"]].itertuples(index=False, name=None)) == [
        ("gold", 0, "jo"), ("gold", 2, "jo"), ("before", 0, "jo"), ("before", 1, "an"), ("before", 2, "jo"),
        ("after", 0, "✗an"), ("after", 1, "an"),
    ]  # fmt: skip
    drawn = render(whatif_figures.deltas(found)).to_plotly_json()["data"]
    assert {one["name"]: one["y"] for one in drawn} == {
        "flips": pytest.approx([-0.5]), "keeps its emotion": pytest.approx([0.1])
    }  # fmt: skip
    assert {one["marker"]["pattern"]["fillmode"] for one in drawn} == {"overlay"}, "or a pattern hides the bar"
    edit = Edit(cells=(("audio", "pitch", 212.0), ("audio", "pause", 0.5)), parts=(("unique:text", "u7"),), before=0,
                after=1, absent=("visual",), text="Hm.")  # fmt: skip
    assert whatif_figures.in_words(edit, {("audio", "pitch"): 180.25, ("audio", "pause"): None}) == [
        "words: “Hm.”", "pitch of audio 180.2 → 212", "pause of audio not measured → 0.5", "unique · text from u7",
        "visual missing", "no turns before it", "1 turn after it",
    ]  # fmt: skip


def test_the_first_sliders_are_of_features_with_names():
    names = {"text": ("minilm_0", "minilm_1"), "audio": ("pitch", "pause"), "visual": ("smile", "AU1")}
    assert whatif_edits.first_named(names, ("text", "audio", "visual")) == "audio"
    assert whatif_edits.first_named(names, ("text", "visual")) == "visual"
    assert whatif_edits.first_named(names, ("text",)) == "text"


def test_the_mark_stands_where_the_real_value_is():
    assert "* 0.2500)" in whatif_controls.mark(0.25, hollow=False) and "▲" in whatif_controls.mark(0.25, hollow=False)
    assert "△" in whatif_controls.mark(0.25, hollow=True)
    assert [whatif_controls.decimals(step) for step in (250.0, 1.0, 0.05, 0.004)] == [0, 1, 3, 4]
