"""The same store at another rate."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from recordings import make_recording
from test_ingest import ListSource, bytes_of

from leadlens.data.derive import derive_store
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.store import Store, open_store
from leadlens.ecg.band import Band, limit_band
from leadlens.ecg.recording import select_leads
from leadlens.ecg.resample import resample, resample_array
from leadlens.errors import ConfigError, StoreError

RECORDINGS = (
    make_recording(500, 10.0, seed=0),
    make_recording(500, 25.0, seed=1, codes=("426783006",)),
    make_recording(500, 7.0, seed=2),
    select_leads(make_recording(500, 10.0, seed=3), ("I", "V2")),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store at 500 Hz with a long, a short and a two-lead recording."""
    path = tmp_path_factory.mktemp("derive") / "store"
    return ingest(ListSource(RECORDINGS), path, IngestSettings(fs=500))


@pytest.mark.parametrize("method", ["polyphase", "fft"])
@pytest.mark.parametrize("fs", [250.0, 100.0])
def test_a_derived_store_is_each_window_resampled(
    store: Store, tmp_path: Path, fs: float, method: str
) -> None:
    derived = derive_store(store, fs, tmp_path / "d", method)  # type: ignore[arg-type]
    windows = np.arange(len(store.rows))
    expected = resample_array(
        store.signal(windows), Fraction(fs / 500).limit_denominator(1000), method  # type: ignore[arg-type]
    )  # fmt: skip
    np.testing.assert_allclose(derived.signal(windows), expected, atol=0.5e-3 + 1e-6)
    assert (derived.fs, derived.n_samples, derived.manifest.resampling) == (fs, fs * 10, method)


def test_a_derived_store_is_what_ingest_at_that_rate_gives(store: Store, tmp_path: Path) -> None:
    derived = derive_store(store, 100, tmp_path / "d")
    direct = resample(RECORDINGS[0], 100).signal
    # Half a count of either rounding, and what the filter makes of the first one.
    np.testing.assert_allclose(derived.signal(np.array([0]))[0], direct, atol=1.5e-3)


def test_a_derived_store_keeps_the_index(store: Store, tmp_path: Path) -> None:
    derived = derive_store(store, 100, tmp_path / "d")
    assert derived.rows == store.rows
    assert open_store(tmp_path / "d", verify=True).manifest == derived.manifest


def test_a_derived_store_is_made_once(store: Store, tmp_path: Path) -> None:
    derive_store(store, 100, tmp_path / "d")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "d").iterdir()}
    derive_store(store, 100, tmp_path / "d")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "d").iterdir()} == times


def test_a_derived_store_begun_and_left_is_made_again_the_same(
    store: Store, tmp_path: Path
) -> None:
    derive_store(store, 100, tmp_path / "d")
    before = bytes_of(tmp_path / "d")
    (tmp_path / "d" / "manifest.json").unlink()
    derive_store(store, 100, tmp_path / "d")
    assert bytes_of(tmp_path / "d") == before


def test_a_higher_rate_is_refused_with_both_rates(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"1000 Hz is above the 500 Hz"):
        derive_store(store, 1000, tmp_path / "d")


@pytest.mark.parametrize(("fs", "method"), [(250.0, "polyphase"), (100.0, "fft")])
def test_a_folder_with_another_derived_store_is_refused(
    store: Store, tmp_path: Path, fs: float, method: str
) -> None:
    derive_store(store, 100, tmp_path / "d")
    with pytest.raises(StoreError, match="holds another store"):
        derive_store(store, fs, tmp_path / "d", method)  # type: ignore[arg-type]


def test_a_derived_store_of_the_same_signals_with_other_labels_is_another(
    store: Store, tmp_path: Path
) -> None:
    derive_store(store, 100, tmp_path / "d")
    corrected = tuple(replace(recording, codes=()) for recording in RECORDINGS)
    other = ingest(ListSource(corrected), tmp_path / "s", IngestSettings(fs=500))
    assert other.manifest.shards == store.manifest.shards
    with pytest.raises(StoreError, match="holds another store"):
        derive_store(other, 100, tmp_path / "d")


@pytest.mark.parametrize("method", ["polyphase", "fft"])
def test_windows_whose_length_is_no_whole_number_of_samples_can_be_derived(
    tmp_path: Path, method: str
) -> None:
    settings = IngestSettings(fs=50, duration=10.264)
    whole = ingest(ListSource((replace(RECORDINGS[0], fs=500),)), tmp_path / "s", settings)
    derived = derive_store(whole, 25, tmp_path / "d", method)  # type: ignore[arg-type]
    assert derived.counts(np.array([0])).shape == (1, 12, 257)


def test_a_store_in_a_band_is_each_window_resampled_and_then_limited(
    store: Store, tmp_path: Path
) -> None:
    band = Band(highpass=0.5, lowpass=30.0)
    derived = derive_store(store, 100, tmp_path / "d", band=band)
    windows = np.arange(len(store.rows))
    expected = limit_band(resample_array(store.signal(windows), Fraction(1, 5)), 100, band)
    np.testing.assert_allclose(derived.signal(windows), expected, atol=0.5e-3 + 1e-6)
    assert open_store(tmp_path / "d").manifest.band == band


def test_a_store_can_be_limited_at_its_own_rate(store: Store, tmp_path: Path) -> None:
    band = Band(lowpass=37.5)
    derived = derive_store(store, 500, tmp_path / "d", band=band)
    expected = limit_band(store.signal(np.array([0])), 500, band)
    np.testing.assert_allclose(derived.signal(np.array([0])), expected, atol=0.5e-3 + 1e-6)


def test_another_band_in_the_folder_and_a_store_without_the_rest_are_refused(
    store: Store, tmp_path: Path
) -> None:
    limited = derive_store(store, 100, tmp_path / "d", band=Band(lowpass=40.0))
    with pytest.raises(StoreError, match="holds another store"):
        derive_store(store, 100, tmp_path / "d", band=Band(lowpass=30.0))
    with pytest.raises(ConfigError, match="derive from the store it was made from"):
        derive_store(limited, 50, tmp_path / "e")
