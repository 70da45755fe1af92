"""What attributions, and their checks, are made of: numbers only, so that they are read where there is no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Attribution:
    """Values of G items for one class of one utterance.

    - `names`, `kinds`, `values` (G,) float64, `observed` (G,) raw feature value, NaN where the item is no feature
    - `total` f(x), `baseline_total` f(baseline), on `scale` ('logit' or 'probability') of class `target`
    - `completeness_error` = Σ values − (total − baseline_total), to be at most `tolerance` in size; `within_tolerance`
      is None for methods that do not promise it
    - `n_steps`: integration steps or samples used, None where there are none; `seconds`: wall-clock time
    - `notes`: what cannot be shown, and why
    """

    utterance_id: str
    dialogue_id: str
    method: str
    over: str
    target: str
    scale: str
    baseline: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    values: np.ndarray
    observed: np.ndarray
    total: float
    baseline_total: float
    completeness_error: float
    tolerance: float
    within_tolerance: bool | None
    n_steps: int | None
    seconds: float
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class DialogueAttribution:
    """Integrated gradients of the T utterances of a dialogue, each for one class.

    - `rows` (T,) corpus rows; `target` (T,) class index
    - `text`, `audio`, `visual` (T, d) float32: values of the utterance's own features; 0 where not measured
    - `turns` (T, T): entry (t, s) is the sum over the features of turn s for the prediction at turn t
    - `modalities` (T, 3): sums over the whole dialogue, in the order of MODALITIES
    - `total` f(x), `baseline_total` f(baseline), `completeness_error` = Σ values − (total − baseline_total),
      `tolerance`, `n_steps`: (T,) each
    """

    rows: np.ndarray
    target: np.ndarray
    text: np.ndarray
    audio: np.ndarray
    visual: np.ndarray
    turns: np.ndarray
    modalities: np.ndarray
    total: np.ndarray
    baseline_total: np.ndarray
    completeness_error: np.ndarray
    tolerance: np.ndarray
    n_steps: np.ndarray


@dataclass(frozen=True)
class SplitAttribution:
    """Dialogues in the order asked for; `skipped`: ids of those in which no modality was measured; `seconds` in all."""

    dialogues: tuple[DialogueAttribution, ...]
    skipped: tuple[str, ...]
    seconds: float

    def joined(self, name: str) -> np.ndarray:
        """A field of all utterances in a row, (N, …); `turns` has a shape of its own in each dialogue: ValueError."""
        if name == "turns" or name not in {item.name for item in fields(DialogueAttribution)}:
            raise ValueError(f"{name} cannot be joined")
        return np.concatenate([getattr(dialogue, name) for dialogue in self.dialogues])

    @property
    def share_within_tolerance(self) -> float:
        """The share of utterances whose completeness error is within tolerance."""
        return float((np.abs(self.joined("completeness_error")) <= self.joined("tolerance")).mean())


@dataclass(frozen=True)
class Infidelity:
    """`value`: mean squared error in squared units of the output; `share`: of what claiming 0 for every item would get
    (0 = exact, 1 = no better than nothing; None where removing items changes nothing).
    """

    value: float
    share: float | None


@dataclass(frozen=True)
class Areas:
    """Mean output while one item after another takes its value back, in units of the output (Petsiuk et al. 2018).

    `insertion`: largest value first; `random`: mean over random orders, `random_deviation` their standard deviation;
    `deletion`: the output while items are removed, largest value first. With one baseline that is insertion in reverse
    order read backwards, so the two areas are the same number. Faithful: insertion > random > deletion.
    """

    insertion: float
    random: float
    random_deviation: float
    deletion: float


@dataclass(frozen=True)
class Curves:
    """The output while items take their value back, at P shares of the items.

    - `share` (P,) from 0 to 1
    - `insertion` (P,): largest value first; `random` (orders, P): random orders
    - `deletion` (P,): smallest value first; read from the right, the output while the largest are removed first
    """

    share: np.ndarray
    insertion: np.ndarray
    random: np.ndarray
    deletion: np.ndarray

    @property
    def areas(self) -> Areas:
        """Area under each curve, by the trapezoid rule."""
        insertion, deletion = (float(np.trapezoid(y, self.share)) for y in (self.insertion, self.deletion))
        drawn = np.trapezoid(self.random, self.share, axis=1)
        return Areas(insertion, float(drawn.mean()), float(drawn.std()), deletion)


@dataclass(frozen=True)
class Randomised:
    """Similarity of an attribution to itself after the weights of the top `share` of the layers were drawn anew:
    Spearman's correlation of the signed values; None where it is not defined.
    """

    share: float
    rank_correlation: float | None


@dataclass(frozen=True)
class AttributionCheck:
    """What speaks for and against one attribution, all under its own baseline.

    `agreement`: other method → Spearman's correlation of the signed values of all items (None where one is constant);
    `randomised`: see faithfulness.Randomised; `seconds`: wall-clock time.
    """

    infidelity: Infidelity
    curves: Curves
    agreement: dict[str, float | None]
    randomised: tuple[Randomised, ...]
    seconds: float


def as_json(attribution: Attribution) -> dict[str, Any]:
    """What `attribute --json` prints; items in their own order, `observed` null where the item is no feature."""
    same = ("utterance_id", "dialogue_id", "method", "over", "target", "scale", "baseline", "total", "baseline_total")
    errors = ("completeness_error", "tolerance", "within_tolerance", "n_steps", "seconds")
    items = [
        {"name": name, "kind": kind, "value": float(value), "observed": None if math.isnan(raw) else float(raw)}
        for name, kind, value, raw in zip(
            attribution.names, attribution.kinds, attribution.values, attribution.observed, strict=True
        )
    ]
    return {
        **{name: getattr(attribution, name) for name in (*same, *errors)},
        "notes": list(attribution.notes),
        "items": items,
    }
