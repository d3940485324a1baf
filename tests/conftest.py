"""Shared inputs: small recordings, WFDB files as the archives write them, and real data if any."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource
from leadlens.data.store import Store
from leadlens.ecg.leads import STANDARD_FROM_INDEPENDENT, STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.simulate import CohortSettings


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; tests that need it are skipped where there is none."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    path = Path(os.environ.get("LEADLENS_REAL_DATA", beside))
    if not (path / "records.csv").exists():
        pytest.skip("no real recordings here (set LEADLENS_REAL_DATA to their folder)")
    return path


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


@pytest.fixture
def write_record(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a WFDB record in the Challenge's form and gives its header."""

    def write(
        name: str = "A0001",
        counts: np.ndarray | None = None,
        *,
        folder: Path = tmp_path,
        fs: int = 500,
        gain: str = "1000/mV",
        comments: tuple[str, ...] = ("#Age: 60", "#Sex: Male", "#Dx: 426783006"),
        leads: tuple[str, ...] = STANDARD_LEADS,
        record_line: str | None = None,
    ) -> Path:
        if counts is None:
            counts = np.round(make_recording(fs=fs).signal * 1000).astype(np.int16)[: len(leads)]
        n_leads, n_samples = counts.shape
        lines = [record_line or f"{name} {n_leads} {fs} {n_samples}"]
        lines += [f"{name}.mat 16+24 {gain} 16 0 {row[0]} 0 0 {lead}"
                  for row, lead in zip(counts, leads, strict=True)]  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.mat").write_bytes(b"\0" * 24 + counts.T.astype("<i2").tobytes())
        header = folder / f"{name}.hea"
        header.write_text("\n".join([*lines, *comments]) + "\n")
        return header

    return write


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of 96 simulated recordings at 50 Hz."""
    path = tmp_path_factory.mktemp("small") / "store"
    cohort = CohortSettings(n_recordings=96, seed=3, fs=50)
    return ingest(CohortSource(cohort), path, IngestSettings(fs=50))
