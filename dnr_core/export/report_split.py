"""Chapters of a report on how good a run is, on its parts, attributions, map and signals."""

from __future__ import annotations

import numpy as np

from dnr_core.export.report_data import Material, or_why
from dnr_core.export.report_pieces import Section, absent, reads, sub, table
from dnr_core.figures.build.dialogue import about_values, claim, sets_reading
from dnr_core.figures.rows.attribution import ABOUT_CHECKS, EXACTNESS, checks, exactness
from dnr_core.figures.rows.bits import BITS_HEADER, bits_table
from dnr_core.figures.rows.card import card_rows, measured_on, truth_rows
from dnr_core.figures.rows.markup import shown, tiles_html
from dnr_core.figures.rows.score import class_reading, class_rows, headline
from dnr_core.figures.rows.signal import about, columns, in_words, mean_rows, one_value

INTERVALS = "Small: 95 % intervals, from drawing whole dialogues with replacement."
NO_LABELS = "Scores cannot be shown because the {split} split has no labels."
NO_CARD = (
    "What the parts hold, and whether they tell the same with other seeds, is not measured: "
    "`python -m dnr_core verify --checkpoint RUN` does."
)
TRUTH = ("planted source", "n", "predicted right", "family named right", "part named right")
ABOUT_MEANS = "Means over the turns in which each is defined; these are readings of the model, not proven causes."


def overview(material: Material) -> Section:
    """Scores, classes, training, and how far the explanations can be trusted."""
    scene, figures = material.scene, material.figures
    body = []
    if material.labelled:
        intervals = scene.engine.class_intervals(*scene.key, scene.split)
        rows = class_rows(material.scores, intervals)
        body += [
            tiles_html(headline(material.scores, scene.split)), sub("By emotion", INTERVALS),
            table(("emotion", "precision", "recall", "F1", "n"), rows), reads(class_reading(material.scores)),
            figures.html("classes"),
        ]  # fmt: skip
    else:
        body += [absent(NO_LABELS.format(split=scene.split)), figures.html("classes")]
    body += [sub("Training"), figures.html("training"), sub("Can the explanations be trusted?"), trust(material)]
    body += [figures.html("agreement"), figures.html("probes")]
    body += [sub("Other runs"), *(figures.html(name) for name in ("study", "study_differences"))]
    return Section("overview", "Overview", "".join(body))


def trust(material: Material) -> str:
    """Planted truth, completeness, null tests, and the decomposition card."""
    scene = material.scene
    found = scene.engine.truth_agreement(*scene.key, scene.split) if scene.has_parts else None
    body = [table(TRUTH, truth_rows(found))] if found is not None else []
    body += map(reads, material.trusted)
    card = scene.engine.card(scene.run)
    if card is not None:
        body += [sub("Decomposition card", measured_on(card)), table(("", "value", "of"), card_rows(card))]
    elif scene.has_parts:
        body.append(absent(NO_CARD))
    return "".join(body)


def components(material: Material) -> Section:
    """What the parts do in the turn in focus and over the split, and what the data offer."""
    scene, figures = material.scene, material.figures
    label = scene.corpus.emotions[scene.label]
    body = [sub(f"In focus: what the model used for “{label}”", about_values(scene.header.players))]
    body.append(figures.html("turn_parts"))
    if scene.has_parts:
        predicted = scene.corpus.emotions[int(scene.predictions.predicted[scene.place])]
        sets = scene.engine.utterance_sets(*scene.key, scene.focus)
        body += [reads(claim(scene.numbers, scene.turn, material.failed)), reads(sets_reading(sets, predicted))]
    body.append(figures.html("interactions"))
    body += [sub("In focus: what the data offer"), *(figures.html(name) for name in ("offered", "pointwise"))]
    body += [sub(f"All turns of {scene.split}"), *(figures.html(name) for name in ("values", "drops", "subsets"))]
    body += [sub("What each pair of modalities tells of the gold emotions, in bits"), figures.html("information")]
    if "information" in figures.drawn:
        found = scene.engine.split_information(*scene.key, scene.split)
        body.append(table(BITS_HEADER, bits_table(found)))
    return Section("components", "Components", "".join(body))


def attribution(material: Material) -> Section:
    """Which features and which turns made the prediction in focus, with the error of each attribution."""
    scene, figures = material.scene, material.figures
    said = scene.numbers.dialogue.utterances[scene.turn]
    words = f'<bdi dir="auto" class="said">“{shown(said.text)}”</bdi>'
    quote = f"<p>Dialogue {shown(scene.dialogue)}, turn {scene.turn}: {words}</p>"
    body = [quote, sub("Features of this turn", "Integrated gradients: what each adds over its baseline.")]
    for name, over in (("attribution", "features"), ("turn_attribution", "turns"), ("word_attribution", "words")):
        body.append(figures.html(name))
        if name in figures.drawn:
            found = scene.engine.attribution(*scene.key, scene.focus, **scene.attribution_options(over))
            row = exactness(found)[0][:-1]  # seconds differ each time
            body += [table(EXACTNESS[:-1], [row]), *map(reads, found.notes)]
    many = sum(scene.corpus.widths.values())
    about = ABOUT_CHECKS.format(count=many)
    body += [sub("Can this attribution be trusted?", about), figures.html("faithfulness")]
    if "faithfulness" in figures.drawn:
        tested = scene.engine.attribution_check(*scene.key, scene.focus, **scene.attribution_options("features"))
        body.append(table(("test", "number"), checks(tested)))
    return Section("attribution", "Attribution", "".join(body))


def projection(material: Material) -> Section:
    """The map of the parts of the whole corpus."""
    scene = material.scene
    body = [sub("Every turn of the corpus by the vectors of its parts", "A click on a turn of this split opens it.")]
    if scene.engine.projection(*scene.key, scene.part, "umap") is None:
        body.append(
            reads("This is a PCA because no UMAP of this run is stored (`python -m dnr_core project` makes one).")
        )
    return Section("projection", "Projection", "".join([*body, material.figures.html("map")]))


def signals(material: Material) -> Section:
    """What the method says of its own workings, in the turn in focus and on average."""
    scene, figures = material.scene, material.figures
    body = [figures.html("signals")]
    found, why = or_why(lambda: scene.engine.signals(*scene.key, scene.split))
    if why:
        body.append(absent(f"Signals cannot be shown: {why}."))
    elif found.values:
        numbers = [name for name, values in found.values.items() if values.ndim == 1]
        cells = [[about(found, name), one_value(found.values[name][scene.place])] for name in numbers]
        given, gold = columns(found), np.asarray(material.found.gold)
        body += [
            sub("The turn in focus"), table(("signal", "value"), cells),
            sub(f"All turns of {scene.split}", ABOUT_MEANS),
            table(("gold emotion", *(name for name, _ in given), "n"), mean_rows(given, gold, scene.corpus.emotions)),
            *(reads(f"{in_words(name).capitalize()}: {text}") for name, text in found.descriptions.items()),
        ]  # fmt: skip
    return Section("signals", "Signals", "".join(body))
