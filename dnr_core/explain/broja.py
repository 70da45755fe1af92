"""Unique, redundant and synergistic bits of a joint table (BROJA) by an interior-point method. Numpy and scipy only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from dnr_core.errors import DnRError, UsageError

LARGEST = (16, 16, 8)
"""Largest table that `broja` takes: cells of the first source, cells of the second, classes."""
LARGEST_UNION = (16, 16, 16, 8)
GAP_BITS = 1e-7
"""The solver stops when its duality gap is below this."""
STEPS = 200


class Bits(NamedTuple):
    """What two sources tell about a class, in bits; none is negative and the four sum to I(Y; X1, X2)."""

    redundant: float
    unique_1: float
    unique_2: float
    synergistic: float


@dataclass(frozen=True)
class Coupling:
    """The distribution Q* that keeps every p(x_i, y) and tells least about y, for K sources.

    `q` (n_1, …, n_K, Y): Q*; `union_bits`: I_Q*(Y; X_1 … X_K), at most `gap_bits` above the true minimum.
    """

    q: np.ndarray
    union_bits: float
    gap_bits: float


def broja(p: np.ndarray) -> Bits:
    """Decompose p[x1, x2, y] into redundant, unique and synergistic bits (Bertschinger et al. 2014, eq. 4-7).

    Q* minimises I_Q(Y; X1, X2) over all Q with p's marginals on (x1, y) and (x2, y); then U1 = I_Q*(Y; X1 | X2),
    R = I(Y; X1) − U1 and S = I(Y; X1, X2) − I_Q*(Y; X1, X2). Exact to 1e-6 bit. Raises UsageError where p is no
    joint table of at most 16 × 16 × 8 cells, DnRError where the solver fails.
    """
    table = check_table(p, LARGEST)
    first, second = table.sum(1), table.sum(0)
    return decompose(first, second, information(table), couple((first, second)).union_bits)


def decompose(first: np.ndarray, second: np.ndarray, joint_bits: float, union_bits: float) -> Bits:
    """The four parts from p(x1, y), p(x2, y), I(Y; X1, X2) and I_Q*(Y; X1, X2); rounding cannot make one negative."""
    one, two = information(first), information(second)
    union = float(np.clip(union_bits, max(one, two), max(min(one + two, joint_bits), one, two)))
    parts = (one + two - union, union - two, union - one, joint_bits - union)
    return Bits(*(max(0.0, part) for part in parts))


def union_information(p: np.ndarray) -> float:
    """I_Q*(Y; X1, X2, X3) of p[x1, x2, x3, y] in bits: what the three sources tell one by one, counted once.

    The minimum of I_Q(Y; X1, X2, X3) over all Q with p's marginals on each (x_i, y) (Griffith & Koch 2014, eq. 17).
    """
    table = check_table(p, LARGEST_UNION)
    return couple(source_marginals(table)).union_bits


def union_synergy(p: np.ndarray) -> float:
    """I(Y; X1, X2, X3) − union information of p[x1, x2, x3, y], in bits: what no source tells by itself. Never < 0."""
    return max(0.0, information(check_table(p, LARGEST_UNION)) - union_information(p))


def information(table: np.ndarray) -> float:
    """I(Y; X) in bits of a joint table p[x…, y], all axes but the last being X."""
    joint = table.reshape(-1, table.shape[-1])
    expected = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    there = joint > 0
    return max(0.0, float(np.sum(joint[there] * np.log2(joint[there] / expected[there]))))


def source_marginals(table: np.ndarray) -> tuple[np.ndarray, ...]:
    """p(x_i, y) of each source of a joint table p[x_1, …, x_K, y]."""
    sources = table.ndim - 1
    return tuple(table.sum(tuple(axis for axis in range(sources) if axis != i)) for i in range(sources))


def check_table(p: np.ndarray, largest: tuple[int, ...]) -> np.ndarray:
    """The table as float64, summing to 1. Raises UsageError where it is no joint table of an accepted size."""
    try:
        table = np.asarray(p, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError("a joint table holds probabilities", got=type(p).__name__, expected="numbers") from error
    limit = " x ".join(map(str, largest))
    if table.ndim != len(largest) or not table.size:
        raise UsageError("a joint table has an axis a source and one of classes", got=table.shape, expected=limit)
    if any(size > most for size, most in zip(table.shape, largest, strict=True)):
        raise UsageError("the joint table is too large", got=table.shape, expected=f"at most {limit}", do="merge cells")
    if not np.all(np.isfinite(table)) or table.min() < 0:
        got = f"{table.min():g}" if np.all(np.isfinite(table)) else "NaN or infinity"
        raise UsageError("a joint table holds probabilities", got=got, expected="numbers from 0 to 1")
    if abs(table.sum() - 1) > 1e-6:
        raise UsageError("a joint table sums to 1", got=f"{table.sum():.8g}", do="divide it by its sum")
    return table / table.sum()


def couple(marginals: tuple[np.ndarray, ...]) -> Coupling:
    """Find Q* for K ≥ 2 tables p(x_i, y), each (n_i, Y), with the same p(y).

    A primal-dual interior-point method (Boyd & Vandenberghe 2004, section 11.7) on f(q) = Σ q log(q / Σ_y q), from
    the feasible q = Π p(x_i, y) / p(y)^(K−1). Cells in which a marginal is 0 stay 0. Raises DnRError where it fails.
    """
    with threads().limit(limits=1):
        state = start(marginals)
        for _ in range(STEPS):
            moved = advance(state, marginals) if state.error_bits > GAP_BITS else None
            if moved is None:
                break
            state = moved
    if not state.error_bits < 1e-5:
        got = f"an error of {state.error_bits:.1e} bit"
        raise DnRError("the union of the sources was not found", got=got, do="merge or drop very rare cells")
    return Coupling(state.q, information(state.q), max(0.0, state.error_bits))


@lru_cache(maxsize=1)
def threads() -> ThreadpoolController:
    """What limits the threads of linear algebra: on matrices this small they only wait for each other."""
    return ThreadpoolController()


@dataclass(frozen=True)
class State:
    """Where the interior-point method is: `q` and `slack` (n_1, …, n_K, Y) positive on `there` and 0 elsewhere,
    `multipliers` per source (n_i, Y), `limit` the smallest marginal of each cell; all in nats.
    """

    q: np.ndarray
    slack: np.ndarray
    multipliers: tuple[np.ndarray, ...]
    limit: np.ndarray

    @property
    def there(self) -> np.ndarray:
        """Where the marginals allow a q above 0."""
        return self.limit > 0

    @property
    def gap(self) -> float:
        """The duality gap where the dual residual is 0."""
        return float((self.q * self.slack).sum())

    @cached_property
    def error_bits(self) -> float:
        """At most so much is f above its minimum: f + Σ_i ⟨λ_i, p_i⟩ + log max_x Σ_y exp(−Σ_i λ_i) (weak duality)."""
        cells = np.where(self.there, -spread(self.multipliers), -np.inf)  # (n_1, …, n_K, Y)
        top = cells.max()
        slackness = top + np.log(np.exp(cells - top).sum(-1).max())
        return float((self.q * self.pull).sum() + slackness) / float(np.log(2))

    @cached_property
    def pull(self) -> np.ndarray:
        """∇f + Aᵀλ = log(q / Σ_y q) + Σ_i λ_i on `there`, 0 elsewhere."""
        share = np.divide(self.q, self.q.sum(-1, keepdims=True), out=np.ones_like(self.q), where=self.there)
        return np.where(self.there, np.log(share) + spread(self.multipliers), 0.0)

    @property
    def dual(self) -> np.ndarray:
        """What is missing of ∇f + Aᵀλ = slack."""
        return self.pull - self.slack

    def error(self, target: float, weight: np.ndarray) -> float:
        """Norm of the residuals of the dual, weighted, and of the central path."""
        centre = np.where(self.there, self.q * self.slack - target, 0.0)
        return float(np.sqrt(((weight * self.dual) ** 2).sum() + (centre**2).sum()))


def start(marginals: tuple[np.ndarray, ...]) -> State:
    """Sources independent given y, and multipliers that belong to it."""
    prior = marginals[0].sum(0)
    given = [np.divide(m, prior, out=np.zeros_like(m), where=prior > 0) for m in marginals]
    q = prior * np.ones([len(m) for m in marginals] + [1])
    limit = np.ones_like(q)
    for position, (part, own) in enumerate(zip(given, marginals, strict=True)):
        q = q * along(part, position, len(given))
        limit = np.minimum(limit, along(own, position, len(given)))
    there = limit > 0
    slack = np.divide(1 / there.sum(), q, out=np.zeros_like(q), where=there)
    return State(q, slack, tuple(np.zeros_like(m) for m in marginals), limit)


def advance(state: State, marginals: tuple[np.ndarray, ...]) -> State | None:
    """One damped Newton step towards the central path, at a tenth of the gap; None: no step helps."""
    target = 0.1 * state.gap / state.there.sum()
    step = newton_step(state, marginals, target)
    if step is None:
        return None
    change, slack_change, multiplier_changes = step
    length = min(1.0, 0.99 * reach(state.q, change), 0.99 * reach(state.slack, slack_change))
    before = state.error(target, state.q)
    while length > 1e-10:
        moved = State(
            state.q + length * change,
            state.slack + length * slack_change,
            tuple(own + length * by for own, by in zip(state.multipliers, multiplier_changes, strict=True)),
            state.limit,
        )
        if moved.error(target, state.q) <= (1 - 0.01 * length) * before:
            return moved
        length *= 0.5
    return None


def newton_step(
    state: State, marginals: tuple[np.ndarray, ...], target: float
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]] | None:
    """Changes of q, slack and multipliers; None where the equations cannot be solved.

    The Hessian of f is diag(1/q) − 1 1ᵀ / Σ_y q within each cell (x_1 … x_K), so with slack / q on its diagonal its
    inverse is diag(d) + d dᵀ / ε, d = q / (1 + slack), ε = Σ_y q slack / (1 + slack) (Sherman & Morrison).
    """
    from scipy.linalg import cho_factor, cho_solve  # here, as pages that only read results start without it

    q, slack, there = state.q, state.slack, state.there
    weight = q / (1 + slack)  # (n_1, …, n_K, Y)
    room = (weight * slack).sum(-1, keepdims=True)  # (n_1, …, n_K, 1)
    inverse_room = np.divide(1.0, room, out=np.zeros_like(room), where=room > 0)

    def inverse(values: np.ndarray) -> np.ndarray:
        scaled = weight * values
        return scaled + weight * (scaled.sum(-1, keepdims=True) * inverse_room)

    wanted = np.divide(target, q, out=np.zeros_like(q), where=there) - state.pull
    missing = [own - m for own, m in zip(source_marginals(q), marginals, strict=True)]
    right = [own + gone for own, gone in zip(source_marginals(inverse(wanted)), missing, strict=True)]
    kept = np.concatenate([rows.ravel() for rows in independent_rows(marginals)])
    matrix = normal_matrix(weight, inverse_room)[np.ix_(kept, kept)]
    solved = np.zeros(len(kept))
    try:
        solved[kept] = cho_solve(cho_factor(matrix), np.concatenate([part.ravel() for part in right])[kept])
    except (np.linalg.LinAlgError, ValueError):
        return None
    sizes = np.cumsum([m.size for m in marginals])[:-1]
    by = [part.reshape(m.shape) for part, m in zip(np.split(solved, sizes), marginals, strict=True)]
    change = inverse(np.where(there, wanted - spread(by), 0.0))
    slack_change = np.divide(target - slack * change, q, out=np.zeros_like(q), where=there) - slack
    return change, slack_change, by


def normal_matrix(weight: np.ndarray, inverse_room: np.ndarray) -> np.ndarray:
    """A K⁻¹ Aᵀ over all marginal constraints (source i, x_i, y), K⁻¹ = diag(weight) + weight weightᵀ · inverse_room."""
    from scipy.linalg import block_diag

    classes, sources = weight.shape[-1], weight.ndim - 1
    outer = weight[..., :, None] * weight[..., None, :] * inverse_room[..., None]  # (n_1, …, n_K, Y, Y)
    outer[..., np.arange(classes), np.arange(classes)] += weight
    blocks = [[np.empty(0)] * sources for _ in range(sources)]
    for i in range(sources):
        own = outer.sum(tuple(axis for axis in range(sources) if axis != i))  # (n_i, Y, Y)
        blocks[i][i] = block_diag(*own)
        for j in range(i + 1, sources):
            pair = outer.sum(tuple(axis for axis in range(sources) if axis not in (i, j)))  # (n_i, n_j, Y, Y)
            n_i, n_j = pair.shape[:2]
            blocks[i][j] = pair.transpose(0, 2, 1, 3).reshape(n_i * classes, n_j * classes)
            blocks[j][i] = blocks[i][j].T
    return np.block(blocks)


def independent_rows(marginals: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Which constraints (n_i, Y) are needed: not those of empty cells, and for every y one less in each source but the
    first, because all sources sum to the same p(y).
    """
    kept = [m > 0 for m in marginals]
    for own, m in zip(kept[1:], marginals[1:], strict=True):
        own[m.argmax(0), np.arange(m.shape[1])] = False
    return kept


def reach(values: np.ndarray, change: np.ndarray) -> float:
    """The largest step that keeps values + step · change from going below 0."""
    down = change < 0
    return float((-values[down] / change[down]).min()) if down.any() else np.inf


def along(part: np.ndarray, position: int, sources: int) -> np.ndarray:
    """A table (n_i, Y) with an axis of length 1 for every other source."""
    shape = [1] * sources + [part.shape[1]]
    shape[position] = len(part)
    return part.reshape(shape)


def spread(parts: tuple[np.ndarray, ...] | list[np.ndarray]) -> np.ndarray:
    """Σ_i parts[i][x_i, y], (n_1, …, n_K, Y)."""
    total = along(parts[0], 0, len(parts))
    for position, part in enumerate(parts[1:], start=1):
        total = total + along(part, position, len(parts))
    return total
