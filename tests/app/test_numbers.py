"""What the pages show are the numbers of the Engine and of the stored metrics."""

from __future__ import annotations

import json
import re
from html import unescape

import numpy as np
import pytest

from dnr_core.figures.rows.markup import CONTROL_PICTURES
from dnr_core.types import softmax
from tests.conftest import HOSTILE_TEXTS, RUN, longest_test_dialogue
from tests.oracles import claim_of


@pytest.fixture
def engine(app_folders):
    return app_folders.engine


def first_test_dialogue(engine, corpus="planted"):
    return engine.corpus(corpus).dialogue_ids("test")[0]


def test_the_headline_is_what_the_run_stored(open_page, app_folders):
    stored = json.loads((app_folders.checkpoints / RUN / "metrics.json").read_text())["test"]
    text = open_page("overview").text
    for name, label in (("weighted_f1", "Weighted F1"), ("accuracy", "Accuracy"), ("macro_f1", "Macro F1")):
        low, high = stored["interval"][name]
        wanted = f"{label}, test {stored[name]:.3f} 95 % {low:.3f}–{high:.3f} · n = {stored['n']}"
        assert wanted in text


def test_the_class_table_and_the_matrix_add_up(open_page, engine):
    opened = open_page("overview")
    scores = engine.evaluate(RUN, "planted", "test")
    intervals = engine.class_intervals(RUN, "planted", "test")
    for place, (emotion, entry) in enumerate(scores["per_class"].items()):
        low, high = intervals["f1"][place]
        assert f"{emotion} {entry['precision']:.3f}" in opened.text
        assert f"{entry['f1']:.3f} {low:.2f}–{high:.2f} {entry['n']}" in opened.text
    heat, *texts = opened.chart("matrix")["data"]
    assert sum(int(count) for part in texts for count in part["text"]) == scores["n"]
    recalls = [heat["z"][place][place] for place in range(len(scores["per_class"]))]
    assert np.allclose(recalls, [entry["recall"] for entry in scores["per_class"].values()])


def test_the_training_curve_is_the_history(open_page, engine):
    history = engine.run(RUN).history
    drawn = [value for line in open_page("overview").chart("training")["data"] for value in line["y"]]
    assert drawn == pytest.approx([record["dev_weighted_f1"] for record in history])


def test_agreement_with_planted_truth(open_page, engine):
    corpus, found = engine.corpus("planted"), engine.predictions(RUN, "planted", "test")
    frame = corpus.utterances.iloc[found.row]
    claimed = []
    for dialogue in corpus.dialogue_ids("test"):
        values = engine.dialogue_values(RUN, "planted", dialogue)
        rows = np.searchsorted(found.row, corpus.dialogue_rows[dialogue])
        for turn, row in enumerate(rows):
            claimed.append(
                claim_of(dict(zip(values.players, values.values[turn, :, found.predicted[row]], strict=True)))
            )
    right = found.predicted == found.gold
    pairs = [
        (name, f"{family}:{sources}")
        for name, family, sources, hit in zip(
            claimed, frame["truth_family"], frame["truth_sources"], right, strict=True
        )
        if hit and family != "none"
    ]
    same_family = np.mean([name.split(":")[0] == source.split(":")[0] for name, source in pairs])
    single = [name == source for name, source in pairs if not (source.startswith("unique:") and "+" in source)]
    text = open_page("overview").text
    assert f"the planted family in {same_family:.3f} (" in text
    assert f"(n = {len(pairs)}; chance 0.33)" in text
    assert f"is the planted part in {np.mean(single):.3f} (" in text
    assert f"(n = {len(single)}; chance 0.10)" in text


def test_the_chat_shows_prediction_and_probability(open_page, engine):
    dialogue = first_test_dialogue(engine)
    rows = engine.corpus("planted").dialogue_rows[dialogue]
    found = engine.predictions(RUN, "planted", "test")
    chances = found.probabilities[np.searchsorted(found.row, rows)]
    chat = open_page("dialogue", dialogue=dialogue).chat
    says = [re.sub(r"<[^>]*>", "", part) for part in re.findall(r'<div class="says">(.*?)</div>', chat)]
    assert len(says) == len(rows)
    for line, chance, gold in zip(says, chances, engine.corpus("planted").labels[rows], strict=True):
        best = int(chance.argmax())
        assert line.startswith(f"{'✓' if best == gold else '✗'}{found.emotions[best]} {chance[best]:.2f}")


def test_the_part_bars_are_the_values_of_the_engine(open_page, engine):
    dialogue = first_test_dialogue(engine)
    values = engine.dialogue_values(RUN, "planted", dialogue)
    start = engine.corpus("planted").dialogue_rows[dialogue][0]
    found = engine.predictions(RUN, "planted", "test")
    label = int(found.predicted[np.searchsorted(found.row, start + 2)])
    drawn = {}
    for trace in open_page("dialogue", dialogue=dialogue, turn="2").chart("parts")["data"]:
        drawn |= dict(zip(trace["y"], trace["x"], strict=True))
    wanted = {name.replace(":", " · "): values.values[2, place, label] for place, name in enumerate(values.players)}
    assert drawn == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("scope", ["dialogue", "turn"])
