"""The registry of figures on the shipped demo: the page and the paper show the numbers that the engine gives."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from figure_numbers import assert_same, data_numbers, paper_numbers, screen_numbers
from pypdf import PdfReader
from sklearn.metrics import f1_score

from dnr_core.errors import DnRError, UsageError
from dnr_core.export.bundle import Wish, bundle, provenance, tidy, zipped
from dnr_core.export.figures import FIGURES, build
from dnr_core.export.links import link
from dnr_core.export.scene import Scene
from dnr_core.figures.paper import PRESETS, PaperStyle, draw, save
from dnr_core.figures.screen import render
from dnr_core.serve import Engine

ROOT = Path(__file__).resolve().parents[2]
RUN = "planted-dnr-mmgcn-s0"
ENGINE = next(filter(None, map(shutil.which, ("tectonic", "xelatex", "lualatex"))), None)
"""Tables hold letters that pdflatex does not know."""
NOT_HERE = {"signals", "word_attribution"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The demo on its test split, a copy of its run to compare with, and the study in docs/."""
    root = tmp_path_factory.mktemp("demo")
    for name in (RUN, "twin"):
        shutil.copytree(ROOT / "checkpoints" / RUN, root / "checkpoints" / name)
    engine = Engine(root / "data", root / "checkpoints")
    engine.ensure_demo()
    return Scene(engine, RUN, "planted", "test", against="twin", study=ROOT / "docs" / "studies" / "real")


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in NOT_HERE])
def test_screen_and_paper_carry_the_same_numbers_labels_and_order(scene: Scene, name: str):
    panels = build(name, scene)
    on_paper = paper_numbers(draw(panels, PaperStyle("ieee2", width=14)))
    assert len(on_paper) == len(panels)
    for panel, found in zip(panels, on_paper, strict=True):
        assert panel.caption
        wanted = data_numbers(panel)
        shared = replace(wanted, x_label=found.x_label) if len(panels) > 1 and panel.x == "turn" else wanted
        assert_same(shared, found)
        assert_same(wanted, screen_numbers(render(panel)), shades=0.004 if panel.kind == "squares" else 1e-6)


@pytest.mark.parametrize("preset", ["wacv", "acl2"])
@pytest.mark.parametrize("name", [name for name in FIGURES if name not in NOT_HERE])
def test_every_figure_has_the_width_of_its_column_and_truetype_inside(scene: Scene, name: str, preset: str):
    panels = build(name, scene)
    content = save(panels, PaperStyle(preset, title=True), "pdf").content
    (page,) = PdfReader(io.BytesIO(content)).pages
    assert float(page.mediabox.width) / 72 == pytest.approx(PRESETS[preset].width, abs=0.01)
    assert b"/FontFile2" in content and b"/Type3" not in content and page.extract_text().strip()
    drawn = ElementTree.fromstring(save(panels, PaperStyle(preset), "svg").content)
    assert float(drawn.attrib["width"].removesuffix("pt")) / 72 == pytest.approx(PRESETS[preset].width, abs=0.01)
    assert any("".join(one.itertext()).strip() for one in drawn.iter("{http://www.w3.org/2000/svg}text"))


def test_what_is_drawn_is_what_the_engine_says(scene: Scene):
    found = scene.engine.predictions(*scene.key, "test")
    data = build("confusion", scene)[0].data.set_index(["gold", "predicted"])["count"]
    names = found.emotions
    for (gold, said), count in data.items():
        assert count == ((found.gold == names.index(gold)) & (found.predicted == names.index(said))).sum()

    values = scene.engine.dialogue_values(*scene.key, scene.dialogue)
    place = scene.place
    parts = build("turn_parts", scene)[0].data["value"].to_numpy()
    assert parts == pytest.approx(values.values[scene.turn, :, found.predicted[place]])

    subsets = build("subsets", scene)[0].data.set_index("modalities")["weighted F1"]
    known = found.gold >= 0
    assert subsets["text + audio + visual"] == pytest.approx(
        f1_score(found.gold[known], found.predicted[known], average="weighted")
    )
    frame = build("map", scene)[0].data
    stored = scene.engine.projection(*scene.key, "all", "umap")
    assert stored is not None and np.array_equal(frame[["x", "y"]].to_numpy(), stored.coordinates)
    changes = build("class_changes", scene)[0].data
    assert (changes[["points", "low", "high"]] == 0).all().all(), "a run differs from its copy in nothing"


