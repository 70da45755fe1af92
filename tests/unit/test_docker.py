"""The container files agree with the rest of the project; that they build is tried where there is a Docker daemon."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from dnr_core.cli.arguments import parse
from dnr_core.commands import Serve

ROOT = Path(__file__).resolve().parents[2]
FILES = ("Dockerfile", "Dockerfile.cuda")


def test_the_cpu_image_installs_the_torch_that_is_pinned():
    (pinned,) = re.findall(r"^torch==(.+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert re.findall(r"torch==(\S+)", (ROOT / "Dockerfile").read_text()) == [pinned]
    assert "torch==" not in (ROOT / "Dockerfile.cuda").read_text(), "there the wheel of requirements.txt is the one"


@pytest.mark.parametrize("name", FILES)
def test_an_image_does_not_run_as_root_and_says_whether_it_is_well(name: str):
    lines = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    orders = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    assert orders.index("USER") < orders.index("CMD") and "HEALTHCHECK" in orders
    command = json.loads(next(line for line in lines if line.startswith("CMD ")).removeprefix("CMD "))
    assert (ROOT / command[command.index("run") + 1]).is_file()
    for line in lines:
        if line.startswith("COPY") and "requirements" in line:
            assert all((ROOT / source).exists() for source in shlex.split(line)[1:-1])


def test_the_service_of_the_composition_is_started_by_a_command_that_there_is():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    words = services["service"]["command"]
    assert words[:3] == ["python", "-m", "dnr_core"]
    command = parse(words[3:])
    assert isinstance(command, Serve) and command.host == "0.0.0.0"
    assert (ROOT / "checkpoints" / command.checkpoint.name / "manifest.json").is_file()
    assert services["dashboard"]["environment"]["DNR_SERVER"] == f"http://service:{command.port}"
    assert all(port.startswith("127.0.0.1:") for port in services["dashboard"]["ports"])
    compile(services["service"]["healthcheck"]["test"][-1], "health check", "exec")


def test_what_images_leave_out_holds_no_code():
    left_out = (ROOT / ".dockerignore").read_text().split()
    assert {"data", "!dnr_core/data", "checkpoints/*", ".venv"} <= set(left_out)
    assert not {"dnr_core", "dashboard", ".streamlit"} & set(left_out)
