"""The Compare page sets all seeds of two configurations against each other where there are several."""

from __future__ import annotations

import shutil

import pytest

from dnr_core.data.corpus import Corpus
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import save_run
from tests.app.conftest import Page
from tests.conftest import RUN
from tests.unit.small import short, untrained

A, B = "dnr-seeds/seed-0", "plain-seeds/seed-0"


@pytest.fixture(scope="module")
def folders(workspace, tmp_path_factory):
    """The planted corpus; two seeds of dnr, three of plain, and a single run."""
    root = tmp_path_factory.mktemp("seeds")
    shutil.copytree(workspace.data / "planted", root / "data" / "planted")
    shutil.copytree(workspace.checkpoints / RUN, root / "checkpoints" / RUN)
    corpus = Corpus.load(root / "data" / "planted")
    for name, seeds, config in (("dnr-seeds", 2, short()), ("plain-seeds", 3, short("plain", "late_fusion"))):
        for seed in range(seeds):
            made = config.model_copy(update={"seed": seed})
            save_run(root / "checkpoints" / name / f"seed-{seed}", untrained(corpus, made), made, corpus, {"test": {}})
    return root


@pytest.fixture
def engine(folders, monkeypatch):
    """The engine over these folders, which are what the app reads."""
    monkeypatch.setenv("DNR_DATA", str(folders / "data"))
    monkeypatch.setenv("DNR_CHECKPOINTS", str(folders / "checkpoints"))
    return Engine(folders / "data", folders / "checkpoints")


def said(page, found):
    """Whether the page shows the scores of a comparison."""
    one = found.scores["weighted_f1"]
    return f"weighted F1 {one.a:.3f} {one.b:.3f}" in page.text


def test_all_seeds_of_both_are_compared_where_that_is_chosen(engine):
    page = Page("compare", checkpoint=A, against=B)
    single, whole = (engine.compare(*pair, "planted", "test") for pair in ((A, B), ("dnr-seeds", "plain-seeds")))
    assert said(page, single) and not said(page, whole)
    assert (
        f"A {A}: dnr + mmgcn, seed 0, trained on planted" in page.text and "They speak of these two runs" in page.text
    )
    page.app.segmented_control(key="pick_seeds").set_value("all")
    page.run()
    assert page.state("seeds") == "all" and said(page, whole) and not said(page, single) and not page.notices
    assert "A dnr-seeds: dnr + mmgcn, seeds 0, 1, trained on planted" in page.text
    assert "B plain-seeds: plain + late_fusion, seeds 0, 1, 2, trained on planted" in page.text
    assert "they speak of other seeds, too" in page.text and "They speak of these two runs" not in page.text
    assert f"only A right {len(whole.only_a_right)}" in page.text and "most seeds of one side" in page.text
    assert f"of the two chosen runs {A} and {B} alone" in page.text


def test_a_run_without_other_seeds_stands_for_itself(engine):
    page = Page("compare", checkpoint=RUN, against=B, seeds="all")
    assert said(page, engine.compare(RUN, "plain-seeds", "planted", "test")) and not page.notices
    assert f"A {RUN}: dnr + mmgcn, seed 0, trained" in page.text and "B plain-seeds:" in page.text


def test_two_seeds_of_one_configuration_are_two_runs(engine):
    page = Page("compare", checkpoint=A, against="dnr-seeds/seed-1", seeds="all")
    assert said(page, engine.compare(A, "dnr-seeds/seed-1", "planted", "test"))
    assert "Both runs are seeds of dnr-seeds: they are compared as two runs." in page.text
    assert "pick_seeds" not in {one.key for one in page.app.segmented_control}


def test_run_b_is_another_configuration_where_there_is_one(engine):
    assert Page("compare", checkpoint=A).state("against") == B
    assert Page("compare", checkpoint=B).state("against") == A


def test_without_seeds_there_is_nothing_to_choose(app_folders):
    page = Page("compare", against="plain-run")
    assert "pick_seeds" not in {one.key for one in page.app.segmented_control}
    bad = Page("compare", against="plain-run", seeds="many")
    (line,) = bad.notices
    assert "Unknown seeds 'many': expected one or all." in line