def test_the_utterance_in_focus_is_decisive_right_and_in_a_readable_dialogue(scene: Scene):
    claims = scene.engine.split_claims(*scene.key, "test")
    assert claims is not None and claims.significant[scene.place]
    assert scene.predictions.gold[scene.place] == scene.predictions.predicted[scene.place]
    assert 6 <= len(scene.numbers.gold) <= 16 and scene.turn >= 2
    named = replace(scene, utterance=scene.focus, emotion="sad")
    assert named.label == scene.corpus.emotions.index("sad")
    for wrong in ({"utterance": "nobody"}, {"emotion": "bliss"}, {"removal": "never"}, {"part": "x"}, {"colour": "x"}):
        with pytest.raises(UsageError, match="expected one of"):
            replace(scene, **wrong).check()
    elsewhere = scene.corpus.utterances["utterance_id"][scene.corpus.rows("train")[0]]
    with pytest.raises(UsageError, match="expected one of split test"):
        replace(scene, utterance=elsewhere).check()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("signals", "method dnr has no signals of its own"),
        ("class_changes", "a lone run has nothing to be compared with"),
        ("study", "no study was named"),
        ("pie", "unknown figure"),
    ],
)
def test_what_cannot_be_shown_says_why(scene: Scene, name: str, words: str):
    with pytest.raises(DnRError, match=words):
        build(name, replace(scene, against=None, study=None))


def test_what_stands_for_a_part_is_that_of_the_caption(scene: Scene):
    zero = replace(scene, removal="zero")
    values = scene.engine.dialogue_values(*scene.key, scene.dialogue, removal="zero")
    own = values.values[scene.turn, :, scene.label]
    assert build("turn_parts", zero)[0].data["value"].to_numpy() == pytest.approx(own)
    drawn = build("dialogue_parts", zero)[0]
    families = [player.partition(":")[0] for player in values.players]
    first = values.values[0, :, values.total[0].argmax()]
    for family, value in drawn.data[drawn.data["turn"] == 0].set_index("group")["value"].items():
        assert value == pytest.approx(sum(v for v, own in zip(first, families, strict=True) if own == family))
    assert drawn.caption.endswith("Whether a part is decisive is not tested."), "it is tested for the mean only"
    assert "Baseline, in place of what is off: zero." in provenance("turn_parts", zero)


@pytest.mark.parametrize(
    ("name", "there", "missing"),
    [
        ("turn_parts", ["In focus: dialogue dialogue_004, turn 3", "Emotion that is explained: sad", "Baseline"], []),
        ("timeline", ["In focus: dialogue dialogue_004, turn 3", "Baseline"], ["Emotion that is explained"]),
        ("pointwise", ["In focus: dialogue dialogue_004."], ["turn 3", "Baseline", "Intervals"]),
        ("confusion", ["split test: n = 951", "seed 0"], ["In focus", "Baseline", "Intervals"]),
        ("values", ["Baseline", "Intervals: 95 %, percentile bootstrap"], ["In focus"]),
        ("map", ["all splits: n = 4,787"], ["split test", "Baseline"]),
        ("training", ["Trained on: planted"], ["split test", "Corpus:", "Baseline"]),
        ("class_changes", ["Compared with: twin", "Intervals"], ["Baseline"]),
        ("study", ["Study: real", "seeds 0 to 4", "meld (hash c43cdabc25dbc351)", "t over seeds"], [RUN, "planted"]),
    ],
)
def test_a_caption_says_what_its_figure_is_made_of_and_nothing_else(scene: Scene, name: str, there, missing):
    said = "\n".join(provenance(name, replace(scene, emotion="sad")))
    assert all(words in said for words in there) and not any(words in said for words in missing), said


def test_a_figure_of_a_study_has_no_link(scene: Scene):
    assert link("study", scene, PaperStyle()) is None
    assert "link.txt" not in bundle("study", scene, Wish())[0]


def test_a_bundle_is_the_same_bytes_and_its_csv_the_numbers(scene: Scene):
    wish = Wish(PaperStyle("acl2"), ("pdf", "svg", "png"))
    files, notes = bundle("timeline", scene, wish)
    assert zipped(files) == zipped(bundle("timeline", scene, wish)[0]) and notes == ()
    for place, panel in enumerate(build("timeline", scene)):
        name = "data.csv" if place == 0 else f"data_{place + 1}.csv"
        read = pd.read_csv(io.BytesIO(files[name]))
        assert list(read) == list(tidy(panel)) and "says" not in read
        numbers = panel.data.select_dtypes("number")
        assert np.array_equal(read[list(numbers)].to_numpy(), numbers.to_numpy()), "every digit is kept"
    assert files["table.tex"].count(rb"\midrule") == 1
    assert b"focus: dialogue" in files["caption.txt"] and scene.focus.encode() in files["caption.txt"]


@pytest.mark.skipif(ENGINE is None, reason="no TeX engine is installed")
def test_every_table_compiles(scene: Scene, tmp_path: Path):
    pieces = []
    for name in FIGURES:
        if name not in NOT_HERE:
            files, _ = bundle(name, scene, Wish(PaperStyle("slide"), ("png",), 72))
            pieces += [content.decode() for file, content in files.items() if file.endswith(".tex")]
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\tiny\n"
    source = head + "\n\n\\clearpage\n".join(pieces) + "\\end{document}\n"
    (tmp_path / "tables.tex").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [ENGINE, "tables.tex"], cwd=tmp_path, capture_output=True, stdin=subprocess.DEVNULL, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert len(PdfReader(tmp_path / "tables.pdf").pages) >= len(pieces)
