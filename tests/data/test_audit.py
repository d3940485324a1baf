"""The audit: every planted fault is found, and nothing is found where nothing is wrong."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_ingest import ListSource

from leadlens.data.audit import KINDS, Audit, Finding, audit_store
from leadlens.data.audit.fingerprint import candidates
from leadlens.data.audit.labels import PUBLISHED
from leadlens.data.audit.traits import collect_traits
from leadlens.data.folds import FoldFile, FoldSettings, make_folds, save_folds
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CHALLENGE_SOURCES, CohortSource, find_sources
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError, StoreError
from leadlens.files import hash_text
from leadlens.simulate import CohortSettings, simulate_cohort

FS = 100.0
Change = Callable[[np.ndarray], np.ndarray]
SINUS = diagnosis("NSR").code


def arms(signal: np.ndarray) -> np.ndarray:
    swapped = signal[[0, 2, 1, 4, 3, 5, *range(6, 12)]].copy()
    swapped[0] *= -1
    return swapped


def flat_v3(signal: np.ndarray) -> np.ndarray:
    changed = signal.copy()
    changed[8] = 0.0
    return changed


def clipped(signal: np.ndarray) -> np.ndarray:
    most = 0.6 * np.abs(signal).max()
    return np.clip(signal, -most, most)


def as_derived(signal: np.ndarray) -> np.ndarray:
    """Return the ECG as a derived data set has it: 0.5 to 40 Hz, each lead z-scored."""
    from scipy import signal as dsp

    sections = dsp.butter(3, [0.5, 40.0], "bandpass", fs=FS, output="sos")
    filtered = dsp.sosfiltfilt(sections, signal, axis=1)
    return filtered / filtered.std(axis=1, keepdims=True)


SINGLE: dict[str, tuple[str, Change]] = {
    "arms": ("arm leads", arms),
    "chest": ("chest leads", lambda s: s[[*range(6), *range(11, 5, -1)]]),
    "reshaped": ("scrambled", lambda s: np.ascontiguousarray(s.T).reshape(s.shape)),
    "reread": ("scrambled", lambda s: s.reshape(s.shape[::-1]).T),
    "five": ("gain", lambda s: 5.0 * s),
    "counts": ("gain", lambda s: 0.0005 * s),
    "flat": ("flat lead", flat_v3),
    "clipped": ("clipped", clipped),
    "inverted": ("limb leads", lambda s: s * np.where(np.arange(12) == 3, -1, 1)[:, None]),
}
"""Faults that a recording shows by itself, and the kind they are found as."""


def changed(recording: Recording, name: str, change: Change, **known: object) -> Recording:
    values = {"record_id": name, "source": "planted", "patient": name, **known}
    signal = change(np.array(recording.signal)).astype(np.float32)
    return replace(recording, signal=signal, **values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def clean() -> tuple[Recording, ...]:
    """Simulated recordings in which nothing is wrong."""
    settings = CohortSettings(n_recordings=60, seed=11, fs=FS, cohort="balanced")
    return tuple(simulate_cohort(settings))


@pytest.fixture(scope="module")
def planted(clean: tuple[Recording, ...], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with one recording of each fault among clean ones."""
    normal = [item for item in clean if item.codes and SINUS in item.codes]
    single = [
        changed(normal[i % len(normal)], name, change)
        for i, (name, (_, change)) in enumerate(SINGLE.items())
    ]
    rest = [item for item in clean if item not in normal[: len(single)]]
    copies = [
        changed(rest[0], "copy", lambda s: s),
        changed(rest[1], "derived", as_derived, units="relative"),
        changed(rest[2], "small copy", lambda s: s / 4.88),
        changed(rest[3], "again", np.fliplr, source="simulated", patient=rest[4].patient),
    ]
    path = tmp_path_factory.mktemp("planted") / "store"
    return ingest(ListSource((*rest, *single, *copies)), path, IngestSettings(fs=FS))


