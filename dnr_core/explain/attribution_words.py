"""The words of one turn as what a prediction is attributed to, through text encoder and model. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dnr_core.data.corpus import Corpus
from dnr_core.data.embed import SAME_VECTOR, cosine, word_spans
from dnr_core.errors import UsageError
from dnr_core.explain.attribution_inputs import ROWS_AT_ONCE, Groups, Space, copies
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.types import MODALITIES

PADDING = "padding"
TOKENS_AT_ONCE = 1024


@dataclass(frozen=True)
class WordSpace(Space):
    """A dialogue's logits as a function of the P word pieces of one turn × their embeddings of width D.

    `tokens`: how many the encoder reads for one copy of the sentence; `dialogue_turns`: T.
    """

    tokens: int = 1
    dialogue_turns: int = 1

    @property
    def copies_at_once(self) -> int:
        """How many copies of sentence and dialogue are computed in one forward pass."""
        return max(1, min(TOKENS_AT_ONCE // self.tokens, ROWS_AT_ONCE // self.dialogue_turns))


@dataclass(frozen=True)
class Pieces:
    """A sentence as the encoder reads it, L tokens: P of them are pieces of words, the others its own marks.

    - `fed`: what goes into the encoder, (1, L) each; `place` (P,): where the pieces are
    - `word` (P,): the word of each piece, 0 … W−1; `words`: those that have a piece; `unread`: how many have none
    """

    fed: dict[str, Tensor]
    place: np.ndarray
    word: np.ndarray
    words: tuple[str, ...]
    unread: int


def word_space(
    model: Method, data: TensorCorpus, corpus: Corpus, rows: np.ndarray, turn: int, encoder: Any
) -> tuple[WordSpace, Groups]:
    """The word embeddings of turn `turn` of the dialogue in `rows`, and its words as items; the baseline is [PAD] in
    place of every piece: the marks of the encoder, the positions and everything else of the dialogue stay.

    Raises UsageError: no encoder, text not measured or not used, no word, or a stored vector that is not of this
    encoder: its values would explain another prediction.
    """
    utterance = corpus.utterance(int(rows[turn]))
    check_text(model, utterance, encoder)
    pieces = pieces_of(encoder, utterance.text)
    if not pieces.words:
        raise problem(utterance.utterance_id, "no word that the encoder reads")
    table = encoder[0].auto_model.get_input_embeddings()
    with torch.no_grad():
        whole = table(pieces.fed["input_ids"])  # (1, L, D)
        padding = table(torch.tensor(encoder.tokenizer.pad_token_id, device=whole.device))  # (D,)
    place = torch.from_numpy(pieces.place).to(whole.device)
    batch = data.batch(rows[None])

    def logits(values: Tensor) -> Tensor:
        embedded = whole.repeat(len(values), 1, 1)  # (n, L, D)
        embedded[:, place] = values
        text = batch.text.repeat(len(values), 1, 1)  # (n, T, d)
        text[:, turn] = sentence_vectors(encoder, pieces.fed, embedded).to(text)
        return model(copies(batch, len(values), {"text": text})).logits

    inputs = whole[:, place]  # (1, P, D)
    check_vector(encoder, pieces, whole, batch.text[0, turn], utterance.utterance_id)
    width = inputs.shape[-1]
    names = np.full(width, "text", dtype=object)
    space = WordSpace(
        inputs, padding.expand_as(inputs).clone(), torch.ones_like(inputs[0], dtype=torch.bool), names, names, logits,
        notes=notes(pieces), tokens=whole.shape[1], dialogue_turns=len(rows),
    )  # fmt: skip
    index = np.repeat(pieces.word[:, None], width, axis=1)
    return space, Groups(index, pieces.words, ("text",) * len(pieces.words))


def check_text(model: Method, utterance: Any, encoder: Any) -> None:
    """Raise UsageError where this turn has no words that the model hears of."""
    if encoder is None:
        raise problem(utterance.utterance_id, "no text encoder")
    if "text" not in model.spec.modalities:
        raise problem(utterance.utterance_id, "a run that does not read text")
    if not utterance.present[MODALITIES.index("text")]:
        raise problem(utterance.utterance_id, "text that was not measured")


def problem(utterance_id: str, got: str) -> UsageError:
    """Why no word gets a value."""
    return UsageError(f"values cannot be given to the words of {utterance_id}", got=got, do="choose features")


def pieces_of(encoder: Any, text: str) -> Pieces:
    """The tokens of a sentence, cut where the encoder cuts it, and the words that they are pieces of."""
    found = encoder.tokenizer(
        text, return_offsets_mapping=True, return_tensors="pt", truncation=True, max_length=encoder.max_seq_length
    )
    spans = np.array(word_spans(text), dtype=np.int64).reshape(-1, 2)
    offsets = found.pop("offset_mapping")[0].numpy()  # (L, 2): characters; a mark of the encoder has none
    place = np.flatnonzero(offsets[:, 1] > offsets[:, 0])
    place = place[offsets[place, 0] < (spans[-1, 1] if len(spans) else 0)]
    word = np.searchsorted(spans[:, 1], offsets[place, 0], side="right")  # (P,)
    read, word = np.unique(word, return_inverse=True)
    words = tuple(text[start:end] for start, end in spans[read])
    return Pieces(dict(found), place, word, words, len(spans) - len(read))


def sentence_vectors(encoder: Any, fed: dict[str, Tensor], embedded: Tensor) -> Tensor:
    """What the encoder, with its pooling and scaling, makes of word embeddings (n, L, D): (n, d)."""
    table = encoder[0].auto_model.get_input_embeddings()
    handle = table.register_forward_hook(lambda *_: embedded)
    try:
        many = len(embedded)
        return encoder({name: value.expand(many, -1) for name, value in fed.items()})["sentence_embedding"]
    finally:
        handle.remove()


def check_vector(encoder: Any, pieces: Pieces, whole: Tensor, stored: Tensor, utterance_id: str) -> None:
    """Raise UsageError where the stored text features are not what the encoder makes of the words."""
    with torch.no_grad():
        made = sentence_vectors(encoder, pieces.fed, whole)[0].cpu().numpy()
    features = stored.cpu().numpy()
    same = made.shape == features.shape and cosine(made, np.nan_to_num(features)) >= SAME_VECTOR
    if not same:
        found = cosine(made, np.nan_to_num(features)) if made.shape == features.shape else float("nan")
        raise problem(utterance_id, f"text features whose cosine to what the encoder makes of them is {found:.3f}")


def notes(pieces: Pieces) -> tuple[str, ...]:
    """How many words the encoder does not read."""
    if not pieces.unread:
        return ()
    of = pieces.unread + len(pieces.words)
    return (f"the encoder reads {len(pieces.words):,} of the {of:,} words: the others count for exactly 0",)
