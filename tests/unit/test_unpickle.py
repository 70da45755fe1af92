"""The restricted unpickler: data comes back as it was written, and nothing that a pickle names is ever run."""

from __future__ import annotations

import collections
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from dnr_core.data.unpickle import load_pickle
from dnr_core.errors import DataError

RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
NDARRAY = b"cnumpy\nndarray\n"
RAW_FLOAT64 = b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R"
FLOAT64 = RAW_FLOAT64 + b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
EMPTY_ARRAY = RECONSTRUCT + NDARRAY + b"K\x00\x85U\x01b\x87R"


def load(tmp_path: Path, data: bytes) -> object:
    path = tmp_path / "release.pkl"
    path.write_bytes(data)
    return load_pickle(path)


def refusal(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(DataError) as caught:
        load(tmp_path, data)
    message = str(caught.value)
    assert "\n" not in message
    assert "release.pkl" in message
    return message


class Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "array",
    [
        np.array([1.5, -2.0, np.nan]),
        np.arange(6, dtype=np.int32).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2),
        np.array([1, 2], dtype=">i2"),
        np.array([0.5], dtype=np.float16),
        np.array([True, False]),
        np.array(["ab", "ç"]),
        np.array(3.0),
    ],
    ids=["nan", "int", "fortran", "transposed", "big_endian", "half", "bool", "words", "zero_d"],
)
def test_arrays_come_back_as_written(tmp_path: Path, protocol: int, array: np.ndarray) -> None:
    read = load(tmp_path, pickle.dumps(array, protocol))
    np.testing.assert_array_equal(read, array)
    assert read.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")  # type: ignore[attr-defined]
    assert read.shape == array.shape  # type: ignore[attr-defined]


@pytest.mark.parametrize("protocol", range(6))
def test_containers_and_scalars_come_back(tmp_path: Path, protocol: int) -> None:
    written = {
        "set": {"a", "b"},
        "frozen": frozenset({1}),
        "ordered": collections.OrderedDict([("x", 1), ("a", 2)]),
        "default": collections.defaultdict(set, {"k": {1}}),
        "scalar": np.float32(1.5),
        "bytes": b"\x00\xff",
        "nested": [(1, None), [True, 2.5]],
    }
    read = load(tmp_path, pickle.dumps(written, protocol))
    assert read == written
    assert list(read["ordered"]) == ["x", "a"]  # type: ignore[index]


def test_a_python_2_array_is_read(tmp_path: Path) -> None:
    raw = struct.pack("<2d", 1.5, -2.0)
    array = EMPTY_ARRAY + b"(K\x01K\x02\x85" + FLOAT64 + b"\x89U\x10" + raw + b"tb"
    read = load(tmp_path, b"\x80\x02}U\x05Ses01]" + array + b"as.")
    assert list(read) == ["Ses01"]  # type: ignore[call-overload]
    np.testing.assert_array_equal(read["Ses01"][0], [1.5, -2.0])  # type: ignore[index]


def test_python_2_text_and_sets_of_protocol_0_are_read(tmp_path: Path) -> None:
    data = (
        b"(dp1\nS'text'\np2\nS'It\\xe2\\x80\\x99s'\np3\nsS'ids'\np4\nc__builtin__\nset\np5\n((lp6\nS'a'\np7\natRp8\ns."
    )
    assert load(tmp_path, data) == {"text": "It\xe2\x80\x99s", "ids": {"a"}}


def test_a_python_2_scalar_is_read(tmp_path: Path) -> None:
    raw = struct.pack("<d", 0.25)
    assert load(tmp_path, b"\x80\x02cnumpy.core.multiarray\nscalar\n" + FLOAT64 + b"U\x08" + raw + b"\x86R.") == 0.25


@pytest.mark.parametrize("protocol", range(6))
def test_a_command_is_named_and_not_run(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "ran"
    message = refusal(tmp_path, pickle.dumps(Calls(os.system, f"touch {marker}"), protocol))
    assert "posix.system" in message or "nt.system" in message
    assert "nothing was executed" in message
    assert not marker.exists()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (pickle.dumps(Calls(eval, "1+1")), "builtins.eval"),
        (pickle.dumps(Calls(getattr, "x", "join")), "builtins.getattr"),
        (b"c__builtin__\neval\n(S'1'\ntR.", "__builtin__.eval"),
        (b"(S'1'\ni__builtin__\neval\n.", "__builtin__.eval"),
        (b"(cposix\nsystem\nS'1'\no.", "posix.system"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__call__\x93.", "numpy.dtype.__call__"),
        (b"cnumpy.core.multiarray\nfromfile\n.", "numpy.core.multiarray.fromfile"),
        (b"cnumpy\nload\n(S'x'\ntR.", "numpy.load"),
        (b"cbuiltins\nbytearray\n(I99999999999\ntR.", "builtins.bytearray"),
        (b"ccopyreg\n_reconstructor\n.", "copyreg._reconstructor"),
        (b"cpathlib\nPosixPath\n.", "pathlib.PosixPath"),
    ],
)
def test_other_globals_are_refused_by_name(tmp_path: Path, data: bytes, named: str) -> None:
    assert named in refusal(tmp_path, data)


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(np.array([{"a": 1}], dtype=object), 2),
        pickle.dumps(np.array([{"a": 1}], dtype=object), 5),
        pickle.dumps(np.zeros(2, dtype=[("a", "f8"), ("b", "O")])),
        pickle.dumps(np.array(["2020-01-01"], dtype="datetime64[D]")),
        b"cnumpy\ndtype\n(S'O'\nI0\nI1\ntR.",
        b"cnumpy\ndtype\n(S'f8,O'\nI0\nI1\ntR.",
        b"cnumpy\ndtype\n((lS'O'\naI0\nI1\ntR.",
    ],
    ids=["objects", "objects_5", "record", "date", "O", "f8,O", "list"],
)
def test_dtypes_other_than_numbers_and_words_are_refused(tmp_path: Path, data: bytes) -> None:
    assert "dtype" in refusal(tmp_path, data)


