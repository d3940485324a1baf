"""Exported cohorts: what is written is what was simulated, whole or not at all."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import leadlens
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource
from leadlens.data.store import open_store
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.engines.local import LocalEngine
from leadlens.errors import StoreError
from leadlens.io import read
from leadlens.simulate import (
    Batch,
    CohortSettings,
    evidence,
    programme_batch,
    recording_of,
    simulate_cohort,
)
from leadlens.simulate.evidence import effect
from leadlens.simulate.evidence_file import evidence_beside
from leadlens.simulate.export import (
    export_evidence,
    export_wfdb,
    read_evidence,
    write_evidence,
)
from leadlens.simulate.heart import fiducials
from leadlens.simulate.programme import Truth
from leadlens.simulate.torso import twelve_leads

SMALL = CohortSettings(n_recordings=12, seed=4, fs=100.0, faults=0.4)
TIMES = ("p_onset", "p_offset", "qrs_onset", "qrs_offset", "t_peak", "t_offset")


def batch_of(settings: CohortSettings) -> Batch:
    return programme_batch(settings, np.arange(settings.n_recordings))


def content(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def export_until(monkeypatch: pytest.MonkeyPatch, n: int, folder: Path) -> None:
    """Export SMALL with evidence, but stop as if killed before record `n`'s signal is written."""
    from leadlens.simulate import export

    written = []

    def write_or_stop(*args: object) -> object:
        if len(written) == n:
            raise KeyboardInterrupt
        written.append(1)
        return write(*args)

    write = export.write_wfdb
    with monkeypatch.context() as patch:
        patch.setattr(export, "write_wfdb", write_or_stop)
        with pytest.raises(KeyboardInterrupt):
            export_wfdb(SMALL, folder, with_evidence=True)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SMALL with evidence, exported in one go; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("export") / "wfdb"
    export_wfdb(SMALL, folder, with_evidence=True)
    return folder


def test_masks_come_back_exactly_and_differences_to_a_255th(exported: Path) -> None:
    batch = batch_of(SMALL)
    for row in range(len(batch)):
        stored = read_evidence(exported / f"SIM{row:06d}.npz")
        found = evidence(batch, row)
        assert [item.diagnosis for item in stored.evidence] == [item.diagnosis for item in found]
        for ours, theirs in zip(stored.evidence, found, strict=True):
            assert (ours.kinds, ours.scale) == (theirs.kinds, theirs.scale)
            for part in ("mask", "rule", "secondary"):
                assert np.array_equal(getattr(ours, part), getattr(theirs, part))
            gap = ours.difference.astype(float) - theirs.difference.astype(float)
            assert np.abs(gap).max() < 1 / 255
            assert ours.difference.dtype == theirs.difference.dtype


def test_effects_come_back_to_a_microvolt_and_keep_the_limb_lead_equations(exported: Path) -> None:
    batch = batch_of(SMALL)
    for row in range(len(batch)):
        stored = read_evidence(exported / f"SIM{row:06d}.npz")
        assert list(stored.effects) == [item.diagnosis for item in stored.evidence]
        for name, found in stored.effects.items():
            assert found.dtype == np.float32
            # III and the augmented leads are sums of two that are rounded.
            assert np.abs(found - effect(batch, row, name)).max() <= 1.1e-3
            assert np.abs(found[6:] - effect(batch, row, name)[6:]).max() <= 0.6e-3
            assert np.array_equal(found, twelve_leads(found[[0, 1, *range(6, 12)]]))
        lead_off = stored.lead_off
        if lead_off is not None:
            for found in stored.effects.values():
                assert not found[STANDARD_LEADS.index(lead_off)].any()


def test_a_file_of_format_1_is_read_without_effects(exported: Path, tmp_path: Path) -> None:
    with np.load(exported / "SIM000000.npz") as file:
        arrays = {name: file[name] for name in file.files if name != "effect"}
    arrays["format"] = np.array("leadlens-evidence-1")
    np.savez_compressed(tmp_path / "old.npz", **arrays)
    old, new = read_evidence(tmp_path / "old.npz"), read_evidence(exported / "SIM000000.npz")
    assert old.effects == {}
    assert len(old.evidence) == len(new.effects) > 0
    assert np.array_equal(old.evidence[0].mask, new.evidence[0].mask)


