"""What the pages claim is what the null tests allow, with its error; and where they are not stored, they say so."""

from __future__ import annotations

import copy
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from dnr_core.explain.nulls import ComponentNull, save_null
from dnr_core.figures.rows.card import card_rows
from dnr_core.figures.spec import readable
from dnr_core.figures.words import p_value
from dnr_core.results.card_format import CardFormat, fits
from dnr_core.serve import Engine
from tests.app.conftest import ROOT, Page
from tests.conftest import RUN

KEY = (RUN, "planted")
CARD = {
    "planted": {
        "corpus": {"name": "planted"},
        "agreement": {"family": 0.97, "family_interval": [0.95, 0.99], "exact": None, "exact_interval": None, "n": 800},
        "reason": None,
    },
    "roles": {
        "cross_prediction": [
            {"player": "unique:text", "r2": -0.02, "n_test": 90},
            {"player": "unique:audio", "r2": 0.11, "n_test": 80},
            {"player": "unique:visual", "r2": None, "n_test": 3},
        ],
        "halves": [{"player": "redundant:audio+text", "correlation": 0.3, "n": 70}],
    },
    "stability": {
        "rank_correlation": 0.81,
        "same_dominant": 0.92,
        "siblings": {"seed-1": {"n": 400}, "seed-2": {"n": 100}},
    },
}


def turn_where(engine, significant):
    """A test dialogue and turn whose dominant part may (not) be claimed, and its number among the test utterances."""
    corpus = engine.corpus("planted")
    for dialogue in corpus.dialogue_ids("test"):
        found = np.flatnonzero(engine.dialogue_claims(*KEY, dialogue).significant == significant)
        if len(found):
            row = int(np.searchsorted(corpus.rows("test"), corpus.dialogue_rows[dialogue][found[0]]))
            return dialogue, int(found[0]), row
    raise AssertionError(f"no turn has significant = {significant}")


def test_the_overview_says_which_parts_pass_and_how_many_claims_there_are(demo):
    engine, text = demo.engine, Page("overview").text
    passed, claims = engine.stored_null(*KEY).gates.passed, engine.split_claims(*KEY, "test")
    assert f"{passed.sum()} of 9 parts pass their null test on dev" in text
    share = 100 * claims.significant.sum() / len(engine.corpus("planted").rows("test"))
    assert 0 < share < 100
    assert f"A single part is decisive in {share:.1f} % of the turns of test (n = {len(claims.p):,};" in text
    offered = engine.stored_information(*KEY, "test")
    assert f"significant in {100 * offered.significant.mean():.1f} % of the turns of test" in text
    assert f"calibration error of {offered.calibration_error[-1]:.3f} (n = {len(claims.p):,} labelled turns" in text
    assert "all three modalities" not in text


@pytest.mark.parametrize("significant", [True, False])
def test_a_part_is_called_decisive_only_above_its_null(demo, significant):
    engine = demo.engine
    dialogue, turn, _ = turn_where(engine, significant)
    claims, values = engine.dialogue_claims(*KEY, dialogue), engine.dialogue_values(*KEY, dialogue)
    text = Page("dialogue", dialogue=dialogue, turn=str(turn)).text
    decisive = f"Decisive: {readable(f'{claims.family[turn]}:{claims.sources[turn]}')} ({p_value(claims.p[turn])})."
    assert (decisive in text) == significant
    assert (f"No single part decisive ({p_value(claims.p[turn])})." in text) == (not significant)
    predicted = int(values.total[turn].argmax())
    total, baseline = values.total[turn, predicted], values.baseline[turn, predicted]
    gap = abs(values.values[turn, :, predicted].astype(float).sum() - (float(total) - float(baseline)))
    (shown,) = re.findall(r"The values sum to the change of the logit within (\S+)\. ", text)
    assert float(shown) == pytest.approx(gap, abs=1e-6)


def test_turns_without_a_decisive_part_are_pale_in_the_chat(demo):
    dialogue, _, _ = turn_where(demo.engine, significant=False)
    significant = demo.engine.dialogue_claims(*KEY, dialogue).significant
    rows = Page("dialogue", dialogue=dialogue).chat.split('role="listitem"')[1:]
    assert ['title="no single part decisive"' not in row for row in rows] == significant.tolist()


@pytest.mark.parametrize("significant", [True, False])
def test_the_smallest_sets_do_what_is_said_of_them(demo, significant):
    engine = demo.engine
    dialogue, turn, row = turn_where(engine, significant)
    sets, players = engine.dialogue_sets(*KEY, dialogue)[turn], engine.header(RUN).players
    predicted = int(engine.predictions(*KEY, "test").predicted[row])

    def without(off):
        return int(engine.switched(*KEY, dialogue, frozenset(off))[turn].argmax())

    text = Page("dialogue", dialogue=dialogue, turn=str(turn)).text
    label = engine.corpus("planted").emotions[predicted]
    assert sets["flipping"] and (sets["keeping"] or not significant)
    assert without(set(players) - set(sets["keeping"])) == predicted != without(sets["flipping"])
    kept = f"keeps “{label}” when all others are off: {', '.join(map(readable, sets['keeping']))};"
    assert (kept if sets["keeping"] else f"“{label}” stays even with every part off;") in text
    assert f"flips it when off: {', '.join(map(readable, sets['flipping']))} (off in every turn)." in text


