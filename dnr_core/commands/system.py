"""The command that looks at the installation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Doctor:
    """Versions, device, registries, corpora and checkpoints, each with its check."""

    json: bool = False
