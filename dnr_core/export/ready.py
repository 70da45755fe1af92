"""Whether all that a figure is made of is there or quick to compute, so that a page need not ask before it draws it."""

from __future__ import annotations

from dnr_core.export.scene import Scene
from dnr_core.types import AttributionOptions

FEW_PASSES = 100
"""Copies of a dialogue that go through the model within about a second."""
GRADIENTS = "integrated_gradients"


def at_once(scene: Scene) -> bool:
    """What is read from the run or from stored predictions."""
    return True


def values(scene: Scene) -> bool:
    """The values of the parts over the split are stored, or the method has none."""
    stored = (scene.split, "dialogue", scene.removal)
    return not scene.has_parts or scene.engine.stored_split_values(*scene.key, *stored) is not None


def information(scene: Scene) -> bool:
    """The information view of the split is stored, or cannot be shown."""
    engine = scene.engine
    return not engine.has_information(*scene.key) or engine.stored_information(*scene.key, scene.split) is not None


def bits(scene: Scene) -> bool:
    """What pairs of modalities tell over the split is stored, or cannot be shown."""
    engine = scene.engine
    return (
        not engine.has_information(*scene.key) or engine.stored_split_information(*scene.key, scene.split) is not None
    )


def features(scene: Scene) -> bool:
    """The attribution to features is in memory, or a matter of a second."""
    return attributed(scene, "features")


def turns(scene: Scene) -> bool:
    """The same to turns."""
    return attributed(scene, "turns")


def words(scene: Scene) -> bool:
    """The attribution to words is in memory, or there is no encoder for it."""
    if scene.engine.encoder_problem(*scene.key) is not None:
        return True
    options = scene.attribution_options("words")
    return scene.engine.kept_attribution(*scene.key, scene.focus, **options) is not None


def attributed(scene: Scene, over: str) -> bool:
    """Whether an attribution is in memory, or a matter of a second."""
    if scene.engine.kept_attribution(*scene.key, scene.focus, **scene.attribution_options(over)) is not None:
        return True
    return scene.engine.attribution_passes(*scene.key, scene.focus, method=GRADIENTS, over=over) <= FEW_PASSES


def tested(scene: Scene) -> bool:
    """The test of the attribution to features is in memory."""
    options: AttributionOptions = scene.attribution_options("features")
    return scene.engine.kept_attribution_check(*scene.key, scene.focus, **options) is not None


def mapped(scene: Scene) -> bool:
    """A map is stored, or its PCA is quick."""
    return any(scene.engine.projection(*scene.key, scene.part, method) is not None for method in ("umap", "pca"))
