"""The text encoder that made the features of a corpus, for results that speak of words; kept once it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dnr_core.catalogue import Recent
from dnr_core.data.embed import encoder_problem, load_encoder
from dnr_core.errors import DnRError
from dnr_core.remote.served import served
from dnr_core.results.predictions import PredictionResults
from dnr_core.training.checkpoint import RunHeader


class WordResults(PredictionResults):
    """Where the words of a corpus can be embedded, and by what."""

    def __init__(self, data: Path | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(data, checkpoints)
        self._encoders = Recent(1)
        self.models.encoder = self.text_encoder

    def encoder_problem(self, run: str | Path, corpus: str | Path) -> str | None:
        """Why words of a corpus cannot be embedded for a run, as a clause with what to do; None where they can."""
        header, rows = self.fitting(run, corpus)
        if header.served_by is None:
            return encoder_problem(rows, modalities_of(header))
        try:
            there = served(self.remote, header).has_encoder()
        except DnRError as error:
            return str(error)
        return encoder_problem(rows, modalities_of(header), installed=lambda: there)

    def text_encoder(self) -> Any:
        """The text encoder. Raises DnRError where it is not installed."""
        return self._encoders.get("encoder", load_encoder)


def modalities_of(header: RunHeader) -> tuple[str, ...]:
    """The modalities that a run reads."""
    return tuple(header.config["spec"]["modalities"])
