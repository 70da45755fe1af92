"""The part of a document that a study writes, by hand, and that of the study that is kept in docs/."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnr_core.errors import DnRError, UsageError
from dnr_core.study import Grid, RunRecord, read_grid, read_records, summary_of, write_page
from dnr_core.study.page import BEGIN, END, page

DOCS = Path(__file__).resolve().parents[2] / "docs"
GRID = Grid(
    preset="fast", settings={}, corpora={"my set": "c0ffee"}, methods=("plain", "dnr"), backbones=("mmgcn",), seeds=2
)


def record(method: str, seed: int, score: float) -> RunRecord:
    scores = {"test": {"weighted_f1": score, "accuracy": score, "macro_f1": score, "n": 8}}
    return RunRecord(
        corpus="my set", corpus_hash="c0ffee", method=method, backbone="mmgcn", seed=seed, scores=scores,
        parameters=1234, seconds=9.6, peak_memory_mib=1500,
    )  # fmt: skip


def test_what_stands_between_the_marks_is_replaced_and_nothing_else(tmp_path: Path):
    file, out = tmp_path / "results.md", Path("studies/x")
    begin, end = BEGIN.format(name="x"), END.format(name="x")
    file.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    summary = summary_of([record("plain", 0, 0.5), record("dnr", 0, 0.6), record("dnr", 1, 0.8)])
    write_page(file, out, GRID, summary)
    text = file.read_text()
    assert text.startswith(f"before\n{begin}\n") and text.endswith(f"{end}\nafter\n") and "old" not in text
    assert "study --corpus 'data/my set' --methods plain dnr --backbones mmgcn --seeds 2 --out studies/x" in text
    assert "3 of 4 runs have ended. The table is not final." in text
    # sd of (0.6, 0.8) is 0.1414; the 97.5 % point of t with one degree of freedom is 12.706: half width 1.2706
    assert "| dnr | mmgcn | 0.7000 ± 0.1414 [-0.5706, 1.9706] | 0.7000 | 2 | 1,234 | 10 | 1,500 |" in text
    assert "| dnr − plain | mmgcn | 0.1000 | 1 |" in text
    write_page(file, out, GRID, summary)
    assert file.read_text() == text


@pytest.mark.parametrize("text", ["no marks", "{begin} only", "{end} before {begin}", "{begin}{end}{begin}{end}"])
def test_a_document_without_the_marks_is_left_as_it_is(tmp_path: Path, text: str):
    file = tmp_path / "results.md"
    file.write_text(text.format(begin=BEGIN.format(name="x"), end=END.format(name="x")))
    before = file.read_text()
    with pytest.raises(UsageError, match=r"no place for the study .* expected the lines <!-- study x -->"):
        write_page(file, Path("x"), GRID, summary_of([record("dnr", 0, 0.6)]))
    assert file.read_text() == before
    with pytest.raises(DnRError, match="cannot be read"):
        write_page(tmp_path / "none.md", Path("x"), GRID, summary_of([record("dnr", 0, 0.6)]))


def test_the_study_in_the_documents_is_what_its_records_say():
    out = DOCS / "studies" / "real"
    said = page(read_grid(out / "study.json"), summary_of(read_records(out)), Path("docs/studies/real"))
    assert said in (DOCS / "results.md").read_text(encoding="utf-8")
