"""The command that says what is installed and what is there: doctor."""

from __future__ import annotations

import os
from dataclasses import asdict

from dnr_core import __version__
from dnr_core.cli.output import answer
from dnr_core.commands import Doctor
from dnr_core.registry import names
from dnr_core.serve import Engine
from dnr_core.types import ATTRIBUTIONS


def doctor(command: Doctor) -> None:
    from dnr_core.training.checkpoint import installed_versions

    engine = Engine()
    values = {
        "version": __version__,
        "packages": installed_versions(),
        "device": device_name(),
        "registries": {
            "methods": list(names("method")),
            "backbones": list(names("backbone")),
            "attributions": list(ATTRIBUTIONS),
        },
        "corpora": [asdict(info) for info in engine.corpora()],
        "checkpoints": [asdict(info) for info in engine.runs()],
    }
    lines = [f"dnr_core {__version__} on {values['device']}"]
    lines += [f"  {name} {number}" for name, number in values["packages"].items()]
    for kind in ("corpora", "checkpoints"):
        lines += [f"{kind}:"] + [f"  {one['name']}: {one['problem'] or 'ok'}" for one in values[kind]]
    answer(values, "\n".join(lines), as_json=command.json)


def device_name() -> str:
    """The device that `auto` would choose."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"cpu ({os.cpu_count()} cores)"
