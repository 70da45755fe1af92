"""The report: its numbers are the engine's, hostile words stay words, it is the same each time and asks for nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree.ElementTree import Element, TreeBuilder

import numpy as np
import pytest
from figure_numbers import assert_same, data_numbers, screen_numbers

from dnr_core.data.planted import PlantedConfig, generate
from dnr_core.errors import DnRError, UsageError
from dnr_core.export.figures import FIGURES, build
from dnr_core.export.report import Report, report, report_html
from dnr_core.export.report_pieces import embedded
from dnr_core.export.scene import Scene
from dnr_core.figures.rows.markup import shown
from dnr_core.figures.spec import readable
from dnr_core.figures.table import written
from dnr_core.serve import Engine
from dnr_core.training.checkpoint import save_run
from tests.conftest import HOSTILE_NAMES, HOSTILE_TEXTS, RUN, Workspace, longest_test_dialogue, with_rows
from tests.unit.small import WIDTHS, short, untrained

VOID = {"meta", "input", "br", "link", "img", "hr"}
ROOT = Path(__file__).resolve().parents[2]


class Tree(HTMLParser):
    """The page as elements; scripts and styles keep their text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.made, self.open = TreeBuilder(), []
        self.feed(page)
        self.root: Element = self.made.close()

    def handle_starttag(self, tag: str, attrs) -> None:
        self.made.start(tag, {name: value or "" for name, value in attrs})
        if tag in VOID:
            self.made.end(tag)
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} closes another element"
        self.made.end(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.made.data(data)


def page_of(made: str) -> Element:
    return Tree(made).root


def by_id(root: Element, name: str) -> Element:
    (found,) = [one for one in root.iter() if one.get("id") == name]
    return found


def text(one: Element) -> str:
    return "".join(one.itertext())


def section(root: Element, name: str) -> Element:
    return next(one for one in root.iter("section") if one.get("aria-labelledby") == name)


def rows_of(table: Element) -> list[list[str]]:
    return [[text(cell) for cell in row if cell.tag == "td"] for row in table.iter("tr") if row.find("td") is not None]


def with_class(root: Element, tag: str, name: str) -> list[Element]:
    return [one for one in root.iter(tag) if name in one.get("class", "").split()]


def scene_of(workspace: Workspace, corpus: str = "planted", run: str = RUN, **more) -> Scene:
    return Scene(workspace.engine, run, corpus, "test", **more)


@pytest.fixture(scope="module")
def scene(workspace: Workspace) -> Scene:
    return scene_of(workspace, against="plain-run")


@pytest.fixture(scope="module")
def made(scene: Scene) -> Report:
    return report(scene)


@pytest.fixture(scope="module")
def root(made: Report) -> Element:
    return page_of(made.html)


def test_every_figure_of_the_registry_is_drawn_or_says_why_not(made, root):
    assert {*made.figures, *made.left_out} == set(FIGURES) and not set(made.figures) & set(made.left_out)
    assert len(made.figures) >= 18 and {"study", "study_differences", "signals"} <= set(made.left_out)
    captions = [text(one.find("figcaption")) for one in root.iter("figure")]
    for number, (name, caption) in enumerate(zip(made.figures, captions, strict=True), start=1):
        assert caption.startswith(f"Figure {number}. {FIGURES[name].title}.")
    whole = " ".join(text(one) for one in with_class(root, "p", "absent"))
    for name, why in made.left_out.items():
        assert f"Not shown: {FIGURES[name].title} ({why.replace('`', '')})." in whole


def test_every_drawn_figure_carries_the_numbers_of_its_data(made, root, scene):
    for name in made.figures:
        for place, spec in enumerate(build(name, scene), start=1):
            if spec.kind == "table":
                (table,) = with_class(by_id(root, f"figure-{name}"), "div", "words")
                assert rows_of(table) == [
                    list(row) for row in zip(*map(written, (spec.data[c] for c in spec.data)), strict=True)
                ]
                continue
            drawn = json.loads(text(by_id(root, f"data-{name}-{place}")))
            figure = SimpleNamespace(to_json=lambda drawn=drawn: json.dumps(drawn))
            assert_same(screen_numbers(figure), data_numbers(spec))
            assert drawn["config"]["showSendToCloud"] is False and drawn["config"]["plotlyServerURL"] == ""
            assert "template" not in drawn["layout"]


def test_maps_are_typed_arrays(root):
    first = json.loads(text(by_id(root, "data-map-1")))["data"][0]
    assert first["type"] == "scattergl" and first["x"]["dtype"] == "f4" and isinstance(first["x"]["bdata"], str)


def test_scores_and_classes_are_the_engines(root, scene):
    found = scene.engine.evaluate(*scene.key, "test")
    tiles = {
        text(one.find("small")): text(one.find("b")) for one in with_class(section(root, "overview"), "div", "dnr-tile")
    }
    for name, label in (("weighted_f1", "Weighted F1"), ("accuracy", "Accuracy"), ("macro_f1", "Macro F1")):
        assert tiles[f"{label}, test"] == f"{found[name]:.3f}"
    table = rows_of(next(section(root, "overview").iter("table")))
    for cells, (name, entry) in zip(table, found["per_class"].items(), strict=True):
        assert cells[0] == name and cells[-1] == f"{entry['n']:,}"
        numbers = [cell.split()[0] for cell in cells[1:4]]
        assert numbers == [f"{entry[score]:.3f}" for score in ("precision", "recall", "f1")]


def test_every_dialogue_and_turn_is_there_with_what_is_predicted_and_claimed(root, scene):
    corpus, found = scene.corpus, scene.predictions
    dialogues = with_class(root, "details", "dialogue")
    assert [text(one.find("summary/b")) for one in dialogues] == corpus.dialogue_ids("test")
    wrong = found.gold != found.predicted
    assert sum(int(one.get("data-wrong", "")) for one in dialogues) == int(wrong.sum())
    for place, row in enumerate(found.row):
        one, cells = corpus.utterance(int(row)), list(by_id(root, f"turn-{row}"))
        words = [text(cell) for cell in cells]
        assert words[0] == str(one.turn) and words[1].startswith(one.speaker)
        assert text(cells[2].find("bdi")) == one.text and words[3] == one.emotion
        predicted = found.emotions[found.predicted[place]]
        assert words[4] == f"{'✗' if wrong[place] else '✓'} {predicted}"
        assert words[5] == f"{found.probabilities[place].max():.2f}"
        assert "not tested" in words[7], "this run has no stored null"
    (opened,) = [one for one in dialogues if "open" in one.attrib]
    assert text(opened.find("summary/b")) == scene.dialogue


def test_claims_are_those_of_the_engine(tmp_path):
    """On the committed demo, whose null tests are stored."""
    shutil.copytree(ROOT / "checkpoints" / "planted-dnr-mmgcn-s0", tmp_path / "planted-dnr-mmgcn-s0")
    engine = Engine(tmp_path / "data", tmp_path)
    engine.ensure_demo()
    demo = Scene(engine, "planted-dnr-mmgcn-s0", "planted", "test")
    said = page_of(report_html(demo))
    found, turns = engine.split_claims(*demo.key, "test"), {one.get("id"): one for one in said.iter("tr")}
    for place, row in enumerate(demo.predictions.row):
        cell = text(list(turns[f"turn-{row}"])[7])
        part = readable(f"{found.family[place]}:{found.sources[place]}")
        assert cell.startswith(f"decisive: {part}" if found.significant[place] else "no single part decisive")
    assert f"{100 * found.significant.mean():.1f} % of the turns" in text(said.find("body/main/header"))


def test_every_error_is_listed_with_a_link_to_its_turn(root, scene):
    found = scene.predictions
    table = list(section(root, "errors").iter("table"))[-1]
    links = [one.get("href") for one in table.iter("a")]
    assert links == [f"#turn-{row}" for row in found.row[found.gold != found.predicted]]
    ids = {one.get("id") for one in root.iter()}
    assert all(one.get("href", "")[1:] in ids for one in root.iter("a"))


def test_both_runs_are_compared(root, scene):
    found = scene.engine.compare(scene.run, scene.against, scene.corpus_name, "test")
    table = rows_of(next(section(root, "compare").iter("table")))
    assert table[0][1:3] == [f"{found.scores['weighted_f1'].a:.3f}", f"{found.scores['weighted_f1'].b:.3f}"]
    assert f"{len(found.only_a_right):,} turns" in text(section(root, "compare"))


def test_nothing_is_asked_of_the_network(made, root):
    policy = next(
        one.get("content", "") for one in root.iter("meta") if one.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe-inline' 'un" not in policy
    assert "http" not in policy and "*" not in policy and "script-src 'unsafe-inline'" not in policy
    scripts = [one for one in root.iter("script") if one.get("type") is None]
    assert len(scripts) == 2 and not any(one.get("src") for one in root.iter())
    assert all(one.get("href", "#").startswith("#") for one in root.iter())
    style = text(next(root.iter("style")))
    assert "url(" not in style and "@import" not in style and "@font-face" not in style
    assert made.html.count("plotly.js v") == 1


def test_hostile_words_stay_words(workspace: Workspace):
    corpus = workspace.engine.corpus("hostile")
    made = report_html(scene_of(workspace, "hostile"))
    root = page_of(made)
    rows = corpus.dialogue_rows[longest_test_dialogue(corpus)]
    for row, words in zip(rows, HOSTILE_TEXTS, strict=False):
        cell = list(by_id(root, f"turn-{row}"))[2]
        if not words:
            assert text(cell).startswith("no text")
            continue
        (one,) = [child for child in cell if child.tag == "bdi"]
        assert list(one) == [] and shown(text(one)) == shown(words), "literally, with control characters as pictures"
    assert len([one for one in root.iter("script") if one.get("type") is None]) == 2
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", re.sub(r"<script>.*?</script>", "", made, flags=re.S))


def test_hostile_names_of_emotions_stay_names(workspace: Workspace):
    root = page_of(report_html(scene_of(workspace, "names", "names-run")))
    table = rows_of(next(section(root, "overview").iter("table")))
    assert [cells[0] for cells in table] == list(HOSTILE_NAMES)
    assert not [one for one in root.iter("a") if "example.org" in one.get("href", "")]


def test_json_cannot_end_its_script():
    hostile = {"a": "</script><script>alert(1)</script><!-- \u2028 &amp;", "b": np.float32(0.5)}
    written_ = embedded(hostile)
    assert not set("<>&\u2028") & set(written_) and json.loads(written_) == hostile | {"b": 0.5}


def test_a_split_without_labels_is_reported_too(workspace: Workspace):
    corpus = workspace.engine.corpus("planted")
    emotions = corpus.utterances["emotion"].to_numpy(dtype=object).copy()
    emotions[corpus.rows("test")] = ""
    nameless = with_rows(corpus, "unlabelled", np.ones(len(corpus), dtype=bool), emotion=list(emotions))
    if not (workspace.data / "unlabelled").exists():
        nameless.save(workspace.data / "unlabelled")
    made = report(scene_of(workspace, "unlabelled"))
    root = page_of(made.html)
    assert "Scores cannot be shown because the test split has no labels" in text(section(root, "overview"))
    assert "has no labels" in made.left_out["confusion"] and "values" in made.figures
    assert {one.get("data-wrong") for one in with_class(root, "details", "dialogue")} == {"0"}
    assert "another corpus than the one shown" in text(root.find("body/main/header"))


def test_a_dialogue_of_one_turn_and_one_without_labels(workspace: Workspace):
    corpus = workspace.engine.corpus("odd")
    single, unlabelled = corpus.dialogue_ids("test")[:2]
    one = corpus.dialogue(single).utterances[0]
    made = report(scene_of(workspace, "odd", utterance=one.utterance_id))
    assert "has one turn only" in made.left_out["turn_attribution"] and "attribution" in made.figures
    first, second = with_class(page_of(made.html), "details", "dialogue")[:2]
    assert "open" in first.attrib and "visual: no_face" in text(first)
    assert f"{unlabelled} {len(corpus.dialogue_rows[unlabelled])} turns" in text(second) and "no labels" in text(second)


def test_a_run_that_nothing_can_be_stored_beside_is_reported_too(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    def refuse(*given: object, **more: object) -> None:
        raise DnRError("cannot write results")

    monkeypatch.setattr(Engine, "compute_coalitions", refuse)
    monkeypatch.setattr(Engine, "stored_coalitions", lambda *given, **more: None)
    made = report(scene_of(workspace))
    assert made.left_out["values"] == "cannot write results" and "turn_parts" in made.figures
    assert "cannot be stored beside this run" in text(page_of(made.html).find("body/main/header"))


def test_the_signals_of_a_method_are_shown(one_thread: None, tmp_path: Path):
    corpus, config = generate(PlantedConfig(dialogues=20, widths=WIDTHS), name="small"), short("df_erc", None)
    corpus.save(tmp_path / "data" / "small")
    save_run(tmp_path / "runs" / "df_erc", untrained(corpus, config), config, corpus, {})
    engine = Engine(tmp_path / "data", tmp_path / "runs")
    made = report(Scene(engine, "df_erc", "small", "test"))
    told = text(section(page_of(made.html), "signals"))
    assert "signals" in made.figures
    found = engine.signals("df_erc", "small", "test")
    for name, values in found.values.items():
        assert name.replace("_", " ") in told and found.descriptions[name] in told
        if values.ndim == 1 and values.dtype.kind == "f":
            assert f"{np.nanmean(values):.3f}" in told


def test_what_does_not_exist_is_refused_before_anything_is_computed(workspace: Workspace):
    for more, words in (({"utterance": "nobody"}, "unknown utterance"), ({"against": "nowhere"}, "nowhere")):
        with pytest.raises(DnRError, match=words):
            report_html(scene_of(workspace, **more))
    with pytest.raises(UsageError):
        report_html(Scene(workspace.engine, RUN, "planted", "exam"))


def test_two_processes_write_the_same_bytes(workspace: Workspace, tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from dnr_core.serve import Engine\n"
        "from dnr_core.export.scene import Scene; from dnr_core.export.report import report_html\n"
        "data, runs, out = map(Path, sys.argv[1:])\n"
        f"out.write_text(report_html(Scene(Engine(data, runs), {RUN!r}, 'planted', 'test')), encoding='utf-8')"
    )
    written_ = []
    for seed in ("1", "2"):
        out = tmp_path / f"{seed}.html"
        environment = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", code, str(workspace.data), str(workspace.checkpoints), str(out)]
        subprocess.run(command, check=True, env=environment, timeout=280)
        written_.append(out.read_bytes())
    assert written_[0] == written_[1]
    assert len(written_[0]) < 15e6
