"""The Projection page draws the stored map, lists what is picked on it, and says what a map is worth and cannot do."""

from __future__ import annotations

import base64
import json
import shutil

import numpy as np
import pytest

from dashboard import state
from dashboard.markup import shown
from dnr_core.figures.build.maps import OPEN
from dnr_core.figures.spec import readable
from dnr_core.types import MODALITIES
from tests.app.conftest import Page
from tests.conftest import RUN, with_rows

KEY = (RUN, "planted")


def numbers(encoded):
    """An array as plotly sends it."""
    if isinstance(encoded, list):
        return np.array(encoded)
    return np.frombuffer(base64.b64decode(encoded["bdata"]), encoded["dtype"])


def drawn(page):
    """Utterance id → (x, y) of every point of the map, and the groups by id."""
    places, groups = {}, {}
    for trace in page.chart("map_chart")["data"]:
        points = zip(trace.get("customdata", ()), numbers(trace["x"]), numbers(trace["y"]), strict=False)
        for name, x, y in points:
            places[name], groups[name] = (x, y), trace["name"]
    return places, groups


def in_order(places, coordinates, demo):
    """Coordinates in the order of the ids `places`."""
    rows = demo.engine.corpus("planted").row_of
    return coordinates[[rows[name] for name in places]]


def test_the_map_is_that_of_the_engine_in_the_colours_that_were_asked_for(demo):
    engine = demo.engine
    corpus, found = engine.corpus("planted"), engine.projection(*KEY, "all", "pca")
    ids = corpus.utterances["utterance_id"].tolist()
    page = Page("projection", map="pca", turn="2")
    places, groups = drawn(page)
    assert places == {name: tuple(xy) for name, xy in zip(ids, found.coordinates, strict=True)}
    assert groups == dict(zip(ids, corpus.utterances["emotion"], strict=True))
    traces = page.chart("map_chart")["data"]
    assert all(trace["type"] == "scattergl" for trace in traces)
    assert len({trace["marker"]["symbol"] for trace in traces}) == len(traces), "never by colour alone"
    focus = corpus.utterance(int(corpus.dialogue_rows[page.state("dialogue")][2])).utterance_id
    assert (numbers(traces[-1]["x"])[0], numbers(traces[-1]["y"])[0]) == pytest.approx(places[focus])
    test = engine.predictions(*KEY, "test")
    _, groups = drawn(Page("projection", map="pca", colour="correctness"))
    right = test.predicted == test.gold
    assert [groups[name] for name in test.utterance_ids] == ["right" if one else "wrong" for one in right]


def test_the_demo_opens_on_its_stored_umap(demo):
    found = demo.engine.projection(*KEY, "all", "umap")
    places, _ = drawn(Page("projection"))
    np.testing.assert_array_equal(list(places.values()), in_order(places, found.coordinates, demo))


def test_what_the_map_is_worth_stands_under_it(demo):
    found = demo.engine.projection(*KEY, "all", "pca")
    page = Page("projection", map="pca")
    assert f"PCA of all parts, n = {found.n:,}. Distances between clusters, and their sizes, are not" in page.text
    assert (
        f"trustworthiness {found.trustworthiness:.3f} (1: no false neighbours among 15; n = {found.trusted:,})"
        in page.text
    )
    pure = found.purity
    words = f"{100 * pure.on_map:.1f} % have the same gold emotion on the map, {100 * pure.in_vectors:.1f} % among"
    assert words in page.text and f"{100 * pure.chance:.1f} % by chance (n = {pure.n:,})" in page.text


@pytest.mark.parametrize("colour", ["prediction", "confidence", "dominant", "speaker", "split"])
def test_every_colour_shows_every_turn(demo, colour):
    page = Page("projection", map="pca", colour=colour)
    places, groups = drawn(page)
    corpus = demo.engine.corpus("planted")
    assert len(places) == len(corpus)
    if colour == "split":
        assert groups == dict(zip(corpus.utterances["utterance_id"], corpus.utterances["split"], strict=True))
    if colour == "dominant":
        claims, test = demo.engine.split_claims(*KEY, "test"), corpus.rows("test")
        named = [
            readable(part) if sure else OPEN for part, sure in zip(claims.component, claims.significant, strict=True)
        ]
        assert [groups[name] for name in corpus.utterances["utterance_id"].to_numpy()[test]] == named
        assert groups[corpus.utterances["utterance_id"][corpus.rows("train")[0]]] == "not tested"
        assert "python -m dnr_core explain --split dev does so for dev" in page.text
    if colour == "confidence":
        test = demo.engine.predictions(*KEY, "test")
        shades = numbers(page.chart("map_chart")["data"][0]["marker"]["color"])
        np.testing.assert_allclose(shades[test.row], test.probabilities.max(1), rtol=1e-6)


def test_picked_turns_are_listed_and_stay_picked_on_a_redrawn_map(demo):
    corpus = demo.engine.corpus("planted")
    rows = [3, 200, 401]
    ids = [corpus.utterance(row).utterance_id for row in rows]
    page = Page("projection", map="pca")
    assert "one click on a row opens its dialogue" in page.text
    page.app.session_state["map_picked"] = frozenset([*ids, "of-another-corpus"])
    page.app.session_state["colour"] = "split"
    page.run()
    assert "3 turns picked. Click one to open its dialogue." in page.text
    html = json.loads(page.app.get("bidi_component")[0].proto.json)["html"]
    lines = html.split("<tr data-turn=")[1:]
    assert len(lines) == 3
    for row, line in zip(rows, lines, strict=True):
        one = corpus.utterance(row)
        assert shown(one.text) in line and f"{one.speaker} · {one.utterance_id} · {one.split}" in line
    picked = []
    for trace in page.chart("map_chart")["data"][:-1]:
        picked += [trace["customdata"][place] for place in trace["selectedpoints"]]
    assert sorted(picked) == sorted(ids)


