"""Memory that is used again instead of given back."""

import ctypes
import os
from typing import Final

_MMAP_THRESHOLD: Final = -3
_TRIM_THRESHOLD: Final = -1
_LARGEST_KEPT: Final = 2**25
"""Bytes; the most that glibc allows."""


def keep_memory() -> None:
    """Let this process keep the memory that it frees, and ask for it in large pages.

    Every step of a training makes and drops the same tensors of some 10 MB. By default glibc gives
    each back to the system, which then clears it page by page again. Only for processes
    that train: it is said to the whole process. Does nothing where the C library is
    another; large pages need a call before PyTorch first allocates.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    try:
        say = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # Another C library, or another system.
    say(_MMAP_THRESHOLD, _LARGEST_KEPT)
    say(_TRIM_THRESHOLD, 2**31 - 1)
