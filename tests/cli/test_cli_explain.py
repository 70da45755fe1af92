"""`explain`: a table with one row an utterance whose values add up, in both scopes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Folders, Result, listing

from dnr_core.data.corpus import Corpus
from dnr_core.explain.predict import predict_split
from dnr_core.model.batch import TensorCorpus
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import load_model, read_run
from tests.oracles import claim_of

PAIRS = ("audio+text", "audio+visual", "text+visual")
PLAYERS = {f"unique:{name}" for name in ("text", "audio", "visual")} | {
    f"{family}:{pair}" for family in ("redundant", "synergistic") for pair in PAIRS
}
FIRST = ["utterance_id", "dialogue_id", "turn", "split", "scope", "gold", "predicted", "probability"]
LAST = ["baseline", "total", "completeness_gap"]
DOMINANT = ["dominant_component", "dominant_family", "dominant_sources"]


@pytest.fixture(scope="module")
def copy(folders: Folders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the run, so that what is stored in it is known."""
    return Path(shutil.copytree(folders.run, tmp_path_factory.mktemp("explain") / "copy"))


@pytest.fixture(params=["dialogue", "utterance"])
def scope(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("split", ["dev", "test"])
def test_the_table_has_one_row_an_utterance_and_its_values_add_up(
    run: Callable[..., Result], copy: Path, tiny: Corpus, scope: str, split: str
) -> None:
    found = run(f"explain --checkpoint {copy} --split {split} --scope {scope} --out sub/made.parquet --json").json
    assert set(found) == {"out", "rows", "largest_completeness_gap", "significant", "not_tested"}
    assert found["largest_completeness_gap"] < 1e-4
    table = pd.read_parquet("sub/made.parquet")
    rows = tiny.rows(split)
    assert found["rows"] == len(table) == len(rows)
    assert found["not_tested"] is None and found["significant"] == table["significant"].sum()

    values = [name for name in table.columns if name.startswith("value:")]
    assert len(values) == 9 and {name.removeprefix("value:") for name in values} == PLAYERS
    assert list(table.columns)[: 8 + 9 + 3] == FIRST + values + LAST
    assert set(DOMINANT) <= set(table.columns)

    for column in ("utterance_id", "dialogue_id", "turn", "split"):
        assert table[column].tolist() == tiny.utterances[column].iloc[rows].tolist()
    assert table["gold"].tolist() == tiny.utterances["emotion"].iloc[rows].tolist()
    assert set(table["scope"]) == {scope}

    _, logits = predict_split(load_model(read_run(copy)), TensorCorpus(tiny), tiny, split)
    assert table["predicted"].tolist() == [tiny.emotions[place] for place in logits.argmax(1)]
    np.testing.assert_allclose(table["total"], logits.max(1), atol=1e-4)
    chance = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(table["probability"], (chance / chance.sum(1, keepdims=True)).max(1), atol=1e-4)
    gap = (table[values].sum(axis=1) - (table["total"] - table["baseline"])).abs()
    assert gap.max() < 1e-4
    np.testing.assert_allclose(gap, table["completeness_gap"], atol=1e-6)

    largest = table[values].astype(float).idxmax(axis=1).str.removeprefix("value:")
    assert table["dominant_component"].tolist() == largest.tolist()
    own = table[values].rename(columns=lambda name: name.removeprefix("value:")).astype(float)
    claimed = [claim_of(one) for one in own.to_dict("records")]
    assert (table["dominant_family"] + ":" + table["dominant_sources"]).tolist() == claimed


def test_scopes_differ_where_other_turns_matter(run: Callable[..., Result], copy: Path) -> None:
    for name in ("dialogue", "utterance"):
        assert run(f"explain --checkpoint {copy} --scope {name} --out {name}.parquet").code == 0
    one, two = pd.read_parquet("dialogue.parquet"), pd.read_parquet("utterance.parquet")
    np.testing.assert_allclose(one["total"], two["total"], atol=1e-4)
    assert not np.allclose(one["baseline"], two["baseline"], atol=1e-4)


def test_a_second_run_reads_what_the_first_stored(
    run: Callable[..., Result], folders: Folders, tmp_path: Path, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dnr_core.explain import predict

    def again(*_: object) -> None:
        raise AssertionError("computed again")

    own = shutil.copytree(folders.run, tmp_path / "own")
    shutil.rmtree(own / "results")
    command = f"explain --checkpoint own --split dev --scope {scope} --out"
    said = run(f"{command} one.parquet").err
    assert re.search(r"^coalitions \((\d+)/\1\)$", said, re.MULTILINE), said
    assert re.search(r"^null tests \((\d+)/\1\)$", said, re.MULTILINE), said
    stored = listing(own / "results")
    assert any(f"dev/coalitions-{scope}-mean" in path for path in stored)
    monkeypatch.setattr(predict, "coalitions_of_utterances", again)
    assert run(f"{command} two.parquet").code == 0
    assert listing(own / "results") == stored
    pd.testing.assert_frame_equal(pd.read_parquet("one.parquet"), pd.read_parquet("two.parquet"))


def test_what_was_stopped_half_way_is_finished(run: Callable[..., Result], folders: Folders, tmp_path: Path) -> None:
    from dnr_core.serve import Engine

    copy = Path(shutil.copytree(folders.run, tmp_path / "copy"))

    engine = Engine()
    count = 0

    def stop(done: int, of: int) -> bool:
        nonlocal count
        count = done
        return done >= of // 2

    corpus = engine.default_corpus(copy)
    assert corpus is not None
    engine.compute_coalitions(copy, corpus, "dev", "utterance", progress=stop)
    found = run(f"explain --checkpoint {copy} --split dev --scope utterance --out made.parquet --json").json
    assert 0 < count < found["rows"] and found["largest_completeness_gap"] < 1e-4
    assert (pd.read_parquet("made.parquet")["total"] != 0).all()


def test_text_says_where_and_how_exact(real: Callable[..., Result], folders: Folders, tmp_path: Path) -> None:
    ended = real(f"explain --checkpoint {folders.run} --out {tmp_path}/made.parquet")
    assert ended.code == 0
    assert ended.out.startswith(f"{tmp_path}/made.parquet: 24 utterances, 0 with a decisive part, largest ")
    assert {path.name for path in tmp_path.iterdir()} == {"made.parquet"}


def test_outputs_are_checked_before_anything_is_computed(
    run: Callable[..., Result], refused: Callable[..., Result], folders: Folders, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    start = f"explain --checkpoint {folders.run} --split train --scope utterance --out"
    refused(f"{start} file", 1, "file exists", "add --overwrite")
    refused(f"{start} file/made.parquet", 1, "cannot write file/made.parquet", "a file where a folder belongs")
    refused(f"{start} folder", 1, "folder exists", "choose another --out")
    refused(f"{start} folder --overwrite", 1, "folder exists", "choose another --out")
    refused(f"{start} /proc/made.parquet", 1, "cannot write /proc/made.parquet")
    assert run(f"explain --checkpoint {folders.run} --out file --overwrite").code == 0
    assert len(pd.read_parquet("file")) == 24


def test_a_method_without_components_says_so(
    run: Callable[..., Result], refused: Callable[..., Result], folders: Folders, tmp_path: Path
) -> None:
    (tmp_path / "short.json").write_text('{"stages": {"train": {"epochs": 1}}}')
    words = "--method plain --backbone late_fusion --config short.json --out plain"
    assert run(f"train --corpus {folders.corpus} {words}").code == 0
    from dnr_core.training.checkpoint import read_run as read

    if "components" in read(tmp_path / "plain").config["supports"]:
        assert run("explain --checkpoint plain --out made.parquet --json").json["largest_completeness_gap"] < 1e-4
    else:
        refused("explain --checkpoint plain --out made.parquet", 2, "method plain has no components")


def test_a_run_must_be_there(refused: Callable[..., Result]) -> None:
    refused("explain --checkpoint gone --out made.parquet", 4, "no run at gone", "expected a folder with manifest.json")


def test_the_engine_claims_what_the_table_says(run: Callable[..., Result], copy: Path, tiny: Corpus) -> None:
    run(f"explain --checkpoint {copy} --out claims.parquet --json")
    table = pd.read_parquet("claims.parquet").set_index("utterance_id")
    engine = Engine()
    corpus = engine.data / str(engine.default_corpus(copy))
    for dialogue in tiny.dialogue_ids("test"):
        rows = tiny.dialogue_rows[dialogue]
        own = table.loc[tiny.utterances["utterance_id"].iloc[rows]]
        found = engine.dialogue_claims(copy, corpus, dialogue)
        assert found is not None and found.reason is None
        assert found.component.tolist() == own["dominant_component"].tolist()
        assert found.sources.tolist() == own["dominant_sources"].tolist()
        assert found.significant.tolist() == own["significant"].tolist()
        assert ((found.p > 0) & (found.p <= 1)).all()
        assert len(engine.dialogue_sets(copy, corpus, dialogue)) == len(rows)
    offered = engine.stored_information(copy, corpus, "test")
    assert offered is not None and offered.completeness_gap.max() <= 1e-6
    bits = table[[f"information:{atom}" for atom in offered.atoms]].to_numpy()
    np.testing.assert_array_equal(bits, offered.values)
    assert table["information_dominant_family"].tolist() == offered.dominant_family.tolist()
