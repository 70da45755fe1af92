"""The controls of the What-if page: words, features, parts of another turn, missing modalities, context."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from dashboard import attribution_data, whatif_edits
from dashboard.attribution_link import AttributionChoice, preferred
from dashboard.markup import heading, notice, reads, shown, write
from dashboard.state import Selection, engine
from dashboard.whatif_edits import DONORS, Draft, change, change_edit, focused
from dnr_core.errors import DnRError
from dnr_core.figures.numbers import DialogueNumbers
from dnr_core.figures.spec import readable
from dnr_core.serve import Edit
from dnr_core.types import MODALITIES, split_player

FIRST, STEPS = 3, 200
"""Features that have a slider before any was chosen, and steps of a slider."""
FEATURES = "features"
NO_FEATURES = "No feature of {modality} can be moved because none has a value in the training data of this corpus."
RESTING = "{modality} is declared missing in this turn: its features and words rest until it is back."
NO_PARTS = "Parts cannot be replaced because method {method} has none."
NONE_HERE = "No part can be replaced because no modality was measured in this turn."
ONE_TURN = "The context cannot be shortened because this dialogue has one turn only."
ABOUT_PARTS = "The part's vector becomes that of another turn, spoken in its own dialogue."
WHOLE = " The parts of this method are whole modalities."


def words(chosen: Selection, made: Draft) -> None:
    """Other words for the turn, or why they cannot be edited."""
    spoken, problem = focused(chosen).text, whatif_edits.readable_words(chosen)

    def changed() -> None:
        typed = st.session_state.whatif_words
        change_edit(text=None if typed == spoken else typed)

    st.session_state.whatif_words = spoken if made.edit.text is None or problem else made.edit.text
    heading("Words", problem or "Press Ctrl+Enter to have other words embedded. No words: text is missing.")
    st.text_area(
        "Words of this turn", key="whatif_words", on_change=changed, disabled=problem is not None, height=68,
        label_visibility="collapsed",
    )  # fmt: skip


def features(chosen: Selection, numbers: DialogueNumbers, made: Draft, edit: Edit) -> None:
    """A slider for each chosen feature of a modality, those with the largest attribution listed first."""
    heading(
        "Features", "In their own units, from the 1st to the 99th percentile of the training data; ▲ is the real value."
    )
    offered = chosen.run.modalities
    first = whatif_edits.first_named(chosen.corpus.feature_names, offered)
    modality = made.modality if made.modality in offered else first
    ranges = engine().feature_ranges(str(chosen.corpus_name), modality)
    left, right = st.columns([1.5, 1], vertical_alignment="bottom")
    st.session_state.whatif_modality = modality
    left.segmented_control(
        "Modality", offered, key="whatif_modality", required=True,
        on_change=lambda: change(modality=st.session_state.whatif_modality),
    )  # fmt: skip
    names = ranked(chosen, numbers, modality, ranges, right)
    if not names:
        notice(NO_FEATURES.format(modality=modality), kind="info")
        return
    picked = feature_picker(made, modality, names)
    if modality in edit.taken:
        reads(RESTING.format(modality=modality))
        return
    columns = st.columns(2, gap="medium")
    for place, name in enumerate(picked):
        with columns[place % 2]:
            slider(chosen, made, modality, name, ranges, picked)


def ranked(chosen: Selection, numbers: DialogueNumbers, modality: str, ranges: Any, where: Any) -> list[str]:
    """The features of a modality: by size of their attribution where that is known, else as the corpus lists them.

    `ranges`: the engine's FeatureRanges; features that no training turn has are left out.
    """
    known = [name for name, mean in zip(ranges.names, ranges.mean, strict=True) if not np.isnan(mean)]
    choice = chosen.attributed
    if choice.over != FEATURES:
        choice = AttributionChoice(preferred(FEATURES), FEATURES, choice.baseline)
    key, options = attribution_data.question(replace(chosen, attributed=choice), numbers)
    try:
        found = engine().kept_attribution(*key, **options)
        explanation = (
            f"{attribution_data.METHODS[choice.method]} of “{options.get('target')}”: what matters comes first."
        )
        if found is None and where.button("Rank by attribution", key="whatif_rank", help=explanation):
            found = engine().attribution(*key, **options)
    except DnRError as error:
        notice(str(error))
        return known
    if found is None:
        return known
    size = {
        name: abs(float(value))
        for name, kind, value in zip(found.names, found.kinds, found.values, strict=True)
        if kind == modality
    }
    where.html(f'<small class="dnr-quiet">ranked by attribution to “{shown(options.get("target"))}”</small>')
    return sorted(known, key=lambda name: -size.get(name, 0.0))


def feature_picker(made: Draft, modality: str, names: list[str]) -> list[str]:
    """The features that have a slider; one that is taken off the list gets its real value back."""
    key = f"whatif_features_{modality}"
    moved = [name for of, name, _ in made.edit.cells if of == modality]
    picked = [
        name for name in made.features.get(modality, (*dict.fromkeys([*moved, *names[:FIRST]]),)) if name in names
    ]

    def changed() -> None:
        now = tuple(st.session_state[key])
        change(features=made.features | {modality: now})
        for name in set(moved) - set(now):
            whatif_edits.set_cell(modality, name, None)

    st.session_state[key] = picked
    st.multiselect(f"Features of {modality} ({len(names)})", names, key=key, on_change=changed)
    return picked


def slider(chosen: Selection, made: Draft, modality: str, name: str, ranges: Any, picked: list[str]) -> None:
    """One feature: where it stands, and where it really was."""
    place = ranges.names.index(name)
    real = real_value(chosen, modality, place)
    own = float(ranges.mean[place]) if real is None else real
    low, high = min(float(ranges.low[place]), own), max(float(ranges.high[place]), own)
    key, step = f"whatif_move_{modality}_{name}", (high - low) / STEPS

    def changed() -> None:
        value = float(st.session_state[key])
        same = real is not None and abs(value - real) < step / 2
        change(features=st.session_state.whatif.features | {modality: tuple(picked)})
        whatif_edits.set_cell(modality, name, None if same else value)

    moved = whatif_edits.cell_of(made.edit, modality, name)
    st.session_state[key] = min(max(own if moved is None else moved, low), high)
    was = f"not measured (filled in: mean {own:.4g})" if real is None else f"measured {real:.4g}"
    st.slider(
        f"{literal(name)} · {was}", low, high, key=key, step=step, format=f"%.{decimals(step)}f", on_change=changed
    )
    write(mark((own - low) / (high - low), hollow=real is None))


def real_value(chosen: Selection, modality: str, place: int) -> float | None:
    """What was measured of a feature in this turn, None where it was not."""
    row = int(chosen.corpus.dialogue_rows[chosen.dialogue][chosen.turn])
    value = float(chosen.corpus.features[modality][row, place])
    there = chosen.corpus.present[row, MODALITIES.index(modality)]
    return value if there and not math.isnan(value) else None


def literal(name: str) -> str:
    """A name so that a label shows it as it was typed: labels read Markdown."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+-.!|~$:" else letter for letter in name)


