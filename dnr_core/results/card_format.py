"""What must stand in `card.json` and in a stored result of `verify`: checked when they are read, so that nobody who
shows them has to. More may stand there. docs/formats.md says what it means.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Interval = Annotated[list[float], Field(min_length=2, max_length=2)] | None


class Section(BaseModel):
    """Base: types are not converted."""

    model_config = ConfigDict(strict=True)


class Missing(Section):
    """What a section holds that could not be measured, and nothing else."""

    model_config = ConfigDict(extra="forbid")
    reason: str


class MissingTruth(Missing):
    """No planted truth, neither of this run nor of its configuration."""

    own_corpus: Literal[False]


class Named(Section):
    """Family and part that were named, against what was planted."""

    family: float | None
    family_interval: Interval
    exact: float | None
    exact_interval: Interval
    n: float


class Case(Named):
    """Means over seeds on one planted corpus."""

    corpus: str


class About(Section):
    """The corpus that was measured."""

    name: str


class Probes(Section):
    """K players, Q codes."""

    players: list[str]
    codes: list[Annotated[list[str], Field(min_length=2, max_length=2)]]
    own: list[str | None]
    score: list[list[float | None]]
    n_test: list[int]

    @model_validator(mode="after")
    def check_shape(self) -> Probes:
        """`score` is (K, Q), everything else (Q,), and what a code belongs to is one of the players."""
        count = len(self.codes)
        if [len(row) for row in self.score] != [count] * len(self.players):
            raise ValueError("score: expected a row a player and a column a code")
        if (len(self.own), len(self.n_test)) != (count, count) or not set(self.own) <= {*self.players, None}:
            raise ValueError("own, n_test: expected one a code")
        return self


class OwnTruth(Section):
    """Planted truth of the corpus that the run was trained on."""

    own_corpus: Literal[True]
    corpus: About
    agreement: Named
    probes: Probes


class StoredTruth(Section):
    """Planted truth of other runs with the same configuration."""

    own_corpus: Literal[False]
    file: str
    seeds: int
    cases: Annotated[list[Case], Field(min_length=1)]


class CrossPrediction(Section):
    """A unique part told by the other modalities."""

    player: str
    r2: float | None
    n_test: int


class Halves(Section):
    """The halves of a redundant part."""

    player: str
    correlation: float | None
    n: int


class Roles(Section):
    """What the parts hold."""

    cross_prediction: list[CrossPrediction]
    halves: list[Halves]


class Completeness(Section):
    """What the values miss of what they must sum to."""

    largest_gap: float
    tolerance: float
    within: bool
    n: int


class Nulls(Section):
    """Which parts pass their gate."""

    passed: dict[str, bool]
    claims: float
    n: int


class Story(Section):
    """Agreement with another seed."""

    same_dominant: float | None
    rank_correlation: float | None
    n: int


class Stability(Section):
    """Agreement with all of them."""

    same_dominant: float | None
    rank_correlation: float | None
    siblings: Annotated[dict[str, Story], Field(min_length=1)]


class CardFormat(Section):
    """A decomposition card."""

    split: str
    corpus: About
    planted: OwnTruth | StoredTruth | MissingTruth
    completeness: Completeness
    roles: Roles
    nulls: Nulls | Missing
    stability: Stability | Missing


class Row(Section):
    """A corpus, seed and view of the planted-truth suite."""

    corpus: str
    noise: float
    train: int
    view: str
    n: float


class AgreementRow(Row, Named):
    """How a view names what was planted."""

    accuracy: float | None
    rank: float | None
    synergistic: float | None


class ControlRow(Row):
    """What is still claimed of a spoilt corpus."""

    claims: float | None
    false_claims: float | None
    value_share: float | None


class VerifiedFormat(Section):
    """A stored result of `verify`."""

    suite: str
    seeds: int
    dnr_core: str
    agreement: list[AgreementRow]
    controls: list[ControlRow]


def fits(content: Any, expected: type[Section]) -> bool:
    """Whether what was read from a file holds all that is expected."""
    try:
        expected.model_validate(content)
    except ValidationError:
        return False
    return True
