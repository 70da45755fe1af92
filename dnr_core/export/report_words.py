"""Chapters of a report that explain it: methods, the words it uses, and where everything is from."""

from __future__ import annotations

from pathlib import Path

from dnr_core.export.bundle import provenance
from dnr_core.export.figures import FIGURES
from dnr_core.export.report_data import Material
from dnr_core.export.report_pieces import Section, absent, coded, sub
from dnr_core.figures.rows.about import facts, split_sizes
from dnr_core.figures.rows.markup import shown

METHODS = (
    ("Scores", "Weighted F1 is the mean F1 of the emotions, each counted as often as it occurs; only labelled turns "
     "count. Intervals are 95 % percentiles of 1,000 bootstrap draws of whole dialogues, because turns of one dialogue "
     "are not independent (Efron 1979). The model was chosen on dev; test was not looked at. Two runs are compared on "
     "the same draws, and by McNemar's exact test."),
    ("Values of parts", "The value of a part for an emotion is its Shapley value (Shapley 1953) in the game v(S) = "
     "logit of that emotion with the parts in S on and the others replaced by their mean over the training data, in "
     "every turn of the dialogue. All 2^K coalitions are computed, none is sampled; interactions are Shapley "
     "interaction indices (Grabisch and Roubens 1999). Values add up to v(all) − v(none); what is missing is the "
     "completeness error. Parts of dnr are unique (one modality), redundant (two modalities both say it) and "
     "synergistic (two say it only together); Divide and Refine, arXiv 2601.14274. Other methods: whole modalities."),
    ("When a part is called decisive", "Two tests must be passed. The part is real: on dev it says more for the right "
     "emotion than with one of its modalities taken from another turn (paired difference above 0, one-sided, 5 % / "
     "parts, standard error clustered by dialogue). The turn is not noise: its dominant value stands above those of "
     "dev turns whose feature columns were shuffled, by Benjamini and Hochberg (1995) at 5 % over the split. Else the "
     "report says “no single part decisive”. The second null keeps the marginals of features only, so on real data it "
     "is easier to beat than noise of the same covariance."),
    ("What the data offer", "A second model, independent of the explained one, gives p(y | x_S) for all subsets S of "
     "modalities. log2 p(y | x_S) − log2 p(y) is split into eleven atoms that add up, by the measure of Bertschinger, "
     "Rauh, Olbrich, Jost and Ay (2014). It speaks of single turns without context, as far as that model is "
     "calibrated."),
    ("Attributions", "Integrated gradients (Sundararajan, Taly and Yan 2017) on the logit; their sum must meet "
     "f(x) − f(baseline), and the table says by how much it misses. Insertion curves (Petsiuk, Das and Saenko 2018) "
     "compare the order of the values with random orders; infidelity: Yeh et al. 2019; random layers: Adebayo et al. "
     "2018. An attribution describes the model near its baseline, not the world."),
    ("Errors", "Slices with intervals over dialogues; calibration error with ten bins (Guo et al. 2017); inertia and "
     "contagion against exchanging predictions among errors of the same gold emotion; suspect labels by confident "
     "learning (Northcutt, Jiang and Chuang 2021)."),
    ("Maps", "UMAP (McInnes, Healy and Melville 2018) or PCA. Distances between clusters are not evidence; "
     "trustworthiness (Venna and Kaski 2001) says how rarely neighbours on the map are false."),
)  # fmt: skip
GLOSSARY = (
    ("part", "One of the named pieces into which a model divides what it knows of a turn; it can be switched off."),
    ("unique, redundant, synergistic", "What one modality says alone; what two modalities both say, so that either "
     "would do; what two say only together."),
    ("logit", "The model's score of an emotion before it becomes a probability."),
    ("Shapley value", "A part's fair share of a prediction: what it adds, averaged over all orders in which parts can "
     "be switched on."),
    ("completeness error", "What the values of an explanation miss of the change that they explain."),
    ("decisive", "Of a part: it passes its null test, and its value in this turn is larger than structureless features "
     "give."),
    ("null test", "The same measure where there is nothing to find, because labels or features were shuffled."),
    ("95 % interval", "Where a score would lie in 95 of 100 repetitions with other dialogues."),
    ("bit", "One bit more doubles the probability that the data give to the emotion."),
    ("calibration", "Whether probabilities can be taken at their word: of what is said with 0.8, 80 % should be "
     "right."),
    ("planted truth", "Dialogues made by a program, so that the source of every emotion is known and an explanation "
     "can be marked right or wrong."),
)  # fmt: skip


