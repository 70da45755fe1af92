"""The commands of the command line as data: one frozen class each, its fields are its flags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from dnr_core.config import Divide, LeftOut
from dnr_core.types import ATTRIBUTIONS, REMOVALS

PROGRAM = "python -m dnr_core"
EVERY_PART = "each"
"""What stands for every part that can be put on a map."""

Positional = tyro.conf.Positional
Split = Literal["train", "dev", "test"]


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
class Export:
    """Write figures for a paper, each with its numbers, a LaTeX table, a caption and the link to the same view."""

    checkpoint: Path
    corpus: Path | None = None
    """Default: the corpus that the run was trained on."""
    split: Split = "test"
    out: Path = Path("figures")
    """Folder of the zips, one a figure; a figure that is there is replaced."""
    figure: tuple[str, ...] = ("all",)
    """Names of figures, or `all`; what cannot be shown is said, and the rest goes on."""
    format: str = "pdf"
    """One or more of pdf, svg, png and eps, such as pdf,svg."""
    preset: str = "acl1"
    """wacv, ieee1, ieee2, acl1, acl2 (column widths), slide or poster."""
    width: float | None = None
    """Inches, in place of the preset's."""
    height: float | None = None
    """Inches; as tall as the content needs where it is left out."""
    font_size: float | None = None
    """Points, in place of the preset's."""
    serif: bool = False
    grey: bool = False
    """Safe in greyscale: told apart by lightness, hatching and written signs."""
    title: bool = False
    dpi: int = 300
    """Of png, and of points that are rasterised in large maps."""
    text_as_paths: bool = False
    """In svg: letters as shapes, for where the font is not installed."""
    loose: bool = False
    """Folders of files in place of zips."""
    utterance: str | None = None
    """Id of the utterance that figures of one turn are about; default: one with a decisive part."""
    emotion: str | None = None
    """The emotion that is explained; default: the predicted one."""
    removal: str = REMOVALS[0]
    """What stands for a part that is off: mean, zero or donor."""
    against: Path | None = None
    """Another run to compare with."""
    study: Path | None = None
    """Folder of a study, for its figures."""
    part: str = "all"
    """What is mapped, as in `project`."""
    colour: str = "emotion"
    """Of the points of the map: emotion, prediction, correctness, confidence, dominant, speaker or split."""
    server: str = "http://localhost:8501"
    """Where the dashboard is served, for the links."""
    json: bool = False


@dataclass(frozen=True)
class Report:
    """Write everything about a run on a split as one file that opens without a network: all pages and figures."""

    checkpoint: Path
    corpus: Path | None = None
    """Default: the corpus that the run was trained on."""
    split: Split = "test"
    out: Path | None = None
    """Default: report.html, or report.pdf."""
    format: Literal["html", "pdf"] | None = None
    """pdf needs an installed Chromium; default: by the ending of --out, else html."""
    against: Path | None = None
    """Another run to compare with."""
    study: Path | None = None
    """Folder of a study, for its figures."""
    utterance: str | None = None
    """Id of the utterance that figures of one turn are about; default: one with a decisive part."""
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
    table_only: bool = False
    """Train nothing; write the tables of the runs that are there."""
    page: Path | None = None
    """A document that holds `<!-- study NAME -->` and `<!-- end of study NAME -->`: the tables go between them."""
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
class Doctor:
    """Versions, device, registries, corpora and checkpoints, each with its check."""

    json: bool = False


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
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)
NAMES = tuple(get_args(kind)[0].__name__.lower() for kind in get_args(Command))
