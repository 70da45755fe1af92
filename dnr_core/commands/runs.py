"""The commands that train, score and set runs against each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from dnr_core.commands.shared import Positional, Split
from dnr_core.config import Divide, LeftOut


@dataclass(frozen=True)
class Train:
    """Train a method with a backbone on a corpus; selection is on the dev split only."""

    corpus: Path
    """Corpus folder, such as data/meld."""
    method: str | None = None
    """dnr (default), plain, df_erc or drkf."""
    backbone: str | None = None
    """mmgcn (default), mm_dfn, dialogue_gcn, sdt or late_fusion; df_erc and drkf take none."""
    preset: Literal["fast", "paper", "tuned"] | None = None
    """fast (minutes on two cores, default), paper, or tuned: what `tune` found for this corpus, if anything."""
    divide: Divide | None = None
    """Of dnr: pairwise (as built here, default) or official (heads and losses released with the paper)."""
    without: tuple[LeftOut, ...] = ()
    """Of dnr: families of parts to leave out, or refine."""
    seed: int | None = None
    seeds: int | None = None
    """Train this many seeds (0, 1, …) and summarise them."""
    out: Path | None = None
    """Default: checkpoints/<corpus>-<method>-<backbone>-s<seed>."""
    resume: bool = False
    """Go on from where a killed or interrupted run stopped."""
    overwrite: bool = False
    config: Path | None = None
    """JSON file with any fields of a run's configuration; flags win over it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: CUDA where there is one."""
    width: int | None = None
    dropout: float | None = None
    batch: int | None = None
    """Dialogues per batch, in the stages that work on dialogues."""
    json: bool = False


@dataclass(frozen=True)
class Evaluate:
    """Scores of a run on a split, with 95 % intervals by bootstrap over dialogues."""

    checkpoint: Path
    corpus: Path | None = None
    """Default: the corpus that the run was trained on."""
    split: Split = "test"
    json: bool = False


@dataclass(frozen=True)
class Compare:
    """What changes from run A to run B on the same utterances: scores, classes, flips; with 95 % intervals."""

    run_a: Annotated[Positional[Path], tyro.conf.arg(metavar="RUN_A")]
    """A run, or a folder of `train --seeds`."""
    run_b: Annotated[Positional[Path], tyro.conf.arg(metavar="RUN_B")]
    """The run, or folder of seeds, that is set against it."""
    corpus: Path | None = None
    """Default: the corpus that both were trained on."""
    split: Split = "test"
    resamples: int = 1000
    """Draws of the bootstrap over dialogues (and seeds)."""
    seed: int = 0
    """Seed of the bootstrap."""
    json: bool = False


@dataclass(frozen=True)
class Tune:
    """Search for the learning rates, weight decays, width and dropout that score best on dev; test is never read."""

    corpus: Path
    """Corpus folder, such as data/meld."""
    out: Path
    """JSON file for the best configuration, usable with --config; what was tried stands beside it."""
    method: str | None = None
    """dnr (default), plain, df_erc or drkf."""
    backbone: str | None = None
    """mmgcn (default), mm_dfn, dialogue_gcn, sdt or late_fusion; df_erc and drkf take none."""
    preset: Literal["fast", "paper"] | None = None
    """Where the search begins: fast (default) or paper; its own values are the first trial."""
    divide: Divide | None = None
    """Of dnr: pairwise (default) or official."""
    config: Path | None = None
    """JSON file with fields of the configuration that the search begins with."""
    trials: int = 20
    """Trials in all; the same command goes on where it was stopped."""
    seeds: int = 1
    """Seeds of each trial (0, 1, …); their mean is its score."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: CUDA where there is one."""
    overwrite: bool = False
    """Forget what was tried and begin anew."""
    json: bool = False


@dataclass(frozen=True)
class Study:
    """Train a grid of corpora, methods, backbones and seeds, and keep its tables; killed, it goes on where it was."""

    out: Path
    """Folder of the study, such as studies/backbones."""
    corpus: tuple[Path, ...] = ()
    """Corpus folders, such as data/meld data/iemocap."""
    methods: tuple[str, ...] = ()
    """Such as plain dnr; one that carries its own network runs without a backbone."""
    backbones: tuple[str, ...] = ()
    """Such as mmgcn late_fusion."""
    ablations: tuple[str, ...] = ()
    """Methods whose built-in variants are trained, too, such as dnr: without one part, one loss, …"""
    variants: Path | None = None
    """JSON file with variants of your own: {method: {name: {fields of a run's configuration}}}."""
    seeds: int | None = None
    """Train this many seeds of each (0, 1, …; default 5)."""
    preset: Literal["fast", "paper"] | None = None
    """fast (default) or paper."""
    config: Path | None = None
    """JSON file with fields of a run's configuration; stages and options reach the methods that have them."""
    keep: Literal["none", "best", "all"] | None = None
    """Whose checkpoints stay: none (default), the best seed's of each model (on dev), or all."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: CUDA where there is one."""
    ray: str | None = None
    """Train on a Ray cluster, as many at once as there is room for: auto (a running one, else this machine) or
    HOST:PORT; needs requirements-ray.txt."""
    gpus_per_run: float | None = None
    """On the cluster, such as 0.5; default: 1 where it has any."""
    table_only: bool = False
    """Train nothing; write the tables of the runs that are there."""
    page: Path | None = None
    """A document that holds `<!-- study NAME -->` and `<!-- end of study NAME -->`: the tables go between them."""
    json: bool = False
