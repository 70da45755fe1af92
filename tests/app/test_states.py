"""Every page in the states that a newcomer meets: nothing there yet, half of it there, other methods, no labels."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.pages import PAGES
from dnr_core.data.corpus import Corpus
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.training.checkpoint import save_run
from tests.app.conftest import Page
from tests.conftest import text_only, with_rows
from tests.unit.small import WIDTHS, short, untrained

NAMES = tuple(Path(file).stem for file, *_ in PAGES)
BROKEN_WORD = re.compile(r"(?<![\w-])(nan|None|inf|NaN|undefined|\[\]|\{\})(?![\w-])")
"""What stands on a page where something was written that is not there."""


def save(corpus: Corpus, root: Path, *methods: tuple[str, str | None]) -> None:
    """The corpus and untrained runs on it; weights at random show every page as well as trained ones."""
    corpus.save(root / "data" / corpus.name)
    for method, backbone in methods:
        config = short(method, backbone)
        save_run(root / "runs" / f"{corpus.name}-{method}", untrained(corpus, config), config, corpus, {})


def small(**changes: Any) -> Corpus:
    return generate(PlantedConfig(dialogues=12, utterances_per_dialogue=6, widths=WIDTHS, **changes), name="small")


def unlabelled(corpus: Corpus, splits: tuple[str, ...]) -> Corpus:
    """The corpus without the labels of some splits."""
    keep = np.ones(len(corpus), dtype=bool)
    there = corpus.utterances["split"].isin(splits)
    emotions = corpus.utterances["emotion"].where(~there, "").tolist()
    return with_rows(corpus, corpus.name, keep, emotion=emotions)


def one_turn(corpus: Corpus) -> Corpus:
    """The corpus with the first turn of every dialogue."""
    return with_rows(corpus, corpus.name, (corpus.utterances["turn"] == 0).to_numpy())


def only_text(corpus: Corpus) -> Corpus:
    """The corpus with one modality."""
    count, none = len(corpus), {"audio", "visual"}
    return replace(
        corpus,
        features={name: np.zeros((count, 0), np.float32) if name in none else corpus.features[name]
                  for name in corpus.features},
        feature_names={name: () if name in none else corpus.feature_names[name] for name in corpus.features},
        present=corpus.present * np.array([True, False, False]),
        stored_hash=None,
    )  # fmt: skip


def gone(root: Path) -> None:
    """A run whose corpus is not there any more, and another corpus of its widths."""
    save(small(), root, ("dnr", "late_fusion"))
    other = replace(small(seed=9), name="other", stored_hash=None)
    other.save(root / "data" / "other")
    for file in (root / "data" / "small").iterdir():
        file.unlink()
    (root / "data" / "small").rmdir()


def just(corpus: Callable[[], Corpus], *methods: tuple[str, str | None]) -> Callable[[Path], None]:
    return lambda root: save(corpus(), root, *methods)


DNR = ("dnr", "late_fusion")
STATES: dict[str, tuple[Callable[[Path], None], dict[str, str]]] = {
    "a run without results": (just(small, DNR), {}),
    "a corpus without any run": (just(small), {}),
    "a text-only corpus": (just(lambda: replace(text_only(small()), name="small")), {}),
    "a run whose corpus is gone": (gone, {"checkpoint": "small-dnr"}),
    "a plain run": (just(small, ("plain", "late_fusion")), {}),
    "a df_erc run": (just(lambda: small(missing=0.2), ("df_erc", None)), {}),
    "a drkf run": (just(lambda: small(missing=0.2), ("drkf", None)), {}),
    "dialogues of one turn": (just(lambda: one_turn(small()), DNR), {}),
    "a test split without labels": (just(lambda: unlabelled(small(), ("test",)), DNR), {}),
    "no label but in train": (just(lambda: unlabelled(small(), ("dev", "test")), DNR), {}),
    "no label at all": (just(lambda: unlabelled(small(), ("train", "dev", "test"))), {}),
    "one modality": (just(lambda: only_text(small()), ("plain", "late_fusion")), {}),
}
SAYS: dict[tuple[str, str], str] = {
    ("a corpus without any run", "overview"): r"train one with python -m dnr_core train --corpus \S+/small",
    ("a corpus without any run", "dialogue"): "no checkpoint is chosen: the dialogue can be read",
    ("a corpus without any run", "components"): "no checkpoint is chosen",
    ("a corpus without any run", "attribution"): "no checkpoint is chosen",
    ("a corpus without any run", "projection"): "no checkpoint is chosen",
    ("a corpus without any run", "errors"): "no checkpoint is chosen",
    ("a corpus without any run", "compare"): "no checkpoint is chosen",
    ("a text-only corpus", "overview"): "none can be trained on this corpus: it has text only",
    ("a text-only corpus", "data"): "No model can be trained on it: it has text only",
    ("a run whose corpus is gone", "overview"): "trained on small, another corpus than the one shown",
    ("a plain run", "compare"): "No other run was trained on this corpus",
    ("a plain run", "dialogue"): "this method has no smaller parts",
    ("a df_erc run", "dialogue"): "What df_erc says of itself",
    ("a drkf run", "overview"): "What drkf says of itself on test",
    ("dialogues of one turn", "projection"): "needs at least 16 turns",
    ("dialogues of one turn", "errors"): "no error has an earlier turn|0 of",
    ("a test split without labels", "overview"): "the test split has no labels",
    ("a test split without labels", "errors"): "test has no labels",
    ("a test split without labels", "data"): "have no label",
    ("a test split without labels", "dialogue"): "turns without labels: what is right cannot be shown",
    ("no label but in train", "overview"): "No weighted F1 was measured on dev|the test split has no labels",
    ("no label at all", "overview"): "none can be trained on this corpus: its train split has no labels",
    ("no label at all", "data"): "No model can be trained on it: its train split has no labels",
    ("a run without results", "overview"):
        r"explain --checkpoint \S+/small-dnr --corpus \S+/small --split test --out explain.parquet",
    ("a run without results", "projection"): "is not fitted yet",
    ("a run without results", "components"): "Compute all|this turn",
}  # fmt: skip
"""What a page must say in a state, where it must say something."""


@pytest.fixture(scope="module")
def folders(one_thread, tmp_path_factory) -> Callable[[str], Path]:
    """Data and runs of a state, made when they are asked for first."""
    import captum.attr  # noqa: F401  # its first import takes longer than a page may

    made: dict[str, Path] = {}

    def of(state: str) -> Path:
        if state not in made:
            made[state] = tmp_path_factory.mktemp("state")
            (made[state] / "runs").mkdir()
            STATES[state][0](made[state])
        return made[state]

    return of


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("page", NAMES)
def test_a_page_in_a_state_shows_what_it_can_and_says_what_it_cannot(folders, monkeypatch, page, state):
    root = folders(state)
    monkeypatch.setenv("DNR_DATA", str(root / "data"))
    monkeypatch.setenv("DNR_CHECKPOINTS", str(root / "runs"))
    opened = Page(page, **STATES[state][1])
    assert opened.html.count("<h2>") >= 1 and ("<h3>" in opened.html or "dnr-notice" in opened.html), "never blank"
    assert "Traceback" not in opened.text
    assert not opened.notices, "nothing here is the reader's mistake"
    assert BROKEN_WORD.findall(opened.text) == []
    words = SAYS.get((state, page))
    said = f"{opened.text} {' · '.join(button.label for button in opened.app.button)}"
    assert words is None or re.search(words, said), said