@pytest.mark.parametrize("name", ["a/E.01", "a/E.01.hea", "a/E.01.mat"])
def test_evidence_lies_beside_its_record_whatever_file_of_it_is_named(name: str) -> None:
    assert evidence_beside(Path(name)) == Path("a/E.01.npz")


def test_beats_and_all_that_is_known_of_a_recording_come_back(exported: Path) -> None:
    batch = batch_of(SMALL)
    names = set()
    for row in range(len(batch)):
        stored = read_evidence(exported / f"SIM{row:06d}.npz")
        beats = fiducials(batch.programme, row)
        for name in ("kind", *TIMES):
            ours, theirs = getattr(stored.fiducials, name), getattr(beats, name)
            assert np.array_equal(ours, theirs, equal_nan=name != "kind")
        assert stored.record_id == f"SIM{row:06d}"
        assert (stored.fs, stored.n_samples) == (100.0, 1000)
        assert stored.borderline == tuple(sorted(batch.truth.borderline[row]))
        assert stored.fault == batch.devices.fault_name(row)
        assert (stored.lead_off is not None) == (stored.fault == "lead off")
        names |= {stored.device, stored.fault}
    assert len(names) > 4  # the cohort is large enough to tell devices and faults apart


def test_a_length_that_fills_no_whole_byte_comes_back(tmp_path: Path) -> None:
    settings = CohortSettings(n_recordings=1, fs=75.0, duration=5.1)
    batch = batch_of(settings)
    write_evidence(batch, 0, tmp_path / "one.npz")
    stored, found = read_evidence(tmp_path / "one.npz"), evidence(batch, 0)
    assert stored.n_samples == round(75 * 5.1)
    assert stored.n_samples % 8
    assert np.array_equal(stored.evidence[0].mask, found[0].mask)


def test_a_recording_with_none_of_the_diagnoses_has_a_file_too(tmp_path: Path) -> None:
    batch = batch_of(SMALL)
    nothing = (frozenset[str](),) * len(batch)
    batch = replace(batch, truth=Truth(nothing, nothing))
    write_evidence(batch, 0, tmp_path / "none.npz")
    stored = read_evidence(tmp_path / "none.npz")
    assert (stored.evidence, stored.effects, stored.borderline) == ((), {}, ())
    assert len(stored.fiducials.kind) > 5


def test_evidence_holds_the_complete_truth_also_where_annotators_leave_some_out(
    tmp_path: Path,
) -> None:
    plain = CohortSettings(n_recordings=40, seed=6, fs=50.0)
    annotated = batch_of(plain.model_copy(update={"labels": "annotator"}))
    n_other = 0
    for row, complete in enumerate(simulate_cohort(plain)):
        if recording_of(annotated, row).codes == complete.codes:
            continue
        n_other += 1
        write_evidence(annotated, row, tmp_path / "one.npz")
        stored = read_evidence(tmp_path / "one.npz")
        assert stored.criteria == complete.codes
        shown = {diagnosis(item.diagnosis).code for item in stored.evidence}
        assert shown == set(stored.criteria) - {"29320008"}
    assert n_other > 10


