"""What every method promises of its parts: switched off before anything is derived from them, so that nothing leaks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contract_samples import NO_VISUAL, PAIRS, build, players_with, random_batch, row, with_features

from dnr_core.errors import UsageError
from dnr_core.explain.coalitions import coalition_bits, dialogue_scope, distinct_coalitions, utterance_scope
from dnr_core.model.batch import ComponentMask
from dnr_core.model.methods.base import Method
from dnr_core.types import MODALITIES

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def model(request: pytest.FixtureRequest, one_thread: None) -> Method:
    return build(*request.param)


def test_a_part_that_is_not_available_is_zero_and_has_the_width_of_its_baseline(model):
    batch = random_batch()
    components = model.decompose(batch)
    assert components.players == model.players
    for player, vector in components.vectors.items():
        there = components.available[player]
        assert vector.shape == (*batch.mask.shape, len(model.baseline(player)))
        assert (vector[~there] == 0).all() and not (there & ~batch.mask).any()


def test_the_baseline_of_a_part_is_its_mean_where_it_is_available(model):
    batches = [random_batch((6, 6, 5), seed=seed) for seed in range(5)]
    for player in model.players:
        rows = torch.cat(
            [model.decompose(batch).vectors[player][model.decompose(batch).available[player]] for batch in batches]
        )
        torch.testing.assert_close(model.baseline(player), rows.mean(0), atol=1e-5, rtol=1e-5)


def test_switching_off_replaces_the_part_alone_and_only_where_it_is_available(model):
    batch = random_batch()
    before = model.decompose(batch)
    for player in model.players:
        keep = ComponentMask(frozenset({player}), turn=1).keep(model.players, batch.mask)
        after = model.switch_off(before, keep)
        zeroed = model.switch_off(before, keep, "zero")
        for other in model.players:
            if other != player:
                assert torch.equal(after.vectors[other], before.vectors[other])
        there = before.available[player][:, 1]
        assert there.any()
        assert torch.equal(after.vectors[player][:, 1][there], model.baseline(player).expand(int(there.sum()), -1))
        assert (zeroed.vectors[player][:, 1] == 0).all()
        elsewhere = [turn for turn in range(batch.mask.shape[1]) if turn != 1]
        assert torch.equal(after.vectors[player][:, elsewhere], before.vectors[player][:, elsewhere])
        assert (after.vectors[player][:, 1][~there] == 0).all()


@pytest.mark.parametrize("removal", ["mean", "zero"])
@pytest.mark.parametrize("widths", [None, NO_VISUAL], ids=["three", "two"])
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_coalitions_are_switch_off_then_predict_for_every_coalition(pair, widths, removal):
    given = {"widths": widths} if widths else {}
    model, batch = build(*pair, **given), row(random_batch(**given), 1)
    bits = coalition_bits(len(model.players))  # (S, K)
    assert bits.shape == (2 ** len(model.players), len(model.players))
    keep = bits[:, None].expand(-1, 3, -1)
    components = model.decompose(batch)
    fast = model.predict_coalitions(components, batch, keep, removal)
    slow = Method.predict_coalitions(model, components, batch, keep, removal)
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=0)
    torch.testing.assert_close(fast[-1], model(batch).logits[0], atol=1e-5, rtol=0)
    assert (fast[0] - fast[-1]).abs().max() > 1e-3


def test_coalitions_may_differ_from_turn_to_turn(model):
    batch = row(random_batch(), 0)
    keep = torch.rand(24, 5, len(model.players), generator=torch.Generator().manual_seed(2)) > 0.5
    components = model.decompose(batch)
    fast = model.predict_coalitions(components, batch, keep, "mean")
    slow = Method.predict_coalitions(model, components, batch, keep, "mean")
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=0)


def test_a_toggle_is_a_row_of_the_coalition_table(model):
    batch, players = row(random_batch(), 2), model.players
    off = frozenset({players[0], players[-1]})
    index = sum(1 << place for place, player in enumerate(players) if player not in off)
    whole = dialogue_scope(model, batch)  # (T, S, C)
    expected = model(batch, ComponentMask(off)).logits[0].detach()
    torch.testing.assert_close(torch.from_numpy(whole[:, index]), expected, atol=1e-5, rtol=0)
    one = utterance_scope(model, batch, 2)  # (S, C)
    expected = model(batch, ComponentMask(off, turn=2)).logits[0, 2].detach()
    torch.testing.assert_close(torch.from_numpy(one[index]), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("modality", MODALITIES)
def test_parts_that_are_nowhere_available_cost_no_coalitions_and_change_no_number(model, modality):
    batch = row(random_batch(), 1)
    present = batch.present.clone()
    present[..., MODALITIES.index(modality)] = False
    batch = replace(batch, present=present)
    components, count = model.decompose(batch), len(model.players)
    distinct, place = distinct_coalitions(model.players, components, slice(None))
    lost = sum(modality in player for player in model.players)
    assert distinct.shape == (2 ** (count - lost), count) and place.shape == (2**count,)
    keep = coalition_bits(count)[:, None].expand(-1, 3, -1)
    slow = Method.predict_coalitions(model, components, batch, keep, "mean").transpose(0, 1).detach()
    torch.testing.assert_close(torch.from_numpy(dialogue_scope(model, batch)), slow, atol=1e-5, rtol=0)


@pytest.mark.parametrize("modality", MODALITIES)
def test_without_all_parts_of_a_modality_its_features_do_not_matter(model, modality):
    batch = random_batch()
    off = ComponentMask(players_with(model, modality))
    moved = with_features(batch, **{modality: batch.modality(modality) * -3.0 + 7.0})
    assert torch.equal(model(moved, off).logits[batch.mask], model(batch, off).logits[batch.mask])
    assert (model(moved).logits - model(batch).logits)[batch.mask].abs().max() > 1e-3
    for other in set(MODALITIES) - {modality}:
        still_read = with_features(batch, **{other: batch.modality(other) * -3.0 + 7.0})
        assert (model(still_read, off).logits - model(batch, off).logits)[batch.mask].abs().max() > 1e-3


def test_each_part_has_a_say(model):
    batch = random_batch()
    logits = model(batch).logits
    for player in model.players:
        changed = (model(batch, ComponentMask(frozenset({player}))).logits - logits)[batch.mask]
        assert changed.abs().max() > 1e-4, player


def test_a_component_mask_is_a_key_and_refuses_unknown_parts(model):
    player = model.players[0]
    masks = {ComponentMask(frozenset({player})): 1, ComponentMask(frozenset({player}), turn=2): 2}
    assert masks[ComponentMask(frozenset([player]))] == 1 and masks[ComponentMask(frozenset([player]), 2)] == 2
    with pytest.raises(UsageError, match="unknown component: got 'unique:smell'; expected one of .*" + player):
        model(random_batch(), ComponentMask(frozenset({"unique:smell"})))
