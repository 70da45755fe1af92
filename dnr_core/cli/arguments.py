"""What was typed as a command: tyro reads it, and what it cannot read is one line."""

from __future__ import annotations

import contextlib
import io
import os
import re
from typing import Any, NoReturn

import tyro
from tyro._errors import on_parse_error

from dnr_core.commands import NAMES, PROGRAM, Command
from dnr_core.errors import UsageError, one_of


def parse(arguments: list[str]) -> Any:
    """The command that was typed, or None after help. Raises UsageError."""
    if not arguments or not (arguments[0] in NAMES or arguments[0].startswith("-")):
        raise one_of("unknown command", arguments[0] if arguments else "", NAMES)
    os.environ.setdefault("COLUMNS", "100")
    command = arguments[0] if arguments[0] in NAMES else ""
    see = f"see `{' '.join(filter(None, (PROGRAM, command, '--help')))}`"
    try:
        with contextlib.redirect_stderr(io.StringIO()), on_parse_error(lambda event: refuse(event, command, see)):
            return tyro.cli(
                Command,  # type: ignore[arg-type]
                args=arguments,
                prog=PROGRAM,
                description="Train, serve and explain models of multimodal emotion recognition in conversation.",
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as stop:
        if not stop.code:
            return None
        raise UsageError("cannot read the arguments", do=see) from stop


def refuse(event: Any, command: str, see: str) -> NoReturn:
    """Raise UsageError for a parse error of tyro (1.0.17, pinned: the events are not part of its public interface)."""
    kind, argument = type(event).__name__, getattr(event, "argument", None)
    if kind == "MissingArgs":
        wanted = [missing.arg for missing in event.missing_arguments]
        names = [arg.lowered.metavar if arg.is_positional() else arg.lowered.name_or_flags[0] for arg in wanted]
        raise UsageError(f"{command} needs {' and '.join(names)}", do=see)
    if kind == "UnrecognizedArgs":
        raise UsageError("unknown option", got=" ".join(event.tokens), do=see)
    if argument is None:
        raise UsageError("cannot read the arguments", do=see)
    name = "/".join(argument.lowered.name_or_flags) or argument.display_name()
    if kind == "InvalidChoice":
        choices = [choice for choice in event.choices if choice != "None"]
        choices = choices if len(choices) == len(event.choices) else sorted(choices)  # a set, where None is allowed
        raise UsageError(f"bad {name}", got=repr(event.value), expected="one of " + ", ".join(choices), do=see)
    expected = str(argument.lowered.metavar).replace("{None}|", "").strip("{}")
    given = re.search(r"from \[(.*?)\]|: ('.*')$", getattr(event, "message", ""))
    got = (given[1] or given[2]) if given else "no value"
    raise UsageError(f"bad {name}", got=got, expected=expected, do=see)
