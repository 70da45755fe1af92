"""The grid, the summary and the tables of a study, from records made by hand."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest
from small import small_corpus

from dnr_core.errors import DataError, DnRError, UsageError
from dnr_core.registry import lookup
from dnr_core.study import Cell, Grid, RunRecord, ask, open_study, summary_of, tables, write_tables
from dnr_core.study.records import write_record
from dnr_core.study.run import Clock, stored, tidy

T_1, T_3 = 12.706204736, 3.182446305
"""97.5 % points of Student's t with one and three degrees of freedom."""
CORPUS = "my_set & 5 %"


def record(method: str, backbone: str | None, seed: int, score: float | None, **more: Any) -> RunRecord:
    """A finished run with this weighted F1 on test (0.1 less on dev)."""
    test = {"weighted_f1": score, "accuracy": score, "macro_f1": score, "n": 8 if score is not None else 0}
    dev = {"weighted_f1": (score or 0) - 0.1, "accuracy": 0.5, "macro_f1": 0.5, "n": 4}
    values = {"corpus": CORPUS, "scores": {"dev": dev, "test": test}, "parameters": 1000, "seconds": 2.0} | more
    head = {"corpus_hash": "c0ffee", "method": method, "backbone": backbone, "seed": seed}
    return RunRecord.model_validate({"peak_memory_mib": 300 + seed} | head | values)


RECORDS = [
    record("dnr", "mmgcn", 1, 0.56),
    record("dnr", "mmgcn", 0, 0.60, seconds=5.0),
    record("dnr", "late_fusion", 0, 0.50),
    record("dnr", "late_fusion", 1, 0.54),
    record("plain", "mmgcn", 0, 0.50),
    record("plain", "mmgcn", 1, 0.50),
    record("plain", "late_fusion", 0, 0.48),
    record("plain", "late_fusion", 1, 0.48),
    record("solo", None, 0, 0.70),
    record("plain", "mmgcn", 2, 0, error="the loss is nan", scores={}),
]


def test_rows_are_means_over_seeds_in_the_order_of_the_registries():
    rows = summary_of(RECORDS).rows
    assert [(row.method, row.backbone) for row in rows] == [
        ("plain", "late_fusion"), ("plain", "mmgcn"), ("dnr", "late_fusion"), ("dnr", "mmgcn"), ("solo", None),
    ]  # fmt: skip
    row = rows[3]
    assert (row.seeds, row.split, row.seconds, row.peak_memory_mib, row.parameters) == ((0, 1), "test", 3.5, 301, 1000)
    found = row.scores["weighted_f1"]
    half = T_1 * 0.02
    assert (found["mean"], found["sd"]) == (pytest.approx(0.58), pytest.approx(0.04 / math.sqrt(2)))
    assert found["interval"] == pytest.approx([0.58 - half, 0.58 + half])
    assert rows[1].seeds == (0, 1), "a failed run counts nowhere"
    assert (rows[4].scores["accuracy"]["mean"], rows[4].scores["accuracy"]["interval"]) == (0.7, None)


def test_differences_are_paired_by_seed_and_pooled_over_backbones():
    summary = summary_of(RECORDS)
    found = {one.backbone: one.found for one in summary.differences}
    assert {(one.method, one.baseline) for one in summary.differences} == {("dnr", "plain")}
    assert found["mmgcn"]["values"] == pytest.approx([0.10, 0.06])
    assert found["late_fusion"]["values"] == pytest.approx([0.02, 0.06])
    half = T_1 * 0.02
    assert found["mmgcn"]["interval"] == pytest.approx([0.08 - half, 0.08 + half])
    spread = math.sqrt((0.04**2 + 0 + 0.04**2 + 0) / 3)  # of 0.10, 0.06, 0.02, 0.06 about 0.06
    assert (found[None]["mean"], found[None]["sd"]) == (pytest.approx(0.06), pytest.approx(spread))
    assert found[None]["interval"] == pytest.approx([0.06 - T_3 * spread / 2, 0.06 + T_3 * spread / 2])
    assert summary.failed == {f"{CORPUS}-plain-mmgcn-s2": "the loss is nan"}


def test_a_seed_is_set_against_the_same_seed_of_the_baseline():
    scores = {("plain", 1): 0.60, ("dnr", 0): 0.50, ("dnr", 1): 0.65, ("plain", 0): 0.40}
    (found,) = summary_of(
        [record(method, "mmgcn", seed, score) for (method, seed), score in scores.items()]
    ).differences
    assert found.found["values"] == pytest.approx([0.10, 0.05])


def test_only_seeds_that_both_have_are_paired():
    found = summary_of([*RECORDS[:2], RECORDS[5]]).differences
    assert [(one.backbone, one.found["values"]) for one in found] == [("mmgcn", [pytest.approx(0.06)])]
    assert summary_of(RECORDS[:4]).differences == ()


