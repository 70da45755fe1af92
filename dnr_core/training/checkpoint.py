"""A run on disk: configuration, weights, metrics and history beside a manifest of hashes. No pickle; torch lazily."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnr_core import __version__
from dnr_core.config import RunConfig
from dnr_core.data.corpus import Corpus
from dnr_core.data.files import file_sha256, replacing_folder
from dnr_core.errors import CheckpointError, UsageError
from dnr_core.registry import lookup
from dnr_core.types import MODALITIES, RunInfo, RunSummary

if TYPE_CHECKING:
    from dnr_core.model.methods.base import Method
    from dnr_core.model.subset import SubsetModel
    from dnr_core.training.loop import Trained

FORMAT_VERSION = 1
WEIGHTS = "model.safetensors"
FILES = ("config.json", WEIGHTS, "metrics.json", "history.jsonl")
SERVED = "served.json"
"""Stands in a folder that mirrors a run of a service: its address."""
PACKAGES = ("torch", "numpy", "safetensors", "scikit-learn", "captum")


@dataclass(frozen=True)
class RunHeader:
    """What stands in a run's JSON files, checked against the manifest. No weights are read.

    `served_by`: the address of the service that has its weights, where they are not here.
    """

    folder: Path
    config: dict[str, Any]
    metrics: dict[str, Any]
    history: list[dict[str, Any]]
    manifest: dict[str, Any]
    manifest_hash: str
    served_by: str | None = None

    @property
    def players(self) -> tuple[str, ...]:
        """The names of the parts, in coalition order."""
        return tuple(self.config["players"])

    @property
    def emotions(self) -> tuple[str, ...]:
        """The classes, in the order of the logits."""
        return tuple(self.config["emotions"])

    def summary(self, name: str) -> RunSummary:
        """What the dashboard shows of the run."""
        run = self.config["run"]
        info = RunInfo(
            name, str(self.folder), None, run["method"], run["backbone"], self.manifest["corpus"]["name"],
            self.manifest["corpus"]["hash"], run["seed"],
        )  # fmt: skip
        return RunSummary(
            info, self.emotions, self.players, tuple(self.config["supports"]),
            tuple(self.config["spec"]["modalities"]), self.config, self.metrics, self.history,
        )  # fmt: skip


def save_run(
    folder: Path,
    trained: Trained,
    config: RunConfig,
    corpus: Corpus,
    metrics: dict[str, Any],
    *,
    subset: SubsetModel | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a run, with the subset model of its corpus where there is one; half a run never shows.

    Raises DnRError where it exists or cannot be written.
    """
    from safetensors.torch import save_file

    from dnr_core.model.subset import subset_description, subset_tensors

    model = trained.model
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    described = {
        "format_version": FORMAT_VERSION,
        "run": config.model_dump(mode="json"),
        "spec": asdict(model.spec),
        "emotions": list(corpus.emotions),
        "feature_names": {modality: list(names) for modality, names in corpus.feature_names.items()},
        "players": list(model.players),
        "supports": list(model.supports),
        "subset": subset_description(subset) if subset else None,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    with replacing_folder(folder, overwrite=overwrite) as temporary:
        save_file(tensors | (subset_tensors(subset) if subset else {}), temporary / "model.safetensors")
        write_json(temporary / "config.json", described)
        write_json(temporary / "metrics.json", metrics)
        lines = "".join(json.dumps(record) + "\n" for record in trained.history)
        (temporary / "history.jsonl").write_text(lines, encoding="utf-8")
        manifest = {
            "format_version": FORMAT_VERSION,
            "files": {name: file_sha256(temporary / name) for name in FILES},
            "corpus": {"name": corpus.name, "hash": corpus.hash},
            "versions": {"dnr_core": __version__, "python": platform.python_version()} | installed_versions(),
        }
        write_json(temporary / "manifest.json", manifest)
    return folder


def read_run(folder: Path | str) -> RunHeader:
    """Read and check a run's JSON files. Raises CheckpointError where it is missing, damaged or of another format."""
    folder = Path(folder)
    path = folder / "manifest.json"
    if not path.is_file():
        raise CheckpointError(
            f"no run at {folder}",
            expected="a folder with manifest.json",
            do="train one with `python -m dnr_core train --corpus FOLDER --method dnr --backbone mmgcn`",
        )
    manifest = read_object(path)
    if manifest.get("format_version") != FORMAT_VERSION:
        got = manifest.get("format_version")
        raise CheckpointError(f"{path} has an unknown format version", got=got, expected=FORMAT_VERSION)
    files = manifest.get("files")
    if not isinstance(files, dict) or not isinstance(manifest.get("corpus"), dict):
        raise CheckpointError(f"{path} is damaged", got="no list of files or no corpus", do="train the run again")
    served_by = read_object(folder / SERVED).get("address") if (folder / SERVED).is_file() else None
    for name in FILES if served_by is None else sorted(set(FILES) - {WEIGHTS}):
        if not (folder / name).is_file():
            raise CheckpointError(f"run {folder} is incomplete", got=f"no {name}", do="train it again")
        if file_sha256(folder / name) != files.get(name):
            raise CheckpointError(
                f"{folder / name} does not match its manifest", got="another SHA-256", do="restore or train it again"
            )
    config, metrics = read_object(folder / "config.json"), read_object(folder / "metrics.json")
    missing = [key for key in ("run", "spec", "emotions", "players", "supports", "feature_names") if key not in config]
    if missing:
        raise CheckpointError(f"{folder / 'config.json'} lacks a key", got=f"no {missing[0]!r}", do="train it again")
    lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
    try:
        history = [json.loads(line) for line in lines]
        header = RunHeader(folder, config, metrics, history, manifest, file_sha256(path), served_by)
        RunConfig.model_validate(config["run"])
        if set(config["spec"]["widths"]) != set(MODALITIES) or not isinstance(manifest["corpus"]["hash"], str):
            raise ValueError("widths or corpus hash")
        header.summary(folder.name)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        got = " ".join(str(error).split())[:120]
        raise CheckpointError(f"run {folder} is malformed", got=got, do="train it again") from error
    return header


def load_model(header: RunHeader) -> Method:
    """The model of a run on the CPU in eval mode. Raises CheckpointError: a weight is missing or has another shape."""
    from dnr_core.model.methods.base import MethodSpec

    path = header.folder / "model.safetensors"
    weights = read_weights(path)
    described = header.config["spec"]
    try:
        listed = {name: tuple(described[name]) for name in ("modalities", "without") if name in described}
        spec = MethodSpec(**{**described, **listed})
        model = lookup("method", header.config["run"]["method"]).from_spec(spec)
        if model.players != header.players or len(header.emotions) != spec.emotions:
            raise ValueError("other parts or emotions than the model has")
    except UsageError as error:
        raise CheckpointError(
            f"run {header.folder} needs a method or backbone that is not installed: {error}"
        ) from error
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        config = header.folder / "config.json"
        raise CheckpointError(f"{config} does not describe the model", got=error, do="train the run again") from error
    wanted = model.state_dict()
    for name in wanted:
        if name not in weights:
            raise CheckpointError(f"{path} lacks a key", got=f"no {name!r}", do="train the run again")
        if weights[name].shape != wanted[name].shape:
            got, expected = tuple(weights[name].shape), tuple(wanted[name].shape)
            raise CheckpointError(f"{path}: {name!r} has the wrong shape", got=got, expected=expected)
    model.load_state_dict({name: weights[name] for name in wanted})
    return model.eval()


def load_subset_model(header: RunHeader) -> SubsetModel:
    """The subset model of a run, in eval mode. Raises CheckpointError where it is damaged, or the run has none."""
    from dnr_core.model.subset import rebuild_subset_model

    described = header.config.get("subset")
    if not described:
        raise CheckpointError(
            f"run {header.folder.name} has no subset model",
            got="a corpus with fewer than two modalities in train, or a run of an earlier version",
            do="train it again to see what the data offer",
        )
    return rebuild_subset_model(described, read_weights(header.folder / "model.safetensors"))


def read_weights(path: Path) -> dict[str, Any]:
    """The tensors of a safetensors file. Raises CheckpointError."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot read {path}", got=error, do="restore or train it again") from error


def check_fit(header: RunHeader, corpus: Corpus) -> None:
    """Raise CheckpointError where a run cannot be used on a corpus: other emotions or feature widths."""
    if header.emotions != corpus.emotions:
        raise CheckpointError(
            f"run {header.folder.name} does not fit corpus {corpus.name}",
            got="emotions " + ", ".join(corpus.emotions),
            expected=", ".join(header.emotions),
        )
    widths = header.config["spec"]["widths"]
    for modality in MODALITIES:
        if corpus.widths[modality] != widths[modality]:
            raise CheckpointError(
                f"run {header.folder.name} does not fit corpus {corpus.name}",
                got=f"{corpus.widths[modality]} {modality} features",
                expected=widths[modality],
                do="train a run on this corpus",
            )


def installed_versions() -> dict[str, str]:
    """Versions of the packages that a result depends on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON object, indented."""
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises CheckpointError where it is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("not an object")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged", got=error, do="restore or train the run again") from error
    return values