def test_switching_off_shows_the_numbers_of_the_engine(open_page, engine, scope):
    dialogue, off = first_test_dialogue(engine), frozenset({"unique:text", "synergistic:audio+text"})
    opened = open_page("dialogue", dialogue=dialogue, turn="1", off=sorted(off), scope=scope)
    turn = 1 if scope == "turn" else None
    after = softmax(engine.switched(RUN, "planted", dialogue, off, turn=turn))
    found = engine.predictions(RUN, "planted", "test")
    before = found.probabilities[np.searchsorted(found.row, engine.corpus("planted").dialogue_rows[dialogue])]
    flips = int((before.argmax(1) != after.argmax(1)).sum())
    assert f"{flips} of {len(before)} predictions flip" in opened.text
    for place, emotion in enumerate(found.emotions):
        assert re.search(rf"{emotion}( gold)? {before[1, place]:.3f} {after[1, place]:.3f}", opened.text)
    mean = (after - before)[np.arange(len(before)), before.argmax(1)].mean()
    assert f"changes by {mean:+.3f}".replace("-", "−") in opened.text


def test_switches_work_for_parts_families_and_modalities(open_page, engine):
    opened = open_page("dialogue")
    players = engine.header(RUN).players

    def press(key, value):
        next(pills for pills in opened.app.pills if pills.key == key).set_value(value)
        opened.run()
        return set(opened.state("off"))

    assert press("pick_off_unique", ["unique:text"]) == {"unique:text"}
    assert press("pick_off_unique", ["unique:text", "all"]) == {p for p in players if p.startswith("unique")}
    assert press("pick_off_unique", ["unique:text", "unique:audio", "unique:visual"]) == set()
    with_audio = {name for name in players if "audio" in name}
    assert press("pick_off_whole", ["audio"]) == with_audio
    assert press("pick_off_whole", []) == set()
    assert press("pick_off_redundant", ["redundant:audio+text"]) == {"redundant:audio+text"}
    next(button for button in opened.app.button if button.label == "Reset").click()
    opened.run()
    assert opened.state("off") == []


def test_stepping_goes_through_every_error_of_the_split(open_page, engine):
    corpus, found = engine.corpus("planted"), engine.predictions(RUN, "planted", "test")
    errors = found.row[found.predicted != found.gold]
    opened, visited = open_page("dialogue"), []
    for _ in range(len(errors)):
        opened.app.button(key="step_e").click()
        opened.run()
        visited.append(int(corpus.dialogue_rows[opened.state("dialogue")][opened.state("turn")]))
    assert sorted(visited) == sorted(errors.tolist())


def test_next_shift_is_a_new_emotion_of_the_same_speaker(open_page, engine):
    corpus, opened = engine.corpus("planted"), open_page("dialogue")
    for _ in range(5):
        opened.app.button(key="step_s").click()
        opened.run()
        turns = corpus.dialogue(opened.state("dialogue")).utterances
        here = turns[opened.state("turn")]
        earlier = [turn for turn in turns[: here.turn] if turn.speaker == here.speaker]
        assert earlier[-1].emotion != here.emotion


def test_the_first_and_last_dialogue_have_no_neighbour(open_page, engine):
    names = engine.corpus("planted").dialogue_ids("test")
    first, last = open_page("dialogue", dialogue=names[0]).app, open_page("dialogue", dialogue=names[-1]).app
    assert first.button(key="step_p").disabled and not first.button(key="step_n").disabled
    assert last.button(key="step_n").disabled and not last.button(key="step_p").disabled


def test_only_dialogues_with_errors_are_listed(open_page, engine):
    corpus, found = engine.corpus("odd"), engine.predictions(RUN, "odd", "test")
    errors = (found.predicted != found.gold) & (found.gold >= 0)
    wrong = set(corpus.utterances["dialogue_id"].to_numpy()[found.row[errors]])
    assert 0 < len(wrong) < len(corpus.dialogue_ids("test"))
    opened = open_page("dialogue", corpus="odd", checkpoint=RUN, dialogue=min(wrong))
    opened.app.toggle(key="pick_errors_only").set_value(True)
    opened.run()
    picker = opened.app.selectbox(key="pick_dialogue")
    assert {option.split(" · ")[0] for option in picker.options} == wrong
    linked = open_page("dialogue", corpus="odd", checkpoint=RUN, dialogue=min(wrong), listed="errors")
    assert linked.app.toggle(key="pick_errors_only").value
    assert linked.app.selectbox(key="pick_dialogue").options == picker.options


