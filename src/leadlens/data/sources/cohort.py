"""Simulated cohorts as sources."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from leadlens.data.sources.several import Several
from leadlens.ecg.recording import Recording
from leadlens.simulate import Batch, CohortSettings, programme_batch, recording_of

SIMULATED: Final = "simulated"
_COHORT_BATCH: Final = 256
"""Simulated recordings that are programmed together when one of them is loaded."""


@dataclass(frozen=True)
class CohortSource:
    """A simulated cohort.

    Attributes:
        settings: of the cohort.
        source: what its recordings name as their source.
    """

    settings: CohortSettings
    source: str = SIMULATED

    def __len__(self) -> int:
        """Return the number of recordings."""
        return self.settings.n_recordings

    def name(self, position: int) -> str:
        """Return the number of the recording."""
        return f"{self.source} recording {position}"

    def load(self, position: int) -> Recording:
        """Simulate one recording; those near it are programmed with it."""
        first = position - position % _COHORT_BATCH
        last = min(first + _COHORT_BATCH, len(self))
        recording = recording_of(_cohort_batch(self.settings, first, last), position - first)
        return replace(recording, source=self.source)

    def describe(self) -> dict[str, object]:
        """Return the kind and the simulator's settings."""
        named = {} if self.source == SIMULATED else {"source": self.source}
        return {"kind": "simulated", **named, **self.settings.model_dump(mode="json")}


class CohortsSource(Several[CohortSource]):
    """Several simulated cohorts: hospitals with their own devices and habits."""


@lru_cache(maxsize=1)
def _cohort_batch(settings: CohortSettings, first: int, last: int) -> Batch:
    """Return the programmes of some recordings, kept while they are loaded one after another."""
    return programme_batch(settings, np.arange(first, last))