@pytest.mark.parametrize("damage", ["missing", "cut", "text", "array", "pickle", "format", "part"])
def test_a_file_that_is_no_evidence_is_named(exported: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "bad.npz"
    whole = (exported / "SIM000000.npz").read_bytes()
    with np.load(exported / "SIM000000.npz") as file:
        arrays = dict(file)
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "text":
        path.write_text("nothing\n")
    elif damage == "array":
        with path.open("wb") as array:
            np.save(array, np.zeros(3))
    elif damage == "pickle":
        np.savez(path, **{**arrays, "kinds": np.array([{}], dtype=object)})
    elif damage == "format":
        np.savez(path, **{**arrays, "format": np.array("other-1")})
    elif damage == "part":
        np.savez(path, **{name: array for name, array in arrays.items() if name != "mask"})
    with pytest.raises(StoreError, match=r"bad\.npz cannot be read as evidence"):
        read_evidence(path)


def test_records_are_read_back_with_all_that_the_cohort_says(exported: Path) -> None:
    for recording in simulate_cohort(SMALL):
        back = read(exported / f"{recording.record_id}.hea")
        for part in ("fs", "leads", "age", "sex", "codes", "patient", "units", "record_id"):
            assert getattr(back, part) == getattr(recording, part)
        np.testing.assert_allclose(back.signal, recording.signal, rtol=1e-6, atol=0)
    names = (exported / "RECORDS").read_text().splitlines()
    assert names == [f"SIM{index:06d}" for index in range(12)]


@pytest.mark.parametrize(("device", "step"), [("ptb-xl", 0.001), ("georgia", 0.00488)])
def test_counts_are_those_of_the_devices_converter(
    tmp_path: Path, device: str, step: float
) -> None:
    settings = CohortSettings(n_recordings=1, fs=100.0, device=device)  # type: ignore[arg-type]
    export_wfdb(settings, tmp_path)
    counts = np.fromfile(tmp_path / "SIM000000.mat", "<i2", offset=24).reshape(-1, 12).T
    (recording,) = simulate_cohort(settings)
    in_steps = recording.signal.astype(float) / step
    assert np.abs(counts - in_steps).max() < 1e-3
    assert np.abs(counts).max() > 50


def test_without_noise_a_signal_is_kept_to_half_a_microvolt(tmp_path: Path) -> None:
    settings = CohortSettings(n_recordings=1, fs=100.0, device="georgia", noise="none")
    export_wfdb(settings, tmp_path)
    (recording,) = simulate_cohort(settings)
    back = read(tmp_path / "SIM000000")
    assert np.abs(back.signal - recording.signal).max() <= 0.5e-3 + 1e-6


def test_the_manifest_holds_settings_version_and_counts(exported: Path) -> None:
    manifest = json.loads((exported / "simulation.json").read_text())
    assert CohortSettings.model_validate(manifest["settings"]) == SMALL
    assert manifest["leadlens_version"] == leadlens.__version__
    assert manifest["files"] == {"wfdb": 12, "evidence": 12}
    n_with = dict.fromkeys(manifest["diagnoses"], 0)
    for recording in simulate_cohort(SMALL):
        for code in set(recording.codes or ()) - {"29320008"}:
            n_with[diagnosis(code).abbreviation] += 1
    assert manifest["diagnoses"] == n_with
    assert len(n_with) == 30


@pytest.mark.parametrize("n_written", [0, 5])
def test_an_export_that_was_stopped_goes_on_to_the_same_bytes(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_written: int
) -> None:
    folder = tmp_path / "stopped"
    export_until(monkeypatch, n_written, folder)
    assert not (folder / "simulation.json").exists()
    headers = sorted(folder.glob("*.hea"))
    assert len(headers) == n_written
    before = {path: path.stat().st_mtime_ns for path in headers}
    (folder / ".SIM000005.mat.99.partial").write_bytes(b"half")
    done = []
    result = export_wfdb(
        SMALL, folder, with_evidence=True, on_progress=lambda n, total: done.append((n, total))
    )
    assert done == [(n_written, 12), (12, 12)]
    assert (result.n_recordings, result.n_evidence) == (12, 12)
    assert {path: path.stat().st_mtime_ns for path in headers} == before
    assert content(folder) == content(exported)


def test_a_finished_folder_is_left_as_it_is(exported: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in exported.iterdir()}
    result = export_wfdb(SMALL, exported, with_evidence=True)
    assert (result.folder, result.n_recordings) == (exported, 12)
    assert {path: path.stat().st_mtime_ns for path in exported.iterdir()} == before


def test_a_file_that_was_lost_is_made_again(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for name, data in content(exported).items():
        (folder / name).write_bytes(data)
    for name in ("SIM000003.mat", "SIM000007.hea", "SIM000009.npz"):
        (folder / name).unlink()
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("SIM*.npz")}
    export_wfdb(SMALL, folder, with_evidence=True)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert content(folder) == content(exported)


def test_evidence_may_be_asked_for_later_and_is_not_taken_away(
    exported: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "later"
    assert export_wfdb(SMALL, folder).n_evidence == 0
    assert not list(folder.glob("*.npz"))
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("SIM*")}
    assert export_wfdb(SMALL, folder, with_evidence=True).n_evidence == 12
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert content(folder) == content(exported)
    assert export_wfdb(SMALL, folder).n_evidence == 12


def test_several_processes_write_the_same_bytes(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadlens.simulate.export.PART_SIZE", 5)
    done = []
    export_wfdb(
        SMALL,
        tmp_path / "two",
        with_evidence=True,
        engine=LocalEngine(2),
        on_progress=lambda n, _: done.append(n),
    )
    assert content(tmp_path / "two") == content(exported)
    assert len(done) == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 5}, "seed 4, not 5"),
        ({"fs": 200.0}, "fs 100.0, not 200.0"),
        ({"labels": "annotator"}, "labels criteria, not annotator"),
        ({"n_recordings": 13}, "n_recordings 12, not 13"),
    ],
)
def test_a_folder_of_other_settings_is_refused_and_kept(
    exported: Path, change: dict[str, object], said: str
) -> None:
    before = content(exported)
    with pytest.raises(StoreError, match=said):
        export_wfdb(SMALL.model_copy(update=change), exported, with_evidence=True)
    assert content(exported) == before


