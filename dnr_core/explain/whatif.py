"""What a loaded model says of a dialogue whose one turn was edited. Needs torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from dnr_core.data.corpus import Corpus
from dnr_core.explain.edits import Edit
from dnr_core.model.batch import Batch, Components, TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.types import MODALITIES


@torch.no_grad()
def edited_logits(
    model: Method, data: TensorCorpus, corpus: Corpus, row: int, edit: Edit, words: np.ndarray | None = None
) -> np.ndarray:
    """Logits (T, C) of the dialogue of the utterance in `row` with that one edited; NaN in turns that are left out.

    `edit` has passed `check_edit`; `words` (d_text,) is what the encoder makes of `edit.text`.
    """
    rows = dialogue_of(corpus, row)
    turn = row - int(rows[0])
    left = edit.window(turn, len(rows))
    place = turn - left.start
    batch = data.batch(rows[None, left])  # (1, T', d)
    batch = edited(replace(batch, speaker=by_first_appearance(batch.speaker)), corpus, place, edit, words)
    components = with_donors(model, data, corpus, place, edit, model.decompose(batch))
    logits = np.full((len(rows), model.spec.emotions), np.nan, dtype=np.float32)
    logits[left] = model.predict(components, batch).logits[0].float().cpu().numpy()
    return logits


def dialogue_of(corpus: Corpus, row: int) -> np.ndarray:
    """The rows of the dialogue that a row belongs to."""
    return corpus.dialogue_rows[corpus.utterance(row).dialogue_id]


def by_first_appearance(speaker: Tensor) -> Tensor:
    """Speakers (1, T) of a part of a dialogue, numbered anew as in a dialogue of its own."""
    names = speaker[0].tolist()
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return speaker.new_tensor([[number[name] for name in names]])


def edited(batch: Batch, corpus: Corpus, place: int, edit: Edit, words: np.ndarray | None) -> Batch:
    """A batch of one dialogue with words, cells and presence of turn `place` as the edit has them.

    Of a modality that was not measured, and of which some cells are given, the others are NaN: the model fills them in.
    """
    present = batch.present.clone()
    features = {}
    for modality in sorted(edit.given):
        values = batch.modality(modality).clone()  # (1, T', d)
        if not present[0, place, MODALITIES.index(modality)]:
            values[0, place] = torch.nan
        if modality == "text" and words is not None:
            values[0, place] = torch.from_numpy(words).to(values)
        for of, name, value in edit.cells:
            if of == modality:
                values[0, place, corpus.feature_names[of].index(name)] = float(value)
        features[modality] = values
        present[0, place, MODALITIES.index(modality)] = True
    for modality in edit.taken:
        present[0, place, MODALITIES.index(modality)] = False
    return replace(batch, present=present, **features)


def with_donors(
    model: Method, data: TensorCorpus, corpus: Corpus, place: int, edit: Edit, components: Components
) -> Components:
    """The parts of a dialogue with some of turn `place` replaced by those of their donors, as these were spoken."""
    vectors = dict(components.vectors)
    for player, donor in edit.parts:
        row = corpus.row_of[donor]
        rows = dialogue_of(corpus, row)
        given = model.decompose(data.batch(rows[None])).vectors[player][0, row - int(rows[0])]  # (d_player,)
        vectors[player] = vectors[player].clone()
        vectors[player][0, place] = given
    return Components(vectors, components.available)
