"""ECG files: `read` gives a Recording, whatever the format; `write_wfdb` writes one."""

from pathlib import Path

from leadlens.ecg.recording import Recording
from leadlens.errors import ReadError
from leadlens.io.wfdb import read_wfdb
from leadlens.io.write import write_wfdb

__all__ = ["read", "write_wfdb"]

_WFDB_SUFFIXES = ("", ".hea", ".mat", ".dat")


def read(path: str | Path, source: str | None = None) -> Recording:
    """Return the ECG in the file at `path`.

    Args:
        path: a WFDB record: its header (`.hea`), its signal file, or the name that both share.
        source: the data set's or hospital's name to keep with the recording.

    Raises:
        ReadError: the file is missing, damaged, or of a format that leadlens does not read.
    """
    path = Path(path)
    if path.suffix.lower() in _WFDB_SUFFIXES or path.with_name(path.name + ".hea").exists():
        return read_wfdb(path, source)
    raise ReadError(
        f"{path}: '{path.suffix}' files are not read: give a WFDB record (.hea with .mat or .dat)"
    )