def test_a_folder_begun_with_other_settings_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_until(monkeypatch, 2, tmp_path / "begun")
    with pytest.raises(StoreError, match="seed 4, not 5"):
        export_wfdb(SMALL.model_copy(update={"seed": 5}), tmp_path / "begun")


def test_a_folder_of_another_version_is_refused(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = leadlens.__version__
    monkeypatch.setattr(leadlens, "__version__", "99.0")
    with pytest.raises(StoreError, match=rf"leadlens {was}, not 99\.0"):
        export_wfdb(SMALL, exported)


def test_other_files_are_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"holds other files \(notes\.txt\)"):
        export_wfdb(SMALL, tmp_path)
    assert content(tmp_path) == {"notes.txt": b"mine"}
    with pytest.raises(StoreError, match="is a file"):
        export_wfdb(SMALL, tmp_path / "notes.txt")


def test_a_record_of_someone_else_among_the_cohorts_is_refused(tmp_path: Path) -> None:
    settings = CohortSettings(n_recordings=1, fs=50.0)
    export_wfdb(settings, tmp_path)
    (tmp_path / "evidence.html").write_text("a page may lie there")
    export_wfdb(settings, tmp_path)
    (tmp_path / "SIM000001.hea").write_text("not one of one\n")
    with pytest.raises(StoreError, match=r"SIM000001\.hea is none of this cohort's 1 recordings"):
        export_wfdb(settings, tmp_path)


def test_evidence_lies_within_a_store_that_stays_a_store(tmp_path: Path) -> None:
    settings = CohortSettings(n_recordings=6, seed=2, fs=50.0)
    windows = IngestSettings(fs=50.0)
    store = ingest(CohortSource(settings), tmp_path / "store", windows)
    result = export_evidence(settings, store.path / "evidence")
    assert (result.n_recordings, result.n_evidence) == (0, 6)
    assert not list(result.folder.glob("*.mat"))
    assert json.loads(result.manifest.read_text())["files"] == {"wfdb": 0, "evidence": 6}
    again = ingest(CohortSource(settings), tmp_path / "store", windows)
    assert again.rows == open_store(store.path, verify=True).rows == store.rows
    for row in store.rows:
        stored = read_evidence(result.folder / f"{row.record_id}.npz")
        assert set(stored.criteria) == set(row.codes.split())
