"""Reading the pickles that releases come in, without ever running what a pickle asks for."""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import reprlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from dnr_core.errors import DataError

REFUSED_OPCODES = frozenset({"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER"})
MEMO_OPCODES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
NUMBER_DTYPE = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f(?:2|4|8|16)|[SU][1-9]\d{0,5})")
"""dtypes that hold plain numbers or strings: no object, no record, no date."""


class _Token:
    """Stands for a global that a pickle names: it can be referred to, but neither called nor changed."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __setstate__(self, state: object) -> NoReturn:
        raise DataError(f"the pickle changes {self.name}", do="nothing was executed; use a file from its publisher")


class _Callable(_Token):
    """A global that a pickle may call: `function` checks its arguments."""

    __slots__ = ("function",)

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        super().__init__(name)
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


class _Dtype:
    """A numpy dtype in the making; its state may set the byte order and nothing else."""

    __slots__ = ("value",)

    def __init__(self, value: np.dtype) -> None:
        self.value = value

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order, subdtype, names, fields = _text(state[1]), *state[2:5]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in (subdtype, names, fields)):
            _refuse(f"a numpy dtype with the state {hint(state[1:5])}", "plain numbers or strings")
        if order in ("<", ">"):
            self.value = self.value.newbyteorder(order)


class _Array(np.ndarray):
    """An array in the making: its state is checked before numpy sees it."""

    __slots__ = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, raw = state
        checked = _dtype_of(dtype)
        data = _bytes(raw)
        count = int(np.prod([int(side) for side in shape], dtype=object)) if shape else 1
        if min(shape, default=0) < 0 or len(data) != count * checked.itemsize:
            raise ValueError(f"an array of shape {shape} needs {count * checked.itemsize} bytes, not {len(data)}")
        super().__setstate__((1, tuple(shape), checked, bool(fortran), data))  # type: ignore[arg-type]


def load_pickle(path: Path) -> Any:
    """The object in a pickle of protocol 0–5, Python 2 ones included (their byte strings come as latin-1 text).

    Only numpy arrays and scalars of numbers or strings and the built-in containers are built; sub-classes of `dict`
    come as plain dicts. Raises DataError where the file cannot be read, is cut off, or names anything else.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read", got=error.strerror or error) from error
    try:
        _scan(data)
        return _Unpickler(io.BytesIO(data), encoding="latin1").load()
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error
    except Exception as error:  # a damaged pickle can fail in any of a dozen ways, each of them the file's fault
        raise DataError(
            f"{path.name} is not a readable pickle",
            got=f"{type(error).__name__}: {error}",
            expected="a complete pickle of protocol 0 to 5",
            do="download the file again",
        ) from error


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows ALLOWED and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = ALLOWED.get((module, name))
        if allowed is None:
            _refuse(f"the global {module}.{name}", "numpy arrays and plain containers only")
        return allowed

    def persistent_load(self, pid: Any) -> NoReturn:
        _refuse("a persistent id", "no outside objects")


def _scan(data: bytes) -> None:
    """Refuse opcodes that reach outside the file, and memo numbers that would make the reader reserve gigabytes."""
    for opcode, argument in _opcodes(data):
        if opcode.name in REFUSED_OPCODES:
            _refuse(f"the opcode {opcode.name}", "no outside objects")
        if opcode.name in MEMO_OPCODES and int(argument) > len(data):
            raise ValueError(f"memo number {argument} in a file of {len(data)} bytes")


def _opcodes(data: bytes) -> Iterator[tuple[pickletools.OpcodeInfo, Any]]:
    """Each opcode and its argument, as `pickletools.genops`, which cannot read the bytes of Python 2 strings."""
    stream = io.BytesIO(data)
    while True:
        code = stream.read(1)
        opcode = pickletools.code2op.get(code.decode("latin1"))  # type: ignore[attr-defined]
        if opcode is None:
            raise ValueError(f"unknown opcode {code!r}" if code else "the file ends early")
        if opcode.name == "STRING":
            yield opcode, stream.readline()
        else:
            yield opcode, None if opcode.arg is None else opcode.arg.reader(stream)
        if opcode.name == "STOP":
            return


def _refuse(got: str, expected: str) -> NoReturn:
    raise DataError(
        "the pickle asks for something that data does not need",
        got=got,
        expected=expected,
        do="nothing was executed; use a file from its publisher",
    )


