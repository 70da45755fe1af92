"""Help behind every term: each page explains the words of its headings, and each entry is complete."""

from __future__ import annotations

import re
from html import unescape

import pytest

from dashboard.glossary import ENTRIES, entry_of, matching, words_in
from dashboard.markup import heading, help_button
from tests.app.conftest import Page
from tests.app.test_states import NAMES
from tests.conftest import RUN

ASKED_FOR = (
    "part", "unique", "redundant", "synergistic", "Shapley value", "interaction", "coalition", "scope", "removal",
    "baseline", "completeness", "significant", "decisive", "null", "false discovery", "information", "bits", "atom",
    "BROJA", "UMAP", "trustworthiness", "purity", "ECE", "weighted F1", "bootstrap interval", "McNemar", "inertia",
    "contagion", "emotion shift", "suspect label", "confidence", "agreement", "context weight", "dominant modality",
    "inconsistency", "odd one out",
)  # fmt: skip
HEADING = re.compile(r'<div class="dnr"><h3>(.*?)</h3>(?:<small>(.*?)</small>)?', re.DOTALL)
HELP = re.compile(r"<button.*", re.DOTALL)


def headings(page: Page) -> list[tuple[str, set[str]]]:
    """The words of every heading with the line under it, and the entries behind its `?`."""
    found = []
    for title, about in HEADING.findall(page.html):
        words = unescape(re.sub("<[^>]*>", "", f"{HELP.sub('', title)} {about}"))
        found.append((words, set(re.findall(r'data-term="([^"]+)"', title))))
    return found


@pytest.mark.parametrize("word", ASKED_FOR)
def test_every_word_that_a_newcomer_may_ask_for_is_there(word):
    assert entry_of(word).meaning


def test_every_entry_is_whole():
    assert len({entry.anchor for entry in ENTRIES}) == len(ENTRIES)
    forms = [form.lower() for entry in ENTRIES for form in (entry.word, *entry.forms)]
    assert len(set(forms)) == len(forms), "a word has one meaning"
    for entry in ENTRIES:
        assert len(entry.meaning) > 25 and entry.meaning.endswith((".", "?")), entry.word
        assert entry.meaning.rstrip(".?").count(". ") == 0, f"one sentence: {entry.word}"
        assert len(entry.formula) > 5 and len(entry.source) > 10, entry.word
        if entry.formula.lower().startswith(("none", "no formula")):
            assert entry.formula.startswith("No formula: ") and entry.formula.endswith("."), entry.word


@pytest.mark.parametrize("name", NAMES)
def test_every_page_explains_the_words_of_its_headings(open_page, name):
    link = {"checkpoint": RUN, "against": "plain-run"} if name == "compare" else {}
    page = open_page(name, corpus="planted", **link)
    found = headings(page)
    assert found or name == "projection"
    helped = set().union(*(own for _, own in found))
    missing = {entry.word: words for words, _ in found for entry in words_in(words) if entry.anchor not in helped}
    assert missing == {}


def test_the_signals_of_a_method_are_explained_where_they_are_shown(tmp_path, monkeypatch, one_thread):
    from tests.app.test_states import save, small

    save(small(), tmp_path, ("df_erc", None))
    monkeypatch.setenv("DNR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path / "runs"))
    own = dict(headings(Page("overview", checkpoint="small-df_erc")))
    (helped,) = (terms for words, terms in own.items() if "df_erc says of itself" in words)
    assert helped == {"signals", "confidence-df-erc", "agreement-df-erc", "context-weight-df-erc"}


def test_a_help_button_needs_no_mouse_and_shows_words_literally():
    html = help_button("<b>A & B</b>", [entry_of("shapley values")])
    button, popover = html.split("<div ")
    name = re.search('popovertarget="([^"]+)"', button)
    assert name and f'id="{name[1]}" popover' in popover
    assert button.startswith("<button") and 'aria-label="What is meant by Shapley value?"' in button
    assert "φₖ = Σ" in popover and "Source: Shapley 1953" in popover and "<b>A" not in html


def test_a_heading_with_a_word_that_is_not_in_the_glossary_fails_at_once():
    with pytest.raises(KeyError):
        heading("Anything", term="flux capacitor")


def test_the_glossary_can_be_searched(open_page):
    page = open_page("data")
    assert "Shapley value" not in page.text, "closed: nothing is sent"
    page.app.session_state["glossary"] = True
    page.run()
    assert "Shapley value" in page.text and "Benjamini and Hochberg 1995" in page.text
    page.app.text_input(key="glossary_search").set_value("false disc").run()
    assert "Benjamini and Hochberg 1995" in page.text and "Shapley 1953" not in page.text
    page.app.text_input(key="glossary_search").set_value("no such word").run()
    assert "No word of the glossary has all of this in it." in page.text


def test_a_search_puts_what_is_called_so_first():
    assert [entry.word for entry in matching("broja")] == ["BROJA"]
    assert matching("interval")[0].word == "bootstrap interval"
    assert len(matching("")) == len(ENTRIES)
