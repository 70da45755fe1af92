"""A Python client of the service: dialogues as lists or arrays in, JSON-ready values or arrays out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from dnr_core.remote.wire import Wire

SAFETENSORS = "application/vnd.safetensors"
Json = dict[str, Any]


class Client:
    """`Client("http://gpu-box:8600", token=…)`; every method raises DnRError with what the service says.

    `dialogues`: `[{"dialogue_id", "utterances": [{"speaker", "text": [numbers] | None, "audio": …, "visual": …}]}]`.
    """

    def __init__(self, address: str | None = None, token: str | None = None) -> None:
        self.wire = Wire(address, token)

    def health(self) -> Json:
        """Whether it answers, and with which run."""
        return self.wire.ask("GET", "/health").json()

    def model(self) -> Json:
        """The run: emotions, widths, parts, what it supports, limits."""
        return self.wire.ask("GET", "/model").json()

    def predict(self, dialogues: Sequence[Mapping[str, Any]]) -> Json:
        """The predicted emotion of every turn, with probabilities and logits."""
        return self._post("/predict", {"dialogues": dialogues})

    def predict_arrays(
        self,
        features: Mapping[str, np.ndarray],
        lengths: Sequence[int],
        *,
        present: np.ndarray | None = None,
        speaker: Sequence[int] | None = None,
    ) -> np.ndarray:
        """Logits (N, C) of dialogues of `lengths` turns (D,), one after the other.

        `features`: modality → (N, d); `present` (N, 3) bool, order text, audio, visual; `speaker` (N,) numbers.
        """
        arrays = {name: np.ascontiguousarray(values) for name, values in features.items()}
        arrays["lengths"] = np.asarray(lengths, dtype=np.int64)
        if present is not None:
            arrays["present"] = np.ascontiguousarray(present, dtype=bool)
        if speaker is not None:
            arrays["speaker"] = np.asarray(speaker, dtype=np.int64)
        headers = {"Content-Type": SAFETENSORS, "Accept": SAFETENSORS}
        return load(self.wire.ask("POST", "/predict", data=save(arrays), headers=headers).content)["logits"]

    def explain(
        self, dialogues: Sequence[Mapping[str, Any]], *, scope: str = "dialogue", removal: str = "mean"
    ) -> Json:
        """Values of parts and information atoms of every turn for its predicted emotion, with their errors."""
        return self._post("/explain", {"dialogues": dialogues, "scope": scope, "removal": removal})

    def coalitions(
        self, dialogues: Sequence[Mapping[str, Any]], *, scope: str = "dialogue", removal: str = "mean"
    ) -> np.ndarray:
        """Logits (N, 2^K, C) under all coalitions of parts; bit k of the index is 1 where part k is on."""
        body = {"dialogues": dialogues, "scope": scope, "removal": removal}
        answer = self.wire.ask("POST", "/coalitions", json=body, headers={"Accept": SAFETENSORS})
        return load(answer.content)["logits"]

    def attribute(self, dialogue: Mapping[str, Any], turn: int, **options: Any) -> Json:
        """What made the prediction of one turn; `options`: method, target, baseline, scale, over."""
        return self._post("/attribute", {"dialogues": [dialogue], "turn": turn} | options)

    def _post(self, path: str, body: Json) -> Json:
        return json.loads(self.wire.ask("POST", path, json=body).content)
