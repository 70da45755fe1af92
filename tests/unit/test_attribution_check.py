"""What an attribution is put to the test with, on games whose answers are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dnr_core.explain.attribution_cost import SHAP_SAMPLES, STEPS, passes
from dnr_core.explain.attribution_methods import METHODS, even_part
from dnr_core.explain.faithfulness import curves
from dnr_core.types import ATTRIBUTION_VIEWS


def test_curves_and_their_areas_by_hand() -> None:
    ticks = []
    found = curves(lambda keep: 1.0 + keep @ np.array([3.0, 0.0, -1.0]), np.array([3.0, 0.0, -1.0]), orders=4,
                   tick=lambda: ticks.append(1))  # fmt: skip
    assert found.share == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert found.insertion == pytest.approx([1, 4, 4, 3]) and found.deletion == pytest.approx([1, 0, 0, 3])
    areas = found.areas
    assert areas.insertion == pytest.approx((2.5 + 4 + 3.5) / 3) and areas.deletion == pytest.approx(
        (0.5 + 0 + 1.5) / 3
    )
    assert found.random.shape == (4, 4) and areas.deletion <= areas.random <= areas.insertion
    assert len(ticks) == 6


def test_a_path_is_cut_into_few_even_parts() -> None:
    assert [even_part(50, most) for most in (69, 50, 48, 25, 20, 1)] == [50, 50, 25, 25, 17, 1]


def test_what_a_method_computes_is_counted() -> None:
    assert passes("integrated_gradients", 400) == STEPS == passes("layer_integrated_gradients", 3) == 50
    assert passes("gradient_x_input", 400) == 1 and passes("gradient_shap", 3) == SHAP_SAMPLES == 200
    assert passes("occlusion", 60) == 60 == passes("feature_ablation", 60) and passes("shapley_value_sampling", 3) == 75
    assert {name: entry.overs for name, entry in METHODS.items()} == ATTRIBUTION_VIEWS
    for name in METHODS:
        assert passes(name, 2) > 0
