"""What a report is written of: a scene whose missing results are computed first, and what the Engine says of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dnr_core.errors import DnRError
from dnr_core.export.report_pieces import Figures
from dnr_core.export.scene import Scene
from dnr_core.figures.build.dialogue import SMALLEST_GAP
from dnr_core.figures.rows.card import null_reading, offered_reading, trust_reading
from dnr_core.figures.rows.markup import share
from dnr_core.results.errors import ErrorAudit
from dnr_core.types import Predictions, RunSummary

Steps = Callable[[str, int, int], object]
"""Called with (what is done, how much of it is done, of how much)."""
NOT_TESTED = (
    "Which parts may be called decisive is not tested: the null tests of this run are not stored "
    "(`python -m dnr_core explain` computes them)."
)


def prepared(scene: Scene, progress: Steps) -> Scene:
    """The scene again when all that is missing is computed, so that a second report of it is the same."""
    engine, key, split = scene.engine, scene.key, scene.split

    def rows_done(done: int, of: int) -> None:
        progress("coalitions", done, of)

    progress("predictions", 0, 1)
    engine.predictions(*key, split)
    progress("predictions", 1, 1)
    if scene.has_parts:
        with suppress(DnRError):  # a checkpoint that cannot be written to: what needs them says so
            engine.compute_coalitions(*key, split, progress=rows_done)
    if engine.has_information(*key):
        progress("information", 0, 1)
        engine.information(*key, split)
        progress("information", 1, 1)
        if (scene.predictions.gold >= 0).any():
            engine.split_information(
                *key, split, progress=lambda done, of: progress("information of the split", done, of)
            )
    return replace(scene)


@dataclass(frozen=True)
class Material:
    """A scene and its figures; every result is asked for once."""

    scene: Scene
    figures: Figures

    @property
    def found(self) -> Predictions:
        """The predictions of the split."""
        return self.scene.predictions

    @cached_property
    def run(self) -> RunSummary:
        """What the run says of itself."""
        return self.scene.header.summary(Path(self.scene.run).name)

    @cached_property
    def labelled(self) -> int:
        """How many turns of the split have a label."""
        return int((self.found.gold >= 0).sum())

    @cached_property
    def wrong(self) -> np.ndarray:
        """Labelled turns of the split that are predicted wrong, (N,) bool."""
        return (self.found.gold >= 0) & (self.found.gold != self.found.predicted)

    @cached_property
    def chances(self) -> np.ndarray:
        """Probabilities (N, C)."""
        return self.found.probabilities

    @cached_property
    def scores(self) -> dict[str, Any]:
        """The scores of the split with intervals."""
        return self.scene.engine.evaluate(*self.scene.key, self.scene.split)

    @cached_property
    def audit(self) -> ErrorAudit | None:
        """The audit of errors; None where nothing is labelled."""
        return self.scene.engine.error_audit(*self.scene.key, self.scene.split) if self.labelled else None

    @cached_property
    def largest_gap(self) -> float | None:
        """The largest completeness error of the values of the split, in logits; None without parts."""
        if not self.scene.has_parts:
            return None
        stored = self.scene.engine.stored_coalitions(*self.scene.key, self.scene.split, "dialogue")
        return None if stored is None else stored.largest_gap

    @property
    def unexplained(self) -> str:
        """Why nothing can be said of the values of the split."""
        if self.scene.has_parts:
            return "The values of all turns cannot be stored beside this run, so they are not tested."
        return f"Method {self.run.info.method} has no parts that can be switched off."

    @cached_property
    def trusted(self) -> list[str]:
        """How far the explanations are tested, in sentences."""
        scene, engine = self.scene, self.scene.engine
        said = []
        if self.largest_gap is None:
            said.append(self.unexplained)
        else:
            agreement = engine.truth_agreement(*scene.key, scene.split)
            said.append(trust_reading((self.largest_gap, len(self.found.row)), agreement, scene.header.players))
            nulls = null_reading(engine.stored_null(*scene.key), scene.claims, scene.split)
            said.append(nulls or NOT_TESTED)
        if engine.has_information(*scene.key):
            said.append(offered_reading(engine.information(*scene.key, scene.split), scene.split, self.labelled))
        return said

    @cached_property
    def tested(self) -> str:
        """How far the explanations are tested, in one sentence."""
        scene, engine, found = self.scene, self.scene.engine, self.scene.claims
        if self.largest_gap is None:
            return self.unexplained
        said = [f"the values of the parts add up within {max(self.largest_gap, SMALLEST_GAP):.1e} logits"]
        agreement = engine.truth_agreement(*scene.key, scene.split)
        if agreement is not None and agreement.exact.value is not None:
            right = share(agreement.exact.value, agreement.exact.interval)
            said.append(f"of turns predicted right they name the planted part in {right}, n = {agreement.exact.n:,}")
        if found is None or found.reason is not None:
            said.append(f"whether a part is decisive is not tested ({found.reason if found else 'no null is stored'})")
        else:
            said.append(f"a single part is decisive in {100 * found.significant.mean():.1f} % of the turns")
        return f"On {scene.split} (n = {len(self.found.row):,} turns): {'; '.join(said)}."

    @cached_property
    def failed(self) -> tuple[str, ...]:
        """Parts that fail their null test."""
        null = self.scene.engine.stored_null(*self.scene.key) if self.scene.has_parts else None
        if null is None or null.gates is None:
            return ()
        return tuple(one for one, good in zip(null.gates.players, null.gates.passed, strict=True) if not good)


def or_why(ask: Callable[[], Any]) -> tuple[Any, str]:
    """What is asked for and an empty text, or None and why it cannot be had, in one line."""
    try:
        return ask(), ""
    except DnRError as error:
        return None, str(error)
