"""What a source of recordings can do."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from leadlens.ecg.recording import Recording


@runtime_checkable
class RecordingSource(Protocol):
    """Recordings that can be loaded one by one, by position."""

    def __len__(self) -> int:
        """Return the number of recordings."""

    def name(self, position: int) -> str:
        """Return the name of a recording, for messages and reports."""

    def load(self, position: int) -> Recording:
        """Return a recording; raises ReadError or SignalError for a bad one."""

    def describe(self) -> dict[str, object]:
        """Return what identifies the whole source, as JSON values."""


@runtime_checkable
class FileSource(RecordingSource, Protocol):
    """Recordings that lie in files, named before they are read."""

    def key(self, position: int) -> tuple[str, str]:
        """Return the source and the record id that the recording will have."""

    def path(self, position: int) -> Path:
        """Return the file that was found: where it is not seen, nothing can be read."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the files found, a sentence each; often nothing."""
