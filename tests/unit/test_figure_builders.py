"""Figures of the card, of a study and of pointwise information carry the numbers that they are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dnr_core.explain.audit import Share, SourceAgreement, TruthAgreement
from dnr_core.figures.build import card, information, study
from tests.unit.figure_samples import EVERY


def test_a_probe_is_a_cell_of_its_code_and_part_and_what_was_not_probed_is_left_out():
    found = {
        "players": ["unique:text", "redundant:audio+text"],
        "codes": [["unique:text", "label"], ["copy:audio+text", "audio"]],
        "own": ["unique:text", None],
        "score": [[0.875, -0.02], [0.25, None]],
    }
    spec = card.probes(found)
    rows = spec.data[["part", "code", "score", "label"]].to_numpy(object).tolist()
    assert rows == [
        ["unique · text", "unique · text", 0.875, "0.88"],
        ["redundant · audio+text", "unique · text", 0.25, "0.25"],
        ["unique · text", "copy · audio+text: audio", 0.0, "-0.02"],
    ], "a score below chance is drawn as chance and written as it is"
    assert "0.88 to 0.88 of it" in spec.caption


def test_agreement_leaves_out_sources_that_are_no_single_part():
    sources = (
        SourceAgreement("unique:text", Share(1.0, None, 4), Share(1.0, None, 4), Share(0.75, (0.5, 1.0), 4)),
        SourceAgreement("none", Share(0.2, None, 5), None, None),
    )
    spec = card.agreement(TruthAgreement(Share(1.0, (1.0, 1.0), 4), Share(0.75, (0.5, 1.0), 4), sources), "exact")
    assert spec.data[["share", "low", "high", "group"]].to_numpy(object).tolist() == [[0.75, 0.5, 1.0, "unique"]]
    assert "in 0.750 (0.50–1.00; n = 4)" in spec.caption


def score(*values: float) -> dict[str, Any]:
    interval = None if len(values) == 1 else (min(values), max(values))
    return {"mean": float(np.mean(values)), "sd": None, "interval": interval}


@dataclass(frozen=True)
class Row:
    corpus: str
    method: str
    backbone: str | None
    split: str
    seeds: tuple[int, ...]
    scores: dict[str, Any]


def test_a_study_is_a_bar_a_model_and_a_point_a_difference_that_has_an_interval():
    rows = [
        Row("a", "plain", "mmgcn", "test", (0, 1), {"weighted_f1": score(0.5, 0.6)}),
        Row("a", "dnr", "mmgcn", "test", (0, 1), {"weighted_f1": score(0.7, 0.8)}),
        Row("b", "dnr", None, "dev", (0,), {"weighted_f1": score(0.1)}),
    ]
    differences = [
        SimpleNamespace(corpus="a", method="dnr", baseline="plain", backbone="mmgcn", found=score(0.1, 0.3)),
        SimpleNamespace(corpus="a", method="dnr", baseline="plain", backbone=None, found=score(0.2)),
    ]
    found = SimpleNamespace(rows=rows, differences=differences)
    spec = study.scores(found, "a", "plain")
    assert spec.data[["weighted F1", "low", "high"]].to_numpy().tolist() == [
        pytest.approx([0.55, 0.5, 0.6]), pytest.approx([0.75, 0.7, 0.8]),
    ]  # fmt: skip
    assert (
        "best is dnr + mmgcn (0.750). Means over 2 seeds" in spec.caption and spec.x_label == "weighted F1 on a, test"
    )
    assert "One seed each" in study.scores(found, "b", "plain").caption
    drawn = study.differences(found, "a", "plain")
    assert drawn is not None
    assert drawn.data[["points", "low", "high"]].to_numpy().tolist() == [pytest.approx([20, 10, 30])]
    assert "1 of 1 intervals leave 0 out" in drawn.caption
    assert study.differences(found, "b", "plain") is None


def test_pointwise_information_is_a_cell_a_turn_and_subset():
    bits = np.arange(12.0).reshape(4, 3)
    found = SimpleNamespace(
        subsets=(("text",), ("audio",), ("text", "audio")), pointwise=bits, classes=np.array([1, 0, 1, 0])
    )
    spec = information.pointwise(found, np.array([1, 2]), ("sad", "happy"))
    assert spec.data["bits"].tolist() == bits[1:3].ravel().tolist()
    assert spec.data["turn"].tolist() == ["0 sad"] * 3 + ["1 happy"] * 3
    assert spec.data["modalities"].tolist() == ["text", "audio", "text + audio"] * 2
    assert "most in turn 1 (+8.00)" in spec.caption


@pytest.mark.parametrize("name", EVERY)
def test_a_figure_has_the_fingerprint_of_one_that_is_drawn_alike_and_of_no_other(name: str) -> None:
    first, again = EVERY[name](), EVERY[name]()
    assert first.fingerprint() == again.fingerprint() and first.data is not again.data
    for changed in (
        replace(first, caption=f"{first.caption} "),
        replace(first, height=first.height + 1),
        replace(first, data=first.data.rename(columns={first.y: f"{first.y} "})),
        replace(first, data=first.data.iloc[::-1]),
        *(replace(first, data=cell_changed(first.data, column)) for column in first.data),
    ):
        assert changed.fingerprint() != first.fingerprint()


def cell_changed(data: pd.DataFrame, column: str) -> pd.DataFrame:
    """The data with another value in the last cell of a column."""
    cells = data[column].tolist()
    cells[-1] = f"{cells[-1]}." if isinstance(cells[-1], str) else not cells[-1] if data[column].dtype == bool else 7.25
    return data.assign(**{column: cells})