def hint(value: Any) -> str:
    """The beginning of an object, of bounded length: a nested list that shares its parts could print without end."""
    return reprlib.repr(value)[:80]


def _text(value: Any) -> str:
    """A word of a pickle; anything else only as a hint of it."""
    if isinstance(value, bytes):
        return value.decode("latin1")
    return value if isinstance(value, str) else hint(value)


def _bytes(value: Any) -> bytes:
    """Raw array data: bytes, or the latin-1 text that a Python 2 byte string was read as."""
    if isinstance(value, str):
        return value.encode("latin1")
    if not isinstance(value, (bytes, bytearray)):
        _refuse(f"array data of type {type(value).__name__}", "bytes")
    return bytes(value)


def _dtype_of(value: Any) -> np.dtype:
    if not isinstance(value, _Dtype):
        _refuse(f"a {type(value).__name__} where a dtype belongs", "a dtype of plain numbers or strings")
    return value.value


def _make_dtype(name: Any, *_: Any) -> _Dtype:
    if NUMBER_DTYPE.fullmatch(_text(name)) is None:
        _refuse(f"numpy.dtype({_text(name)!r})", "a dtype of plain numbers or strings")
    return _Dtype(np.dtype(_text(name)))


def _reconstruct(kind: Any, shape: Any, dtype: Any) -> _Array:
    """numpy's empty array, filled by its state; any other class or shape is refused."""
    if kind is not _NDARRAY or tuple(shape) != (0,) or _text(dtype) != "b":
        _refuse(
            f"_reconstruct({getattr(kind, 'name', type(kind).__name__)}, {hint(shape)}, {hint(dtype)})",
            "an empty numpy.ndarray",
        )
    return _Array((0,), dtype=np.int8)


def _frombuffer(raw: Any, dtype: Any, shape: Any, order: Any, axis_order: Any = None) -> np.ndarray:
    """A contiguous array of protocol 5; `axis_order` (numpy ≥ 2.3) is for arrays of permuted axes (order K)."""
    flat = np.frombuffer(_bytes(raw), dtype=_dtype_of(dtype)).copy()
    if axis_order is None:
        return flat.reshape(tuple(shape), order=_text(order))  # type: ignore[call-overload]
    return flat.reshape(tuple(shape)).transpose(tuple(axis_order))


def _scalar(dtype: Any, raw: Any) -> Any:
    kind = _dtype_of(dtype)
    data = _bytes(raw)
    if len(data) != kind.itemsize:
        raise ValueError(f"a scalar {kind} needs {kind.itemsize} bytes, not {len(data)}")
    return np.frombuffer(data, dtype=kind)[0]


def _encode(text: Any, encoding: Any = None) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        _refuse(f"_codecs.encode to {hint(encoding)}", "latin1")
    return _text(text).encode("latin1")


def _defaultdict(factory: Any = None, *pairs: Any) -> dict[Any, Any]:
    if factory is not None and factory not in (_SET, _FROZENSET):
        _refuse(f"a defaultdict of {type(factory).__name__}", "set, frozenset or None")
    return dict(*pairs)


_NDARRAY = _Token("numpy.ndarray")
_SET = _Callable("set", set)
_FROZENSET = _Callable("frozenset", frozenset)
_BY_NAME: tuple[tuple[tuple[str, ...], str, _Token], ...] = (
    (("numpy.core.multiarray", "numpy._core.multiarray"), "_reconstruct", _Callable("_reconstruct", _reconstruct)),
    (("numpy.core.multiarray", "numpy._core.multiarray"), "scalar", _Callable("scalar", _scalar)),
    (("numpy.core.numeric", "numpy._core.numeric"), "_frombuffer", _Callable("_frombuffer", _frombuffer)),
    (("numpy",), "ndarray", _NDARRAY),
    (("numpy",), "dtype", _Callable("numpy.dtype", _make_dtype)),
    (("_codecs",), "encode", _Callable("_codecs.encode", _encode)),
    (("builtins", "__builtin__"), "set", _SET),
    (("builtins", "__builtin__"), "frozenset", _FROZENSET),
    (("collections",), "OrderedDict", _Callable("OrderedDict", dict)),
    (("collections",), "defaultdict", _Callable("defaultdict", _defaultdict)),
)
ALLOWED: dict[tuple[str, str], _Token] = {
    (module, name): target for modules, name, target in _BY_NAME for module in modules
}
