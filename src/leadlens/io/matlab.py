"""MATLAB files (`.mat`, versions 4 to 7.2) as data sets use them: arrays and structs by name."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from leadlens.errors import ReadError

_MATRIX: Final = 14
_COMPRESSED: Final = 15
_NUMBERS: Final = (1, 2, 3, 4, 5, 6, 7, 9, 12, 13)
_TEXTS: Final = (16, 17, 18)
_HEAD: Final = [6, 5, 1]
"""Types of a matrix's first elements: flags, shape, name."""
_CHARACTERS: Final = 4
_OBJECT: Final = 17
_NUMERIC: Final = range(6, 16)
"""Classes of matrices whose numbers are one more element, or two where they are complex."""


def read_matlab(path: Path) -> dict[str, Any]:
    """Return the variables of the file: arrays without axes of length 1, structs as dicts.

    Raises:
        ReadError: naming the file and the reason.
    """
    # Here, not above: scipy.io takes 50 ms to import, and every command reads this module.
    from scipy.io import loadmat

    try:
        content = path.read_bytes()
        _check_version_5(content)
        return dict(loadmat(io.BytesIO(content), simplify_cells=True))
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    except Exception as error:
        # loadmat raises what its parsing meets (ValueError, TypeError, its own), undocumented.
        raise ReadError(f"{path} is no MATLAB file that can be read: {error}") from error


def _check_version_5(content: bytes) -> None:
    """Raise a ValueError where scipy would end the process: it believes types and flags unseen."""
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order and 0 not in content[:4]:
        _check_elements(content[128:], order)


def _check_elements(content: bytes, order: str, inside: bool = False) -> list[int]:
    """Return the types of the elements in `content`, after checking them and what is in them.

    An element is its type and size, 4 bytes each, and its bytes, filled up to a multiple of 8; one
    of up to 4 bytes has its size in the upper half of the type, and is 8 bytes long.
    """
    kinds, start = [], 0
    known = (_MATRIX, *_NUMBERS, *_TEXTS) if inside else (_MATRIX, _COMPRESSED)
    while start < len(content):
        kind, size = struct.unpack_from(order + "II", content, start)
        short, kind = kind >> 16, kind & 0xFFFF
        body = content[start + 8 : start + 8 + (0 if short else size)]
        if kind not in known or short > 4 or (not short and len(body) < size):
            raise ValueError("it is damaged")
        if kind == _COMPRESSED:
            _check_elements(zlib.decompress(body), order)
        elif kind == _MATRIX and body:
            _check_matrix(body, order)
        kinds.append(kind)
        start += 8 + len(body) + (-len(body) % 8 if kind != _COMPRESSED else 0)
    return kinds


def _check_matrix(body: bytes, order: str) -> None:
    """Raise a ValueError if a matrix has not the elements that its class needs."""
    kinds = _check_elements(body, order, inside=True)
    kind, size, flags = struct.unpack_from(order + "III", body)
    of_class = flags & 0xFF
    rest = kinds[3:]
    known = _NUMBERS if of_class in _NUMERIC else (*_NUMBERS, *_TEXTS)
    has_values = of_class in (_CHARACTERS, *_NUMERIC)
    is_right = not has_values or (
        len(rest) == (2 if flags & 0x800 else 1) and set(rest) <= set(known)
    )
    has_head = kinds[:3] == _HEAD or of_class == _OBJECT
    if (kind, size) != (6, 8) or not has_head or not is_right:
        raise ValueError("it is damaged")


def twelve_leads(value: Any, name: str, path: Path) -> Float32[np.ndarray, "12 time"]:
    """Return the variable `name` of a file, (12, time).

    Raises:
        ReadError: it is of another shape, or holds something else than real numbers.
    """
    signal = np.asarray(value)
    if signal.ndim != 2 or len(signal) != 12 or signal.dtype.kind not in "iuf":
        raise ReadError(
            f"{path}: '{name}' has the shape {signal.shape} and the type {signal.dtype}: "
            "(12, time) numbers are needed"
        )
    with np.errstate(over="ignore"):
        return signal.astype(np.float32)
