"""What a prediction is attributed to: the cells of a dialogue, their baseline and their groups. Needs torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError
from dnr_core.explain.edits import reference_rows
from dnr_core.model.batch import Batch, Components, TensorCorpus
from dnr_core.model.methods.base import Method
from dnr_core.types import MODALITIES

ROWS_AT_ONCE = 4096
"""Utterances computed at once: copies of the dialogue × its turns."""
_MEANS: WeakKeyDictionary[TensorCorpus, dict[str, Tensor]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Space:
    """A dialogue's logits as a function of one array of T turns × D columns (all modalities, or all parts, in a row).

    - `inputs` (1, T, D) and `baselines` (R, T, D), float; both are 0 in cells that were not measured
    - `measured` (T, D) bool
    - `blocks` (D,): the modality or part of each column; `names` (D,): its feature name, or the part again
    - `logits`: (n, T, D) → (n, T, C); cells that were not measured change nothing
    - `notes`: what cannot be shown of these inputs
    """

    inputs: Tensor
    baselines: Tensor
    measured: Tensor
    blocks: np.ndarray
    names: np.ndarray
    logits: Callable[[Tensor], Tensor]
    notes: tuple[str, ...] = ()

    @cached_property
    def ends(self) -> Tensor:
        """Logits of the inputs, then of the baselines, (1 + R, T, C)."""
        with torch.no_grad():
            return self.logits(torch.cat([self.inputs, self.baselines]))

    @property
    def turns(self) -> int:
        """T."""
        return self.inputs.shape[1]

    @property
    def copies_at_once(self) -> int:
        """How many copies of the dialogue are computed in one forward pass."""
        return max(1, ROWS_AT_ONCE // self.turns)

    def __post_init__(self) -> None:
        shape = self.inputs.shape[1:]
        if self.baselines.shape[1:] != shape or self.measured.shape != shape or len(self.blocks) != shape[1]:
            raise ValueError(f"baselines, measured or blocks do not fit inputs {tuple(self.inputs.shape)}")


@dataclass(frozen=True)
class Groups:
    """Which item each cell belongs to: `index` (T, D) int64 in 0 … G−1, all used; `names`, `kinds` of the G items."""

    index: np.ndarray
    names: tuple[str, ...]
    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(np.unique(self.index)) != len(self.names) or self.index.max() + 1 != len(self.names):
            raise ValueError(f"groups use {len(np.unique(self.index))} of {len(self.names)} items")

    def summed(self, cells: np.ndarray) -> np.ndarray:
        """Sum over the cells (T, D) of each item, (G,) float64."""
        return np.bincount(self.index.ravel(), np.asarray(cells, dtype=np.float64).ravel(), len(self.names))

    def shared(self, cells: np.ndarray) -> np.ndarray:
        """The one value (G,) that all cells (T, D) of an item hold."""
        return cells.ravel()[np.unique(self.index, return_index=True)[1]].astype(np.float64)


@dataclass(frozen=True)
class Problem:
    """The number to explain: logit or probability of class `target` at turn `turn`; called with (n, T, D) → (n,)."""

    space: Space
    turn: int
    target: int
    scale: str

    def __call__(self, values: Tensor) -> Tensor:
        return class_output(self.space.logits(values)[:, self.turn], self.target, self.scale)

    @property
    def ends(self) -> Tensor:
        """f of the inputs, then of the baselines, (1 + R,)."""
        return class_output(self.space.ends[:, self.turn], self.target, self.scale)

    @cached_property
    def total(self) -> float:
        """f(x)."""
        return float(self.ends[0])

    @cached_property
    def baseline_total(self) -> float:
        """f(baseline), the mean over baselines where there are several."""
        return float(self.ends[1:].double().mean())

    @property
    def tolerance(self) -> float:
        """How far the sum of values may lie from f(x) − f(baseline)."""
        return float(tolerances(self.total - self.baseline_total, self.scale))


def class_output(logits: Tensor, target: int | Tensor, scale: str) -> Tensor:
    """Logit or probability of one class: logits (…, C), target a class or classes (…) → (…)."""
    values = logits.softmax(-1) if scale == "probability" else logits
    if isinstance(target, int):
        return values[..., target]
    return values.gather(-1, target.expand(values.shape[:-1])[..., None])[..., 0]


def tolerances(change: np.ndarray | float, scale: str) -> np.ndarray | float:
    """max(1 % of |f(x) − f(baseline)|, 0.01 logit); 0.0025 (what 0.01 logit can move) on probabilities."""
    return np.maximum(0.01 * np.abs(change), 0.0025 if scale == "probability" else 0.01)


def raw_space(
    model: Method, data: TensorCorpus, corpus: Corpus, rows: np.ndarray, *, baseline: str, draws: int = 1
) -> Space:
    """The raw features of the dialogue in `rows`, in their own units; modalities never measured in it are left out.

    The model itself fills single missing cells in, as it does when it predicts. `baseline`: 'mean' (of the measured
    train rows of the corpus), 'zero', or 'donor' (`draws` train utterances a turn). Raises UsageError: none measured.
    """
    batch = data.batch(rows[None])
    here = [name for name in model.spec.modalities if batch.present[..., MODALITIES.index(name)].any()]
    if not here:
        raise UsageError(
            f"dialogue {corpus.utterance(int(rows[0])).dialogue_id} cannot be explained",
            got="no measured modality",
            expected="one of " + ", ".join(model.spec.modalities),
        )
    widths = [corpus.widths[name] for name in here]
    raw = torch.cat([batch.modality(name) for name in here], dim=-1)  # (1, T, D)
    there = torch.cat(
        [batch.present[..., [MODALITIES.index(name)]].expand_as(batch.modality(name)) for name in here], -1
    )
    measured = there & ~raw.isnan()
    filled = [replacement(data, corpus, rows, name, baseline, draws) for name in here]

    def logits(values: Tensor) -> Tensor:
        values = torch.where(measured, values, torch.nan)
        return model(copies(batch, len(values), dict(zip(here, values.split(widths, dim=-1), strict=True)))).logits

    return Space(
        inputs=torch.where(measured, raw, 0.0),
        baselines=torch.where(measured, torch.cat(filled, dim=-1), 0.0),  # (R, T, D)
        measured=measured[0],
        blocks=np.repeat(np.array(here, dtype=object), widths),
        names=np.array([column for name in here for column in corpus.feature_names[name]], dtype=object),
        logits=logits,
    )


def component_space(
    model: Method, data: TensorCorpus, corpus: Corpus, rows: np.ndarray, *, baseline: str, draws: int = 1
) -> Space:
    """The vectors of the parts of the dialogue in `rows` (`Method.decompose`), baselines as for switched-off parts:
    'mean' (train mean of the part), 'zero', or 'donor' (the parts of other utterances). Raises UsageError: no parts.
    """
    if "components" not in model.supports:
        raise UsageError("this method has no parts to attribute to", expected="one of " + ", ".join(model.supports))
    batch = data.batch(rows[None])
    with torch.no_grad():
        parts = model.decompose(batch)
        if baseline == "donor":
            raw = {name: replacement(data, corpus, rows, name, "donor", draws) for name in model.spec.modalities}
            fill = model.decompose(copies(batch, draws, raw)).vectors
        else:
            fill = {player: model.baseline(player) * float(baseline == "mean") for player in parts.players}
    widths = [vector.shape[-1] for vector in parts.vectors.values()]
    whole = torch.cat(list(parts.vectors.values()), dim=-1)  # (1, T, D)
    measured = torch.cat(
        [parts.available[name][..., None].expand_as(parts.vectors[name]) for name in parts.players], -1
    )
    filled = torch.cat([fill[player].expand(draws, len(rows), -1) for player in parts.players], dim=-1)

    def logits(values: Tensor) -> Tensor:
        values = torch.where(measured, values, 0.0)
        vectors = dict(zip(parts.players, values.split(widths, dim=-1), strict=True))
        available = {player: there.expand(len(values), -1) for player, there in parts.available.items()}
        return model.predict(Components(vectors, available), copies(batch, len(values), {})).logits

    blocks = np.repeat(np.array(parts.players, dtype=object), widths)
    return Space(
        torch.where(measured, whole, 0.0), torch.where(measured, filled, 0.0), measured[0], blocks, blocks, logits
    )


def copies(batch: Batch, many: int, features: dict[str, Tensor]) -> Batch:
    """A batch of one dialogue `many` times, with other raw features for some modalities, (n, T, d)."""
    wide = {item.name: getattr(batch, item.name) for item in fields(batch)}
    return Batch(**{name: value.expand(many, *value.shape[1:]) for name, value in (wide | features).items()})


def replacement(
    data: TensorCorpus, corpus: Corpus, rows: np.ndarray, modality: str, baseline: str, draws: int
) -> Tensor:
    """Raw baseline features of one modality, (R, T, d); R = `draws`."""
    mean = train_means(data, corpus)[modality]
    if baseline == "donor":
        found = data.features[modality][torch.from_numpy(donors(corpus, rows, draws)).to(data.device)]  # (R, T, d)
        return torch.where(found.isnan(), mean, found)
    fill = mean if baseline == "mean" else torch.zeros_like(mean)
    return fill.expand(draws, len(rows), -1)


def donors(corpus: Corpus, rows: np.ndarray, draws: int) -> np.ndarray:
    """Train rows (R, T) that have every modality of the turn they stand for; drawn from the dialogue's place alone."""
    random = np.random.default_rng(int(rows[0]))
    pool = reference_rows(corpus)
    chosen = []
    for row in rows:
        fitting = pool[(corpus.present[pool] >= corpus.present[row]).all(1)]
        chosen.append(random.choice(fitting if len(fitting) else pool, size=draws))
    return np.stack(chosen, axis=1)


