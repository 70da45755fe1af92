"""How exact and how faithful an attribution is, as rows of HTML cells."""

from __future__ import annotations

from typing import Any

from dnr_core.figures.rows.markup import shown
from dnr_core.figures.words import signed

METHODS = {
    "integrated_gradients": "Integrated gradients",
    "gradient_x_input": "Gradient × input",
    "gradient_shap": "Gradient SHAP (expected gradients)",
    "feature_ablation": "Ablation, one item at a time",
    "shapley_value_sampling": "Shapley values, sampled",
    "occlusion": "Occlusion, one turn at a time",
    "layer_integrated_gradients": "Integrated gradients of the parts",
}
BASELINES = {"mean": "training mean", "zero": "zero", "donor": "another turn", "padding": "padding"}
EXACTNESS = ("error of the sum", "tolerance", "met", "f(x)", "f(baseline)", "baseline", "steps or samples", "seconds")
ABOUT_CHECKS = (
    "Infidelity: 0 is exact, 1 as wrong as claiming nothing. Agreement: rank correlation over {count:,} items; methods "
    "that take long are left out. With random layers the rank correlation should fall towards 0."
)


def exactness(found: Any) -> list[list[str]]:
    """One row of HTML cells: by how much the values miss what they must sum to, and what they were computed with.

    `found`: the engine's Attribution.
    """
    met = {
        None: "not promised by this method",
        True: "✓\u00a0yes",
        False: '<b style="color:#E5484D">✗ no: do not trust</b>',
    }
    return [[
        signed(found.completeness_error, 4), "–" if found.within_tolerance is None else f"{found.tolerance:.4f}",
        met[found.within_tolerance], signed(found.total, 3), signed(found.baseline_total, 3),
        shown(BASELINES[found.baseline]), "–" if found.n_steps is None else f"{found.n_steps:,}",
        f"{found.seconds:.2f}",
    ]]  # fmt: skip


def checks(tested: Any) -> list[list[str]]:
    """What was tested beside the curves, as rows of HTML cells: test, number."""
    share = "–" if tested.infidelity.share is None else f"{tested.infidelity.share:.3f}"
    rows = [["infidelity", share]]
    rows += [[f"agrees with {shown(METHODS[name])}", correlation(value)] for name, value in tested.agreement.items()]
    return rows + [
        [f"top {100 * step.share:.0f} % of layers random", correlation(step.rank_correlation)]
        for step in tested.randomised
    ]


def correlation(value: float | None) -> str:
    """A correlation, a dash where it is not defined."""
    return "–" if value is None else signed(value)
