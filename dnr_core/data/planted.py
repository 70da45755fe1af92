"""Planted dialogues: a seeded, invented corpus in which the source of every emotion is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnr_core.data.corpus import Corpus, make_utterances
from dnr_core.data.planted_codes import Plan, build_codebook, plan, signals, truth_of
from dnr_core.data.planted_config import PlantedConfig
from dnr_core.data.planted_phrases import NAMES
from dnr_core.data.planted_text import Writer
from dnr_core.types import MODALITIES

__all__ = ["PlantedConfig", "feature_names", "generate", "make_features"]

CHANGES_SPEAKER = 0.85
"""Share of turns at which the speaker changes."""


def generate(config: PlantedConfig | None = None, *, name: str = "planted") -> Corpus:
    """The corpus of this configuration (None: the defaults); equal configurations give equal hashes everywhere."""
    config = config or PlantedConfig()
    planted = plan(config)
    present = measured(config, len(planted.turn))
    features = make_features(config, planted)
    for position, modality in enumerate(MODALITIES):
        features[modality][~present[:, position]] = np.nan
    utterances = make_utterances(make_rows(config, planted, present))
    notes: dict[str, Any] = {"planted": config.model_dump(mode="json")}
    if config.earlier_turn_share:
        notes["earlier_turn"] = utterances["utterance_id"][planted.earlier].tolist()
    return Corpus(
        name=name,
        emotions=config.emotions,
        feature_names=feature_names(config.widths),
        utterances=utterances,
        features=features,
        present=present,
        split_provenance="70 / 10 / 20 % of the dialogues (train / dev / test), drawn from the seed of the corpus",
        notes=notes,
    )


def make_features(config: PlantedConfig, planted: Plan) -> dict[str, np.ndarray]:
    """Features per modality (N, d) float32, from float64 rounded to 4 decimals so that machines agree."""
    book = build_codebook(config)
    clean = signals(config, book, planted)
    random = config.stream("noise")
    factor = config.stream("nuisance").standard_normal((len(planted.turn), 1))
    features = {}
    for modality, signal in clean.items():
        noisy = signal + config.noise * random.standard_normal(signal.shape)
        noisy = noisy + config.nuisance * factor * book.nuisance[modality]  # (N, d)
        features[modality] = (np.round(noisy, 4) + 0.0).astype(np.float32)
    return features


def measured(config: PlantedConfig, number: int) -> np.ndarray:
    """Which modalities are there, (N, M) bool; where all were lost, one of them, at random, is kept."""
    random = config.stream("missing")
    present = random.random((number, len(MODALITIES))) >= config.missing
    kept = random.integers(len(MODALITIES), size=number)
    lost = np.flatnonzero(~present.any(axis=1))
    present[lost, kept[lost]] = True
    return present


def make_rows(config: PlantedConfig, planted: Plan, present: np.ndarray) -> dict[str, Any]:
    """The columns of utterances.parquet; a text that was not measured is empty."""
    digits = max(3, len(str(config.dialogues - 1)))
    ids = [f"dialogue_{number:0{digits}d}" for number in planted.dialogue]
    truths = [truth_of([list(config.mixture)[i] for i in row if i >= 0]) for row in planted.source]
    speakers = draw_speakers(config, planted)
    writer = Writer(config.stream("text"), config.emotions)
    texts, starts, ends = writer.write(list(config.mixture), planted, speakers)
    return {
        "utterance_id": [f"{dialogue}_utt{turn}" for dialogue, turn in zip(ids, planted.turn, strict=True)],
        "dialogue_id": ids,
        "turn": planted.turn,
        "split": draw_splits(config)[planted.dialogue],
        "speaker": speakers,
        "text": [text if there else "" for text, there in zip(texts, present[:, 0], strict=True)],
        "emotion": [config.emotions[label] for label in planted.label],
        "start_s": starts,
        "end_s": ends,
        "truth_family": [family for family, _ in truths],
        "truth_sources": [sources for _, sources in truths],
    }


def draw_splits(config: PlantedConfig) -> np.ndarray:
    """The split of each dialogue: 10 % dev and 20 % test (at least one each), the rest train."""
    order = config.stream("splits").permutation(config.dialogues)
    dev, test = (max(1, round(share * config.dialogues)) for share in (0.1, 0.2))
    splits = np.full(config.dialogues, "train", dtype=object)
    splits[order[:dev]] = "dev"
    splits[order[dev : dev + test]] = "test"
    return splits


def draw_speakers(config: PlantedConfig, planted: Plan) -> list[str]:
    """The speaker of each utterance: two to four a dialogue, each heard once before they take turns freely."""
    random = config.stream("speakers")
    speakers: list[str] = []
    for length in np.bincount(planted.dialogue):
        cast = [NAMES[i] for i in random.permutation(len(NAMES))[: random.integers(2, 5)]]
        now = 0
        for turn in range(length):
            changes, step = random.random() < CHANGES_SPEAKER, random.integers(1, len(cast))
            now = turn if turn < len(cast) else (now + int(changes) * int(step)) % len(cast)
            speakers.append(cast[now])
    return speakers


def feature_names(widths: dict[str, int]) -> dict[str, tuple[str, ...]]:
    """Plausible names per modality that say nothing about where a source is planted."""
    audio, visual = ("level_db", "slope_db"), ("x_offset", "y_offset")
    return {
        "text": tuple(f"text_dim_{i:03d}" for i in range(widths["text"])),
        "audio": tuple(f"audio_band_{i // 2:02d}_{audio[i % 2]}" for i in range(widths["audio"])),
        "visual": tuple(f"visual_landmark_{i // 2:02d}_{visual[i % 2]}" for i in range(widths["visual"])),
    }