def train_means(data: TensorCorpus, corpus: Corpus) -> dict[str, Tensor]:
    """Mean of every raw feature over the measured train rows, (d,) per modality; 0 where nothing was measured."""
    if data not in _MEANS:
        rows = reference_rows(corpus)
        means = {}
        for position, name in enumerate(MODALITIES):
            there = torch.from_numpy(rows[corpus.present[rows, position]]).to(data.device)
            means[name] = data.features[name][there].double().nanmean(0).nan_to_num().float()
        _MEANS[data] = means
    return _MEANS[data]


def grouping(space: Space, over: str, *, turn: int, utterance_ids: tuple[str, ...]) -> Groups:
    """The items of a view on a dialogue.

    - 'features': each column of turn `turn` (kind = its modality), and all other turns together ('context')
    - 'turns': each turn (kind 'earlier', 'itself' or 'later', name = its utterance id)
    - 'modalities', 'components': each block over the whole dialogue (kind = the view)
    """
    turns, width = space.measured.shape
    if over == "features":
        index = np.full((turns, width), width, dtype=np.int64)
        index[turn] = np.arange(width)
        context = ("context",) if turns > 1 else ()
        return Groups(index, (*space.names, *context), (*space.blocks, *context))
    if over == "turns":
        kinds = ["earlier" if other < turn else "later" for other in range(turns)]
        kinds[turn] = "itself"
        return Groups(np.repeat(np.arange(turns)[:, None], width, axis=1), utterance_ids, tuple(kinds))
    blocks = list(dict.fromkeys(space.blocks))
    index = np.array([blocks.index(block) for block in space.blocks], dtype=np.int64)
    return Groups(np.tile(index, (turns, 1)), tuple(blocks), (over,) * len(blocks))