def test_an_unfitted_umap_is_offered_and_its_fit_can_be_cancelled(demo):
    page = Page("projection", space="unique:text")
    assert "UMAP of unique · text is not fitted yet: PCA is shown." in page.text
    page.app.button("begin_fit").click()
    page.run()
    fit = state.engine().fit(*KEY, "unique:text")
    assert fit.running and "Fitting UMAP of unique · text" in page.text
    page.app.button("end_fit").click()
    page.run()
    assert not fit.running and state.engine().fit(*KEY, "unique:text") is None
    assert "is not fitted yet" in page.text


def test_a_pca_of_a_large_corpus_is_begun_on_request_and_the_page_does_not_wait(demo, monkeypatch):
    monkeypatch.setattr("dnr_core.results.projection.AT_ONCE", 100)
    page = Page("projection", space="unique:audio", map="pca")
    count = len(demo.engine.corpus("planted"))
    assert "PCA of unique · audio is not fitted yet." in page.text and not page.app.get("plotly_chart")
    assert page.app.button("begin_fit").label == f"Fit PCA of {count:,} turns"
    page.app.button("begin_fit").click()
    page.run()
    fit = state.engine().fit(*KEY, "unique:audio", "pca")
    assert fit.running and "Fitting PCA of unique · audio" in page.text and "meanwhile" not in page.text
    assert fit.process.wait(timeout=120) == 0
    page.run()
    assert drawn(page)[0]


def test_a_fit_that_failed_says_why(demo, monkeypatch):
    class Ended:
        running, seconds, line = False, 3.0, "cannot write x: got No space left on device"

    page = Page("projection", space="hidden")
    monkeypatch.setattr(state.engine(), "fit", lambda *key: Ended())
    assert page.run().notices == ["UMAP was not fitted: cannot write x: got No space left on device"]


def few(demo, tmp_path, monkeypatch, count):
    """The page over a corpus of `count` turns of one dialogue."""
    corpus = demo.engine.corpus("planted")
    keep = np.zeros(len(corpus), dtype=bool)
    keep[corpus.dialogue_rows[corpus.dialogue_ids("test")[0]][:count]] = True
    with_rows(corpus, "few", keep).save(tmp_path / "data" / "few")
    monkeypatch.setenv("DNR_DATA", str(tmp_path / "data"))
    return Page("projection", corpus="few", checkpoint=RUN)


@pytest.mark.parametrize("count", [1, 3])
def test_few_turns_have_a_pca_and_no_umap(demo, tmp_path, monkeypatch, count):
    page = few(demo, tmp_path, monkeypatch, count)
    assert f"UMAP needs at least 16 turns, and all parts is available in {count} only: PCA is shown." in page.text
    places, _ = drawn(page)
    assert len(places) == count and np.isfinite(list(places.values())).all()
    assert ("trustworthiness" in page.text) == (count == 3)
    assert "Fit UMAP" not in [button.label for button in page.app.button]


def test_a_damaged_map_is_computed_again(demo, tmp_path, monkeypatch):
    assert demo.engine.projection(*KEY, "all", "pca")
    shutil.copytree(demo.checkpoints / RUN, tmp_path / "checkpoints" / RUN)
    results = tmp_path / "checkpoints" / RUN / "results" / demo.engine.corpus("planted").hash[:8]
    path = results / "all" / "projection-pca-all.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path / "checkpoints"))
    places, _ = drawn(Page("projection", map="pca"))
    expected = in_order(places, demo.engine.projection(*KEY, "all", "pca").coordinates, demo)
    np.testing.assert_allclose(list(places.values()), expected, atol=1e-3)


def test_a_run_without_parts_of_a_family_maps_its_modalities(app_folders):
    page = Page("projection", checkpoint="plain-run", space="modality:text", map="pca")
    options = page.app.selectbox("pick_space").options
    assert options[1:] == [*MODALITIES, "what the network makes of them"]
    count = int(app_folders.engine.corpus("planted").present[:, 0].sum())
    assert f"PCA of text, n = {count}" in page.text


def test_a_hundred_thousand_points_are_sent_in_six_megabytes():
    import pandas as pd

    from dnr_core.figures.screen import render
    from dnr_core.figures.spec import FigureSpec

    count = 100_000
    frame = pd.DataFrame({
        "x": np.random.default_rng(0).normal(size=count), "y": 0.0, "group": np.tile(["a", "b"], count // 2),
        "key": [f"<{row}>" for row in range(count)], "focus": False, "picked": False,
    })  # fmt: skip
    spec = FigureSpec("scatter", frame, x="x", y="y", colour="group", colours={"a": "#111111", "b": "#222222"})
    sent = render(spec).to_json()
    assert len(sent) < 6_000_000 and json.loads(sent)["data"][0]["customdata"][1] == "&lt;2&gt;"
