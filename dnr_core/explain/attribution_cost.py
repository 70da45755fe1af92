"""How much a method of attribution computes: what stands on a page at once, and what waits until it is asked for."""

from __future__ import annotations

STEPS, MOST_STEPS = 50, 500
"""Integration steps on the whole path, and in all where it has to be cut before the values are complete enough."""
SHAP_SAMPLES, SHAPLEY_ORDERS = 200, 25


def passes(method: str, items: int) -> int:
    """How many copies of the dialogue a method sends through the model, at least, for values of `items` items."""
    return {
        "integrated_gradients": STEPS,
        "layer_integrated_gradients": STEPS,
        "gradient_x_input": 1,
        "gradient_shap": SHAP_SAMPLES,
        "feature_ablation": items,
        "occlusion": items,
        "shapley_value_sampling": SHAPLEY_ORDERS * items,
    }[method]