def decimals(step: float) -> int:
    """How many decimals tell steps of a slider apart."""
    return min(max(0, 1 - math.floor(math.log10(step))), 9)


def mark(share: float, *, hollow: bool) -> str:
    """A small triangle under a slider at a share of its way; hollow where nothing was measured there."""
    return (
        f'<div class="whatif-mark" style="position:relative;height:.7em;margin-top:-.9rem;font-size:.7em">'
        f'<span style="position:absolute;left:calc(.375rem + (100% - .75rem) * {share:.4f});'
        f'transform:translateX(-50%)">{"△" if hollow else "▲"}</span></div>'
    )


def parts(chosen: Selection, made: Draft, edit: Edit) -> None:
    """Which parts are replaced, and by whose."""
    offered = whatif_edits.replaceable(chosen, edit)
    modal = offered and all(split_player(player)[0] == "modality" for player in offered)
    heading("Parts of another turn", ABOUT_PARTS + (WHOLE if modal else ""), term=("part", "modality"))
    if not offered:
        none = NONE_HERE if "components" in chosen.run.supports else NO_PARTS.format(method=chosen.run.info.method)
        notice(none, kind="info")
        return
    st.session_state.whatif_parts = [part for part in made.parts if part in offered]
    st.pills(
        "Parts", offered, selection_mode="multi", key="whatif_parts", format_func=readable, wrap=True,
        on_change=lambda: change(parts=tuple(st.session_state.whatif_parts)), label_visibility="collapsed",
    )  # fmt: skip
    donor(chosen, made)


