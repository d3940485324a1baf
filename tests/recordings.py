"""Recordings for tests, to import where a fixture cannot be: in Hypothesis and in workers."""

from dataclasses import dataclass

import numpy as np

from leadlens.ecg.leads import STANDARD_FROM_INDEPENDENT, STANDARD_LEADS
from leadlens.ecg.recording import Recording


def make_recording(
    fs: float = 500.0, duration: float = 10.0, seed: int = 0, **known: object
) -> Recording:
    """Return a valid 12-lead recording in mV: smooth noise that obeys the limb-lead equations."""
    rng = np.random.default_rng(seed)
    n_samples = round(fs * duration)
    steps = rng.normal(0.0, 0.05, (8, n_samples))
    smooth = np.cumsum(steps, axis=1) - np.linspace(0, 1, n_samples) * steps.sum(axis=1)[:, None]
    signal = (STANDARD_FROM_INDEPENDENT @ smooth).astype(np.float32)
    values = {"record_id": f"R{seed:05d}", "source": "test", "codes": (), **known}
    return Recording(signal=signal, fs=fs, leads=STANDARD_LEADS, **values)  # type: ignore[arg-type]


@dataclass(frozen=True)
class ListSource:
    """A source of the recordings given."""

    recordings: tuple[Recording, ...]

    def __len__(self) -> int:
        return len(self.recordings)

    def name(self, position: int) -> str:
        """Return the record id."""
        return self.recordings[position].record_id

    def load(self, position: int) -> Recording:
        """Return a recording."""
        return self.recordings[position]

    def describe(self) -> dict[str, object]:
        """Return what identifies this source."""
        return {"kind": "list", "names": [item.record_id for item in self.recordings]}
