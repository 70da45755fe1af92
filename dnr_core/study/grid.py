"""The grid of a study: which runs it is made of, whether they make sense, and whether a folder holds them already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError

from dnr_core.config import Divide, Frozen, Preset, RunConfig, preset
from dnr_core.data.corpus import read_header
from dnr_core.data.files import check_replaceable, replacing_file
from dnr_core.errors import DataError, DnRError, UsageError, one_of
from dnr_core.registry import lookup, names
from dnr_core.study.variants import Variants, configured, methods_of
from dnr_core.training.checkpoint import read_object, write_json

FORMAT_VERSION = 1
SET_BY_GRID = ("method", "backbone", "preset", "seed")


@dataclass(frozen=True)
class Cell:
    """One run of a grid; `backbone` None: the method has a network of its own; `variant` None: the method as it is."""

    corpus: str
    method: str
    backbone: str | None
    seed: int
    variant: str | None = None

    @property
    def model(self) -> str:
        """`method-variant-backbone`, without what there is not."""
        return "-".join(filter(None, (self.method, self.variant, self.backbone)))

    @property
    def name(self) -> str:
        """Unique in a study; the name of its file in runs/."""
        return f"{self.corpus}-{self.model}-s{self.seed}"

    def checkpoint(self, out: Path) -> Path:
        """Where it is trained."""
        return out / self.corpus / self.model / f"seed-{self.seed}"

    def record(self, out: Path) -> Path:
        """Where its metrics are kept."""
        return out / "runs" / f"{self.name}.json"


class Grid(Frozen):
    """What a study is made of, as stored in study.json. `corpora`: name → content hash; `settings`: of --config;
    `variants`: method → name → what it changes.
    """

    format_version: Literal[1] = FORMAT_VERSION
    preset: Preset
    settings: dict[str, Any]
    corpora: dict[str, str]
    methods: tuple[str, ...]
    backbones: tuple[str, ...]
    seeds: int
    variants: Variants = Field(default_factory=dict)

    def cells(self) -> list[Cell]:
        """Every run: seed by seed, so that the first numbers of all models come early."""
        models = [
            (method, backbone, variant)
            for method in self.methods
            for variant in (None, *self.variants.get(method, {}))
            for backbone in ((None,) if own_network(method) else self.backbones)
        ]
        return [
            Cell(corpus, method, backbone, seed, variant)
            for seed in range(self.seeds)
            for corpus in self.corpora
            for method, backbone, variant in models
        ]

    def configuration(self, cell: Cell) -> RunConfig:
        """What a run is trained with: the preset under --config, and that under its variant.

        Raises UsageError for a value that makes no sense.
        """
        variant = self.variants[cell.method][cell.variant] if cell.variant else {}
        return configured(cell.method, cell.backbone, self.preset, cell.seed, self.settings, variant)


def own_network(method: str) -> bool:
    """Whether a method takes no backbone."""
    return lookup("method", method).own_network


def stages_of(method: str) -> list[str]:
    """The names of the stages of a method."""
    return [stage.name for stage in lookup("method", method).stages]


def ask(
    corpora: Sequence[Path],
    methods: Sequence[str],
    backbones: Sequence[str],
    *,
    seeds: int,
    size: Preset,
    settings: dict[str, Any],
    variants: Variants | None = None,
) -> Grid:
    """The grid of these runs. Raises UsageError where it makes no sense, DataError for a corpus without features."""
    headers = [read_header(folder) for folder in corpora]
    corpus_names = [header["name"] for header in headers]
    for what, given in (("--corpus", corpus_names), ("--methods", methods), ("--backbones", backbones)):
        twice = [name for name in given if list(given).count(name) > 1]
        if twice:
            raise UsageError(f"{what} names {twice[0]} twice", do="name each once")
    if seeds < 1:
        raise UsageError("bad --seeds", got=seeds, expected="a positive number")
    check_models(methods, backbones)
    for header, folder in zip(headers, corpora, strict=True):
        if not any(header["feature_names"].values()):
            do = "leave it out, or make features with `prepare --embed minilm`"
            raise DataError(f"corpus {folder} has no features to train on", got="text only", do=do)
    check_variants(variants or {}, methods)
    check_settings(settings, [*methods, *methods_of(variants or {})])
    grid = Grid(
        preset=size,
        settings=settings,
        corpora={header["name"]: header["hash"] for header in headers},
        methods=tuple(methods),
        backbones=tuple(backbones),
        seeds=seeds,
        variants=variants or {},
    )
    for cell in grid.cells():
        grid.configuration(cell)
    return grid


def check_models(methods: Sequence[str], backbones: Sequence[str]) -> None:
    """Raise UsageError for unknown names, or backbones that no method, or methods that no backbone, goes with."""
    for backbone in backbones:
        lookup("backbone", backbone)
    plugged = [method for method in methods if not own_network(method)]
    if plugged and not backbones:
        expected = f"--backbones with some of {', '.join(names('backbone'))}"
        raise UsageError(f"method {plugged[0]} needs a backbone", got="none", expected=expected)
    if backbones and not plugged:
        own = f"{' and '.join(methods)} with a network of their own"
        raise UsageError(f"no method takes backbone {backbones[0]}", got=own, do="leave --backbones out")


def check_settings(settings: dict[str, Any], methods: Sequence[str]) -> None:
    """Raise UsageError where --config sets what the grid sets, or names a stage or option that no method has."""
    for key in SET_BY_GRID:
        if key in settings:
            raise UsageError(f"--config sets {key}", got=repr(settings[key]), do="leave it to the flags of the study")
    known = {
        "stages": [stage for method in methods for stage in stages_of(method)],
        "options": [
            option
            for method in methods
            for divide in (get_args(Divide) if method == "dnr" else ("pairwise",))
            for option in preset(method, None, divide=divide).options
        ],
    }
    for field, allowed in known.items():
        given = settings.get(field)
        for name in given if isinstance(given, dict) else ():
            if name not in allowed:
                raise one_of(f"unknown field in the {field} of --config", name, dict.fromkeys(allowed))


def check_variants(variants: Variants, methods: Sequence[str]) -> None:
    """Raise UsageError for variants of a method that is not asked for, or whose method goes with other backbones."""
    for method, named in variants.items():
        if method not in methods:
            raise UsageError(
                f"variants of {method}", got=f"methods {', '.join(methods)}", do=f"add {method} to --methods"
            )
        for name, fields in named.items():
            other = str(fields.get("method", method))
            if own_network(other) != own_network(method):
                raise UsageError(f"variant {name} of {method} is method {other}", got="one of them takes no backbone")


def open_study(out: Path, grid: Grid) -> None:
    """Write study.json, or check that the one there holds this grid or a part of it.

    Raises DnRError for a folder that holds something else, or a study of another grid (with what differs).
    """
    check_replaceable(out, holds="study.json")
    file = out / "study.json"
    if file.is_file():
        check_grown(file, read_grid(file), grid)
    with replacing_file(file) as temporary:
        write_json(temporary, grid.model_dump(mode="json"))


def read_grid(file: Path) -> Grid:
    """A stored grid. Raises DnRError where it is missing or damaged."""
    if not file.is_file():
        raise DnRError(f"no study at {file.parent}", expected="a folder with study.json", do="train one first")
    try:
        return Grid.model_validate(read_object(file))
    except ValidationError as error:
        raise DnRError(f"{file} is damaged", got=first_fault(error), do="choose another --out") from error


def first_fault(error: ValidationError) -> str:
    """Where the first fault of a stored object is, and what it is."""
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"


def check_grown(file: Path, stored: Grid, asked: Grid) -> None:
    """Raise DnRError unless `asked` is `stored` with, at most, more corpora, methods, variants, backbones or seeds."""
    for name in ("preset", "settings"):
        if getattr(stored, name) != getattr(asked, name):
            raise another(file, f"{name} {getattr(asked, name)}", f"{name} {getattr(stored, name)}")
    for name in ("corpora", "methods", "backbones"):
        missing = [one for one in getattr(stored, name) if one not in getattr(asked, name)]
        if missing:
            raise another(file, f"{name} without {', '.join(missing)}", f"at least {', '.join(getattr(stored, name))}")
    for method, named in stored.variants.items():
        for name, fields in named.items():
            if asked.variants.get(method, {}).get(name) != fields:
                raise another(file, f"no variant {name} of {method}, or another one", f"{name} {fields}")
    if asked.seeds < stored.seeds:
        raise another(file, f"{asked.seeds} seeds", f"at least {stored.seeds}")
    for corpus, content in stored.corpora.items():
        if asked.corpora[corpus] != content:
            raise another(file, f"corpus {corpus} with hash {asked.corpora[corpus][:8]}", content[:8])


def another(file: Path, got: str, expected: str) -> DnRError:
    """The error for a folder that holds a study of another grid."""
    return DnRError(
        f"{file.parent} holds a study of another grid", got=got, expected=expected, do="choose another --out"
    )
