"""Two runs, or two groups of seeds, compared on the same utterances."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from dnr_core.catalogue import Recent
from dnr_core.data.corpus import Corpus
from dnr_core.errors import CheckpointError, DataError, UsageError
from dnr_core.explain.compare import Comparison, compare
from dnr_core.results.predictions import PredictionResults
from dnr_core.training.checkpoint import read_object
from dnr_core.training.metrics import RESAMPLES


class CompareResults(PredictionResults):
    """Comparisons, computed from stored predictions when they are asked for."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._comparisons = Recent(8)

    def seed_runs(self, run: str | Path) -> list[str | Path]:
        """The runs that a name or path stands for: itself, or the seeds of a folder of `train --seeds`, in order.

        Raises CheckpointError where there is no run, or a seed that summary.json lists is not there.
        """
        folder = self.folder(run, self.checkpoints)
        if (folder / "manifest.json").is_file() or not folder.is_dir():
            self.header(run)
            return [run]
        found = {path.name for path in folder.glob("seed-*") if re.fullmatch(r"seed-\d+", path.name)}
        names = sorted(found, key=lambda name: int(name.removeprefix("seed-")))
        if (folder / "summary.json").is_file():
            listed = read_object(folder / "summary.json").get("seeds")
            names = [f"seed-{number}" for number in (listed if isinstance(listed, list) else [])]
        runs = [run / name if isinstance(run, Path) else f"{run}/{name}" for name in names] or [run]
        for one in runs:
            self.header(one)
        return runs

    def shared_corpus(self, run_a: str | Path, run_b: str | Path, split: str) -> str:
        """The name of the corpus that both sides were trained on.

        Raises CheckpointError: they were trained on different corpora, with what differs in the split; UsageError: the
        corpus is not in the data folder.
        """
        runs = [*self.seed_runs(run_a), *self.seed_runs(run_b)]
        first = self.header(runs[0]).manifest["corpus"]
        for run in runs[1:]:
            other = self.header(run).manifest["corpus"]
            if other["hash"] != first["hash"]:
                named = [self.default_corpus(one) for one in (runs[0], run)]
                both = [self.corpus(name) for name in named if name is not None]
                why = f": {difference(both[0], both[1], split)}" if len(both) == 2 else ""
                raise CheckpointError(
                    f"{runs[0]} and {run} were trained on different corpora",
                    got=f"{first['name']} and {other['name']}{why}",
                    do="name the corpus to compare them on with --corpus",
                )
        name = self.default_corpus(runs[0])
        if name is None:
            missing = f"the corpus {first['name']!r} of these runs is not under {self.data}"
            raise UsageError(missing, do="name one with --corpus")
        return name

    def compare(
        self,
        run_a: str | Path,
        run_b: str | Path,
        corpus: str | Path,
        split: str,
        *,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> Comparison:
        """B against A (runs, or folders of seeds) on a split of a corpus: see explain.compare.

        Raises CheckpointError (damaged, or does not fit the corpus), UsageError (split, resamples, seed), DataError (no
        label in the split).
        """
        if resamples < 1 or seed < 0:
            raise UsageError(
                "bad bootstrap", got=f"{resamples} resamples, seed {seed}", expected="1 or more, and 0 or more"
            )
        sides = [self.seed_runs(run) for run in (run_a, run_b)]
        hashes = tuple(tuple(self.fitting(one, corpus)[0].manifest_hash for one in side) for side in sides)
        rows = self.corpus(corpus)
        self.check_split(rows, split)
        if not (rows.labels[rows.rows(split)] >= 0).any():
            raise DataError(f"split {split} of corpus {rows.name} has no labelled utterance", do="choose another")

        def make() -> Comparison:
            found = [[self.predictions(one, corpus, split) for one in side] for side in sides]
            first = found[0][0]
            return compare(
                first.gold,
                *(np.stack([one.predicted for one in side]) for side in found),
                dialogues=rows.utterances["dialogue_id"].to_numpy(dtype=object)[first.row],
                utterance_ids=np.array(first.utterance_ids, dtype=object),
                emotions=first.emotions,
                resamples=resamples,
                seed=seed,
            )

        return self._comparisons.get((hashes, rows.hash, split, resamples, seed), make)


def difference(first: Corpus, second: Corpus, split: str) -> str:
    """In what the split of two corpora differs, in words: emotions, utterances, labels, or features only."""
    if first.emotions != second.emotions:
        return f"emotions {', '.join(first.emotions)} against {', '.join(second.emotions)}"
    labels = [labels_of(corpus, split) for corpus in (first, second)]
    alone = [[name for name in one if name not in other] for one, other in (labels, labels[::-1])]
    if any(alone):
        counts = [
            f"{len(names)} {split} utterances only in {corpus.name}"
            for names, corpus in zip(alone, (first, second), strict=True)
        ]
        example = next(name for names in alone for name in names)
        return f"{' and '.join(counts)}, such as {example}"
    changed = [name for name, label in labels[0].items() if labels[1][name] != label]
    if changed:
        one, other = (one[changed[0]] or "unlabelled" for one in labels)
        return f"{len(changed)} {split} utterances have other labels, such as {changed[0]}: {one} against {other}"
    return f"the same {split} utterances and labels, other features, texts or splits"


def labels_of(corpus: Corpus, split: str) -> dict[str, str]:
    """Utterance id → emotion of a split; empty where the corpus has no such split."""
    there = corpus.utterances[corpus.utterances["split"] == split]
    return dict(zip(there["utterance_id"], there["emotion"], strict=True))
