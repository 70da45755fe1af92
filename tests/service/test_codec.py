"""What goes over the wire comes back as it was, and nothing else is built."""

from __future__ import annotations

import io
import json
from dataclasses import fields, is_dataclass
from importlib import import_module

import numpy as np
import pytest
from safetensors.numpy import save

from dnr_core.data.corpus import Corpus
from dnr_core.errors import DataError, DnRError, UsageError
from dnr_core.explain.edits import Edit
from dnr_core.explain.nulls import ComponentNull, Gates
from dnr_core.remote.codec import DATACLASSES, decode, encode
from dnr_core.remote.corpora import pack, unpack
from dnr_core.remote.frames import frame, frames
from dnr_core.remote.wire import Wire, refusal
from dnr_core.types import SignalValues


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -(2**70), 1.5, float("inf"), "ü\n\u2028", (), (1, (2.5, "a")), [None, [True]],
        {"a": (1,), 2: []},
        frozenset({"b", "a"}), {("a", 1): None}, Edit(text=" ", cells=(("text", "f", 0.1),), before=0),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_plain_values_come_back_equal_and_of_their_kind(value: object) -> None:
    found = decode(encode(value))
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_arrays_come_back_bit_by_bit(kind: str, shape: tuple[int, ...]) -> None:
    value = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
    for given in (value, value.T):
        found = decode(encode(given))
        assert found.dtype == given.dtype and found.shape == given.shape
        np.testing.assert_array_equal(found, given)


def test_numbers_of_numpy_and_names_in_arrays_keep_their_type() -> None:
    number = decode(encode(np.float32(0.1)))
    assert number == np.float32(0.1) and type(number) is np.float32
    names = np.array([["a", ""], ["ü", None]], dtype=object)
    found = decode(encode(names))
    assert found.dtype == object and found.tolist() == names.tolist()


def test_dataclasses_of_ours_are_rebuilt_with_their_checks() -> None:
    gates = Gates(("a",), np.array([[np.nan]]), np.array([[1.0]]), np.array([[3]]))
    found = decode(encode(ComponentNull(gates, np.array([0.1, 0.2]))))
    assert isinstance(found, ComponentNull) and found.gates is not None and found.gates.players == ("a",)
    np.testing.assert_array_equal(found.gates.difference, gates.difference)
    signals = SignalValues(("u",), {"s": np.array([1.0])}, {"s": "says."})
    assert decode(encode(signals)).descriptions == signals.descriptions
    broken = json.dumps({"data": "Edit", "fields": {"before": -1}})
    with pytest.raises(UsageError, match="turns before this one"):
        decode(save({"none": np.zeros(0, np.uint8)}, {"tree": broken}))
    for name, module in DATACLASSES.items():
        kind = getattr(import_module(module), name)
        assert is_dataclass(kind) and kind.__module__ == module and fields(kind)


@pytest.mark.parametrize(
    "tree",
    [
        {"data": "Path", "fields": {}}, {"data": "Corpus", "fields": {}}, {"data": "Edit", "fields": {"no": 1}},
        {"array": "none at all"}, {"call": "os.system"}, [1, 2], {}, {"objects": [1, 2], "shape": [3]},
        {"dict": [[{"list": []}, 1]]}, {"number": 3}, {"tuple": 5},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_ours_is_refused(tree: object) -> None:
    with pytest.raises(DataError, match="not a value of ours"):
        decode(save({"none": np.zeros(0, np.uint8)}, {"tree": json.dumps(tree)}))


def test_noise_and_deep_nesting_are_refused() -> None:
    deep = '{"tuple": [' * 3000 + "]}" * 3000
    for blob in (b"", b"\xff" * 40, save({"a": np.zeros(1)}), save({"a": np.zeros(1)}, {"tree": deep})):
        with pytest.raises(DataError, match="not a value of ours"):
            decode(blob)
    with pytest.raises(TypeError, match="cannot be sent"):
        encode({"a": object()})


def test_a_corpus_comes_back_with_its_hash_and_without_its_media(corpus: Corpus, tmp_path) -> None:
    file = tmp_path / "corpus"
    told = corpus.utterances.assign(media="/home/me/clip.mp4", text='a "quote",\n\r\u2028 and \x07', start_s=0.1 + 0.2)
    given = type(corpus)(**{f.name: getattr(corpus, f.name) for f in fields(corpus)} | {
        "utterances": told, "stored_hash": None, "sources": ({"name": "secret.csv", "sha256": ""},)})  # fmt: skip
    blob = pack(given)
    assert b"clip.mp4" not in blob and b"secret.csv" not in blob
    file.write_bytes(blob)
    found = unpack(file, given.hash)
    assert found.hash == given.hash and found.utterances["text"].tolist() == told["text"].tolist()
    np.testing.assert_array_equal(found.features["text"], given.features["text"])
    with pytest.raises(DataError, match="came damaged"):
        unpack(file, "0" * 64)


def test_frames_end_with_a_result_or_are_said_to_break_off() -> None:
    sent = frame("progress", b"[1, 2]") + frame("alive") + frame("result", b"abc") + b"more"
    assert list(frames(io.BytesIO(sent))) == [("progress", b"[1, 2]"), ("alive", b""), ("result", b"abc")]
    for cut in (sent[:-5], sent[:20], b"", b"<html>"):
        with pytest.raises(DnRError, match="broke off"):
            list(frames(io.BytesIO(cut)))


def test_what_a_service_says_is_raised_as_what_it_is() -> None:
    body = {"error": {"status": 422, "kind": "UsageError", "message": "unknown class", "where": None}}
    assert type(refusal(422, json.dumps(body).encode())) is UsageError
    assert "answered 502: <html>" in str(refusal(502, b"<html>"))
    for address in ("", "gpu-box", "ftp://x", "http://"):
        with pytest.raises(UsageError, match="such as http://host:8600"):
            Wire(address or " ")
