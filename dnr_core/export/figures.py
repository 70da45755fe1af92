"""The registry of figures: a name, what it shows, the page with the same view, and how it is made of a scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dnr_core.errors import one_of
from dnr_core.export import of_split, of_turn, ready
from dnr_core.export.scene import Scene
from dnr_core.figures.spec import FigureSpec

DIALOGUES = "95 %, percentile bootstrap over whole dialogues"
SEEDS = "95 %, t over seeds"


@dataclass(frozen=True)
class Entry:
    """One figure; `build` raises DnRError where the method, the corpus or a lone run cannot give it.

    `ready` says whether all that it is made of is there, or quick to compute; it may raise DnRError as `build` does.

    `page`: the address of the page with the same view; `wide`: better over two columns; `focused`: it is about the
    utterance in focus, or its dialogue; `intervals`: how they were made, empty where it has none.
    """

    title: str
    page: str
    build: Callable[[Scene], tuple[FigureSpec, ...]]
    wide: bool = False
    focused: bool = False
    intervals: str = ""
    ready: Callable[[Scene], bool] = ready.at_once


FIGURES: dict[str, Entry] = {
    "dialogue_parts": Entry("Parts over a dialogue", "dialogue", of_turn.dialogue_parts, wide=True, focused=True),
    "timeline": Entry("Emotions and parts over a dialogue", "dialogue", of_turn.timeline, wide=True, focused=True),
    "turn_parts": Entry("Parts of one turn", "components", of_turn.parts, focused=True),
    "interactions": Entry("Interactions of the parts of one turn", "components", of_turn.interactions, focused=True),
    "offered": Entry(
        "What the data offer about one turn",
        "components",
        of_turn.offered,
        focused=True,
        ready=ready.information,
    ),
    "pointwise": Entry(
        "Pointwise information over a dialogue",
        "components",
        of_turn.pointwise,
        focused=True,
        ready=ready.information,
    ),
    "attribution": Entry("Features of one turn", "attribution", of_turn.features, focused=True, ready=ready.features),
    "word_attribution": Entry("Words of one turn", "attribution", of_turn.words, focused=True, ready=ready.words),
    "turn_attribution": Entry(
        "Which turns mattered",
        "attribution",
        of_turn.turns,
        wide=True,
        focused=True,
        ready=ready.turns,
    ),
    "faithfulness": Entry(
        "Insertion curves of one attribution",
        "attribution",
        of_turn.faithfulness,
        focused=True,
        ready=ready.tested,
    ),
    "signals": Entry("What the method says of one turn", "dialogue", of_turn.signals, focused=True),
    "case": Entry("A dialogue as a case study", "dialogue", of_turn.case, wide=True, focused=True),
    "values": Entry("Mean value of each part by emotion", "components", of_split.values, wide=True, ready=ready.values),
    "drops": Entry(
        "What is lost without a part",
        "components",
        of_split.drops,
        intervals=DIALOGUES,
        ready=ready.values,
    ),
    "subsets": Entry(
        "Scores of modality subsets",
        "components",
        of_split.subsets,
        intervals=DIALOGUES,
        ready=ready.values,
    ),
    "information": Entry(
        "What pairs of modalities tell",
        "components",
        of_split.information,
        intervals=DIALOGUES,
        ready=ready.bits,
    ),
    "map": Entry("Map of the parts", "projection", of_split.part_map, ready=ready.mapped),
    "confusion": Entry("Confusion matrix", "errors", of_split.confusion),
    "classes": Entry("Scores by emotion", "overview", of_split.classes, intervals=DIALOGUES),
    "class_changes": Entry(
        "Change by emotion from one run to another",
        "compare",
        of_split.class_changes,
        intervals=DIALOGUES,
    ),
    "calibration": Entry("Calibration", "errors", of_split.calibration, intervals=DIALOGUES),
    "training": Entry("Training curves", "overview", of_split.training),
    "probes": Entry("What the parts hold", "overview", of_split.probes, wide=True),
    "agreement": Entry("Agreement with planted truth", "overview", of_split.agreement, intervals=DIALOGUES),
    "study": Entry("Scores of a study", "overview", of_split.study, intervals=SEEDS),
    "study_differences": Entry("What methods add, in a study", "overview", of_split.study_differences, intervals=SEEDS),
}


def build(name: str, scene: Scene) -> tuple[FigureSpec, ...]:
    """The panels of a figure, one under the other. Raises DnRError: an unknown name, or why it cannot be shown."""
    if name not in FIGURES:
        raise one_of("unknown figure", name, (*FIGURES, "all"))
    return FIGURES[name].build(scene)
