"""A corpus as one blob that a service can read, and check against its hash."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dnr_core.data.corpus import Corpus, content_hash, with_objects
from dnr_core.errors import DataError
from dnr_core.types import MODALITIES

TABLE = "utterances"


def pack(corpus: Corpus) -> bytes:
    """The blob of a corpus, without where its clips lie and what its files were called."""
    table = io.BytesIO()
    corpus.utterances.assign(media="").to_parquet(table, index=False)
    tensors = {name: np.ascontiguousarray(corpus.features[name]) for name in MODALITIES}
    tensors |= {"present": corpus.present, TABLE: np.frombuffer(table.getvalue(), dtype=np.uint8)}
    about = {
        "name": corpus.name,
        "emotions": list(corpus.emotions),
        "feature_names": {name: list(names) for name, names in corpus.feature_names.items()},
        "split_provenance": corpus.split_provenance,
        "text_encoder": corpus.notes.get("text_encoder"),
    }
    return save(tensors, {"about": json.dumps(about)})


def unpack(path: Path, wanted: str) -> Corpus:
    """The corpus in a file. Raises DataError: it cannot be read, breaks the contract, or its hash is not `wanted`."""
    try:
        with safe_open(path, "numpy") as stored:
            about = json.loads((stored.metadata() or {})["about"])
            tensors = {name: stored.get_tensor(name) for name in (*MODALITIES, "present", TABLE)}
        noted = about["text_encoder"]
        corpus = Corpus(
            name=str(about["name"]),
            emotions=tuple(about["emotions"]),
            feature_names={name: tuple(about["feature_names"][name]) for name in MODALITIES},
            utterances=with_objects(pd.read_parquet(io.BytesIO(tensors[TABLE].tobytes()))),
            features={name: tensors[name] for name in MODALITIES},
            present=tensors["present"].astype(bool),
            split_provenance=str(about["split_provenance"]),
            notes={"text_encoder": noted} if noted else {},
        )
        found = content_hash(corpus)
    except DataError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise DataError("not a corpus of ours", got=" ".join(str(error).split())[:200]) from error
    if found != wanted:
        raise DataError(
            "the corpus came damaged", got=f"hash {found[:8]}", expected=str(wanted)[:8], do="send it again"
        )
    return corpus
