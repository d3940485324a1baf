"""The twin of a simulated file: what is known of it, as a model's window shows it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from judged_models import bundle_of, linear

from leadlens.bundle import Bundle
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError, StoreError
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.twin import effect_at, evidence_at, evidence_of, needed_evidence, twin_at
from leadlens.explain.window import explain_ecg, explain_window, window_of
from leadlens.io import read
from leadlens.simulate import CohortSettings
from leadlens.simulate.export import export_wfdb

RBBB = diagnosis("RBBB").code
PAIR = CohortSettings(
    cohort="pairs", diagnosis="RBBB", n_recordings=2, seed=4, fs=200, noise="none"
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ECG with right bundle branch block, and the same draws without."""
    folder = tmp_path_factory.mktemp("pair") / "wfdb"
    export_wfdb(PAIR, folder, with_evidence=True)
    return folder


def model(fs: float = 200.0, duration: float = 10.0) -> Bundle:
    bundle = bundle_of(linear())
    changes = {"fs": fs, "duration": duration, "classes": (RBBB, diagnosis("NSR").code)}
    return replace(bundle, config=bundle.config.model_copy(update=changes))


@pytest.mark.parametrize(("fs", "duration"), [(200.0, 10.0), (100.0, 4.0)])
def test_the_twin_is_the_ecg_of_the_same_draws_without_the_diagnosis(
    pair: Path, fs: float, duration: float
) -> None:
    bundle = model(fs, duration)
    ecg, healthy = read(pair / "SIM000000.hea"), read(pair / "SIM000001.hea")
    stored = needed_evidence(pair / "SIM000000.hea", ecg)
    for window in range(3 if duration < 10 else 1):
        signal, other = (window_of(bundle, each, window) for each in (ecg, healthy))
        found = twin_at(bundle, signal, stored, RBBB, window)
        # Files hold whole microvolts; the effect does too.
        assert np.abs(found - other).max() < 0.004
        assert np.abs(signal - other).max() > 0.1


def test_a_window_beyond_the_recording_has_no_twin_there(pair: Path) -> None:
    bundle = model(duration=12.0)
    ecg = read(pair / "SIM000000.hea")
    stored = needed_evidence(pair / "SIM000000.hea", ecg)
    twin = twin_at(bundle, window_of(bundle, ecg), stored, RBBB)
    assert np.isnan(twin[:, 2000:]).all()
    assert np.isfinite(twin[:, :2000]).all()
    everywhere = tuple(replace(e, mask=np.ones_like(e.mask)) for e in stored.evidence)
    mask = evidence_at(bundle, replace(stored, evidence=everywhere))["RBBB"].mask
    assert mask[:, :2000].all()
    assert not mask[:, 2000:].any()


def test_evidence_keeps_its_place_at_another_rate(pair: Path) -> None:
    stored = needed_evidence(pair / "SIM000000.hea", read(pair / "SIM000000.hea"))
    (whole,) = (item for item in stored.evidence if item.diagnosis == "RBBB")
    half, same = (evidence_at(model(fs), stored)["RBBB"] for fs in (100.0, 200.0))
    assert np.array_equal(same.mask, whole.mask)
    assert np.array_equal(half.mask, whole.mask[:, ::2])
    assert np.array_equal(half.difference, whole.difference[:, ::2])


def test_against_its_twin_a_linear_model_uses_its_weights_times_the_effect(pair: Path) -> None:
    bundle = model()
    ecg = read(pair / "SIM000000.hea")
    stored = needed_evidence(pair / "SIM000000.hea", ecg)
    settings = ExplainSettings(
        method="exact_shapley", pieces="whole", timing=False, replacement="healthy_twin"
    )
    twin = twin_at(bundle, window_of(bundle, ecg), stored, RBBB)
    said = explain_ecg(bundle, ecg, settings, without=twin)
    weights = next(bundle.model.parameters()).detach().numpy()[0].astype(float)
    parts = weights * effect_at(bundle, stored, "RBBB").mean(axis=1, dtype=np.float64)
    np.testing.assert_allclose(said.values[0], [parts[:6].sum(), *parts[6:]], atol=1e-4)
    assert np.abs(parts).max() > 0.05


def test_without_the_twin_the_replacement_is_refused(pair: Path) -> None:
    ecg, settings = read(pair / "SIM000000.hea"), ExplainSettings(replacement="healthy_twin")
    with pytest.raises(ConfigError, match="'healthy_twin' needs the ECG without the diagnosis"):
        explain_ecg(model(), ecg, settings)
    with pytest.raises(ConfigError, match="'healthy_twin' needs the ECG without the diagnosis"):
        explain_window(model(), window_of(model(), ecg), "mV", settings)


def test_a_recording_without_the_diagnosis_has_no_twin_without_it(pair: Path) -> None:
    healthy = read(pair / "SIM000001.hea")
    stored = needed_evidence(pair / "SIM000001.hea", healthy)
    with pytest.raises(ConfigError, match="SIM000001 has no RBBB"):
        twin_at(model(), window_of(model(), healthy), stored, RBBB)


def test_a_file_alone_has_no_evidence_and_the_message_names_what_was_looked_for(
    pair: Path, tmp_path: Path
) -> None:
    ecg = read(pair / "SIM000000.hea")
    assert evidence_of(tmp_path / "SIM000000.hea", ecg) is None
    with pytest.raises(ConfigError, match=r"there is no .*SIM000000\.npz.*simulate --evidence"):
        needed_evidence(tmp_path / "SIM000000.hea", ecg)


def test_evidence_of_another_recording_is_refused(pair: Path, tmp_path: Path) -> None:
    ecg = read(pair / "SIM000000.hea")
    (tmp_path / "SIM000000.npz").write_bytes((pair / "SIM000001.npz").read_bytes())
    with pytest.raises(StoreError, match="is the evidence of SIM000001"):
        evidence_of(tmp_path / "SIM000000.hea", ecg)
    short = Recording(ecg.signal[:, :500], ecg.fs, STANDARD_LEADS, ecg.record_id)
    with pytest.raises(StoreError, match=r"2000 samples at 200 Hz; .* is SIM000000, 500"):
        evidence_of(pair / "SIM000000.hea", short)


def test_evidence_of_an_older_format_has_no_twins(pair: Path, tmp_path: Path) -> None:
    with np.load(pair / "SIM000000.npz") as file:
        arrays = {name: file[name] for name in file.files if name != "effect"}
    arrays["format"] = np.array("leadlens-evidence-1")
    np.savez_compressed(tmp_path / "SIM000000.npz", **arrays)
    ecg = read(pair / "SIM000000.hea")
    assert evidence_of(tmp_path / "SIM000000.hea", ecg) is not None
    with pytest.raises(StoreError, match="older leadlens and holds no twins"):
        needed_evidence(tmp_path / "SIM000000.hea", ecg)