def methods() -> Section:
    """How everything was measured, in half a page."""
    told = "".join(f"<p><b>{shown(name)}.</b> {shown(text)}</p>" for name, text in METHODS)
    return Section("methods", "Methods", told)


def glossary() -> Section:
    """The words that matter."""
    told = "".join(f"<dt>{shown(word)}</dt><dd>{shown(meaning)}</dd>" for word, meaning in GLOSSARY)
    return Section("glossary", "Glossary", f"<dl>{told}</dl>")


def sources(material: Material) -> Section:
    """Checkpoint, corpus, split, seed, versions, and which figures could not be shown."""
    lines = provenance("timeline", material.scene)
    intervals = dict.fromkeys(FIGURES[name].intervals for name in material.figures.drawn if FIGURES[name].intervals)
    lines[-1:-1] = [f"Intervals: {one}." for one in intervals]
    versions = material.scene.header.manifest.get("versions", {})
    if versions:
        lines.append("Trained with " + ", ".join(f"{name} {one}" for name, one in sorted(versions.items())) + ".")
    body = "<ul>" + "".join(f"<li>{shown(line)}</li>" for line in lines) + "</ul>"
    left = material.figures.left_out
    if left:
        why = "".join(f"<li>{shown(FIGURES[name].title)}: {coded(reason)}</li>" for name, reason in left.items())
        body += f"{sub('Figures that cannot be shown')}<ul>{why}</ul>"
    return Section("provenance", "Provenance", body)


def head(material: Material) -> str:
    """What this is: run, corpus, split, numbers, and how far the explanations are tested."""
    scene, corpus, run = material.scene, material.scene.corpus, material.run
    rows = {
        "Run": f"{run.info.name} (hash {scene.header.manifest_hash[:16]})",
        "Model": facts(run, corpus, scene.header.manifest.get("versions", {})),
        "Corpus": f"{corpus.name} (hash {corpus.hash[:16]}): {split_sizes(corpus)}; split: {corpus.split_provenance}",
        "This report": f"split {scene.split}, n = {len(material.found.row):,} turns in "
        f"{len(corpus.dialogue_ids(scene.split)):,} dialogues, {material.labelled:,} of them with a label, "
        f"{int(material.wrong.sum()):,} predicted wrong",
    }
    if scene.against is not None:
        rows["Compared with"] = Path(scene.against).name
    told = "".join(f"<dt>{shown(name)}</dt><dd>{shown(text)}</dd>" for name, text in rows.items())
    return (
        f"<header><h1>{shown(title(material))}</h1><dl class='facts'>{told}</dl>"
        f"<p><b>How far its explanations are tested.</b> {shown(material.tested)}</p>"
        + (absent(other_corpus(material)) if other_corpus(material) else "")
        + "</header>"
    )


def title(material: Material) -> str:
    """What the report is of."""
    return f"{material.run.info.name} on {material.scene.split} of {material.scene.corpus.name}"


def other_corpus(material: Material) -> str:
    """Says so where the run was trained on another corpus than the one shown."""
    info = material.run.info
    if info.corpus_hash == material.scene.corpus.hash:
        return ""
    return f"This run was trained on {info.corpus_name}, another corpus than the one shown."
