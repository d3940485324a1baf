"""Several sources, one after another."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Generic, TypeVar

from leadlens.data.sources.protocol import RecordingSource
from leadlens.ecg.recording import Recording

Part = TypeVar("Part", bound=RecordingSource)


@dataclass(frozen=True)
class Several(Generic[Part]):
    """The recordings of several sources, one after another."""

    parts: tuple[Part, ...]

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        """Where each part ends, in positions."""
        return tuple(accumulate(len(part) for part in self.parts))

    def place(self, position: int) -> tuple[Part, int]:
        """Return the part that holds a position, and the position there."""
        number = bisect_right(self._ends, position)
        return self.parts[number], position - (self._ends[number - 1] if number else 0)

    def __len__(self) -> int:
        """Return the number of recordings."""
        return self._ends[-1] if self.parts else 0

    def name(self, position: int) -> str:
        """Return the name of a recording."""
        part, inside = self.place(position)
        return part.name(inside)

    def load(self, position: int) -> Recording:
        """Return one recording."""
        part, inside = self.place(position)
        return part.load(inside)

    def describe(self) -> dict[str, object]:
        """Return the parts' descriptions."""
        return {"kind": "several", "parts": [part.describe() for part in self.parts]}
