"""Opens pages of the app without a browser and reads what stands on them."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dnr_core.serve import Engine
from tests.conftest import RUN, Workspace

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "dashboard" / "Home.py"
PAGES = ("overview", "dialogue", "components", "projection", "errors", "attribution", "whatif", "figures", "data")
STORED = tuple(name for name in PAGES if name != "attribution")
"""Pages that show what is stored; an attribution is computed when its page is opened."""


class Page:
    """One page of the app after a run; `text` is everything written on it, without markup and help that is closed."""

    def __init__(self, name: str, **link: Any) -> None:
        self.app = AppTest.from_file(str(HOME), default_timeout=30)
        for parameter, value in link.items():
            self.app.query_params[parameter] = value
        self.app.switch_page(f"views/{name}.py").run()
        self.check()

    def check(self) -> None:
        assert not self.app.exception, [error.message for error in self.app.exception]

    def run(self) -> Page:
        self.app.run()
        self.check()
        return self

    @property
    def html(self) -> str:
        return "\n".join(element.proto.body for element in self.app.get("html"))

    @property
    def text(self) -> str:
        hidden = r'<style>.*?</style>|<button type="button" class="dnr-help".*?</button><div [^>]*popover.*?</div>'
        return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", re.sub(hidden, "", self.html, flags=re.DOTALL))))

    @property
    def notices(self) -> list[str]:
        found = re.findall(r'class="dnr dnr-notice problem" role="alert">(.*?)</div>', self.html, flags=re.DOTALL)
        return [unescape(re.sub("</?code>", "`", line)) for line in found]

    @property
    def chat(self) -> str:
        """The HTML of the conversation."""
        proto = self.app.get("bidi_component")[0].proto
        return json.loads(proto.json)["html"]

    def chart(self, key: str) -> dict[str, Any]:
        """The plotly figure with this key."""
        found = [chart for chart in self.app.get("plotly_chart") if chart.key == key]
        return json.loads(found[0].proto.spec)

    def state(self, name: str) -> Any:
        return self.app.session_state[name]


@pytest.fixture
def open_page(app_folders: Any) -> type[Page]:
    """`open_page('dialogue', turn='3')` → a Page, or a failed test where it raised."""
    return Page


@pytest.fixture(scope="session")
def demo_copy(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The demo as it is shipped: its corpus, and its run with null tests and information view stored."""
    root = tmp_path_factory.mktemp("demo")
    shutil.copytree(ROOT / "checkpoints" / RUN, root / "checkpoints" / RUN)
    Engine(root / "data", root / "checkpoints").ensure_demo()
    return Workspace(root / "data", root / "checkpoints")


@pytest.fixture
def demo(demo_copy: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The shipped demo as what the app reads."""
    monkeypatch.setenv("DNR_DATA", str(demo_copy.data))
    monkeypatch.setenv("DNR_CHECKPOINTS", str(demo_copy.checkpoints))
    return demo_copy
