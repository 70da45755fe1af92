"""The commands that write corpora."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dnr_core.commands.shared import Positional


@dataclass(frozen=True)
class Demo:
    """Write the planted corpus: dialogues whose every utterance has a known source."""

    out: Path = Path("data/planted")
    """Where to write it."""
    overwrite: bool = False
    """Replace an existing folder."""
    json: bool = False
    """Print one JSON object on stdout."""
    config: Path | None = None
    """JSON file with any fields of PlantedConfig; flags win over it."""
    seed: int | None = None
    dialogues: int | None = None
    utterances_per_dialogue: int | None = None
    noise: float | None = None
    """Standard deviation of the noise on each feature, against codes of length 3."""
    noise_share: float | None = None
    """Share of utterances whose label is random."""
    missing: float | None = None
    """Chance that a modality of an utterance was not measured."""
    widths: tuple[int, int, int] | None = None
    """Feature widths of text, audio and visual."""
    mixture: tuple[str, ...] | None = None
    """Sources with weights, such as unique:text=1 synergistic:audio+text=2."""


@dataclass(frozen=True)
class Prepare:
    """Turn a release (table, MELD CSV files, or pickle) into a corpus, with a report of what was found."""

    sources: Positional[tuple[Path, ...]] = ()
    """The files of one release, or a folder or zip that holds one."""
    out: Path | None = None
    """Where to write the corpus, such as data/meld."""
    media: Path | None = None
    """Folder with the clips of the utterances."""
    emotions: tuple[str, ...] | None = None
    """The label set, in order; `happy=happy+excited` counts two labels as one emotion."""
    target: Literal["emotion", "sentiment"] = "emotion"
    """What to predict."""
    embed: Literal["minilm"] | None = None
    """Make text features from the sentences of a text-only release (needs requirements-text.txt)."""
    template: bool = False
    """Write an empty table to fill in to --out instead."""
    overwrite: bool = False
    progress: bool = False
    """Say on stderr what is being done."""
    json: bool = False
