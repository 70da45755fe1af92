"""The registry of figures: a name, what it is about, and how it is made of a scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dnr_core.errors import one_of
from dnr_core.export import of_split, of_turn, ready
from dnr_core.export.scene import Scene
from dnr_core.figures.spec import FigureSpec

DIALOGUES = "95 %, percentile bootstrap over whole dialogues"
SEEDS = "95 %, t over seeds"
REMOVED, EXPLAINED = ("removal",), ("removal", "emotion")


@dataclass(frozen=True)
class Entry:
    """One figure; `build` raises DnRError where the method, the corpus or a lone run cannot give it.

    `of`: what it is about; `uses`: the choices of a scene that it depends on, beside that; `wide`: better over two
    columns; `intervals`: how they were made, empty where it has none; `ready` says whether all that it is made of is
    there, or quick to compute, and may raise DnRError as `build` does.
    """

    title: str
    of: Literal["turn", "dialogue", "split", "corpus", "run", "study"]
    build: Callable[[Scene], tuple[FigureSpec, ...]]
    uses: tuple[str, ...] = ()
    wide: bool = False
    intervals: str = ""
    ready: Callable[[Scene], bool] = ready.at_once


FIGURES: dict[str, Entry] = {
    "dialogue_parts": Entry("Parts over a dialogue", "dialogue", of_turn.dialogue_parts, REMOVED, wide=True),
    "timeline": Entry("Emotions and parts over a dialogue", "turn", of_turn.timeline, REMOVED, wide=True),
    "turn_parts": Entry("Parts of one turn", "turn", of_turn.parts, EXPLAINED),
    "interactions": Entry("Interactions of the parts of one turn", "turn", of_turn.interactions, EXPLAINED),
    "offered": Entry("What the data offer about one turn", "turn", of_turn.offered, ready=ready.information),
    "pointwise": Entry("Pointwise information over a dialogue", "dialogue", of_turn.pointwise, ready=ready.information),
    "attribution": Entry("Features of one turn", "turn", of_turn.features, EXPLAINED, ready=ready.features),
    "word_attribution": Entry("Words of one turn", "turn", of_turn.words, ("emotion",), ready=ready.words),
    "turn_attribution": Entry("Which turns mattered", "turn", of_turn.turns, EXPLAINED, wide=True, ready=ready.turns),
    "faithfulness": Entry(
        "Insertion curves of one attribution", "turn", of_turn.faithfulness, EXPLAINED, ready=ready.tested
    ),
    "signals": Entry("What the method says of one turn", "turn", of_turn.signals),
    "case": Entry("A dialogue as a case study", "turn", of_turn.case, REMOVED, wide=True),
    "values": Entry(
        "Mean value of each part by emotion",
        "split",
        of_split.values,
        REMOVED,
        wide=True,
        intervals=DIALOGUES,
        ready=ready.values,
    ),
    "drops": Entry(
        "What is lost without a part", "split", of_split.drops, REMOVED, intervals=DIALOGUES, ready=ready.values
    ),
    "subsets": Entry(
        "Scores of modality subsets", "split", of_split.subsets, REMOVED, intervals=DIALOGUES, ready=ready.values
    ),
    "information": Entry(
        "What pairs of modalities tell", "split", of_split.information, intervals=DIALOGUES, ready=ready.bits
    ),
    "map": Entry("Map of the parts", "corpus", of_split.part_map, ("part", "colour"), ready=ready.mapped),
    "confusion": Entry("Confusion matrix", "split", of_split.confusion),
    "classes": Entry("Scores by emotion", "split", of_split.classes, intervals=DIALOGUES),
    "class_changes": Entry(
        "Change by emotion from one run to another", "split", of_split.class_changes, ("against",), intervals=DIALOGUES
    ),
    "calibration": Entry("Calibration", "split", of_split.calibration, intervals=DIALOGUES),
    "training": Entry("Training curves", "run", of_split.training),
    "probes": Entry("What the parts hold", "run", of_split.probes, wide=True),
    "agreement": Entry("Agreement with planted truth", "split", of_split.agreement, intervals=DIALOGUES),
    "study": Entry("Scores of a study", "study", of_split.study, intervals=SEEDS),
    "study_differences": Entry("What methods add, in a study", "study", of_split.study_differences, intervals=SEEDS),
}


def build(name: str, scene: Scene) -> tuple[FigureSpec, ...]:
    """The panels of a figure, one under the other. Raises DnRError: an unknown name, or why it cannot be shown."""
    if name not in FIGURES:
        raise one_of("unknown figure", name, (*FIGURES, "all"))
    return FIGURES[name].build(scene)
