"""What stands in the controls of the What-if page: kept for the session and for one utterance; another starts clean."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

from dashboard.state import Selection, engine
from dnr_core.serve import Edit
from dnr_core.types import MODALITIES, Utterance, split_player

DONORS = {"emotion": "by emotion", "id": "by id"}


@dataclass(frozen=True)
class Draft:
    """`edit` has everything but the parts: `parts` take their vectors from a donor.

    `utterance`: hash of the corpus and id; `modality`: whose `features` have a slider (a modality that is not in there
    shows its first ones); `donor_by`: a train turn of `donor_emotion` drawn by `donor_seed`, or the turn `donor_id`.
    """

    utterance: tuple[str, str]
    edit: Edit = field(default_factory=Edit)
    modality: str | None = None
    features: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    donor_by: str = "emotion"
    donor_emotion: str | None = None
    donor_seed: int = 0
    donor_id: str = ""


def draft(chosen: Selection) -> Draft:
    """The draft of the utterance in focus, empty where the last one was of another."""
    kept, key = st.session_state.get("whatif"), (chosen.corpus.hash, focused(chosen).utterance_id)
    if kept is None or kept.utterance != key:
        kept = st.session_state.whatif = Draft(key)
    return kept


def focused(chosen: Selection) -> Utterance:
    """The utterance in focus."""
    return chosen.corpus.utterance(int(chosen.corpus.dialogue_rows[chosen.dialogue][chosen.turn]))


def change(**fields: Any) -> None:
    """Put other values into the draft."""
    st.session_state.whatif = replace(st.session_state.whatif, **fields)


def change_edit(**fields: Any) -> None:
    """Put other values into the edit of the draft."""
    change(edit=replace(st.session_state.whatif.edit, **fields))


def reset() -> None:
    """Take every change back."""
    st.session_state.whatif = Draft(st.session_state.whatif.utterance)


def set_cell(modality: str, name: str, value: float | None) -> None:
    """Give a feature another value; None: the real one again."""
    others = tuple(cell for cell in st.session_state.whatif.edit.cells if cell[:2] != (modality, name))
    change_edit(cells=others if value is None else (*others, (modality, name, value)))


def cell_of(edit: Edit, modality: str, name: str) -> float | None:
    """The value that a feature was given, None where it has its own."""
    return next((value for *cell, value in edit.cells if cell == [modality, name]), None)


def readable_words(chosen: Selection) -> str | None:
    """Why the words cannot be edited, None where they can."""
    assert chosen.run is not None
    return engine().words_problem(chosen.run.info.name, str(chosen.corpus_name))


def measured(chosen: Selection, edit: Edit) -> tuple[str, ...]:
    """The modalities that the run reads in this turn, once it is edited."""
    assert chosen.run is not None
    real = {name for name, there in zip(MODALITIES, focused(chosen).present, strict=True) if there}
    return tuple(name for name in chosen.run.modalities if name in (real | edit.given) - edit.taken)


def replaceable(chosen: Selection, edit: Edit) -> tuple[str, ...]:
    """The parts of the run that this turn has, once it is edited."""
    assert chosen.run is not None
    there = measured(chosen, edit)
    players = chosen.run.players if "components" in chosen.run.supports else ()
    return tuple(player for player in players if set(split_player(player)[1]) <= set(there))


def without_parts(chosen: Selection, made: Draft) -> Edit:
    """What of a draft's edit this run can do: what is set of a modality rests while that is declared missing."""
    assert chosen.run is not None
    edit, read = made.edit, chosen.run.modalities
    absent = tuple(name for name in edit.absent if name in read)
    text = None if "text" in absent or (edit.text is not None and readable_words(chosen)) else edit.text
    edit = replace(edit, text=text, absent=absent)
    cells = tuple(cell for cell in edit.cells if cell[0] in read and cell[0] not in edit.taken)
    return replace(edit, cells=cells)


def donor_id(chosen: Selection, made: Draft, parts: tuple[str, ...]) -> str | None:
    """Who gives the parts; None while no id was typed. Raises UsageError where no turn of that emotion has them."""
    if made.donor_by == "id":
        return made.donor_id.strip() or None
    return engine().draw_donor(
        str(chosen.corpus_name), focused(chosen).utterance_id, parts=parts, emotion=donor_emotion(chosen, made),
        seed=made.donor_seed,
    )  # fmt: skip


def donor_emotion(chosen: Selection, made: Draft) -> str:
    """The emotion of the donor: the first that is not the gold one, where none was chosen."""
    if made.donor_emotion in chosen.corpus.emotions:
        return str(made.donor_emotion)
    return next((name for name in chosen.corpus.emotions if name != focused(chosen).emotion), chosen.corpus.emotions[0])


def in_force(chosen: Selection, made: Draft) -> Edit:
    """The whole edit that the engine is asked about. Raises UsageError where no donor can be drawn."""
    edit = without_parts(chosen, made)
    parts = tuple(part for part in replaceable(chosen, edit) if part in made.parts)
    donor = donor_id(chosen, made, parts) if parts else None
    return replace(edit, parts=tuple((part, donor) for part in parts)) if donor else edit


def first_named(names: dict[str, tuple[str, ...]], offered: tuple[str, ...]) -> str:
    """The first modality whose features have names of their own: numbers of an embedding say nothing to a reader."""
    stems = {modality: {name.rstrip("0123456789") for name in names[modality]} for modality in offered}
    return next((modality for modality in offered if len(stems[modality]) > 1), offered[0])
