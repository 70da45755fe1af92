"""Signals of methods that have them stand on Dialogue and Overview with the engine's numbers, and nowhere else."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.figures.rows import signal as signal_rows
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import save_run
from dnr_core.types import MODALITIES
from tests.app.conftest import Page
from tests.unit.small import WIDTHS, short, untrained


@pytest.fixture(scope="module")
def own_networks(one_thread, tmp_path_factory):
    """Untrained runs of df_erc and drkf on a small corpus with absent modalities."""
    root = tmp_path_factory.mktemp("own")
    corpus = generate(
        PlantedConfig(dialogues=12, utterances_per_dialogue=6, widths=WIDTHS, missing=0.2), name="planted"
    )
    corpus.save(root / "data" / "planted")
    for method in ("df_erc", "drkf"):
        config = short(method, None)
        save_run(root / "runs" / method, untrained(corpus, config), config, corpus, {})
    return root


@pytest.fixture
def engine(own_networks, monkeypatch):
    monkeypatch.setenv("DNR_DATA", str(own_networks / "data"))
    monkeypatch.setenv("DNR_CHECKPOINTS", str(own_networks / "runs"))
    return Engine(own_networks / "data", own_networks / "runs")


def test_a_turn_has_a_bar_a_modality_and_the_numbers_beside_it(engine):
    corpus, found = engine.corpus("planted"), engine.signals("df_erc", "planted", "test")
    place = int(np.flatnonzero(corpus.present[corpus.rows("test")].sum(1) == 2)[0])
    utterance = corpus.utterance(int(corpus.rows("test")[place]))
    page = Page("dialogue", checkpoint="df_erc", dialogue=utterance.dialogue_id, turn=str(utterance.turn))
    drawn = {trace["y"][0]: trace["x"][0] for trace in page.chart("signal_confidence")["data"]}
    there = [name for name, present in zip(MODALITIES, utterance.present, strict=True) if present]
    assert list(drawn) == there and sum(drawn.values()) == pytest.approx(1, abs=1e-5)
    for name in there:
        assert drawn[name] == pytest.approx(found.values["confidence"][place, MODALITIES.index(name)])
    (absent,) = set(MODALITIES) - set(there)
    assert f"not measured: {absent}." in page.text
    for name in ("agreement", "context_weight"):
        value = f"{found.values[name][place]:.3f}"
        assert f"{signal_rows.in_words(name)} {found.descriptions[name]} {value}" in page.text
    assert "each whole modality, in logits: this method has no smaller parts" in page.text


def test_the_odd_one_out_is_named(engine):
    corpus, found = engine.corpus("planted"), engine.signals("drkf", "planted", "test")
    odd = found.values["odd_one_out"]
    utterance = corpus.utterance(int(corpus.rows("test")[0]))
    page = Page("dialogue", checkpoint="drkf", dialogue=utterance.dialogue_id, turn=str(utterance.turn))
    said = "none" if odd[0] < 0 else MODALITIES[odd[0]]
    assert f"{found.descriptions['odd_one_out']} {said}" in page.text


@pytest.mark.parametrize("method", ["df_erc", "drkf"])
def test_overview_has_the_means_of_the_split_by_emotion(engine, method):
    page, found = Page("overview", checkpoint=method), engine.signals(method, "planted", "test")
    corpus = engine.corpus("planted")
    frame = pd.DataFrame({"gold": corpus.labels[corpus.rows("test")]})
    for name, values in found.values.items():
        for place, modality in enumerate(MODALITIES):
            if values.ndim == 2:
                frame[f"{name}: {modality}"] = values[:, place]
            elif name == "odd_one_out":
                frame[f"{name}: {modality}"] = (values == place) * 1.0
            else:
                frame[name] = values
    body = page.html.partition("says of itself on test")[2]
    cells = [
        [
            unescape(re.sub(r"<small>.*?</small>|<[^>]*>", "", cell)).strip()
            for cell in re.findall("<td>(.*?)</td>", row)
        ]
        for row in re.findall("<tr>(<td>.*?)</tr>", body.partition("</table>")[0])
    ]
    columns = [name for name in frame if name != "gold"]
    assert cells[0] == ["all turns", *(f"{frame[name].mean():.3f}" for name in columns), str(len(frame))]
    by_emotion = {row[0]: row[1:] for row in cells[1:]}
    for place, rows in frame.groupby("gold"):
        wanted = ["–" if rows[name].isna().all() else f"{rows[name].mean():.3f}" for name in columns]
        assert by_emotion[corpus.emotions[int(place)]] == [*wanted, str(len(rows))]
    assert f"{method} · parts: text, audio, visual, each a whole modality" in page.text


def test_a_method_without_signals_shows_none(app_folders):
    for name in ("dialogue", "overview"):
        assert "says of itself" not in Page(name, checkpoint="plain-run").text


def test_a_mean_says_of_how_many_turns_it_is_where_some_are_undefined():
    assert signal_rows.mean_cell(np.array([1.0, np.nan, 2.0])) == "1.500 <small>n = 2</small>"
    assert signal_rows.mean_cell(np.array([1.0, 2.0])) == "1.500" and signal_rows.mean_cell(np.array([np.nan])) == "–"
