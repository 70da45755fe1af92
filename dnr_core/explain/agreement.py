"""Does an explanation name what was planted? Balanced agreement with the truth columns of a corpus. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dnr_core.data.corpus import Corpus
from dnr_core.explain.audit import EDGES, is_single
from dnr_core.explain.dominance import dominance
from dnr_core.explain.split_values import draw_dialogues, ratio
from dnr_core.types import FAMILIES, MODALITIES, ComponentValues, split_player


@dataclass(frozen=True)
class Told:
    """What a view tells of N utterances, for the class that it predicts.

    - `rows` (N,) corpus rows, `predicted` (N,) class
    - `parts`: K names `family:members`; `values` (N, K) of the predicted class
    - `family`, `sources` (N,): the claim, members joined by `+`; None where the parts have no families, which `reason`
      says
    - `significant` (N,) bool: where the claim may be made; None where that was not tested
    """

    rows: np.ndarray
    predicted: np.ndarray
    parts: tuple[str, ...]
    values: np.ndarray
    family: np.ndarray | None
    sources: np.ndarray | None
    significant: np.ndarray | None = None
    reason: str | None = None

    def names(self, modality: str) -> np.ndarray:
        """(N,) bool: the strongest part, or the claim, has this modality."""
        member = np.array([modality in split_player(part)[1] for part in self.parts])
        named = member[self.values.argmax(1)]
        if self.sources is None:
            return named
        return named | np.array([modality in sources.split("+") for sources in self.sources])

    def share(self, modality: str) -> float:
        """Share of |value| of a modality over all utterances, that of a part split evenly between its members."""
        members = [split_player(part)[1] for part in self.parts]
        weight = np.array([(modality in own) / len(own) for own in members])
        size = np.abs(self.values).sum(0)
        return float(size @ weight / max(size.sum(), 1e-12))


def told_by_components(values: ComponentValues, rows: np.ndarray, significant: np.ndarray | None = None) -> Told:
    """What exact component values tell, by the rule of `explain.dominance`."""
    found = dominance(values)
    own = values.values[np.arange(len(rows)), :, found.predicted]  # (N, K)
    if any(split_player(player)[0] in FAMILIES for player in values.players):
        return Told(rows, found.predicted, values.players, own, found.family, found.sources, significant)
    why = "its parts are whole modalities, not unique, redundant and synergistic ones"
    return Told(rows, found.predicted, values.players, own, None, None, significant, why)


@dataclass(frozen=True)
class Balanced:
    """A mean of recalls with its 95 % interval over dialogues; None where there is nothing to count."""

    value: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Agreement:
    """How a view agrees with planted truth.

    - `accuracy` of its predictions over all utterances, noise included
    - `family`: mean over the three families of how often the claimed family is the planted one; utterances whose
      sources are all of one family (a copy is two unique parts)
    - `exact`: mean over single sources of how often the claimed family and members are the planted ones; copies and
      utterances with two sources are left out
    - `rank`: mean Somers' D of the values against planted parts (2 AUC − 1: 1 when all planted parts stand above all
      others, 0 by chance)
    - `synergistic`: lowest accuracy of prediction among synergistic sources
    - `n`: utterances that `family`, `exact` and `rank` look at: predicted right, not noise, all members measured

    Of `family` and `exact`, a group of which nothing was predicted right counts as 0: synergy that was never learned
    cannot hide.
    """

    accuracy: float | None
    family: Balanced
    exact: Balanced
    rank: float | None
    synergistic: float | None
    n: int

    def row(self) -> dict[str, Any]:
        """JSON-ready, flat."""
        return {
            "accuracy": self.accuracy,
            "family": self.family.value,
            "family_interval": self.family.interval and list(self.family.interval),
            "exact": self.exact.value,
            "exact_interval": self.exact.interval and list(self.exact.interval),
            "rank": self.rank,
            "synergistic": self.synergistic,
            "n": self.n,
        }


def agreement(told: Told, corpus: Corpus, *, where: np.ndarray | None = None) -> Agreement:
    """Compare what a view tells with the truth columns; `where` (N,) bool: of which utterances (None: all)."""
    where = np.ones(len(told.rows), dtype=bool) if where is None else where
    rows = told.rows[where]
    frame = corpus.utterances.iloc[rows]
    families, sources, dialogues = (
        frame[name].to_numpy(dtype=object) for name in ("truth_family", "truth_sources", "dialogue_id")
    )
    right = told.predicted[where] == corpus.labels[rows]
    planted = ~np.isin(families, ["none", ""]) & all_measured(sources, corpus.present[rows])
    pure = np.array([family.split(";")[0] if len(set(family.split(";"))) == 1 else "" for family in families])
    single = planted & np.array([is_single(family, own) for family, own in zip(families, sources, strict=True)])
    names = np.array([f"{family}:{own}" for family, own in zip(families, sources, strict=True)], dtype=object)
    family, exact = Balanced(None, None), Balanced(None, None)
    if told.family is not None and told.sources is not None:
        claimed = told.family[where]
        named = np.array([f"{one}:{own}" for one, own in zip(claimed, told.sources[where], strict=True)], dtype=object)
        family = balanced(claimed == pure, pure, planted & (pure != ""), right, dialogues)
        exact = balanced(named == names, names, single, right, dialogues)
    synergistic = [right[single & (names == name)].mean() for name in set(names[single & (families == "synergistic")])]
    ranked = planted & right & (told.family is not None)
    return Agreement(
        float(right.mean()) if len(right) else None,
        family,
        exact,
        mean_rank(told.values[where][ranked], told.parts, names[ranked]) if told.parts else None,
        float(min(synergistic)) if synergistic else None,
        int((planted & right).sum()),
    )


def all_measured(sources: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(N,) bool: every member of the planted sources was measured; `present` (N, M)."""
    needed = np.array([[modality in own.replace(";", "+").split("+") for modality in MODALITIES] for own in sources])
    return np.all(present | ~needed.reshape(-1, len(MODALITIES)), axis=1)


