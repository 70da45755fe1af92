"""What every method promises of its signals: shapes, NaN where nothing was measured, and no dialogue sees another."""

from __future__ import annotations

import pytest
import torch
from contract_samples import NO_VISUAL, PAIRS, build, padded, random_batch, row, with_features

from dnr_core.model.batch import Signals
from dnr_core.model.methods.base import Method
from dnr_core.types import MODALITIES

pytestmark = pytest.mark.usefixtures("one_thread")
AUDIO_ONLY = {"text": 0, "audio": 5, "visual": 0}


@pytest.fixture(scope="module", params=PAIRS)
def model(request: pytest.FixtureRequest, one_thread: None) -> Method:
    return build(*request.param)


def same(first: Signals, second: Signals, turns: slice | torch.Tensor, other: slice | torch.Tensor) -> None:
    """Signals of two batches agree where asked, NaN included."""
    assert list(first.values) == list(second.values)
    for name, value in first.values.items():
        torch.testing.assert_close(value[turns], second.values[name][other], atol=1e-5, rtol=0, equal_nan=True)


def test_a_method_has_signals_exactly_where_it_says_so(model):
    signals = model.signals(random_batch())
    assert bool(signals.values) == ("signals" in model.supports)
    assert all(text.endswith(".") and len(text) > 20 for text in signals.descriptions.values())


def test_signals_are_per_utterance_and_nan_for_an_absent_modality(model):
    batch = random_batch()
    for name, value in model.signals(batch).values.items():
        assert not value.requires_grad
        assert value.shape in (batch.mask.shape, (*batch.mask.shape, len(MODALITIES))), name
        if value.dim() == 3:
            assert torch.equal(~value[batch.mask].isnan(), batch.present[batch.mask]), name
            shares = value[batch.mask].nan_to_num().sum(-1)
            torch.testing.assert_close(shares, batch.present[batch.mask].any(-1).float(), atol=1e-5, rtol=0)


def test_signals_do_not_depend_on_padding_other_dialogues_or_what_is_stored_for_absent_modalities(model):
    batch = random_batch()
    signals = model.signals(batch)
    same(model.signals(padded(batch, 3, junk=1e6)), signals, padded(batch, 3).mask, batch.mask)
    for position in range(len(batch.mask)):
        turns = int(batch.mask[position].sum())
        same(model.signals(row(batch, position)), signals, 0, (position, slice(turns)))  # type: ignore[arg-type]
    junk = {
        name: torch.where(batch.present[..., [place]], batch.modality(name), torch.tensor(1e6))
        for place, name in enumerate(MODALITIES)
    }
    same(model.signals(with_features(batch, **junk)), signals, batch.mask, batch.mask)


@pytest.mark.parametrize("widths", [NO_VISUAL, AUDIO_ONLY], ids=["two", "one"])
@pytest.mark.parametrize("pair", PAIRS)
def test_signals_of_fewer_modalities(pair, widths):
    batch = random_batch(widths=widths)
    for name, value in build(*pair, widths=widths).signals(batch).values.items():
        if value.dim() == 3:
            assert value[..., MODALITIES.index("visual")].isnan().all(), name
        elif widths is AUDIO_ONLY:
            found = value[batch.mask].float()
            assert found.isnan().all() or len(found.unique()) == 1, f"{name} of a single modality is a constant"
