"""The words of the field as this program uses them: what each means, its formula, and where it is from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

DNR, HERE = "Divide and Refine, arXiv 2601.14274; as built here: docs/methods.md", "docs/methods.md"
SHAPLEY = "Shapley 1953, A value for n-person games"
BROJA = "Bertschinger, Rauh, Olbrich, Jost and Ay 2014, Quantifying unique information"
DF_ERC, DRKF = "DF-ERC, arXiv 2308.04502", "DRKF, arXiv 2508.01644"
WORD_ONLY = "No formula: it names a thing, not a number."


@dataclass(frozen=True)
class Entry:
    """One word: a sentence, its `formula` as text (or why there is none), its `source`, and other `forms` of it."""

    word: str
    meaning: str
    formula: str
    source: str
    forms: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """The word as part of an HTML id."""
        return re.sub("[^a-z0-9]+", "-", self.word.lower()).strip("-")


ENTRIES = (
    Entry("part", "One of the named pieces into which a model divides what it knows of an utterance; it can be "
          "switched off.", WORD_ONLY, DNR, ("parts", "component", "components")),
    Entry("unique", "What one modality says and no other does.", "linear in the features of one modality; "
          "decorrelated from what it shares", DNR),
    Entry("redundant", "What two modalities both say, so that either alone would do.",
          "spoken as far as both halves agree: σ(6 (r₁·r₂ − 1))", DNR),
    Entry("synergistic", "What two modalities say only together, and neither alone.", "product of two centred banks "
          "of detectors, one of each modality", DNR, ("synergy",)),
    Entry("modality", "A channel of an utterance: text, audio or visual.", WORD_ONLY, HERE, ("modalities",)),
    Entry("Shapley value", "A part's fair share of a prediction: what it adds, averaged over all orders in which "
          "parts can be switched on.", "φₖ = Σ over S without k of |S|! (K−|S|−1)! / K! · (v(S ∪ k) − v(S))", SHAPLEY,
          ("Shapley values",)),
    Entry("interaction", "How much two parts say together beyond what each says alone: + more, − one stands in for "
          "the other.",
          "Σ over S without i, j of |S|! (K−|S|−2)! / (K−1)! · (v(S∪{i,j}) − v(S∪i) − v(S∪j) + v(S))",
          "Grabisch and Roubens 1999, An axiomatic approach to the concept of interaction", ("interactions",)),
    Entry("coalition", "A set of parts that are on while all others are off; all 2^K of them are computed.",
          "v(S) = logit with the parts of S on", SHAPLEY, ("coalitions",)),
    Entry("scope", "Where a part is switched off: in every turn of the dialogue, or in one turn only.", WORD_ONLY,
          HERE, ("off in",)),
    Entry("removal", "What stands in for a part that is off: its mean over the training data, zero, or the part of "
          "other training turns.", "mean: (1/n) Σ partᵢ over the training turns that have it", HERE,
          ("off", "switched off", "without a part")),
    Entry("baseline", "What a prediction is compared with: the model with every part off, or with every feature at a "
          "neutral value.", "Σ values = f(x) − f(baseline)", "Sundararajan, Taly and Yan 2017, Axiomatic attribution "
          "for deep networks"),
    Entry("completeness", "The values of an explanation add up to the change that they explain; what is missing is "
          "its error.", "error = Σ values − (f(x) − f(baseline))", "Sundararajan, Taly and Yan 2017, Axiomatic "
          "attribution for deep networks", ("completeness error",)),
    Entry("decisive", "A part may be called decisive: it passes its null test, and its value in this turn is larger "
          "than structureless features give.", "gate on dev at 5 % / parts, then Benjamini–Hochberg at 5 % over the "
          "split", HERE, ("significant",)),
    Entry("null", "What a number looks like where there is nothing to find: labels or features are shuffled and it is "
          "measured again.", "p = share of shuffled values at least as large", "Fisher 1935, The design of "
          "experiments; the tests: docs/methods.md", ("null test", "null tests", "by chance")),
    Entry("false discovery", "A claim that is made although there is nothing; of all claims made on a split at most 5 "
          "% are expected to be false.", "reject the k smallest p where p₍ₖ₎ ≤ 0.05 · k / m",
          "Benjamini and Hochberg 1995, Controlling the false discovery rate"),
    Entry("bits", "How much better the data predict an emotion than its frequency does; 1 bit doubles its "
          "probability.", "i = log₂ p(y | x) − log₂ p(y)", "Shannon 1948, A mathematical theory of communication",
          ("bit", "information", "data offer", "tells")),
    Entry("atom", "A piece of the information about an emotion: unique to a modality, shared by several, or only in "
          "their combination; all eleven add up.", "Σ atoms = i(text, audio, visual)", "Williams and Beer 2010, "
          "Nonnegative decomposition of multivariate information; docs/methods.md", ("atoms",)),
    Entry("BROJA", "The measure that splits information: unique is what remains when modalities are coupled as "
          "closely as their pairwise tables allow.", "unique₁ = min over Q of I_Q(Y; X₁ | X₂), Q with the margins "
          "(x₁, y), (x₂, y)", BROJA),
    Entry("logit", "The model's score of an emotion before it becomes a probability.",
          "p = exp(logit) / Σ exp(logits)", "Bridle 1990, Probabilistic interpretation of feedforward network outputs",
          ("logits",)),
    Entry("attribution", "How much each feature, turn, modality, part or word moved one prediction from a baseline.",
          "integrated gradients: (xᵢ − bᵢ) · ∫₀¹ ∂f(b + t (x − b)) / ∂xᵢ dt", "Sundararajan, Taly and Yan 2017; "
          "computed by Captum, arXiv 2009.07896", ("what made the",)),
    Entry("faithfulness", "Whether an attribution describes the model: putting items back in its order must raise the "
          "prediction faster than a random order.", "area under the curve of insertion − that of random order",
          "Petsiuk, Das and Saenko 2018, RISE", ("insertion", "deletion", "can this attribution be trusted")),
    Entry("infidelity", "How far an attribution misses what really happens when the input is disturbed; 0 is exact.",
          "E (Σ values · disturbance − (f(x) − f(x − disturbance)))², over the same for values 0", "Yeh et al. 2019, "
          "On the (in)fidelity and sensitivity of explanations"),
    Entry("UMAP", "A map that keeps neighbours together; distances between clusters, and their sizes, mean nothing.",
          "places whose fuzzy neighbourhoods have the least cross-entropy to those of the vectors",
          "McInnes, Healy and Melville 2018, arXiv 1802.03426"),
    Entry("PCA", "A map of the two directions in which the vectors differ most.",
          "first two eigenvectors of the covariance", "Pearson 1901; Hotelling 1933"),
    Entry("trustworthiness", "How rarely points are neighbours on the map that were none among the vectors; 1 is "
          "never.", "1 − 2 / (n k (2n − 3k − 1)) · Σ over false neighbours of (rank − k), k = 15",
          "Venna and Kaski 2001, Neighborhood preservation in nonlinear projection methods"),
    Entry("purity", "How many of a turn's nearest neighbours have its gold emotion, set beside chance.",
          "mean over turns of (neighbours of the same emotion) / k", "docs/formats.md, project"),
    Entry("calibration", "Whether probabilities can be taken at their word: of what is said with 0.8, 80 % should be "
          "right.", "P(right | confidence = p) = p", "Guo et al. 2017, On calibration of modern neural networks"),
    Entry("ECE", "Expected calibration error: how far confidence and accuracy are apart on average; 0 is perfect.",
          "Σ over ten bins of n_b / n · |accuracy_b − confidence_b|", "Guo et al. 2017, On calibration of modern "
          "neural networks", ("calibration error",)),
    Entry("accuracy", "The share of labelled turns that are predicted right.", "right / n", "common usage"),
    Entry("weighted F1", "The mean F1 of the emotions, each counted as often as it occurs; F1 is the harmonic mean of "
          "precision and recall.", "Σ_c n_c / n · 2 P_c R_c / (P_c + R_c)",
          "van Rijsbergen 1979, Information retrieval", ("F1", "macro F1", "precision", "recall")),
    Entry("bootstrap interval", "Where a score would lie in 95 of 100 repetitions: whole dialogues are drawn with "
          "replacement 1,000 times.", "2.5 % and 97.5 % quantile of the redrawn scores", "Efron 1979, Bootstrap "
          "methods; dialogues as clusters: docs/methods.md",
          ("95 % interval", "95 % intervals", "interval", "intervals")),
    Entry("McNemar", "Tests whether two runs are right equally often, from the turns that only one of them gets "
          "right.", "p = P(at most min(b, c) of b + c), fair coin, both sides",
          "McNemar 1947, Note on the sampling error of the difference", ("which is better", "mcnemar's test")),
    Entry("confusion", "How often each gold emotion is predicted as each other.", "count(gold = i, predicted = j)",
          "Kohavi and Provost 1998, Glossary of terms", ("confusions",)),
    Entry("slice", "Some of the turns that have something in common, scored on their own.", WORD_ONLY,
          "Chung et al. 2019, Slice Finder", ("slices",)),
    Entry("inertia", "An error that repeats what the same speaker felt before, although the emotion has shifted.",
          "share of the errors at such turns whose prediction is the speaker's last gold emotion",
          "Koval et al. 2012 on emotional inertia; the test: docs/methods.md", ("follow the conversation",)),
    Entry("contagion", "An error that repeats the last emotion of somebody else.", "share of the errors at such turns "
          "whose prediction is the other's last gold emotion", "Hatfield, Cacioppo and Rapson 1993 on emotional "
          "contagion; the test: docs/methods.md"),
    Entry("emotion shift", "A turn whose gold emotion differs from that of the same speaker's turn before.",
          "gold(t) ≠ gold(last labelled turn of the speaker)", "Poria et al. 2019, arXiv 1905.02947", ("shift",)),
    Entry("suspect label", "A gold label that the model doubts with confidence; it may be wrong, or hard.",
          "p(other) ≥ mean p(other) over turns labelled so, and the label is not the most probable",
          "Northcutt, Jiang and Chuang 2021, Confident learning", ("suspect labels",)),
    Entry("planted truth", "Dialogues made by a program, so that the source of every emotion is known and an "
          "explanation can be marked right or wrong.", "agreement: share of turns whose named part is the planted one",
          "docs/formats.md, planted truth", ("planted", "explanations be trusted")),
    Entry("decomposition card", "What was measured of a run's own parts: do they hold what their names say, and the "
          "same with other seeds?", "No formula: a table of several numbers.",
          "docs/formats.md, card.json"),
    Entry("signals", "What a method says of its own workings; readings of the model, not proven causes.", WORD_ONLY,
          f"{DF_ERC}; {DRKF}", ("says of itself", "signal")),
    Entry("confidence (DF-ERC)", "How far the method trusts each modality in this turn; sums to 1.",
          "ĉ_m = c_m / Σ c, c_m trained towards the probability that m alone gives the gold emotion", DF_ERC,
          ("confidence",)),
    Entry("agreement (DF-ERC)", "How alike the modalities are once they are aligned to the emotions.",
          "mean pairwise cosine of the aligned vectors, −1 to 1", DF_ERC, ("agreement",)),
    Entry("context weight (DF-ERC)", "How strongly the neighbouring turns are read: more where modalities disagree.",
          "0.8 (1 − agreement)", DF_ERC, ("context weight",)),
    Entry("dominant modality (DRKF)", "The modality that the fused token attends to most.",
          "attention of CLS to the tokens of each modality; sums to 1", DRKF, ("dominant modality",)),
    Entry("inconsistency (DRKF)", "How sure the method is that two modalities do not carry the same emotion.",
          "largest probability of “differs” over the pairs of modalities", DRKF, ("inconsistency",)),
    Entry("odd one out (DRKF)", "The modality that differs from both others while these agree.",
          "No formula: it is read off which pairs differ.", DRKF, ("odd one out",)),
    Entry("split", "Train: what a model learns from; dev: what it is chosen on; test: what it is judged on.",
          WORD_ONLY, "docs/formats.md, splits"),
    Entry("loss", "What training makes small: how little probability the gold emotions get.",
          "cross-entropy: mean of −log p(gold)", "common usage", ("cross-entropy",)),
    Entry("fault", "Why a modality counts as not measured in a turn, such as no face in the picture.", WORD_ONLY,
          "docs/formats.md, faults", ("faults", "not measured")),
)  # fmt: skip
BY_WORD = {form.lower(): entry for entry in ENTRIES for form in (entry.word, *entry.forms)}


def entry_of(word: str) -> Entry:
    """The entry of a word, or of a form of it. Raises KeyError."""
    return BY_WORD[word.lower()]


@cache
def _pattern() -> re.Pattern[str]:
    words = sorted(map(re.escape, BY_WORD), key=len, reverse=True)
    return re.compile(rf"(?<!\w)({'|'.join(words)})(?!\w)", re.IGNORECASE)


def words_in(text: str) -> list[Entry]:
    """The entries whose words stand in a text, in its order."""
    return list(dict.fromkeys(entry_of(found) for found in _pattern().findall(text)))


def matching(query: str) -> list[Entry]:
    """Entries with every word of the query in them, those named so first; all for an empty query; by alphabet."""
    wanted = query.lower().split()
    found = [
        entry for entry in ENTRIES
        if all(word in " ".join((entry.word, *entry.forms, entry.meaning)).lower() for word in wanted)
    ]  # fmt: skip
    return sorted(found, key=lambda entry: (bool(wanted) and wanted[0] not in entry.word.lower(), entry.word.lower()))
