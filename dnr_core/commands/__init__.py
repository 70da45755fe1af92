"""The commands of the command line as data: one frozen class each, its fields are its flags."""

from __future__ import annotations

from typing import Annotated, get_args

import tyro

from dnr_core.commands.corpora import Demo, Prepare
from dnr_core.commands.explanations import Attribute, Explain, Project, Verify
from dnr_core.commands.figures import Export, Report
from dnr_core.commands.runs import Compare, Evaluate, Study, Train, Tune
from dnr_core.commands.service import Serve
from dnr_core.commands.system import Doctor

PROGRAM = "python -m dnr_core"
EVERY_PART = "each"
"""What stands for every part that can be put on a map."""

Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Prepare, tyro.conf.subcommand("prepare")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Explain, tyro.conf.subcommand("explain")]
    | Annotated[Attribute, tyro.conf.subcommand("attribute")]
    | Annotated[Project, tyro.conf.subcommand("project")]
    | Annotated[Verify, tyro.conf.subcommand("verify")]
    | Annotated[Study, tyro.conf.subcommand("study")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Tune, tyro.conf.subcommand("tune")]
    | Annotated[Serve, tyro.conf.subcommand("serve")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)
NAMES = tuple(get_args(kind)[0].__name__.lower() for kind in get_args(Command))

__all__ = [
    "EVERY_PART", "NAMES", "PROGRAM", "Attribute", "Command", "Compare", "Demo", "Doctor", "Evaluate", "Explain",
    "Export", "Prepare", "Project", "Report", "Serve", "Study", "Train", "Tune", "Verify",
]  # fmt: skip
