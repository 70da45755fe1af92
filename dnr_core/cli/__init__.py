"""The command line: one module a group of commands."""

from dnr_core.cli.entry import main

__all__ = ["main"]