def test_what_the_data_offer_is_drawn_with_its_class_and_its_error(demo):
    engine = demo.engine
    found, seen = engine.stored_information(*KEY, "test"), set()
    corpus = engine.corpus("planted")
    for row in (int(np.flatnonzero(found.significant)[0]), int(np.flatnonzero(~found.significant)[0])):
        utterance = corpus.utterance(int(corpus.rows("test")[row]))
        page = Page("dialogue", dialogue=utterance.dialogue_id, turn=str(utterance.turn))
        drawn = {}
        for trace in page.chart("offered")["data"]:
            drawn |= dict(zip(trace["y"], trace["x"], strict=True))
        assert drawn == pytest.approx({readable(a): v for a, v in zip(found.atoms, found.values[row], strict=True)})
        emotion, largest = corpus.emotions[found.classes[row]], readable(found.atoms[int(found.values[row].argmax())])
        assert f"What the data offer about “{emotion}”" in page.text
        lead = (
            f"Most about “{emotion}” is {largest}" if found.significant[row] else "Nothing significant: the largest, "
        )
        assert lead in page.text and p_value(found.p_value[row]) in page.text
        total = f"{sum(drawn.values()):+.2f}".replace("-", "−")
        assert f"All sum to the {total} bits of all modalities within" in page.text
        seen.add(lead)
    assert len(seen) == 2


def test_a_part_that_fails_its_null_test_is_named(demo, tmp_path, monkeypatch):
    dialogue, turn, _ = turn_where(demo.engine, significant=True)
    claims = demo.engine.dialogue_claims(*KEY, dialogue)
    null = demo.engine.stored_null(*KEY)
    place = null.gates.players.index(claims.component[turn])
    bound = null.gates.bound.copy()
    bound[place] = -1.0
    opened = stored_elsewhere(demo, replace(null, gates=replace(null.gates, bound=bound)), tmp_path, monkeypatch)
    failed = readable(claims.component[turn])
    line = f"No single part decisive ({p_value(claims.p[turn])}; {failed} fails its null test on dev)."
    assert line in opened("dialogue", dialogue=dialogue, turn=str(turn)).text
    assert f"taken from other turns); not: {failed}. A single" in opened("overview").text


def test_every_part_that_a_claim_speaks_of_must_pass_its_null_test(demo, tmp_path, monkeypatch):
    """What all three modalities share is claimed of several pairs: one that is not the strongest fails."""
    engine, null = demo.engine, demo.engine.stored_null(*KEY)
    corpus, claims = engine.corpus("planted"), engine.split_claims(*KEY, "test")
    row = int(np.flatnonzero(claims.significant & (claims.named.sum(1) > 1))[0])
    players = np.array(null.gates.players, dtype=object)
    failed = players[claims.named[row] & (players != claims.component[row])][0]
    bound = null.gates.bound.copy()
    bound[null.gates.players.index(failed)] = -1.0
    opened = stored_elsewhere(demo, replace(null, gates=replace(null.gates, bound=bound)), tmp_path, monkeypatch)
    utterance = corpus.utterance(int(corpus.rows("test")[row]))
    text = opened("dialogue", dialogue=utterance.dialogue_id, turn=str(utterance.turn)).text
    assert f"No single part decisive ({p_value(claims.p[row])}; {readable(failed)} fails its null test on dev)." in text


def test_where_nothing_can_be_tested_the_reason_is_given(demo, tmp_path, monkeypatch):
    reason = "corpus planted has no dev split to test the parts on"
    opened = stored_elsewhere(demo, ComponentNull(None, np.zeros(0), reason), tmp_path, monkeypatch)
    page = opened("dialogue")
    assert f"Whether a part is decisive cannot be said because {reason}." in page.text
    assert "pale" not in page.chat and "pale:" not in page.text
    assert f"Which parts may be called decisive cannot be said because {reason}." in opened("overview").text


def stored_elsewhere(demo, null, folder, monkeypatch):
    """`Page` over a copy of the demo with another stored null."""
    shutil.copytree(demo.checkpoints, folder / "checkpoints")
    engine = Engine(demo.data, folder / "checkpoints")
    save_null(engine.store(*engine.fitting(*KEY)), "dialogue", "mean", null)
    monkeypatch.setenv("DNR_CHECKPOINTS", str(folder / "checkpoints"))
    return Page


def test_what_is_not_stored_is_said_and_nothing_is_claimed(open_page):
    page = open_page("dialogue")
    assert "cannot be said because the null tests of this split are not stored" in page.text
    assert "What the data offer cannot be shown because this run has no model of modality subsets" in page.text
    assert "Decisive:" not in page.text and "pale" not in page.chat
    text = open_page("overview").text
    assert "cannot be said because the null tests are not stored yet" in text
    assert "calibration error" not in text and "Decomposition card" not in text


