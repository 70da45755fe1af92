"""BROJA against numbers worked out by hand, a grid search, and a general convex solver."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize

from dnr_core.errors import UsageError
from dnr_core.explain.broja import broja, couple, information, source_marginals, union_information, union_synergy


def gate(rule, *sizes: int, classes: int) -> np.ndarray:
    """Uniform inputs of these sizes, y = rule(inputs)."""
    table = np.zeros((*sizes, classes))
    for inputs in product(*map(range, sizes)):
        table[(*inputs, rule(*inputs))] += 1 / np.prod(sizes)
    return table


def rdnxor() -> np.ndarray:
    """x1 = (a, c1), x2 = (a, c2), y = (a, c1 xor c2)."""
    table = np.zeros((4, 4, 4))
    for a, one, two in product(range(2), repeat=3):
        table[2 * a + one, 2 * a + two, 2 * a + (one ^ two)] = 1 / 8
    return table


XOR = gate(lambda a, b: a ^ b, 2, 2, classes=2)
RDN = np.zeros((2, 2, 2))
RDN[0, 0, 0] = RDN[1, 1, 1] = 0.5
TABLE = {
    "XOR": (XOR, (0, 0, 0, 1)),
    "AND": (gate(lambda a, b: a & b, 2, 2, classes=2), (0.311278, 0, 0, 0.5)),
    "COPY": (gate(lambda a, b: 2 * a + b, 2, 2, classes=4), (0, 1, 1, 0)),
    "RDN": (RDN, (1, 0, 0, 0)),
    "UNQ1": (gate(lambda a, b: a, 2, 2, classes=2), (0, 1, 0, 0)),
    "SUM": (gate(lambda a, b: a + b, 2, 2, classes=3), (0.5, 0, 0, 1)),
    "RDNXOR": (rdnxor(), (1, 0, 0, 1)),
    "XOR, 10 % flipped": (0.9 * XOR + 0.1 * XOR[..., ::-1], (0, 0, 0, 0.5310)),
    "UNQ2, 10 % flipped": (
        0.9 * gate(lambda a, b: b, 2, 2, classes=2) + 0.1 * gate(lambda a, b: 1 - b, 2, 2, classes=2),
        (0, 0, 0.5310, 0),
    ),
    "y constant": (np.full((3, 2, 1), 1 / 6), (0, 0, 0, 0)),
    "one cell": (np.ones((1, 1, 1)), (0, 0, 0, 0)),
}


@pytest.mark.parametrize("name", TABLE)
def test_textbook_gates(name):
    table, expected = TABLE[name]
    assert broja(table) == pytest.approx(expected, abs=1e-4)


def random_tables(count: int, draw) -> list[np.ndarray]:
    tables = []
    for seed in range(count):
        random = np.random.default_rng(seed)
        shape = draw(random)
        table = random.gamma((1.0, 0.3, 0.1)[seed % 3], size=shape)
        if seed % 5 == 4:
            table *= random.random(shape) < 0.4
            table[(0,) * len(shape)] += 0.1
        tables.append(table / table.sum())
    return tables


def union_by_search(table: np.ndarray) -> float:
    """min I_Q of a 2 × 2 × Y table: each y has one free number t_y = q(0, 0, y), searched from several starts."""
    one, two, prior = table.sum(1)[0], table.sum(0)[0], table.sum((0, 1))
    low = np.maximum(0, one + two - prior)
    high = np.maximum(low, np.minimum(one, two))

    def bits(t: np.ndarray) -> float:
        cells = np.maximum([t, one - t, two - t, prior - one - two + t], 0)  # (4, Y)
        total = cells.sum(1, keepdims=True)
        there = cells > 0
        ratio = np.divide(cells, total * prior, out=np.ones_like(cells), where=there)
        return float(np.sum(cells[there] * np.log2(ratio[there])))

    starts = [low + share * (high - low) for share in (0.0, 0.03, 0.25, 0.5, 0.75, 0.97, 1.0)]
    found = [minimize(bits, s, bounds=list(zip(low, high, strict=True)), method="L-BFGS-B", tol=1e-14) for s in starts]
    best = min(found, key=lambda result: result.fun)
    polished = minimize(bits, best.x, bounds=list(zip(low, high, strict=True)), method="Powell", tol=1e-12)
    return min(best.fun, polished.fun)


def test_200_tables_of_two_binary_sources_agree_with_a_search():
    worst = 0.0
    for table in random_tables(200, lambda random: (2, 2, int(random.integers(2, 5)))):
        found, union = broja(table), union_by_search(table)
        one, two = (information(marginal) for marginal in source_marginals(table))
        expected = (one + two - union, union - two, union - one, information(table) - union)
        worst = max(worst, float(np.abs(np.subtract(found, expected)).max()))
        assert min(found) >= 0
        assert sum(found) == pytest.approx(information(table), abs=1e-9)
    assert worst < 1e-4


def test_50_larger_tables_agree_with_a_convex_solver():
    cvxpy = pytest.importorskip("cvxpy")

    def union_by_cone(table: np.ndarray) -> float:
        """max H_Q(Y | X1, X2) as a relative entropy program."""
        n_1, n_2, classes = table.shape
        q = cvxpy.Variable((n_1 * n_2, classes), nonneg=True)
        total = cvxpy.sum(q, axis=1, keepdims=True) @ np.ones((1, classes))
        keep = [
            cvxpy.sum(q[i * n_2 : (i + 1) * n_2], axis=0) == table[i].sum(0) for i in range(n_1)
        ] + [cvxpy.sum(q[j::n_2], axis=0) == table[:, j].sum(0) for j in range(n_2)]  # fmt: skip
        problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum(cvxpy.rel_entr(q, total))), keep)
        problem.solve(solver=cvxpy.CLARABEL)
        prior = table.sum((0, 1))
        prior = prior[prior > 0]
        return float(problem.value / np.log(2) - np.sum(prior * np.log2(prior)))

    tables = random_tables(50, lambda random: tuple(int(n) for n in random.integers(2, (7, 7, 6))))
    gaps = [abs(couple(source_marginals(table)).union_bits - union_by_cone(table)) for table in tables]
    assert max(gaps) < 1e-4


@pytest.mark.parametrize("kind", ["dense", "spiky", "sparse", "counts", "deterministic"])
def test_the_largest_table_takes_less_than_two_seconds_and_is_never_negative(kind):
    random = np.random.default_rng(7)
    shape = (16, 16, 8)
    if kind == "deterministic":
        table = np.zeros(shape)
        for a, b in product(range(16), repeat=2):
            table[a, b, random.integers(8)] = random.random() ** 4
    elif kind == "counts":
        table = np.zeros(shape)
        np.add.at(table, tuple(random.integers(size, size=200) for size in shape), 1.0)
    else:
        table = random.gamma({"dense": 1.0, "spiky": 0.05, "sparse": 0.5}[kind], size=shape)
        table *= random.random(shape) < (0.1 if kind == "sparse" else 1.0)
    table /= table.sum()
    found = broja(table)
    assert min(found) >= 0 and sum(found) == pytest.approx(information(table), abs=1e-9)
    coupling = couple(source_marginals(table))
    assert coupling.gap_bits < 1e-5 and coupling.q.min() >= 0
    for own, wanted in zip(source_marginals(coupling.q), source_marginals(table), strict=True):
        np.testing.assert_allclose(own, wanted, atol=1e-7)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (lambda a, b, c: a ^ b ^ c, 1.0),
        (lambda a, b, c: int(a + b + c > 1), 0.8113),
        (lambda a, b, c: a & b & c, 0.4056),
    ],
    ids=["parity", "majority", "and"],
)
def test_union_synergy_of_three(rule, expected):
    table = gate(rule, 2, 2, 2, classes=2)
    assert union_synergy(table) == pytest.approx(expected, abs=1e-4)
    assert union_information(table) + union_synergy(table) == pytest.approx(information(table), abs=1e-6)


def test_three_sources_that_all_say_the_same_are_counted_once():
    table = np.zeros((2, 2, 2, 2))
    table[0, 0, 0, 0] = table[1, 1, 1, 1] = 0.5
    assert union_information(table) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (np.array([[[1.5, -0.5]]]), "-0.5"),
        (np.full((2, 2, 2), 0.2), "sums to 1"),
        (np.array([[[np.nan, 1.0]]]), "NaN"),
        (np.full((2, 2), 0.25), "an axis a source"),
        (np.full((17, 2, 2), 1 / 68), "at most 16 x 16 x 8"),
        (np.full((2, 2, 9), 1 / 36), "at most 16 x 16 x 8"),
        (np.zeros((0, 2, 2)), "an axis a source"),
        ("no table", "numbers"),
    ],
)
def test_what_is_no_joint_table_is_refused(table, said):
    with pytest.raises(UsageError, match=said):
        broja(table)
