"""Turns a release, in any layout that is recognised, into a corpus and a report of what was done to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dnr_core.data.corpus import Corpus, make_utterances
from dnr_core.data.faults import RULES, find_faults
from dnr_core.data.files import file_sha256
from dnr_core.data.labels import resolve_labels
from dnr_core.data.media import find_media
from dnr_core.data.release import TARGETS, Release
from dnr_core.data.release_meld import FILE_NAME, read_meld
from dnr_core.data.release_pickles import read_pickle
from dnr_core.data.release_tables import TABLE_NAME, read_table, write_template
from dnr_core.data.report import PrepareReport, make_report
from dnr_core.data.splits import SPLITS_SEED, settle_splits
from dnr_core.errors import DataError, UsageError, one_of

__all__ = ["SPLITS_SEED", "Found", "PrepareReport", "find_release", "prepare", "template"]

PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".p"})
ACCEPTED = (
    f"{TABLE_NAME} (with <modality>_*.npy beside it), MELD's train_/dev_/test_sent_emo.csv, "
    "or one pickle of the COSMIC, MMGCN, DialogueRNN or DnR layout"
)
template = write_template


@dataclass(frozen=True)
class Found:
    """One release on disk: its kind (`table`, `meld_csv`, `pickle`) and the files that make it up."""

    kind: str
    files: tuple[Path, ...]

    def __str__(self) -> str:
        return " + ".join(str(file) for file in self.files)


def prepare(
    sources: Sequence[Path],
    *,
    name: str,
    emotions: Sequence[str] | None = None,
    target: str = "emotion",
    media: Path | None = None,
    splits_seed: int = SPLITS_SEED,
) -> tuple[Corpus, PrepareReport]:
    """Read the one release that `sources` hold (its parts, or a folder with it) as a corpus.

    `emotions` restricts and orders the label set (for pickles: names the label numbers where the counts agree) and
    merges labels (`happy=happy+excited`); utterances outside it stay as unlabelled context. `target` is `emotion` or
    `sentiment`. `media` is a folder of clips. Raises UsageError for several releases or a wrong choice, DataError for
    anything wrong with the data.
    """
    if target not in TARGETS:
        raise one_of("--target", target, TARGETS)
    merging = any("=" in entry for entry in emotions or ())
    release = read_release(find_release(sources), target=target, emotions=None if merging else emotions)
    ids = release.columns["utterance_id"]
    labels = resolve_labels(release.labels, utterance_ids=ids, emotions=emotions, known=release.label_order)
    splits, provenance = settle_splits(release, seed=splits_seed)
    split_column = [splits[dialogue] for dialogue in release.columns["dialogue_id"]]
    present, faults = find_faults(release)
    clips, media_counts = (None, {}) if media is None else find_media(media, utterance_ids=ids, splits=split_column)
    corpus = Corpus(
        name=name,
        emotions=labels.emotions,
        feature_names=release.feature_names,
        utterances=make_utterances(
            release.columns | {"emotion": labels.of, "split": split_column, "faults": faults, "media": clips}
        ),
        features=release.features,
        present=present,
        split_provenance=provenance,
        sources=tuple({"name": file.name, "sha256": file_sha256(file)} for file in release.files),
        notes={
            "layout": release.layout,
            "target": target,
            "splits_seed": splits_seed,
            "rules": [*release.rules, *labels.rules],
        },
    )
    rules = [*release.rules, *labels.rules, *(RULES if present.any() else ())]
    return corpus, make_report(corpus, layout=release.layout, left_out=labels.left_out, media=media_counts, rules=rules)


def read_release(found: Found, *, target: str, emotions: Sequence[str] | None) -> Release:
    """Read a found release with the importer of its kind."""
    if found.kind == "table":
        return read_table(found.files[0], target=target)
    if found.kind == "meld_csv":
        return read_meld(found.files, target=target)
    return read_pickle(found.files[0], target=target, emotions=emotions)


def find_release(sources: Sequence[Path]) -> Found:
    """The one release that files and folders hold; a folder is searched, and where it has none, its sub-folders.

    Raises UsageError, listing them, for several, and DataError, saying what was found, for none.
    """
    if not sources:
        raise UsageError("prepare needs a SOURCE", expected=ACCEPTED)
    files: list[Path] = []
    for source in map(Path, sources):
        if not source.exists():
            raise DataError(f"no such file or folder: {source}", expected=ACCEPTED)
        files += _files_of(source) if source.is_dir() else [source]
    found = _group(list(dict.fromkeys(files)), given=frozenset(map(Path, sources)))
    if len(found) > 1:
        listed = ", ".join(str(release) for release in found)
        raise UsageError("several releases", got=listed, expected="the parts of one", do="name the one to prepare")
    if not found:
        raise DataError(
            f"no release in {', '.join(str(source) for source in sources)}",
            got=", ".join(file.name for file in files[:8]) or "an empty folder",
            expected=ACCEPTED,
        )
    _check_all_used(found[0], sources)
    return found[0]


def _check_all_used(found: Found, sources: Sequence[Path]) -> None:
    """Raise UsageError for a named file that the release leaves unread (a table reads the arrays beside it)."""
    beside = found.files[0].resolve().parent if found.kind == "table" else None
    for source in map(Path, sources):
        is_array_beside = source.suffix == ".npy" and source.resolve().parent == beside
        if source.is_file() and source not in found.files and not is_array_beside:
            raise UsageError(
                f"{source} is no part of the release {found}", do="leave it out, or put it beside the table"
            )


def _files_of(folder: Path) -> list[Path]:
    """Files of a folder that may be a release, else of its sub-folders, else all its files (for the error)."""
    own = sorted(path for path in folder.iterdir() if path.is_file())
    if _group(own):
        return own
    below = sorted(path for path in folder.glob("*/*") if path.is_file())
    return below if _group(below) else own


def _group(files: Sequence[Path], *, given: frozenset[Path] = frozenset()) -> list[Found]:
    """Releases among files: MELD's CSVs of one folder (all given ones) together; other CSVs only where `given`."""
    found = []
    meld: dict[Path | None, list[Path]] = {}
    for file in files:
        if FILE_NAME.fullmatch(file.name):
            meld.setdefault(None if file in given else file.parent, []).append(file)
        elif file.name == TABLE_NAME or (file in given and file.suffix.lower() == ".csv"):
            found.append(Found("table", (file,)))
        elif file.suffix.lower() in PICKLE_SUFFIXES:
            found.append(Found("pickle", (file,)))
    return found + [Found("meld_csv", tuple(part)) for part in meld.values()]
