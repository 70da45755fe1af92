"""Figures of one turn and of its dialogue."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnr_core.errors import DnRError, UsageError
from dnr_core.export.scene import Scene
from dnr_core.figures.build import attribution, components, dialogue, information
from dnr_core.figures.build import signals as signal_figures
from dnr_core.figures.numbers import Offered
from dnr_core.figures.spec import FigureSpec

FEATURES = 15
"""Features drawn one by one; the rest is added up."""


def dialogue_parts(scene: Scene) -> tuple[FigureSpec, ...]:
    """What each family of parts adds in every turn of the dialogue."""
    scene.need_parts()
    return (dialogue.contributions(scene.numbers),)


def timeline(scene: Scene) -> tuple[FigureSpec, ...]:
    """Gold and predicted emotions over the turns, and under them what the parts add."""
    strip = dialogue.timeline(scene.numbers, scene.turn)
    if not scene.has_parts:
        return (strip,)
    return strip, dialogue.contributions(scene.numbers, scene.turn)


def case(scene: Scene) -> tuple[FigureSpec, ...]:
    """The words, emotions and parts of the dialogue."""
    return dialogue.case(scene.numbers), *timeline(scene)


def parts(scene: Scene) -> tuple[FigureSpec, ...]:
    """The exact values of the parts of the turn."""
    scene.need_parts()
    assert scene.numbers.values is not None
    return (dialogue.part_values(scene.numbers.values, scene.turn, scene.label, scene.corpus.emotions),)


def interactions(scene: Scene) -> tuple[FigureSpec, ...]:
    """The pairwise interactions of the parts of the turn."""
    scene.need_parts()
    if len(scene.header.players) < 2:
        raise DnRError("this run has one part only: nothing interacts")
    values = scene.engine.utterance_values(*scene.key, scene.focus, "dialogue", scene.removal)
    return (components.interactions(values, scene.label, scene.corpus.emotions),)


def offered(scene: Scene) -> tuple[FigureSpec, ...]:
    """The bits that the data offer about the predicted emotion of the turn."""
    found, place = scene.engine.information(*scene.key, scene.split), scene.place
    numbers = (float(array[place]) for array in (found.pointwise[:, -1], found.completeness_gap, found.p_value))
    one = Offered(found.atoms, found.values[place], int(found.classes[place]), *numbers, bool(found.significant[place]))
    return (dialogue.offered(scene.corpus.emotions, one),)


def pointwise(scene: Scene) -> tuple[FigureSpec, ...]:
    """The bits of every subset of the modalities in every turn of the dialogue."""
    found = scene.engine.information(*scene.key, scene.split)
    start = scene.place - scene.turn
    places = np.arange(start, start + len(scene.numbers.gold))
    return (information.pointwise(found, places, scene.corpus.emotions),)


def features(scene: Scene) -> tuple[FigureSpec, ...]:
    """The named features that speak for the emotion and against it."""
    return (attribution.features(attributed(scene, "features"), FEATURES),)


def words(scene: Scene) -> tuple[FigureSpec, ...]:
    """What every word of the turn adds, through the text encoder."""
    return (attribution.words(attributed(scene, "words")),)


def turns(scene: Scene) -> tuple[FigureSpec, ...]:
    """What every turn of the dialogue adds to this prediction."""
    if len(scene.corpus.dialogue_rows[scene.dialogue]) == 1:
        raise UsageError("which turn mattered cannot be shown: the dialogue has one turn only")
    return (attribution.turns(attributed(scene, "turns")),)


def faithfulness(scene: Scene) -> tuple[FigureSpec, ...]:
    """The output while features come back in the order of their values, against random order."""
    tested = scene.engine.attribution_check(*scene.key, scene.focus, **scene.attribution_options("features"))
    return (attribution.insertion(attributed(scene, "features"), tested),)


def attributed(scene: Scene, over: str) -> Any:
    """The engine's Attribution of the turn in focus by integrated gradients."""
    return scene.engine.attribution(*scene.key, scene.focus, **scene.attribution_options(over))


def signals(scene: Scene) -> tuple[FigureSpec, ...]:
    """The signals of the method that have a number for every modality."""
    if "signals" not in scene.header.config["supports"]:
        raise UsageError(f"method {scene.header.config['run']['method']} has no signals of its own")
    found = scene.engine.signals(*scene.key, scene.split)
    tables = [values[scene.place] for values in found.values.values() if values.ndim == 2]
    panels = tuple(signal_figures.modality_bars(row) for row in tables if not np.isnan(row).all())
    if not panels:
        raise DnRError("no signal was measured in this turn")
    return panels
