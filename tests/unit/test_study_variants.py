"""Variants of a method in a study: which runs there are, what each changes, and the table of differences to it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from small import small_corpus
from test_study_tables import T_1, record

from dnr_core.config import preset
from dnr_core.errors import DnRError, UsageError
from dnr_core.registry import lookup
from dnr_core.study import Cell, Grid, ask, open_study, read_grid, summary_of, variants_of, write_tables
from dnr_core.study.records import Job, write_record
from dnr_core.study.run import stored, tidy

QUIET = {"dnr": {"quiet": {"options": {"silence_weight": 0}}, "raw": {"method": "plain"}}}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_corpus(8).save(tmp_path_factory.mktemp("grid") / "small")


def grid(corpus: Path, **more: Any) -> Grid:
    asked = {"methods": ["dnr"], "backbones": ["mmgcn", "sdt"], "seeds": 2, "size": "fast", "settings": {}}
    return ask([corpus], **(asked | {"variants": QUIET} | more))


def test_a_variant_is_trained_like_its_method_on_every_backbone_and_seed(corpus: Path, tmp_path: Path):
    cells = grid(corpus).cells()
    assert len(cells) == 3 * 2 * 2 and len({cell.name for cell in cells}) == 12
    assert {(cell.backbone, cell.seed) for cell in cells if cell.variant == "quiet"} == {
        ("mmgcn", 0), ("mmgcn", 1), ("sdt", 0), ("sdt", 1),
    }  # fmt: skip
    one = Cell("small", "dnr", "mmgcn", 1, "quiet")
    assert one in cells and one.name == "small-dnr-quiet-mmgcn-s1"
    assert one.checkpoint(tmp_path) == tmp_path / "small" / "dnr-quiet-mmgcn" / "seed-1"
    assert grid(corpus, methods=["plain", "dnr"]).cells()[0].variant is None
    assert not [
        cell for cell in grid(corpus, methods=["plain", "dnr"]).cells() if cell.method == "plain" and cell.variant
    ]


def test_a_variant_changes_its_fields_over_those_of_config(corpus: Path):
    settings = {"width": 64, "options": {"align_weight": 2.0, "silence_weight": 3.0}, "without": ["unique"]}
    made = grid(corpus, settings=settings)
    full, quiet, raw = (made.configuration(Cell("small", "dnr", "sdt", 1, name)) for name in (None, "quiet", "raw"))
    assert (full.options["silence_weight"], quiet.options["silence_weight"]) == (3.0, 0.0)
    assert quiet.options == full.options | {"silence_weight": 0.0} and quiet.without == full.without == ("unique",)
    assert raw == preset("plain", "sdt", seed=1).model_copy(update={"width": 64}), "raw features into the backbone"


def test_the_released_divide_takes_the_place_of_ours_with_its_own_options(corpus: Path):
    made = grid(corpus, variants={"dnr": {"official": {"divide": "official"}}})
    found = made.configuration(Cell("small", "dnr", "mmgcn", 0, "official"))
    assert found == preset("dnr", "mmgcn", divide="official")
    everywhere = grid(corpus, methods=["plain", "dnr"], variants={}, settings={"divide": "official"})
    assert everywhere.configuration(Cell("small", "dnr", "mmgcn", 0)) == found
    assert everywhere.configuration(Cell("small", "plain", "mmgcn", 0)) == preset("plain", "mmgcn")


def test_differences_of_variants_are_to_their_method_and_those_of_the_method_to_plain():
    records = [
        record("dnr", "mmgcn", 0, 0.60),
        record("dnr", "mmgcn", 1, 0.56),
        record("dnr", "mmgcn", 0, 0.50, variant="quiet"),
        record("dnr", "mmgcn", 1, 0.54, variant="quiet"),
        record("dnr", "sdt", 1, 0.9, variant="quiet"),
        record("plain", "mmgcn", 0, 0.40),
        record("solo", None, 0, 0.3),
        record("solo", None, 0, 0.2, variant="less"),
    ]
    summary = summary_of(records)
    assert [(row.method, row.backbone) for row in summary.rows] == [
        ("plain", "mmgcn"), ("dnr", "mmgcn"), ("dnr/quiet", "mmgcn"), ("dnr/quiet", "sdt"), ("solo", None),
        ("solo/less", None),
    ]  # fmt: skip
    found = {(one.method, one.baseline, one.backbone): one.found for one in summary.differences}
    assert set(found) == {("dnr", "plain", "mmgcn"), ("dnr/quiet", "dnr", "mmgcn"), ("solo/less", "solo", None)}
    quiet = found["dnr/quiet", "dnr", "mmgcn"]
    half = T_1 * math.sqrt(2) * 0.04 / math.sqrt(2)
    assert quiet["values"] == pytest.approx([-0.10, -0.02]) and quiet["mean"] == pytest.approx(-0.06)
    assert quiet["interval"] == pytest.approx([-0.06 - half, -0.06 + half])
    assert found["solo/less", "solo", None]["values"] == pytest.approx([-0.1])


def test_the_tables_name_the_variant(tmp_path: Path):
    for one in (record("dnr", "mmgcn", 0, 0.60), record("dnr", "mmgcn", 0, 0.50, variant="quiet")):
        write_record(one.cell.record(tmp_path), one)
    write_tables(tmp_path)
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "| dnr/quiet | mmgcn | 0.5000 |" in text and "| dnr/quiet − dnr | mmgcn | -0.1000 | 1 |" in text


def test_records_are_of_the_method_that_was_asked_for_and_keep_what_was_trained(corpus: Path, tmp_path: Path):
    made = grid(corpus)
    cell = Cell("small", "dnr", "mmgcn", 1, "raw")
    folders = {"corpus": corpus, "out": cell.checkpoint(tmp_path), "record": cell.record(tmp_path)}
    job = Job(
        name="small", method="dnr", variant="raw", content=made.corpora["small"], config=made.configuration(cell),
        device="cpu", explained=False, **folders,
    )  # fmt: skip
    write_record(job.record, job.to_record())
    found = stored(tmp_path, made, cell)
    assert found is not None and found.cell == cell and found.label == "dnr/raw" and found.config["method"] == "plain"
    changed = grid(corpus, variants={"dnr": {"raw": {"method": "plain", "width": 32}}})
    with pytest.raises(DnRError, match="made with other settings: got width 128; expected width 32"):
        stored(tmp_path, changed, cell)
    for one in (cell, Cell("small", "dnr", "mmgcn", 1)):
        one.checkpoint(tmp_path).mkdir(parents=True)
    tidy(tmp_path, cell, made, "none")
    assert not cell.checkpoint(tmp_path).exists() and Cell("small", "dnr", "mmgcn", 1).checkpoint(tmp_path).exists()


def test_a_study_may_get_more_variants_and_no_other(corpus: Path, tmp_path: Path):
    open_study(tmp_path / "s", grid(corpus, variants={}))
    open_study(tmp_path / "s", grid(corpus))
    assert read_grid(tmp_path / "s" / "study.json").variants == QUIET
    more = {"dnr": QUIET["dnr"] | {"wide": {"width": 256}}}
    open_study(tmp_path / "s", grid(corpus, variants=more))
    for other in (QUIET, {"dnr": more["dnr"] | {"wide": {"width": 128}}}):
        with pytest.raises(DnRError, match="another grid: got no variant wide of dnr, or another one; expected wide"):
            open_study(tmp_path / "s", grid(corpus, variants=other))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dnr": {"x": {"options": {"nope": 1}}}}, "unknown field in the options of a variant of dnr: got 'nope'"),
        ({"dnr": {"x": {"stages": {"train": {}}}}}, "unknown field in the stages of a variant of dnr: got 'train'"),
        ({"dnr": {"x": {"stages": 3}}}, "bad configuration in --variants, stages"),
        ({"dnr": {"x": {"method": ["dnr"]}}}, "unknown method"),
        ({"dnr": {"x": {"width": 2}}}, "bad configuration in --variants, width"),
        ({"dnr": {"x": {"method": "nope"}}}, "unknown method: got 'nope'"),
        ({"plain": {"x": {"width": 64}}}, "variants of plain: got methods dnr; add plain to --methods"),
        ({"dnr": {"x": {"method": "drkf"}}}, "variant x of dnr is method drkf: got one of them takes no backbone"),
        ({"dnr": {"x": {"divide": "new"}}}, "unknown divide: got 'new'; expected one of pairwise, official"),
    ],
)
def test_variants_that_make_no_sense_are_refused(corpus: Path, given: dict[str, Any], said: str):
    with pytest.raises(UsageError, match=said):
        grid(corpus, variants=given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "cannot read .*: got list; expected a JSON object"),
        ('{"nope": {"x": {"width": 64}}}', "unknown method: got 'nope'"),
        ('{"dnr": {}}', "bad variants of dnr"),
        ('{"dnr": {"x": {}}}', "bad variants of dnr"),
        ('{"dnr": {"x": 3}}', "bad variants of dnr"),
        ('{"dnr": {"../x": {"width": 64}}}', "bad name of a variant"),
        ('{"dnr": {"x": {"seed": 3}}}', "variant x sets seed: got 3; leave it to the flags"),
    ],
)
def test_a_file_of_variants_is_checked(tmp_path: Path, text: str, said: str):
    (tmp_path / "file.json").write_text(text)
    with pytest.raises(UsageError, match=said):
        variants_of([], tmp_path / "file.json")


def test_a_file_adds_to_the_built_in_variants(tmp_path: Path):
    (tmp_path / "file.json").write_text(json.dumps(QUIET))
    built_in, both = variants_of(["dnr"], None), variants_of(["dnr"], tmp_path / "file.json")
    assert both["dnr"] == built_in["dnr"] | QUIET["dnr"] and len(built_in["dnr"]) > 10
    with pytest.raises(UsageError, match="no built-in ablations of this method: got 'plain'; expected one of dnr"):
        variants_of(["plain"], None)


def test_the_built_in_variants_make_a_grid(corpus: Path):
    made = grid(corpus, variants=variants_of(["dnr"], None), backbones=["late_fusion"], seeds=1)
    assert len(made.cells()) == 1 + len(made.variants["dnr"])
    for cell in made.cells():
        config = made.configuration(cell)
        assert {stage.name for stage in lookup("method", config.method).stages} == set(config.stages)
