"""Every page in every situation: it opens, says in one line what is wrong, and never shows a stack trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.conftest import HOME, PAGES, STORED
from tests.conftest import RUN

SITUATIONS = {
    "demo": {},
    "missing checkpoint": {"checkpoint": "not-there"},
    "corrupt checkpoint": {"checkpoint": "corrupt-run"},
    "empty checkpoint": {"checkpoint": "empty-run"},
    "no checkpoint": {"checkpoint": "none"},
    "unknown corpus": {"corpus": "nowhere"},
    "corrupt corpus": {"corpus": "broken"},
    "text-only corpus": {"corpus": "words"},
    "run that does not fit": {"corpus": "narrow", "checkpoint": RUN},
    "plain method": {"checkpoint": "plain-run"},
    "unknown dialogue": {"dialogue": "<script>alert(1)</script>"},
    "hostile turn": {"turn": "-1; DROP TABLE"},
    "huge turn": {"turn": "9" * 400},
    "unknown part": {"off": ["unique:smell", "`*$x$"]},
    "unknown scope": {"scope": "galaxy"},
    "unknown list": {"listed": "mine"},
    "unknown split": {"split": "tset"},
    "unknown cell": {"cell": "<b> as $x$"},
    "unknown queue": {"queue": "mine"},
    "unknown cells": {"cells": "grams"},
    "unknown space": {"space": "`unique:smell`"},
    "unknown map": {"map": "t-sne"},
    "unknown colour": {"colour": "<i>mauve</i>"},
    "unknown emotion": {"emotion": "<b>bliss</b>"},
    "unknown removal": {"removal": "never"},
    "unknown view": {"over": "smells"},
    "unknown method": {"method": "<i>magic</i>"},
    "method without the view": {"over": "components", "method": "occlusion"},
    "unknown baseline": {"baseline": "never"},
    "path as corpus": {"corpus": "../../etc"},
    "path as checkpoint": {"checkpoint": "/etc"},
    "unknown parameter": {"<b>": "1"},
}
SILENT = {"demo", "no checkpoint", "text-only corpus", "plain method"}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_page_in_every_situation(open_page, page, situation):
    opened = open_page(page, **SITUATIONS[situation])
    assert "Traceback" not in opened.text
    if situation in SILENT or (page, situation) == ("data", "run that does not fit"):
        assert not opened.notices
    else:
        assert opened.notices and all("\n" not in line for line in opened.notices)


def test_a_wrong_value_is_named_and_replaced(open_page):
    opened = open_page("dialogue", turn="999", dialogue="nobody", off="unique:smell", corpus="nowhere")
    (line,) = opened.notices
    for word in ("'nowhere'", "'nobody'", "'999'", "'unique:smell'"):
        assert word in line
    assert (opened.state("corpus"), opened.state("turn"), opened.state("off")) == ("planted", 0, [])
    assert not opened.run().notices


def test_a_corrupt_checkpoint_leaves_the_chat_readable(open_page):
    opened = open_page("dialogue", checkpoint="corrupt-run")
    assert any("metrics.json does not match its manifest" in line for line in opened.notices)
    assert opened.chat.count('role="listitem"') == len(opened.state("dialogue") and rows_of(opened))


def rows_of(opened):
    from dashboard.state import engine

    return engine().corpus(opened.state("corpus")).dialogue_rows[opened.state("dialogue")]


def test_a_run_that_does_not_fit_says_what_differs(open_page):
    opened = open_page("dialogue", corpus="narrow", checkpoint=RUN)
    assert any("does not fit corpus narrow" in line and "10 text features" in line for line in opened.notices)
    assert 'role="listitem"' in opened.chat


@pytest.mark.parametrize("page", PAGES)
def test_no_corpus_at_all(page, tmp_path, monkeypatch):
    from tests.app.conftest import Page

    monkeypatch.setenv("DNR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path / "checkpoints"))
    (line,) = Page(page).notices
    assert "python -m dnr_core demo" in line


def test_stored_results_are_read_without_torch(app_folders):
    """The first page of a cold start must not pay for torch; umap and captum likewise."""
    script = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "import dashboard.attribution_data, dashboard.attribution_tables\n"
        f"for page in {STORED!r}:\n"
        f"    app = AppTest.from_file({str(HOME)!r}, default_timeout=30)\n"
        "    app.query_params['off'] = 'unique:text'\n"
        "    app.switch_page(f'views/{page}.py').run(); assert not app.exception\n"
        "print([name for name in ('torch', 'captum', 'umap') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(HOME.parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=120, check=True
    )
    assert done.stdout.strip().endswith("[]")


def test_the_dashboard_imports_only_its_doors():
    allowed = {"serve", "types", "errors", "config", "figures", "export"}
    for path in sorted(Path(HOME).parent.rglob("*.py")):
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] in (["from"], ["import"]) and words[1].startswith("dnr_core"):
                assert words[1].split(".")[1] in allowed, f"{path.name}: {line}"
            assert words[1:2] not in (["torch"], ["captum"], ["umap"]) or words[0] not in ("import", "from")
    assert all(len(path.read_text().splitlines()) <= 100 for path in (Path(HOME).parent / "views").glob("*.py"))


def test_nothing_is_sent_anywhere():
    from dnr_core.figures.screen import CONFIG

    assert CONFIG["showSendToCloud"] is False
    assert CONFIG["displaylogo"] is False
    settings = (HOME.parents[1] / ".streamlit" / "config.toml").read_text()
    assert "gatherUsageStats = false" in settings
    assert "http" not in settings


def test_the_demo_corpus_is_written_at_the_first_start(workspace, tmp_path, monkeypatch):
    import shutil

    from dnr_core.serve import DEMO_CORPUS, DEMO_RUN
    from tests.app.conftest import Page

    shutil.copytree(workspace.checkpoints / RUN, tmp_path / "checkpoints" / DEMO_RUN)
    monkeypatch.setenv("DNR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DNR_CHECKPOINTS", str(tmp_path / "checkpoints"))
    opened = Page("overview")
    header = json.loads((tmp_path / "data" / DEMO_CORPUS / "corpus.json").read_text())
    assert f"{header['counts']['utterances']:,} utterances" in opened.text