def test_a_corpus_without_labels_in_test_is_scored_on_dev():
    row = summary_of([record("plain", "mmgcn", 0, None), record("plain", "mmgcn", 1, 0.9)]).rows[0]
    assert (row.split, row.scores["weighted_f1"]["values"]) == ("dev", [-0.1, 0.8])


@pytest.fixture
def written(tmp_path: Path) -> Path:
    for one in RECORDS:
        write_record(one.cell.record(tmp_path), one)
    assert write_tables(tmp_path) == summary_of(RECORDS)
    return tmp_path


def test_markdown_has_a_line_a_model_and_names_what_failed(written: Path):
    text = (written / "table.md").read_text(encoding="utf-8")
    assert "| dnr | mmgcn | 0.5800 ± 0.0283 [0.3259, 0.8341] | 0.5800 ± 0.0283 | 1000 | 3.5 | 301 | 2 |\n" in text
    assert "| solo | – | 0.7000 | 0.7000 | 1000 | 2.0 | 300 | 1 |\n" in text
    assert f"| {CORPUS} | dnr − plain | all backbones | 0.0600 ± 0.0327 [0.0080, 0.1120] | 4 |" in text
    assert text.endswith(f"Failed: {CORPUS}-plain-mmgcn-s2: the loss is nan\n")


def test_csv_has_all_digits_under_the_name_of_the_corpus(written: Path):
    with (written / "table.csv").open(encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    assert [(line["method"], line["backbone"]) for line in lines][-1] == ("solo", "")
    assert float(lines[3][f"{CORPUS}:weighted_f1_low"]) == pytest.approx(0.58 - T_1 * 0.02)
    assert (lines[4][f"{CORPUS}:weighted_f1_sd"], lines[3][f"{CORPUS}:n_seeds"]) == ("", "2")
    with (written / "differences.csv").open(encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    assert [(line["backbone"], line["n"]) for line in lines] == [("late_fusion", "2"), ("mmgcn", "2"), ("", "4")]


def test_latex_is_escaped_and_has_as_many_cells_as_columns(written: Path):
    text = (written / "table.tex").read_text(encoding="utf-8")
    assert r"\multicolumn{6}{c}{my\_set \& 5 \% (test)}" in text and r"\cmidrule(lr){3-8}" in text
    assert r"plain & late\_fusion & 0.4800 $\pm$ 0.0000" in text and r"dnr $-$ plain" in text
    for tabular in text.split(r"\begin{tabular}")[1:]:
        columns, body = tabular.split("}", 1)
        cells = [line.replace(r"\&", "") for line in body.splitlines() if line.endswith(r"\\")]
        assert {line.count("&") for line in cells if "multicolumn" not in line} == {len(columns.strip("{")) - 1}
    assert tables.escaped("a_b{c}\\~^#$–") == r"a\_b\{c\}\textbackslash{}\textasciitilde{}\textasciicircum{}\#\$--"


def test_two_corpora_stand_side_by_side(tmp_path: Path):
    summary = summary_of([RECORDS[0], record("plain", "mmgcn", 0, 0.3, corpus="b|c")])
    _, lines = tables.layout(summary.rows)
    assert [line[:2] for line in lines] == [["dnr", "mmgcn"], ["plain", "mmgcn"]]
    assert (lines[0][8:], lines[1][2:8]) == (["–"] * 6, ["–"] * 6)
    assert r"b\|c (test): weighted F1" in tables.markdown(summary)


# ---- grids ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_corpus(8).save(tmp_path_factory.mktemp("grid") / "small")


def grid(corpus: Path, **more: Any) -> Grid:
    asked = {"methods": ["plain", "dnr"], "backbones": ["mmgcn"], "seeds": 2, "size": "fast", "settings": {}}
    return ask([corpus], **(asked | more))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"backbones": []}, "method plain needs a backbone: got none; expected --backbones with some of late_fusion"),
        ({"methods": ["nonsense"]}, "unknown method: got 'nonsense'; expected one of plain, dnr"),
        ({"backbones": ["nonsense"]}, "unknown backbone: got 'nonsense'; expected one of late_fusion"),
        ({"methods": ["dnr", "dnr"]}, "--methods names dnr twice"),
        ({"seeds": 0}, "bad --seeds: got 0; expected a positive number"),
        ({"settings": {"seed": 3}}, "--config sets seed: got 3"),
        ({"settings": {"width": 2}}, "bad configuration in --config, width"),
        ({"settings": {"stages": {"trian": {}}}}, "--config: got 'trian'; expected one of train, divide, refine"),
        ({"settings": {"options": {"x": 1}}}, "unknown field in the options of --config: got 'x'"),
    ],
)  # fmt: skip
def test_a_grid_that_makes_no_sense_says_what_is_possible(corpus: Path, more: dict[str, Any], said: str):
    with pytest.raises(UsageError) as caught:
        grid(corpus, **more)
    assert said in str(caught.value)


