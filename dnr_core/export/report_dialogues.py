"""The dialogues of a report: every turn with its words, labels, prediction, parts, and what may be claimed."""

from __future__ import annotations

import numpy as np

from dnr_core.export.report_data import Material
from dnr_core.export.report_pieces import Section, reads, sub, turn_anchor
from dnr_core.figures.build.dialogue import reading
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.rows.markup import dot, shown
from dnr_core.figures.rows.turns import badges, bar_scale, clock, legend, part_bar
from dnr_core.figures.spec import emotion_colours, readable
from dnr_core.figures.words import p_value
from dnr_core.types import Utterance

FILTER = """<form id="filter" role="search" aria-label="Filter the dialogues"><label>Find
<input type="search" id="wanted" placeholder="words, a speaker, an emotion" autocomplete="off"></label>
<label><input type="checkbox" id="wrong"> with errors only</label><output id="counted" aria-live="polite"></output>
<button type="button" id="open">open all shown</button></form>"""
HEADER = ("turn", "speaker", "words", "gold", "predicted", "confidence", "parts, logits", "may be claimed")


def dialogues(material: Material) -> Section:
    """Every dialogue of the split, the one in focus with its figures first."""
    scene, figures = material.scene, material.figures
    names = scene.corpus.dialogue_ids(scene.split)
    focus = scene.numbers.dialogue.utterances[scene.turn]
    told = [numbers_html(material, name, place) for place, name in enumerate(names)]
    body = [
        sub(f"In focus: dialogue {scene.dialogue}, turn {scene.turn}", f"{focus.utterance_id}: one example."),
        figures.html("case"),
        f"<details><summary>The same as single figures</summary>{figures.html('timeline')}"
        f"{figures.html('dialogue_parts')}</details>",
        sub(f"All {len(names):,} dialogues of {scene.split}", f"{len(material.found.row):,} turns; open any to read."),
        f"<p>{legend(scene.numbers)}</p>" if scene.has_parts else "",
        FILTER, f'<div id="dialogues">{"".join(told)}</div>',
    ]  # fmt: skip
    return Section("dialogues", "Dialogues", "".join(body))


def numbers_html(material: Material, name: str, place: int) -> str:
    """One dialogue to open; that in focus is open."""
    numbers, rows = material.scene.dialogue_numbers(name), material.scene.corpus.dialogue_rows[name]
    wrong, turns = int(numbers.wrong.sum()), numbers.dialogue.utterances
    people = ", ".join(dict.fromkeys(one.speaker for one in turns if one.speaker))
    about = f"{len(turns)} turn{'s' if len(turns) != 1 else ''} · {people} · " if people else f"{len(turns)} turns · "
    verdict = "no labels" if (numbers.gold < 0).all() else f"{wrong} wrong" if wrong else "all right"
    opened = " open" if name == material.scene.dialogue else ""
    zero, scale = bar_scale(numbers)
    focus = material.scene.corpus.row_of[material.scene.focus]
    cells = [
        row_html(numbers, turn, int(row), part_bar(numbers, turn, zero, scale), focused=int(row) == focus)
        for turn, row in enumerate(rows)
    ]
    head = "".join(f'<th scope="col">{words}</th>' for words in columns(numbers))
    return (
        f'<details class="dialogue" id="dialogue-{place}" data-wrong="{wrong}"{opened}><summary>'
        f'<b><bdi>{shown(name)}</bdi></b> <span class="quiet">{shown(about)}{verdict}</span></summary>'
        f"{reads(reading(numbers))}"
        f'<div class="scroll" tabindex="0"><table class="chat"><thead><tr>{head}</tr></thead><tbody>{"".join(cells)}'
        "</tbody></table></div></details>"
    )


def columns(numbers: DialogueNumbers) -> tuple[str, ...]:
    """The names of the columns; without parts there is nothing to claim."""
    return HEADER if numbers.values is not None else HEADER[:6]


def row_html(numbers: DialogueNumbers, turn: int, row: int, bar: str, *, focused: bool) -> str:
    """One turn; its id is that of its row in the corpus."""
    one = numbers.dialogue.utterances[turn]
    label, wrong = int(numbers.predicted[turn]), bool(numbers.wrong[turn])
    sign = "✗" if wrong else "✓" if numbers.gold[turn] >= 0 else "·"
    colours = emotion_colours(numbers.emotions)
    predicted, gold = numbers.emotions[label], int(numbers.gold[turn])
    assert numbers.before is not None
    cells = [
        f"{turn}", f"<bdi>{shown(one.speaker)}</bdi>{when(one)}", f"{spoken(one)}{about_turn(one)}",
        f"{dot(colours[numbers.emotions[gold]])}{shown(numbers.emotions[gold])}" if gold >= 0 else "–",
        f'<b class="{"miss" if wrong else "hit"}">{sign}</b> {dot(colours[predicted])}{shown(predicted)}',
        f"{numbers.before[turn, label]:.2f}",
    ]  # fmt: skip
    if numbers.values is not None:
        cells += [bar, claimed(numbers, turn)]
    classes = f' class="{" ".join(filter(None, ("wrong" * wrong, "focus" * focused)))}"' if wrong or focused else ""
    inside = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr id="{turn_anchor(row)}" data-id="{shown(one.utterance_id)}"{classes}>{inside}</tr>'


def when(one: Utterance) -> str:
    """When it is said, small, where that is known."""
    return "" if one.start_s is None else f"<br><small>{clock(one.start_s)}</small>"


def spoken(one: Utterance) -> str:
    """The words, literally."""
    return f'<bdi dir="auto" class="said">{shown(one.text)}</bdi>' if one.text else "<em>no text</em>"


def about_turn(one: Utterance) -> str:
    """What was not measured in it, and what was planted, on a line of its own."""
    found = badges(one)
    return f"<div>{found}</div>" if found else ""


def claimed(numbers: DialogueNumbers, turn: int) -> str:
    """Which part is decisive, or that none is; that it is not tested, where it is not."""
    found = numbers.claims
    if found is None or found.reason is not None:
        return '<small class="quiet">not tested</small>'
    p = f" <small class='one'>{shown(p_value(float(found.p[turn])))}</small>" if not np.isnan(found.p[turn]) else ""
    if not found.significant[turn]:
        return f'<span class="quiet">no single part decisive</span>{p}'
    return f"decisive: <b>{shown(readable(f'{found.family[turn]}:{found.sources[turn]}'))}</b>{p}"
