"""The decomposition card of a run: do its parts mean what they are called, and how far can its values be trusted?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from dnr_core import __version__
from dnr_core.config import RunConfig
from dnr_core.data.corpus import Corpus
from dnr_core.data.files import replacing_file
from dnr_core.errors import DataError, DnRError
from dnr_core.explain.agreement import agreement, told_by_components
from dnr_core.explain.nulls import claims
from dnr_core.explain.probes import cross_prediction, half_agreement, planted_in, probe_matrix
from dnr_core.results.card_format import CardFormat, fits
from dnr_core.results.components import ComponentResults
from dnr_core.results.verified import verified
from dnr_core.training.checkpoint import RunHeader, check_fit, write_json
from dnr_core.types import ComponentValues, PartVectors

FORMAT_VERSION = 2
TOLERANCE = 1e-4
"""Largest completeness gap of component values, in logits (METHODS: completeness)."""
SCOPE, REMOVAL = "dialogue", "mean"
STORY = ("rank_correlation", "same_dominant")
Steps = Callable[[str, int, int], object]
"""Called with (what is measured, how much of it is done, of how much)."""
Card = dict[str, Any]


class CardResults(ComponentResults):
    """`<run>/card.json`: written by `compute_card`, read by `card`."""

    def card(self, run: str | Path) -> Card | None:
        """The card of a run; None where there is none, it belongs to other weights or another format, or is damaged."""
        header = self.header(run)
        try:
            found = json.loads((header.folder / "card.json").read_text(encoding="utf-8"))
            current = (found["format_version"], found["manifest"]) == (FORMAT_VERSION, header.manifest_hash)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if current and fits(found, CardFormat) else None

    def compute_card(
        self, run: str | Path, corpus: str | Path, *, progress: Steps = lambda what, done, of: None
    ) -> Card:
        """Measure a run on a corpus and store the card; a section that cannot be measured holds its `reason` only.

        - `planted`: agreement with planted truth (`explain.agreement.Agreement`) and probe matrix of the run itself
          where the corpus is the planted one that it was trained on (`own_corpus`), else what `verify` stored of the
          same configuration (`results.verified`)
        - `completeness`, `nulls`: of the exact values, on test (else the last split there is)
        - `roles`: cross-prediction of unique parts, agreement of the halves of redundant parts
        - `stability`: agreement with sibling runs `<out>/seed-*` of the same configuration

        Raises UsageError where the method has no components.
        """
        started = time.perf_counter()
        header, rows = self.fitting(run, corpus)
        self.check_scope(header, SCOPE, REMOVAL)
        split = rows.splits[-1]
        values = self._values(run, corpus, split, progress, f"coalitions of {split}")
        parts = self._parts(header, rows, progress)
        card = about(header, rows, split) | {
            "planted": self._planted(header, rows, parts, values, split, progress),
            "completeness": completeness(values),
            "roles": roles_section(parts, rows, split, progress),
            "nulls": self._nulls(run, corpus, values, progress),
            "stability": self._stability(header, corpus, rows, values, split, progress),
        }
        card["seconds"] = round(time.perf_counter() - started, 1)
        self.try_store(lambda: write_card(header.folder, card))
        return card

    def _values(self, run: str | Path, corpus: str | Path, split: str, progress: Steps, what: str) -> ComponentValues:
        def rows_done(done: int, of: int) -> None:
            progress(what, done, of)

        stored = self.compute_coalitions(run, corpus, split, SCOPE, REMOVAL, progress=rows_done)
        ids = self.corpus(corpus).utterances["utterance_id"].to_numpy(dtype=object)[stored.arrays["row"]]
        return stored.values(slice(None), ids)

    def _parts(self, header: RunHeader, corpus: Corpus, progress: Steps) -> PartVectors:
        def rows_done(done: int, of: int) -> None:
            progress("vectors of the parts", done, of)

        return self.compute("parts_of_corpus", header, corpus, progress=rows_done)

    def _planted(
        self, header: RunHeader, corpus: Corpus, parts: PartVectors, values: ComponentValues, split: str,
        progress: Steps,
    ) -> Card:  # fmt: skip
        if not is_planted(corpus) or header.manifest["corpus"]["hash"] != corpus.hash:
            return {"own_corpus": False} | verified(self.checkpoints, RunConfig.model_validate(header.config["run"]))
        what = "probes of the planted codes"
        progress(what, 0, 1)
        found = planted_section(parts, corpus, values, split)
        progress(what, 1, 1)
        return {"own_corpus": True} | found

    def _nulls(self, run: str | Path, corpus: str | Path, values: ComponentValues, progress: Steps) -> Card:
        def rows_done(done: int, of: int) -> None:
            progress("null tests on dev", done, of)

        null = self.component_null(run, corpus, SCOPE, REMOVAL, progress=rows_done)
        assert null is not None
        found = claims(null, values)
        if null.gates is None:
            return {"reason": null.reason}
        passed = dict(zip(null.gates.players, map(bool, null.gates.passed), strict=True))
        return {
            "passed": passed,
            "quantile": null.quantile,
            "claims": float(found.significant.mean()),
            "n": len(values.total),
        }

    def _stability(
        self, header: RunHeader, corpus: str | Path, rows: Corpus, values: ComponentValues, split: str, progress: Steps
    ) -> Card:
        others = siblings(self, header, rows)
        if not others:
            return {"reason": "no runs with other seeds beside it (train with --seeds)"}
        compared = {}
        for other in others:
            its = self._values(other, corpus, split, progress, f"coalitions of {other.name}")
            compared[other.name] = same_story(values, its)
        known = [pair for pair in compared.values() if pair["n"]]
        means = {name: float(np.mean([pair[name] for pair in known])) if known else None for name in STORY}
        return means | {"siblings": compared}


def about(header: RunHeader, corpus: Corpus, split: str) -> Card:
    """What the card is of."""
    run = header.config["run"]
    return {
        "format_version": FORMAT_VERSION,
        "dnr_core": __version__,
        "manifest": header.manifest_hash,
        "corpus": {"name": corpus.name, "hash": corpus.hash},
        "split": split,
        **{name: run[name] for name in ("method", "backbone", "preset", "seed")},
    }


def write_card(folder: Path, card: Card) -> None:
    """Write `card.json`. Raises DnRError where it cannot be written."""
    with replacing_file(folder / "card.json") as temporary:
        write_json(temporary, card)


def is_planted(corpus: Corpus) -> bool:
    """Whether it is known what was planted in its rows."""
    with suppress(DataError, ValueError):
        planted_in(corpus)
        return True
    return False


def planted_section(parts: PartVectors, corpus: Corpus, values: ComponentValues, split: str) -> Card:
    """Agreement with the truth on a split, and the probe matrix (None where there are too few utterances)."""
    told = told_by_components(values, corpus.rows(split))
    probes = probe_matrix(parts, corpus)
    score = [[None if np.isnan(one) else round(float(one), 4) for one in row] for row in probes.score]
    return {
        "corpus": {"name": corpus.name, "hash": corpus.hash},
        "train": len(corpus.rows("train")),
        "agreement": agreement(told, corpus).row(),
        "probes": {
            "players": list(probes.players),
            "codes": [list(pair) for pair in probes.codes],
            "own": [own_part(source, code, probes.players) for source, code in probes.codes],
            "score": score,
            "n_train": probes.n_train.tolist(),
            "n_test": probes.n_test.tolist(),
        },
        "reason": told.reason,
    }


def roles_section(parts: PartVectors, corpus: Corpus, split: str, progress: Steps) -> Card:
    """Whether unique parts can be told from other modalities, and the halves of redundant parts from each other."""
    what = "cross-prediction and agreement of the parts"
    progress(what, 0, 1)
    found = {
        "cross_prediction": [asdict(row) for row in cross_prediction(parts, corpus)],
        "halves": [asdict(row) for row in half_agreement(parts, corpus, split=split)],
    }
    progress(what, 1, 1)
    return found


def own_part(source: str, code: str, players: tuple[str, ...]) -> str | None:
    """The part that should hold a code, of a copy the unique part of the modality that the code stands in; None: no
    single part should.
    """
    part = f"unique:{code}" if source.startswith("copy:") else source
    return part if part in players else None


def completeness(values: ComponentValues) -> Card:
    """The largest gap between what the values sum to and what they should, over all utterances and classes."""
    gap = float(values.completeness_gap.max())
    return {"largest_gap": gap, "tolerance": TOLERANCE, "within": gap <= TOLERANCE, "n": len(values.total)}


def siblings(results: ComponentResults, header: RunHeader, corpus: Corpus) -> list[Path]:
    """Folders `seed-*` beside a run that hold the same configuration and training corpus with another seed."""
    if not header.folder.name.startswith("seed-"):
        return []
    found = []
    for folder in sorted(header.folder.resolve().parent.glob("seed-*")):
        with suppress(DnRError):
            other = results.header(folder)
            check_fit(other, corpus)
            same = [(one.config["run"] | {"seed": 0}, one.manifest["corpus"]["hash"]) for one in (header, other)]
            if same[0] == same[1] and other.config["run"]["seed"] != header.config["run"]["seed"]:
                found.append(folder)
    return found


def same_story(values: ComponentValues, other: ComponentValues) -> Card:
    """Two runs on the same N utterances, where both predict the same class: mean rank correlation (Spearman) of the
    values of that class over the K parts, and how often the strongest part is the same.
    """
    from scipy.stats import rankdata

    predicted = values.total.argmax(1)
    same = np.flatnonzero(predicted == other.total.argmax(1))
    if not len(same):
        return {"rank_correlation": None, "same_dominant": None, "n": 0}
    own, its = (one.values[same, :, predicted[same]].astype(np.float64) for one in (values, other))  # (n, K)
    first, second = (rankdata(one, axis=1) for one in (own, its))
    first, second = (one - one.mean(1, keepdims=True) for one in (first, second))
    length = np.sqrt(np.square(first).sum(1) * np.square(second).sum(1))
    correlation = (first * second).sum(1) / np.maximum(length, 1e-12)
    dominant = own.argmax(1) == its.argmax(1)
    return {"rank_correlation": float(correlation.mean()), "same_dominant": float(dominant.mean()), "n": len(same)}