def test_where_no_error_is_known_every_dialogue_is_listed(open_page, engine):
    opened = open_page("dialogue", checkpoint="none", listed="errors")
    toggle = opened.app.toggle(key="pick_errors_only")
    assert toggle.disabled and not toggle.value and not opened.notices
    assert len(opened.app.selectbox(key="pick_dialogue").options) == len(engine.corpus("planted").dialogue_ids("test"))


def test_the_overview_counts_what_has_no_label(open_page, engine):
    unlabelled = len(engine.corpus("odd").dialogue_rows[engine.corpus("odd").dialogue_ids("test")[1]])
    assert f", {unlabelled} of them without a label; split:" in open_page("overview", corpus="odd").text
    assert "without a label" not in open_page("overview").text


def test_short_forms_tell_names_apart():
    from dnr_core.figures.build.dialogue import abbreviations

    assert abbreviations(("neutral", "positive", "negative")) == ["neu", "po", "neg"]
    assert abbreviations(("emotion_1", "emotion_2", "a")) == ["e…1", "e…2", "a"]


def test_what_a_run_was_trained_on_is_shown_where_it_says_so():
    from dnr_core.figures.rows.about import training_cost

    assert training_cost({}) == ""
    assert training_cost({"train_seconds": 1234.5}) == " in 1,234 s"
    assert training_cost({"train_seconds": 60.0, "device": "cpu", "threads": 1}) == " in 60 s on cpu, 1 thread"
    assert training_cost({"train_seconds": 60.0, "device": "cpu", "threads": 4}) == " in 60 s on cpu, 4 threads"
    assert training_cost({"train_seconds": 9.0, "device": "NVIDIA H200", "threads": 1}) == " in 9 s on NVIDIA H200"


def test_a_plain_model_shows_modalities(open_page, engine):
    opened = open_page("dialogue", checkpoint="plain-run", off="modality:audio")
    assert [trace["name"] for trace in opened.chart("parts")["data"]] == ["text", "audio", "visual"]
    dialogue = opened.state("dialogue")
    after = engine.switched("plain-run", "planted", dialogue, frozenset({"modality:audio"}))
    later = softmax(after)[0]
    assert f"{later[0]:.3f}" in opened.text
    assert "not stored yet" in open_page("overview", checkpoint="plain-run").text


def test_texts_are_shown_as_they_were_typed(open_page, engine):
    dialogue = longest_test_dialogue(engine.corpus("hostile"))
    chat = open_page("dialogue", corpus="hostile", dialogue=dialogue, checkpoint=RUN).chat
    texts = re.findall(r'<bdi dir="auto">(.*?)</bdi>', chat, flags=re.DOTALL)
    for shown, typed in zip(texts, HOSTILE_TEXTS, strict=False):
        if typed and not any(ord(letter) in CONTROL_PICTURES for letter in typed):
            assert unescape(shown) == typed
    assert "<script" not in chat and "<img" not in chat and "<b>bold" not in chat
    assert "\u2407" in texts[3] and "\x07" not in texts[3]
    assert texts[len(HOSTILE_TEXTS) - 1] == "<em>no text</em>"


def test_odd_dialogues(open_page, engine):
    single, unlabelled = engine.corpus("odd").dialogue_ids("test")[:2]
    opened = open_page("dialogue", corpus="odd", checkpoint=RUN, dialogue=single)
    assert (
        opened.chat.count("visual: no_face") == 1 and "no visual" not in opened.chat and "no audio" not in opened.chat
    )
    assert "gone/clip.mp4 is not there" in opened.text
    assert opened.app.button(key="step_ArrowLeft").disabled and opened.app.button(key="step_ArrowRight").disabled
    opened = open_page("dialogue", corpus="odd", checkpoint=RUN, dialogue=unlabelled)
    assert "no label" in opened.chat
    assert "turns without labels" in opened.text


def test_a_long_dialogue_is_shown_around_the_turn_in_focus(open_page, engine):
    dialogue = first_test_dialogue(engine, "long")
    count = len(engine.corpus("long").dialogue_rows[dialogue])
    assert count > 300
    chat = open_page("dialogue", corpus="long", checkpoint=RUN, dialogue=dialogue, turn="200").chat
    turns = [int(turn) for turn in re.findall(r'class="row[^"]*" data-turn="(\d+)"', chat)]
    assert turns == list(range(180, 220))
    assert "earlier turns (0–179)" in chat and f"later turns (220–{count - 1})" in chat


def test_a_corpus_without_features_can_be_read(open_page, engine):
    opened = open_page("dialogue", corpus="words")
    assert opened.state("checkpoint") == "none"
    assert "Predictions cannot be shown because no checkpoint is chosen" in opened.text
    first = engine.corpus("words").dialogue(opened.state("dialogue")).utterances[0]
    assert first.text in unescape(opened.chat)
