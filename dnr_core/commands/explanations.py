"""The commands that explain predictions, and check the explanations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from dnr_core.commands.shared import Split
from dnr_core.config import Divide
from dnr_core.types import ATTRIBUTIONS


@dataclass(frozen=True)
class Explain:
    """Exact component values of every utterance of a split, as a parquet table."""

    checkpoint: Path
    out: Path
    corpus: Path | None = None
    split: Split = "test"
    scope: Literal["dialogue", "utterance"] = "dialogue"
    """Parts off in every turn of the dialogue, or in the explained turn only."""
    overwrite: bool = False
    json: bool = False


@dataclass(frozen=True)
class Attribute:
    """What made one prediction: values of features, turns, modalities, parts or words, with their error."""

    checkpoint: Path
    utterance: str
    """The id of the utterance."""
    corpus: Path | None = None
    """Default: the corpus that the run was trained on."""
    method: Annotated[str, tyro.conf.arg(help=", ".join(ATTRIBUTIONS))] = ATTRIBUTIONS[0]
    target: str | None = None
    """The emotion to explain; default: the predicted one."""
    baseline: Literal["mean", "zero", "donor"] | None = None
    """What stands for `not there`: the train mean (default), zeros, or other train utterances; for words padding."""
    scale: Literal["logit", "probability"] = "logit"
    over: Literal["features", "turns", "modalities", "components", "words"] | None = None
    """Default: the first that the method offers; words need the text encoder (requirements-text.txt)."""
    json: bool = False


@dataclass(frozen=True)
class Project:
    """Put every utterance of a corpus on a map by the vectors of parts, with what the map keeps of neighbourhoods."""

    checkpoint: Path
    corpus: Path | None = None
    """Default: the corpus that the run was trained on."""
    parts: tuple[str, ...] = ("all",)
    """Such as unique:text, a family, `all` parts together, or hidden; `each`: a map of every one of these."""
    method: Literal["umap", "pca"] = "umap"
    json: bool = False


@dataclass(frozen=True)
class Verify:
    """Are the explanations right? A method on planted truth; with --checkpoint a run, with --causes against people."""

    method: str | None = None
    """dnr (default), plain, df_erc or drkf."""
    backbone: str | None = None
    """mmgcn (default), mm_dfn, dialogue_gcn, sdt or late_fusion; df_erc and drkf take none."""
    preset: Literal["fast", "paper"] | None = None
    """fast (default) or paper."""
    divide: Divide | None = None
    """Of dnr: pairwise (default) or official."""
    seeds: int | None = None
    """Train this many seeds on each planted corpus (default 1)."""
    suite: Literal["standard", "hard"] | None = None
    """Planted corpora over noise and training size (default), or the harder families."""
    causes: Path | None = None
    """JSON file in which people named the turns that caused an emotion (RECCON's layout): scores turn attributions."""
    checkpoint: Path | None = None
    """The run to measure: writes its decomposition card card.json, or scores it against --causes."""
    corpus: Path | None = None
    """The corpus to measure --checkpoint on; default: the one that it was trained on."""
    json: bool = False
