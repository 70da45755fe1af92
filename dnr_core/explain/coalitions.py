"""Logits under all 2^K coalitions of the parts, for a dialogue at a time. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dnr_core.data.batching import dialogue_batches
from dnr_core.data.corpus import Corpus
from dnr_core.errors import UsageError
from dnr_core.model.batch import Batch, Components, TensorCorpus
from dnr_core.model.methods.base import Method, Removal
from dnr_core.types import MODALITIES, split_player

WORK_LIMIT = 400_000
"""Largest coalitions × turns × (turns + 40) computed at once, so that a chunk stays in the cache."""
DONORS = 5
"""Donor utterances that each removed part is replaced by in turn; logits are averaged over them."""
DONOR_SEED = 20_308


def coalition_bits(players: int) -> Tensor:
    """(2^K, K) bool: which players are on in each coalition; row 0 has none, the last has all."""
    index = torch.arange(2**players)
    return (index[:, None] >> torch.arange(players)) & 1 == 1


@torch.no_grad()
def dialogue_scope(model: Method, batch: Batch, *, removal: Removal = "mean") -> np.ndarray:
    """Parts off in every turn at once: logits (T, 2^K, C) float32 of a single dialogue, batch (1, T)."""
    components = one_dialogue(model, batch)
    bits, place = distinct_coalitions(model.players, components, slice(None))
    keep = bits[:, None, :].expand(-1, batch.mask.shape[1], -1)  # (D, T, K)
    logits = run_coalitions(model, components, batch, keep, removal)  # (D, T, C)
    return logits.transpose(0, 1)[:, place].cpu().numpy()  # (T, S, C)


@torch.no_grad()
def utterance_scope(model: Method, batch: Batch, turn: int, *, removal: Removal = "mean") -> np.ndarray:
    """Parts off in one turn only, its context whole: logits (2^K, C) float32 of that turn; batch (1, T)."""
    components = one_dialogue(model, batch)
    bits, place = distinct_coalitions(model.players, components, slice(turn, turn + 1))
    keep = torch.ones((len(bits), batch.mask.shape[1], bits.shape[1]), dtype=torch.bool, device=bits.device)
    keep[:, turn] = bits
    return run_coalitions(model, components, batch, keep, removal)[:, turn][place].cpu().numpy()


def one_dialogue(model: Method, batch: Batch) -> Components:
    """The parts of a single dialogue."""
    if batch.mask.shape[0] != 1:
        raise ValueError(f"one dialogue at a time, got {batch.mask.shape[0]}")
    return model.decompose(batch)


def distinct_coalitions(players: tuple[str, ...], components: Components, turns: slice) -> tuple[Tensor, Tensor]:
    """Coalitions that can differ, bits (D, K), and for each of the 2^K which of them it equals, (2^K,).

    A part that is available in none of the `turns` changes nothing when it is off: with one modality missing, 16 of
    512 coalitions remain.
    """
    idle = torch.stack([~components.available[player][:, turns].any() for player in players])  # (K,)
    bits = coalition_bits(len(players)).to(idle.device) | idle  # (2^K, K)
    return torch.unique(bits, dim=0, return_inverse=True)


def run_coalitions(model: Method, components: Components, batch: Batch, keep: Tensor, removal: Removal) -> Tensor:
    """Logits (S, T, C) of one dialogue under S masks keep (S, T, K) from its parts.

    Removal 'donor' is given as the vectors of one draw (`Donors.draws`), not by its name.
    """
    if removal == "donor":
        raise ValueError("removal 'donor' needs the vectors of a draw")
    turns = batch.mask.shape[1]
    chunk = max(1, WORK_LIMIT // (turns * (turns + 40)))
    logits = [model.predict_coalitions(components, batch, part, removal).float() for part in keep.split(chunk)]
    return torch.cat(logits)


@dataclass(frozen=True)
class Donors:
    """The parts of train utterances, to stand in place of parts that are off (removal 'donor').

    - `vectors`: player → (n, d_player) of the n train utterances, in an order drawn from DONOR_SEED
    - `place`: player → (n,) where to look for it: the utterance itself, or the next in that order that has the part

    All parts of a turn that are replaced in one draw are of one donor, unless it lacks some of them, so that what
    stands in their place is as dependent as parts are. Draws depend on DONOR_SEED and the row of the turn alone:
    the same in every batch, and in a stored table as in a fresh one.
    """

    vectors: dict[str, Tensor]
    place: dict[str, Tensor]

    @classmethod
    @torch.no_grad()
    def of(cls, model: Method, data: TensorCorpus, corpus: Corpus) -> Donors:
        """The donors of a corpus. Raises UsageError where it has no train split, or a part that no train row has."""
        if "train" not in corpus.split_of.values():
            raise UsageError(
                "removal donor takes parts from train utterances",
                got=f"corpus {corpus.name} without a train split",
                do="choose removal mean or zero",
            )
        order = np.random.default_rng(DONOR_SEED).permutation(corpus.rows("train"))
        slot = np.full(len(corpus), -1)
        slot[order] = np.arange(len(order))
        vectors: dict[str, Tensor] = {}
        there: dict[str, Tensor] = {}
        for index in dialogue_batches(corpus, "train", size=64):
            batch = data.batch(index)
            parts = model.decompose(batch)
            to = torch.from_numpy(slot[index[index >= 0]]).to(data.device)
            for player, vector in parts.vectors.items():
                if player not in vectors:
                    vectors[player] = vector.new_zeros((len(order), vector.shape[-1]))
                    there[player] = torch.zeros(len(order), dtype=torch.bool, device=data.device)
                vectors[player][to] = vector[batch.mask]
                there[player][to] = parts.available[player][batch.mask]
        left_out = [player for player in there if split_player(player)[0] in model.spec.without]
        check_donors({player: some for player, some in there.items() if player not in left_out}, corpus)
        return cls(vectors, {player: next_true(some) for player, some in there.items()})

    def draws(self, rows: np.ndarray) -> list[dict[str, Tensor]]:
        """DONORS times player → vectors (T, d_player) for the turns in the corpus rows `rows` (T,)."""
        count = len(next(iter(self.place.values())))
        chosen = np.stack([np.random.default_rng((DONOR_SEED, int(row))).integers(count, size=DONORS) for row in rows])
        return [
            {player: vectors[self.place[player][torch.from_numpy(donor)]] for player, vectors in self.vectors.items()}
            for donor in chosen.T  # (T,)
        ]


def check_donors(there: dict[str, Tensor], corpus: Corpus) -> None:
    """Raise UsageError where utterances of the corpus have a part that none of its train utterances has."""
    for player, some in there.items():
        columns = [MODALITIES.index(modality) for modality in split_player(player)[1]]
        if not some.any() and corpus.present[:, columns].all(axis=1).any():
            raise UsageError(
                "removal donor takes parts from train utterances",
                got=f"none of corpus {corpus.name} has {player}",
                do="choose removal mean or zero",
            )


def next_true(flags: Tensor) -> Tensor:
    """(n,) the first position at or after each one whose flag is True, going round at the end; itself if none is."""
    found = torch.nonzero(flags if flags.any() else ~flags)[:, 0]
    after = torch.searchsorted(found, torch.arange(len(flags), device=flags.device))
    return found[after % len(found)]