@pytest.mark.parametrize(
    "data",
    [
        RECONSTRUCT + b"c__builtin__\nset\nK\x00\x85U\x01b\x87R.",
        RECONSTRUCT + NDARRAY + b"J\xff\xff\xff\x7f\x85U\x01b\x87R.",
        RECONSTRUCT + NDARRAY + b"K\x00\x85U\x01O\x87R.",
        EMPTY_ARRAY + b"(K\x01K\x02\x85" + FLOAT64 + b"\x89]tb.",
        EMPTY_ARRAY + b"(K\x01K\x02\x85U\x01O\x89]tb.",
        RAW_FLOAT64 + b"(K\x03U\x01<N(U\x01at}U\x01aNsJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",
    ],
    ids=["other_class", "big", "objects", "list_data", "word_dtype", "fields"],
)
def test_arrays_that_are_not_plain_are_refused(tmp_path: Path, data: bytes) -> None:
    assert "nothing was executed" in refusal(tmp_path, data)


@pytest.mark.parametrize(
    "data",
    [
        EMPTY_ARRAY + b"(K\x01J\xff\xff\xff\x7f\x85" + FLOAT64 + b"\x89U\x01xtb.",
        NDARRAY + b"J\xff\xff\xff\x7f\x85R.",
        NDARRAY + b"J\xff\xff\xff\x7f\x85\x81.",
        NDARRAY + b"}U\x01aK\x01sb.",
        RECONSTRUCT + b"}U\x08functionK\x01sb.",
        b"r\xff\xff\xff\xff.",
        b"Nr\xff\xff\xff\x7f.",
    ],
    ids=["short_data", "call", "new", "changed_token", "changed_function", "memo_underflow", "memo_bomb"],
)
def test_tricks_end_in_one_error(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, b"\x80\x02" + data)


@pytest.mark.parametrize("factory", [list, dict, int, os.getcwd])
def test_default_dicts_of_other_factories_are_refused(tmp_path: Path, factory: object) -> None:
    message = refusal(tmp_path, pickle.dumps(collections.defaultdict(factory, {"a": 1})))  # type: ignore[call-overload]
    assert factory.__name__ in message  # type: ignore[attr-defined]


def test_a_default_dict_takes_no_array_token_as_factory(tmp_path: Path) -> None:
    assert "defaultdict" in refusal(tmp_path, b"ccollections\ndefaultdict\n(" + NDARRAY + b"tR.")


@pytest.mark.parametrize("encoding", ["rot13", "utf-8", "hex"])
def test_text_is_encoded_to_latin_1_only(tmp_path: Path, encoding: str) -> None:
    assert encoding in refusal(tmp_path, b"c_codecs\nencode\n(S'abc'\nS'" + encoding.encode() + b"'\ntR.")


@pytest.mark.parametrize("data", [b"\x82\x01.", b"\x83\x01\x00.", b"Pname\n.", b"\x80\x02U\x01xQ.", b"\x97."])
def test_opcodes_that_reach_outside_the_file_are_refused(tmp_path: Path, data: bytes) -> None:
    assert "opcode" in refusal(tmp_path, data)


def test_damaged_files_give_one_clear_error(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": np.arange(50.0), "b": ["text"] * 5}, 2)
    for length in [0, 1, 2, 10, len(whole) // 2, len(whole) - 1]:
        assert "not a readable pickle" in refusal(tmp_path, whole[:length])
    for garbage in (b"not a pickle at all", b"\x93NUMPY\x01\x00", b"PK\x03\x04", bytes(range(256))):
        refusal(tmp_path, garbage)


def test_the_error_for_a_nested_list_is_short(tmp_path: Path) -> None:
    bomb: list[object] = ["x"]
    for _ in range(30):
        bomb = [bomb] * 20
    assert len(refusal(tmp_path, pickle.dumps(Calls(np.dtype, bomb), 2))) < 1000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.pkl cannot be read"):
        load_pickle(tmp_path / "none.pkl")