def balanced(
    hits: np.ndarray, groups: np.ndarray, counted: np.ndarray, right: np.ndarray, dialogues: np.ndarray
) -> Balanced:
    """Mean over groups of the share of `hits` among utterances predicted right (all (N,)), with its interval.

    Groups are those among `counted` utterances; a resample without utterances of a group leaves it out.
    """
    names = sorted(set(groups[counted]))
    if not names or not (counted & right).any():
        return Balanced(0.0 if names else None, None)
    use = counted & right
    draws, block = draw_dialogues(dialogues[use])
    place = np.searchsorted(names, groups[use].astype(str))
    good, size = np.zeros((2, draws.shape[1], len(names)))
    np.add.at(good, (block, place), hits[use].astype(float))
    np.add.at(size, (block, place), 1.0)
    never = size.sum(0) == 0
    value = ratio(good.sum(0), size.sum(0))
    drawn = ratio(draws @ good, draws @ size)  # (R, G)
    value[never], drawn[:, never] = 0.0, 0.0
    if draws.shape[1] < 2:
        return Balanced(float(value.mean()), None)
    means = ratio(np.nansum(drawn, axis=1), (~np.isnan(drawn)).sum(1))
    low, high = np.nanpercentile(means, EDGES)
    return Balanced(float(value.mean()), (float(low), float(high)))


def mean_rank(values: np.ndarray, parts: tuple[str, ...], names: np.ndarray) -> float | None:
    """Mean Somers' D of values (n, K) against the parts that the sources `names` (n,) stand for; None: nothing to rank.

    With k planted parts of rank sum W among K, AUC = (W − k (k + 1) / 2) / (k (K − k)) (Mann & Whitney 1947).
    """
    from scipy.stats import rankdata

    lookup = {name: planted_parts(name, parts) for name in set(names)}
    planted = np.array([lookup[name] for name in names], dtype=bool).reshape(-1, len(parts))
    count = planted.sum(1)
    some = (count > 0) & (count < len(parts))
    if not some.any():
        return None
    count, total = count[some], (rankdata(values[some], axis=1) * planted[some]).sum(1)
    area = (total - count * (count + 1) / 2) / (count * (len(parts) - count))
    return float((2 * area - 1).mean())


def planted_parts(name: str, parts: tuple[str, ...]) -> np.ndarray:
    """(K,) bool: the parts that truth columns `families:members` stand for, several sources joined by `;`.

    A source that is no part itself stands for the parts of its family within its members: a copy for two unique parts,
    what three modalities share for the redundant pairs.
    """
    families, _, members = name.partition(":")
    chosen = np.zeros(len(parts), dtype=bool)
    for family, own in zip(families.split(";"), members.split(";"), strict=True):
        exact = np.array([part == f"{family}:{own}" for part in parts])
        within = [
            split_player(part)[0] == family and set(split_player(part)[1]) <= set(own.split("+")) for part in parts
        ]
        chosen |= exact if exact.any() else np.array(within)
    return chosen