def donor(chosen: Selection, made: Draft) -> None:
    """Who gives the parts: drawn by emotion and seed, or named."""
    state = st.session_state
    columns = st.columns([1.5, 1.8] if made.donor_by == "id" else [1.5, 1, 0.8], vertical_alignment="bottom")
    state.whatif_by = made.donor_by
    columns[0].segmented_control(
        "Donor", list(DONORS), key="whatif_by", format_func=DONORS.get, required=True,
        on_change=lambda: change(donor_by=state.whatif_by),
    )  # fmt: skip
    if made.donor_by == "id":
        state.whatif_donor = made.donor_id
        columns[1].text_input(
            "Utterance id", key="whatif_donor", placeholder=f"such as {chosen.corpus.utterance(0).utterance_id}",
            on_change=lambda: change(donor_id=state.whatif_donor),
        )  # fmt: skip
        return
    state.whatif_emotion, state.whatif_seed = whatif_edits.donor_emotion(chosen, made), made.donor_seed
    columns[1].selectbox(
        "Labelled", chosen.corpus.emotions, key="whatif_emotion",
        on_change=lambda: change(donor_emotion=state.whatif_emotion),
    )  # fmt: skip
    columns[2].number_input(
        "Seed", 0, 999_999, key="whatif_seed", on_change=lambda: change(donor_seed=int(state.whatif_seed)),
        help="Another number draws another training turn of that emotion.",
    )  # fmt: skip


def missing(chosen: Selection, made: Draft) -> None:
    """Modalities that are declared missing in this turn."""
    offered = whatif_edits.measured(chosen, replace(made.edit, absent=(), text=made.edit.text or None))
    heading("Missing", "Declare a modality of this turn not measured.", term=("modality", "fault"))
    if not offered:
        return
    st.session_state.whatif_absent = [name for name in made.edit.absent if name in offered]
    st.pills(
        "Missing", offered, selection_mode="multi", key="whatif_absent", label_visibility="collapsed",
        on_change=lambda: change_edit(absent=tuple(st.session_state.whatif_absent)),
    )  # fmt: skip


def context(chosen: Selection, made: Draft) -> None:
    """How many turns before and after this one the model reads."""
    last = len(chosen.corpus.dialogue_rows[chosen.dialogue]) - 1
    heading("Context", "The model reads only so many turns around this one; all others leave the dialogue.")
    if not last:
        reads(ONE_TURN)
        return
    columns = st.columns(2, gap="medium")
    for column, side, most in ((columns[0], "before", chosen.turn), (columns[1], "after", last - chosen.turn)):
        with column:
            reach(made, side, most)


def reach(made: Draft, side: str, most: int) -> None:
    """How many turns on one side are left."""
    key, kept = f"whatif_{side}", getattr(made.edit, side)

    def changed() -> None:
        turns = int(st.session_state[key])
        change_edit(**{side: None if turns == most else turns})

    if not most:
        reads(f"No turns {side} this one.")
        return
    st.session_state[key] = most if kept is None else min(kept, most)
    st.slider(f"Turns {side} it (of {most})", 0, most, key=key, on_change=changed)
