"""Chapters of a report on what is wrong in a split, and on what changes from one run to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dnr_core.export.report_data import Material, or_why
from dnr_core.export.report_pieces import Section, absent, link, reads, sub, table, turn_anchor
from dnr_core.figures.rows import audit as audit_rows
from dnr_core.figures.rows.compare import (
    ABOUT_SCORES,
    SCORE_HEADER,
    agreement,
    mcnemar_reading,
    score_rows,
    verdict,
)
from dnr_core.figures.rows.markup import dot, shown, tiles_html
from dnr_core.figures.spec import emotion_colours

ABOUT_SLICES = (
    "95 % intervals from drawing whole dialogues. Of an emotion: accuracy is recall, F1 is that of the class."
)
LEARNT = "The model was trained on these turns: its errors and probabilities here say little about new ones."
ABOUT_SUSPECTS = (
    "{count:,} of {of:,} labels that the model doubts, the most doubtful first, by confident learning. It can as well "
    "be the model that is wrong: read them."
)
ALONE = "One run alone: name another with `--against` to compare them."


def errors(material: Material) -> Section:
    """Confusions, slices, calibration, kinds of errors, suspect labels, and the list of all errors."""
    scene, figures = material.scene, material.figures
    if material.audit is None:
        nothing = absent(f"Errors cannot be shown because {scene.split} has no labels.")
        return Section("errors", "Errors", nothing + figures.html("confusion") + figures.html("calibration"))
    kinds = table(audit_rows.KIND_HEADER, audit_rows.kind_rows(material.audit))
    body = [
        absent(LEARNT) if scene.split == "train" else "",
        figures.html("confusion"), sub("Slices", ABOUT_SLICES), slices(material),
        reads(audit_rows.slice_reading(material.audit)), sub("Calibration"), figures.html("calibration"),
        sub("Do errors follow the conversation?", audit_rows.ABOUT_KINDS), kinds,
        reads(audit_rows.kind_reading(material.audit)), suspects(material), listed(material),
    ]  # fmt: skip
    return Section("errors", "Errors", "".join(body))


def slices(material: Material) -> str:
    """The slices by group; the line in a bar is where all turns are."""
    assert material.audit is not None
    audit, whole = material.audit, 1 - float(material.wrong.sum() / material.labelled)
    rows, group = [], None
    for one, score in zip(audit.slices, audit.scores, strict=True):
        if one.group != group:
            group = one.group
            rows.append(f'<tr class="group"><th scope="rowgroup" colspan="4">{shown(group)}</th></tr>')
        cells = audit_rows.slice_cells(one, score, whole)
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f'<th scope="col">{name}</th>' for name in ("slice", "accuracy", "weighted F1", "n"))
    inside = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="scroll" tabindex="0">{inside}</div>'


def listed(material: Material) -> str:
    """Every error with a link to its dialogue, in the order of the corpus."""
    places = np.flatnonzero(material.wrong)
    head = sub("All errors", f"{len(places):,} of {material.labelled:,} labelled turns are predicted wrong.")
    return head + table(("turn", "words", "gold", "predicted", "confidence"), error_rows(material, places), tall=True)


def error_rows(material: Material, places: np.ndarray) -> list[list[str]]:
    """Turns of the split as HTML cells: where, what was said, gold, predicted."""
    colours, found = emotion_colours(material.scene.corpus.emotions), material.found
    rows = []
    for place in places:
        gold, said = (found.emotions[int(of[place])] for of in (found.gold, found.predicted))
        rows.append([
            *where(material, int(found.row[place])), f"{dot(colours[gold])}{shown(gold)}",
            f"{dot(colours[said])}{shown(said)}", f"{material.chances[place].max():.2f}",
        ])  # fmt: skip
    return rows


def where(material: Material, row: int) -> list[str]:
    """A turn as two HTML cells: a link to it with its speaker, and its words."""
    one = material.scene.corpus.utterance(row)
    speaker = f"<br><small><bdi>{shown(one.speaker)}</bdi></small>" if one.speaker else ""
    spoken = f'<bdi dir="auto" class="said">{shown(one.text)}</bdi>' if one.text else "<em>no text</em>"
    return [f"{link(turn_anchor(row), f'{one.dialogue_id}, turn {one.turn}')}{speaker}", spoken]


def suspects(material: Material) -> str:
    """Labels that may be wrong; not told on train."""
    scene = material.scene
    found, why = or_why(lambda: scene.engine.suspects(*scene.key, scene.split))
    if why:
        return sub("Suspect labels") + absent(f"{why[0].upper()}{why[1:]}.")
    head = sub("Suspect labels", ABOUT_SUSPECTS.format(count=len(found.place), of=material.labelled))
    if not len(found.place):
        return head
    emotions = scene.corpus.emotions
    colours = emotion_colours(emotions)
    rows = [
        [*cells[:3], f"{dot(colours[emotions[int(label)]])}{shown(emotions[int(label)])}", *cells[3:]]
        for cells, label in zip(error_rows(material, found.place), found.suggested, strict=True)
    ]
    return head + table(("turn", "words", "gold", "suggested", "predicted", "confidence"), rows, tall=True)


def compare(material: Material) -> Section:
    """Another run against this one on the same turns."""
    scene, figures = material.scene, material.figures
    if scene.against is None:
        return Section("compare", "Compare", absent(ALONE) + figures.html("class_changes"))
    a, b = (Path(run).name for run in (scene.run, scene.against))
    names = f"<p>A: <b>{shown(a)}</b>, this run. B: <b>{shown(b)}</b>.</p>"
    found, why = or_why(lambda: scene.engine.compare(scene.run, scene.against, scene.corpus_name, scene.split))
    if why:
        return Section("compare", "Compare", names + absent(f"{why}.") + figures.html("class_changes"))
    body = [
        names, sub(f"Which is better on {scene.split}?", ABOUT_SCORES), table(SCORE_HEADER, score_rows(found)),
        reads(verdict(found)), tiles_html(agreement(found)), reads(mcnemar_reading(found)),
        figures.html("class_changes"), flips(material, "only A right", found.only_a_right),
        flips(material, "only B right", found.only_b_right),
    ]  # fmt: skip
    return Section("compare", "Compare", "".join(body))


def flips(material: Material, title: str, listed: tuple[Any, ...]) -> str:
    """The turns that one side gets right and the other wrong."""
    colours = emotion_colours(material.scene.corpus.emotions)
    rows = [
        [
            *where(material, material.scene.corpus.row_of[flip.utterance_id]),
            *(f"{dot(colours[name])}{shown(name)}" for name in (flip.gold, flip.a, flip.b)),
        ]
        for flip in listed
    ]
    head = sub(f"{title[0].upper()}{title[1:]}", f"{len(rows):,} turns")
    return head + (table(("turn", "words", "gold", "A says", "B says"), rows, tall=True) if rows else "")