@pytest.fixture(scope="module")
def fold_file(planted: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folds in which every planted copy lies apart from its original."""
    whole = make_folds(planted, (SINUS,), FoldSettings(k=2))
    assignment = {key: int(key.startswith("planted") or key.endswith("again"))
                  for key in planted.keys}  # fmt: skip
    text = "\n".join(f"{key} {assignment[key]}" for key in sorted(assignment))
    changes = {"assignment": assignment, "sha256": hash_text(text)}
    path = tmp_path_factory.mktemp("folds") / "folds.json"
    save_folds(FoldFile.model_validate({**whole.model_dump(), **changes}), path)
    return path


@pytest.fixture(scope="module")
def found(planted: Store, fold_file: Path) -> Audit:
    return audit_store(planted, fold_file)


def kinds_of(found: Audit, key: str) -> set[str]:
    return {finding.kind for finding in found.findings if key in finding.records}


@pytest.mark.parametrize("name", SINGLE)
def test_a_fault_planted_in_one_recording_is_found_there(found: Audit, name: str) -> None:
    assert SINGLE[name][0] in kinds_of(found, f"planted/{name}")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("copy", "duplicate"), ("derived", "near-duplicate"), ("small_copy", "gain")],
)
def test_a_planted_copy_is_found(found: Audit, name: str, kind: str) -> None:
    key = next(key for key in found.store.keys if key.replace(" ", "_") == f"planted/{name}")
    assert kind in kinds_of(found, key)


def test_the_ratio_between_copies_is_the_gains(found: Audit) -> None:
    ratios = [f.values["ratio"] for f in found.of("gain") if "ratio" in f.values]
    assert min(abs(ratio - 1 / 4.88) for ratio in ratios) < 0.005


@pytest.mark.parametrize("name", ["copy", "derived", "again"])
def test_a_copy_or_a_patient_on_two_sides_is_a_leak(found: Audit, name: str) -> None:
    assert any(key.endswith(f"/{name}") for f in found.of("leakage") for key in f.records)


def test_clean_recordings_beside_faulty_ones_are_not_blamed(found: Audit) -> None:
    alone = [f for f in found.findings if len(f.records) == 1]
    assert [f for f in alone if not f.records[0].startswith("planted")] == []


def test_a_copy_that_no_group_names_is_an_error_and_one_kept_together_a_note(
    clean: tuple[Recording, ...], tmp_path: Path
) -> None:
    known = replace(changed(clean[1], "derived", as_derived), source="simulated")
    known = replace(known, units="relative", patient=clean[1].patient)
    unknown = changed(clean[2], "other", as_derived, units="relative")
    store = ingest(ListSource((*clean[:10], known, unknown)), tmp_path / "s", IngestSettings(fs=FS))
    assert {f.records[-1].split("/")[1]: f.severity for f in audit_store(store).findings} == {
        "derived": "note",
        "other": "error",
    }


def test_a_source_in_other_units_is_found_as_a_source_not_one_by_one(
    clean: tuple[Recording, ...], tmp_path: Path
) -> None:
    wrong = [changed(r, r.record_id, lambda s: s / 4.88, source="ward") for r in clean[20:40]]
    store = ingest(ListSource((*clean[:20], *wrong)), tmp_path / "s", IngestSettings(fs=FS))
    (finding,) = audit_store(store).findings
    assert (finding.kind, len(finding.records)) == ("gain", 20)
    assert finding.sentence.startswith("ward: beats of")


def test_relative_recordings_have_no_wrong_gain_and_no_limb_equations(
    clean: tuple[Recording, ...], tmp_path: Path
) -> None:
    scaled = [changed(r, r.record_id, lambda s: as_derived(s) * 2.0, units="relative")
              for r in clean[:20]]  # fmt: skip
    store = ingest(ListSource(tuple(scaled)), tmp_path / "s", IngestSettings(fs=FS))
    assert audit_store(store).findings == ()


def test_labels_are_held_against_the_published_table(
    clean: tuple[Recording, ...], tmp_path: Path
) -> None:
    def given(number: int, *names: str, known: bool = True) -> Recording:
        codes = tuple(diagnosis(name).code for name in names) if known else None
        return replace(clean[number], source="ningbo", codes=codes)

    rows = (given(0, "AF"), given(1, "NSR", "STach"), given(2, "NSR"), given(3, known=False))
    store = ingest(ListSource(rows), tmp_path / "s", IngestSettings(fs=FS))
    said = [finding.sentence for finding in audit_store(store).findings]
    assert any("AF in 1 recordings" in text and "never given there" in text for text in said)
    assert any("NSR and STach together in 1 recordings" in text for text in said)
    assert any("1 of 4 recordings are not annotated" in text for text in said)


def test_missing_leads_are_told_once_a_source(clean: tuple[Recording, ...], tmp_path: Path) -> None:
    def without(signal: np.ndarray) -> np.ndarray:
        changed = signal.copy()
        changed[6:] = np.nan
        return changed

    rows = tuple(changed(r, r.record_id, without) for r in clean[:5])
    (finding,) = audit_store(
        ingest(ListSource(rows), tmp_path / "s", IngestSettings(fs=FS))
    ).findings
    assert (finding.kind, finding.leads) == ("missing lead", ("V1", "V2", "V3", "V4", "V5", "V6"))
    assert len(finding.records) == 5


def test_a_fold_file_of_another_store_is_refused(fold_file: Path, small_store: Store) -> None:
    with pytest.raises(StoreError, match="made for another store"):
        audit_store(small_store, fold_file)


def test_a_finding_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="'odd'"):
        Finding("odd", "note", (), "")


def test_the_published_sizes_are_those_of_the_challenges_sources() -> None:
    assert tuple(PUBLISHED) == CHALLENGE_SOURCES
    assert sum(PUBLISHED.values()) == 88_253


def test_windows_of_one_recording_are_no_copies_of_each_other(planted: Store) -> None:
    traits = collect_traits(planted)
    one = np.zeros(len(planted.rows), dtype=np.int64)
    assert len(candidates(traits.hashes, traits.bits, one)) == 0


def clean_store(folder: Path, n: int, seed: int) -> Store:
    cohort = CohortSettings(n_recordings=n, seed=seed, fs=FS, cohort="balanced")
    return ingest(CohortSource(cohort), folder / "store", IngestSettings(fs=FS))


def test_nothing_is_found_in_600_clean_recordings(tmp_path: Path) -> None:
    assert audit_store(clean_store(tmp_path, 600, 2)).findings == ()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_found_in_5000_clean_recordings(tmp_path: Path, seed: int) -> None:
    assert audit_store(clean_store(tmp_path, 5000, seed)).findings == ()


@pytest.mark.real_data
def test_known_oddities_of_real_recordings_are_found(real_data: Path, tmp_path: Path) -> None:
    folders = [real_data / name for name in ("cinc2021", "ptb-xl", "ptb-xl_zscored")]
    store = ingest(find_sources(folders), tmp_path / "store", IngestSettings(fs=FS))
    found = audit_store(store)
    twins = [set(f.records) for f in found.of("duplicate")]
    assert {"georgia/E07509", "georgia/E07510"} in twins
    for name in ("JS20004", "JS20008"):
        (flat,) = [f for f in found.of("flat lead") if f.records[0].endswith(name)]
        assert flat.leads == ("V2", "V4", "V6")
    assert any({"ptb-xl/00456_lr", "ptb-xl/00457_lr"} <= twin for twin in twins)
    near = [set(f.records) for f in found.of("near-duplicate")]
    assert {"ptb-xl/00024_lr", "ptb-xl_zscored/Z00024"} in near
    assert {"arm leads", "chest leads", "limb leads", "scrambled"}.isdisjoint(found.n_by_kind)
    assert set(found.n_by_kind) <= set(KINDS)


@pytest.mark.real_data
def test_spikes_of_real_recordings_are_found_at_their_own_rate(
    real_data: Path, tmp_path: Path
) -> None:
    source = find_sources([real_data / "cinc2021"])
    found = audit_store(ingest(source, tmp_path / "store", IngestSettings(fs=500)))
    spiked = {f.records[0].split("/")[1] for f in found.of("beyond 10 mV")}
    assert {"E00006", "JS20011"} <= spiked
