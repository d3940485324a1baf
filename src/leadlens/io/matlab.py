"""MATLAB files (`.mat`, versions 4 to 7.2) as data sets use them: arrays and structs by name."""

from pathlib import Path
from typing import Any

from leadlens.errors import ReadError


def read_matlab(path: Path) -> dict[str, Any]:
    """Return the variables of the file: arrays without axes of length 1, structs as dicts.

    Raises:
        ReadError: naming the file and the reason.
    """
    # Here, not above: scipy.io takes 50 ms to import, and every command reads this module.
    from scipy.io import loadmat

    try:
        return dict(loadmat(str(path), simplify_cells=True))
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    except Exception as error:
        # loadmat raises what its parsing meets (ValueError, TypeError, its own), undocumented.
        raise ReadError(f"{path} is no MATLAB file that can be read: {error}") from error
