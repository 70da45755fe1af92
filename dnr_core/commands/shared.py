"""Kinds of arguments that several commands take."""

from __future__ import annotations

from typing import Literal

import tyro

Positional = tyro.conf.Positional
Split = Literal["train", "dev", "test"]
