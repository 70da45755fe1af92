"""Parse, run, and turn every failure into one line and an exit code."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from dnr_core import __version__
from dnr_core.cli.arguments import parse
from dnr_core.cli.attributions import attribute
from dnr_core.cli.compare import compare
from dnr_core.cli.corpora import demo, prepare
from dnr_core.cli.explanations import explain
from dnr_core.cli.figures import export
from dnr_core.cli.output import drop_stdout, write
from dnr_core.cli.projections import project
from dnr_core.cli.report import report
from dnr_core.cli.runs import evaluate, train
from dnr_core.cli.service import serve
from dnr_core.cli.study import study
from dnr_core.cli.system import doctor
from dnr_core.cli.tune import tune
from dnr_core.cli.verify import verify
from dnr_core.commands import (
    Attribute,
    Compare,
    Demo,
    Doctor,
    Evaluate,
    Explain,
    Export,
    Prepare,
    Project,
    Report,
    Serve,
    Study,
    Train,
    Tune,
    Verify,
)
from dnr_core.errors import EXIT_ERROR, EXIT_INTERRUPTED, DnRError

COMMANDS: dict[type, Callable[[Any], None]] = {
    Demo: demo,
    Prepare: prepare,
    Train: train,
    Evaluate: evaluate,
    Compare: compare,
    Explain: explain,
    Attribute: attribute,
    Project: project,
    Export: export,
    Report: report,
    Verify: verify,
    Study: study,
    Tune: tune,
    Serve: serve,
    Doctor: doctor,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Every DnRError is one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Unicode shows escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        command = None if given == ["--version"] else parse(given)
        if command is not None:
            COMMANDS[type(command)](command)
        write(__version__ if given == ["--version"] else "")
    except DnRError as error:
        return fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return fail("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        drop_stdout()
        return EXIT_ERROR
    except OSError as error:
        return fail(f"{error.filename or 'the system'}: {error.strerror or error}", EXIT_ERROR)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not re.search("out of memory|allocate memory", str(error)):
            raise  # torch reports a lack of memory as RuntimeError
        return fail("out of memory: lower --batch or --width", EXIT_ERROR)
    return 0


def fail(line: str, code: int) -> int:
    """One line on stderr."""
    if sys.stderr is not None:
        sys.stderr.write(" ".join(line.split()) + "\n")
    return code
