"""`prepare` on the real corpora, where they are at hand: the counts that their publishers and our notes state."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dnr_core.data.corpus import Corpus
from dnr_core.data.releases import prepare
from dnr_core.data.report import PrepareReport
from dnr_core.errors import UsageError

SHARED = Path(os.environ.get("DNR_SHARED") or Path(__file__).resolve().parents[3] / "shared" / "data")
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real corpora at {SHARED} (set DNR_SHARED)")
MELD_ROWS = {"train": 9989, "dev": 1109, "test": 2610}
MELD_DIALOGUES = {"train": 1038, "dev": 114, "test": 280}
IEMOCAP_ROWS = {"train": 5163, "dev": 647, "test": 1623}


@pytest.fixture(scope="module")
def meld() -> tuple[Corpus, PrepareReport]:
    return prepare([SHARED / "meld"], name="meld")


@pytest.fixture(scope="module")
def iemocap() -> tuple[Corpus, PrepareReport]:
    return prepare([SHARED / "iemocap"], name="iemocap")


def read(name: str) -> tuple[Corpus, PrepareReport]:
    return prepare([SHARED / "releases" / name], name="sample")


def test_meld_has_its_rows_dialogues_and_faults(meld: tuple[Corpus, PrepareReport]) -> None:
    corpus, report = meld
    assert (report.rows, report.dialogues) == (13708, 1432)
    assert (report.utterances_per_split, report.dialogues_per_split) == (MELD_ROWS, MELD_DIALOGUES)
    assert report.missing == {
        "text": {},
        "audio": {"absent": 2},
        "visual": {"absent": 380, "no_face": 89, "out_of_range": 67},
    }
    assert corpus.widths == {"text": 384, "audio": 8, "visual": 17}
    absent = corpus.utterances["utterance_id"][~corpus.present[:, 1]]
    assert sorted(absent) == ["dev_dia110_utt7", "train_dia125_utt3"]


def test_meld_audio_cells_that_the_model_fills_in(meld: tuple[Corpus, PrepareReport]) -> None:
    cells = meld[1].imputed["audio"]
    assert cells == {"audio_pitch_mean_hz": 117 - 2, "audio_articulation_rate_syl_per_s": 531 - 2}


def test_meld_majority_class_is_neutral(meld: tuple[Corpus, PrepareReport]) -> None:
    assert meld[1].labels["test"]["neutral"] == 1256
    assert meld[0].emotions[0] == "neutral"


def test_meld_saves_and_loads(meld: tuple[Corpus, PrepareReport], tmp_path: Path) -> None:
    assert Corpus.load(meld[0].save(tmp_path / "meld")).hash == meld[0].hash


def test_iemocap_has_visual_for_102_rows_and_none_of_test(iemocap: tuple[Corpus, PrepareReport]) -> None:
    corpus, report = iemocap
    assert (report.rows, report.dialogues, report.utterances_per_split) == (7433, 151, IEMOCAP_ROWS)
    assert report.missing == {"text": {}, "audio": {}, "visual": {"absent": 7433 - 102}}
    assert corpus.utterances["split"][corpus.present[:, 2]].value_counts().to_dict() == {"train": 94, "dev": 8}
    assert sum(report.labels[split]["happy"] for split in report.labels) == 648
    assert report.imputed["audio"]["audio_pitch_mean_hz"] == 16
    assert report.imputed["audio"]["audio_articulation_rate_syl_per_s"] == 36


def test_iemocap_four_way_keeps_the_others_as_context() -> None:
    corpus, report = prepare([SHARED / "iemocap"], name="four", emotions=["happy", "sad", "neutral", "angry"])
    assert report.rows == 7433
    assert report.left_out == {"excited": 1041, "frustrated": 1849}
    assert report.unlabelled == 2890
    assert corpus.emotions == ("happy", "sad", "neutral", "angry")


def test_the_three_meld_files_agree_with_the_table(meld: tuple[Corpus, PrepareReport]) -> None:
    files = [SHARED / "releases" / f"{split}_sent_emo.csv" for split in ("dev", "test", "train")]
    corpus, report = prepare(files, name="meld")
    assert report.utterances_per_split == MELD_ROWS
    order = [corpus.row_of[utterance] for utterance in meld[0].utterances["utterance_id"]]
    for column in ("text", "emotion", "turn", "speaker", "split"):
        assert (corpus.utterances[column].iloc[order].to_numpy() == meld[0].utterances[column].to_numpy()).all()
    starts = corpus.utterances["start_s"].iloc[order].to_numpy()
    np.testing.assert_allclose(starts, meld[0].utterances["start_s"], atol=1e-6)


def test_cosmic_lists_hold_the_whole_corpora(meld: tuple[Corpus, PrepareReport]) -> None:
    assert read("cosmic_iemocap.pkl")[1].utterances_per_split == IEMOCAP_ROWS
    corpus, report = read("cosmic_meld.pkl")
    assert report.utterances_per_split == MELD_ROWS
    assert report.labels == meld[1].labels
    assert not corpus.utterances["text"].str.contains("[\x80-\x9f]").any()


@pytest.mark.parametrize("name", ["mmgcn_iemocap_sample.pkl", "dnr_iemocap_sample.pkl"])
def test_iemocap_samples_agree_with_the_table(name: str, iemocap: tuple[Corpus, PrepareReport]) -> None:
    corpus, report = read(name)
    assert (report.rows, report.dialogues_per_split) == (693, {"train": 9, "dev": 1, "test": 5})
    rows = np.concatenate([iemocap[0].dialogue_rows[dialogue] for dialogue in corpus.dialogue_ids()])
    assert (corpus.utterances["text"].to_numpy() == iemocap[0].utterances["text"].iloc[rows].to_numpy()).all()
    assert (corpus.labels == iemocap[0].labels[rows]).all()
    assert (corpus.present == iemocap[0].present[rows]).all()
    for modality in ("text", "audio", "visual"):
        expected = iemocap[0].features[modality][rows]  # the table's text is float16
        np.testing.assert_allclose(corpus.features[modality], expected, atol=1e-4 if modality == "text" else 0)


@pytest.mark.parametrize("name", ["mmgcn_meld_sample.pkl", "dnr_meld_sample.pkl"])
def test_meld_samples_agree_with_the_table(name: str, meld: tuple[Corpus, PrepareReport]) -> None:
    corpus, report = read(name)
    assert (report.rows, report.dialogues_per_split) == (1197, {"train": 40, "dev": 40, "test": 40})
    rows = np.concatenate([meld[0].dialogue_rows[dialogue] for dialogue in corpus.dialogue_ids()])
    assert (corpus.labels == meld[0].labels[rows]).all()
    assert (corpus.utterances["split"].to_numpy() == meld[0].utterances["split"].iloc[rows].to_numpy()).all()
    np.testing.assert_array_equal(corpus.features["audio"], meld[0].features["audio"][rows])


def test_the_folder_of_releases_is_refused_with_a_list() -> None:
    with pytest.raises(UsageError) as caught:
        prepare([SHARED / "releases"], name="all")
    assert all(name in str(caught.value) for name in ("cosmic_meld.pkl", "dnr_iemocap_sample.pkl", "dev_sent_emo.csv"))