def test_information_of_another_split_is_asked_for(demo):
    dialogue = demo.engine.corpus("planted").dialogue_ids("dev")[0]
    text = Page("dialogue", dialogue=dialogue).text
    assert "cannot be shown because it is not stored for dev yet" in text


def test_the_card_is_shown_with_its_n_or_its_reason():
    family, part, told, halves, same, ranks = card_rows(CARD)
    assert family[1].startswith("0.970 <small>0.95–0.99") and family[2] == "800 turns of corpus planted"
    assert part[1] == "–"
    assert told[1:] == ["0.110", "unique · audio, 80 turns"] and halves[1:] == [
        "0.300",
        "redundant · audio+text, 70 turns",
    ]
    assert same[1:] == ["0.920", "500 turns, 2 other seeds"] and ranks[1] == "0.810"
    without = {"cross_prediction": [], "halves": []}
    nothing = card_rows(
        {"planted": {"reason": "not measured"}, "roles": without, "stability": {"reason": "<no> seeds"}}
    )
    assert [row[1:] for row in nothing] == [
        ["–", "<small>not measured</small>"], ["–", "<small>&lt;no&gt; seeds</small>"]
    ]  # fmt: skip


def test_the_probes_and_the_stored_suite_are_rows_of_the_card():
    probes = {
        "players": ["unique:text", "unique:audio"], "codes": [["unique:text", "label"], ["unique:audio", "label"]],
        "own": ["unique:text", "unique:audio"], "score": [[0.9, 1.0], [None, 0.7]], "n_test": [30, 40],
    }  # fmt: skip
    own = CARD | {"planted": CARD["planted"] | {"probes": probes}}
    assert card_rows(own)[2][1:] == ["0.700", "unique · audio, 40 turns"], "its own part, not the best part"
    case = {"corpus": "noise-<1>", "family": 0.9, "family_interval": [0.8, 0.95], "exact": 0.7, "exact_interval": None}
    stored = CARD | {"planted": {"cases": [case], "seeds": 3}}
    family, part = card_rows(stored)[:2]
    assert family[1:] == ["0.900 <small>0.80–0.95</small>", "corpus noise-&lt;1&gt;, 3 seeds of this configuration"]
    assert part[1] == "0.700"


def spoilt(content):
    """Every copy of a JSON value that lacks one key or item, or has a word in the place of one."""
    keys = list(content) if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    for key in keys:
        without = copy.deepcopy(content)
        del without[key]
        yield without
        for other in ("spoilt", *spoilt(content[key])):
            changed = copy.copy(content)
            changed[key] = other
            yield changed


def test_a_card_that_is_read_can_be_shown_and_a_spoilt_one_is_not_read():
    """Cards of every kind, each key and item left out or spoilt in turn: what is let through is drawn without fault."""
    card = json.loads((ROOT / "checkpoints" / RUN / "card.json").read_text(encoding="utf-8"))
    case = {"corpus": "noise-0.5", "family": 0.9, "family_interval": [0.8, 0.95], "exact": None, "n": 9.5}
    stored = {"own_corpus": False, "file": "verify.json", "seeds": 3, "cases": [case | {"exact_interval": None}]}
    other = {"n": 400, "same_dominant": 0.9, "rank_correlation": None}
    kinds = [
        card,
        card | {"planted": stored, "stability": other | {"siblings": {"seed-1": other}}},
        card | {"planted": {"own_corpus": False, "reason": "not measured"}, "nulls": {"reason": "no dev"}},
    ]
    read = refused = 0
    for whole in kinds:
        assert fits(whole, CardFormat)
        for one in spoilt(whole):
            if fits(one, CardFormat):
                read += 1
                assert card_rows(one) and f"{one['split']} {one['corpus']['name']}"
            else:
                refused += 1
    assert read > 100 and refused > 300
    half = stored | {"cases": [{}], "reason": "not measured"}
    assert not fits(card | {"planted": half}, CardFormat), "a reason does not stand for numbers that are spoilt"


def test_a_card_that_was_made_is_on_the_overview(demo, tmp_path, monkeypatch):
    shutil.copytree(demo.checkpoints, tmp_path / "checkpoints")
    card = Engine(demo.data, tmp_path / "checkpoints").compute_card(*KEY)
    monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path / "checkpoints"))
    text = Page("overview").text
    low, high = card["planted"]["agreement"]["exact_interval"]
    assert "Decomposition card Measured on test of corpus planted." in text
    assert f"balanced {card['planted']['agreement']['exact']:.3f} {low:.2f}–{high:.2f}" in text
    assert card["stability"]["reason"] in text and "is not measured yet" not in text
    (tmp_path / "checkpoints" / RUN / "card.json").unlink()
    asked = f"is not measured yet: run python -m dnr_core verify --checkpoint {tmp_path / 'checkpoints' / RUN} ."
    assert asked in Page("overview").text
