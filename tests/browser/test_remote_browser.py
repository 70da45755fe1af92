"""The dashboard on a machine without weights, with a service that has them, in a real browser."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dnr_core.types import softmax
from tests.browser.conftest import free_port, serve
from tests.conftest import RUN

sys.path.append(str(Path(__file__).resolve().parents[1] / "service"))
from service_process import start

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("remote")]
PART = "synergistic:audio+text"
TOKEN = "0123456789abcdef-token"


@pytest.fixture
def remote(workspace, tmp_path, monkeypatch):
    """A service of the run of the workspace, and a dashboard with its corpus, no weights and nothing stored."""
    service = start(workspace.checkpoints / RUN, tmp_path / "log" / "service.txt", environment={"DNR_TOKEN": TOKEN})
    shutil.copytree(workspace.data / "planted", tmp_path / "data" / "planted")
    laptop = SimpleNamespace(data=tmp_path / "data", checkpoints=tmp_path / "checkpoints")
    monkeypatch.setenv("DNR_SERVER", service.address)
    monkeypatch.setenv("DNR_TOKEN", TOKEN)
    port = free_port()
    dashboard = serve(laptop, port, tmp_path / "log" / "dashboard.txt")
    yield SimpleNamespace(service=service, checkpoints=laptop.checkpoints, address=f"http://127.0.0.1:{port}")
    for process in (dashboard, service.process):
        process.terminate()
        process.wait(timeout=60)


def test_a_dashboard_without_weights_shows_what_one_with_them_shows(remote, visit_at, workspace):
    corpus = workspace.engine.corpus("planted")
    dialogue = corpus.dialogue_ids("test")[0]
    rows, found = corpus.dialogue_rows[dialogue], workspace.engine.predictions(RUN, "planted", "test")
    logits = workspace.engine.switched(RUN, "planted", dialogue, frozenset({PART}))
    before = found.probabilities[np.searchsorted(found.row, rows)]
    turn = int(np.abs(softmax(logits) - before).max(1).argmax())

    opened = visit_at(remote.address).open(f"/dialogue?dialogue={dialogue}&turn={turn}")
    (mirror,) = remote.checkpoints.iterdir()
    assert mirror.name.startswith(f"{RUN}-served-") and not (mirror / "model.safetensors").exists()
    assert mirror.name in opened.page.url, "the run that is served is the one that is shown"
    opened.focused.wait_for()
    assert f"{before[turn].max():.2f}" in opened.focused.inner_text()
    group = opened.page.locator(".st-key-pick_off_synergistic")
    group.get_by_role("button", name=PART.partition(":")[2]).click()
    after = opened.page.locator(".chat .row.focus .after")
    after.wait_for()
    assert f"{softmax(logits)[turn].max():.2f}" in after.inner_text()
    for page in ("", "components", "errors", "attribution", "whatif", "projection", "figures", "compare", "data"):
        opened.open(f"/{page}?checkpoint={mirror.name}&dialogue={dialogue}&turn={turn}")
        assert opened.page.locator('[data-testid="stException"]').count() == 0, page
        assert opened.page.locator(".dnr-notice.problem").count() == 0, page
    assert (mirror / "results").is_dir()

    assert remote.service.stop() == 0
    other = corpus.dialogue_ids("train")[0]
    opened.open(f"/dialogue?checkpoint={mirror.name}&dialogue={other}&turn=0")
    assert opened.page.locator('[data-testid="stException"]').count() == 0
    said = opened.page.locator(".dnr-notice.problem").first.inner_text()
    assert "does not answer" in said and remote.service.address in said
    opened.open(f"/dialogue?checkpoint={mirror.name}&dialogue={dialogue}&turn={turn}")
    assert f"{before[turn].max():.2f}" in opened.focused.inner_text(), "what was computed stays"
    opened.clean()