def test_a_method_with_its_own_network_runs_once_and_takes_no_backbone(corpus: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lookup("method", "plain"), "own_network", True)
    made = grid(corpus, backbones=["mmgcn", "late_fusion"], seeds=1)
    assert [(cell.method, cell.backbone) for cell in made.cells()] == [
        ("plain", None), ("dnr", "mmgcn"), ("dnr", "late_fusion"),
    ]  # fmt: skip
    assert [cell.name for cell in made.cells()] == ["small-plain-s0", "small-dnr-mmgcn-s0", "small-dnr-late_fusion-s0"]
    with pytest.raises(UsageError, match="no method takes backbone mmgcn: got plain with a network of their own"):
        grid(corpus, methods=["plain"])


def test_stages_and_options_reach_the_methods_that_have_them(corpus: Path):
    settings = {"width": 16, "stages": {"train": {"epochs": 2}, "divide": {"epochs": 3}}, "options": {"detectors": 8}}
    made = grid(corpus, settings=settings)
    plain, dnr = (made.configuration(cell) for cell in made.cells()[:2])
    assert (plain.width, plain.stages["train"].epochs, plain.options) == (16, 2, {})
    assert (dnr.width, dnr.stages["divide"].epochs, dnr.options["detectors"]) == (16, 3, 8)
    assert set(dnr.stages) == {"divide", "refine"} and dnr.seed == 0


def test_a_study_may_grow_and_nothing_else(corpus: Path, tmp_path: Path):
    out = tmp_path / "study"
    open_study(out, grid(corpus))
    open_study(out, grid(corpus, backbones=["late_fusion", "mmgcn"], seeds=3))
    stored_bytes = (out / "study.json").read_bytes()
    for more, said in (
        ({"seeds": 2, "backbones": ["mmgcn", "late_fusion"]}, "got 2 seeds; expected at least 3"),
        ({"seeds": 3}, "got backbones without late_fusion; expected at least late_fusion, mmgcn"),
        ({"seeds": 3, "methods": ["dnr"]}, "got methods without plain"),
        ({"size": "paper"}, "got preset paper; expected preset fast"),
        ({"settings": {"width": 64}}, "got settings {'width': 64}; expected settings {}"),
    ):
        with pytest.raises(DnRError) as caught:
            open_study(out, grid(corpus, **more))
        assert f"{out} holds a study of another grid: {said}" in str(caught.value) and caught.value.exit_code == 1
    other = small_corpus(8, seed=5).save(tmp_path / "small")
    with pytest.raises(DnRError, match="got corpus small with hash"):
        open_study(out, grid(other, backbones=["late_fusion", "mmgcn"], seeds=3))
    assert (out / "study.json").read_bytes() == stored_bytes
    with pytest.raises(DnRError, match="cannot be replaced: got a folder with other things"):
        open_study(corpus, grid(corpus))
    with pytest.raises(DataError, match="no corpus at"):
        grid(tmp_path / "gone")


def test_a_record_of_other_settings_is_refused_and_a_failed_one_does_not_count(corpus: Path, tmp_path: Path):
    made = grid(corpus)
    cell = made.cells()[0]
    config = made.configuration(cell).model_dump(mode="json")
    head = {"corpus": "small", "corpus_hash": "", "method": "plain", "backbone": "mmgcn", "seed": 0}

    def kept(**more: Any) -> RunRecord | None:
        write_record(cell.record(tmp_path), RunRecord.model_validate(head | more))
        return stored(tmp_path, made, cell)

    assert stored(tmp_path, made, cell) is None
    assert kept(config=config, error="killed") is None
    assert kept(config=config) is not None
    with pytest.raises(DnRError, match="was made with other settings: got width 7; expected width 128"):
        kept(config=config | {"width": 7})


def test_the_best_seed_on_dev_keeps_its_checkpoint(corpus: Path, tmp_path: Path):
    made = grid(corpus, seeds=3)
    cells = [Cell("small", "plain", "mmgcn", seed) for seed in range(3)]
    for cell, score in zip(cells, (0.4, 0.6, 0.5), strict=True):
        write_record(cell.record(tmp_path), record("plain", "mmgcn", cell.seed, score, corpus="small"))
        cell.checkpoint(tmp_path).mkdir(parents=True)
        tidy(tmp_path, cell, made, "best")
    assert [cell.checkpoint(tmp_path).exists() for cell in cells] == [False, True, False]
    tidy(tmp_path, cells[0], made, "all")
    assert cells[1].checkpoint(tmp_path).exists()
    tidy(tmp_path, cells[0], made, "none")
    assert not (tmp_path / "small").exists()


def test_the_end_is_expected_by_what_runs_of_the_same_kind_took():
    clock = Clock([record("plain", "mmgcn", 0, 0.5, seconds=60.0), record("dnr", "mmgcn", 0, 0.5, seconds=3600.0)])
    cells = [Cell(CORPUS, "dnr", "mmgcn", 1), Cell(CORPUS, "plain", "mmgcn", 1), Cell("other", "plain", "mmgcn", 0)]
    assert clock.ahead(cells) == pytest.approx(3600 + 60 + 1830)
    assert Clock([]).outlook(cells) == ""
