"""Ingest: the same bytes whatever happens on the way."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from recordings import ListSource, make_recording

from leadlens.data import ingest as ingesting
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import FolderSource, ptbxl_ecg_id, source_of
from leadlens.data.store import Store
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording, select_leads
from leadlens.ecg.resample import resample
from leadlens.engines.local import LocalEngine
from leadlens.errors import SignalError, StoreError

Write = Callable[..., Path]
FIVE_SECONDS = IngestSettings(fs=50, duration=5)


@dataclass(frozen=True)
class MadeSource:
    """Cheap recordings of 5 s at 50 Hz; every 7th is bad. Workers import it from here."""

    n_recordings: int
    seed: int = 0

    def __len__(self) -> int:
        return self.n_recordings

    def name(self, position: int) -> str:
        """Return a name."""
        return f"made {position}"

    def load(self, position: int) -> Recording:
        """Return a recording."""
        if position % 7 == 3:
            raise SignalError(f'made {position}: "bad", as every seventh')
        return make_recording(50, 5, self.seed + position)

    def describe(self) -> dict[str, object]:
        """Return what identifies this source."""
        return {"kind": "made", "n": self.n_recordings, "seed": self.seed}


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder`, hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip


def refused_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "refused.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 4 recordings."""
    monkeypatch.setattr(ingesting, "PART_SIZE", 4)


def store_of(path: Path, *recordings: Recording, settings: IngestSettings | None = None) -> Store:
    return ingest(ListSource(recordings), path, settings or IngestSettings(fs=500))


def test_a_recording_comes_out_of_a_store_as_it_went_in(tmp_path: Path) -> None:
    recording = make_recording(age=61.0, sex="female", codes=("426783006",), patient="P 1",
                               not_annotated=("39732003",))  # fmt: skip
    store = store_of(tmp_path / "s", recording)
    np.testing.assert_allclose(store.signal(np.array([0]))[0], recording.signal, atol=0.5e-3 + 1e-6)
    row = store.rows[0]
    assert (row.key, row.age, row.sex, row.units) == ("test/R00000", "61", "female", "mV")
    assert (row.codes, row.is_annotated, row.not_annotated) == ("426783006", 1, "39732003")
    assert (row.offset, row.duration, row.fs, row.leads) == (0.0, 10.0, 500.0, "1" * 12)


def test_samples_beyond_the_range_are_counted_in_the_index(tmp_path: Path) -> None:
    wild = np.array(make_recording().signal)
    wild[7, 100:105] = 40.0
    store = store_of(tmp_path / "s", make_recording(), with_signal(wild))
    assert [row.n_clipped for row in store.rows] == [0, 5]


def with_signal(signal: np.ndarray, **known: object) -> Recording:
    names = STANDARD_LEADS[: len(signal)]
    values = {"record_id": "made", "source": "test", **known}
    return Recording(signal.astype(np.float32), 500.0, names, **values)  # type: ignore[arg-type]


def test_a_long_recording_gives_several_windows_of_one_recording(tmp_path: Path) -> None:
    long = make_recording(500, 25.0, seed=1)
    store = store_of(tmp_path / "s", long, make_recording(seed=2))
    assert (store.manifest.n_windows, store.manifest.n_recordings) == (4, 2)
    assert [row.offset for row in store.rows] == [0.0, 7.5, 15.0, 0.0]
    assert [windows.tolist() for windows in store.windows_of] == [[0, 1, 2], [3]]
    middle = store.signal(np.array([1]))[0]
    np.testing.assert_allclose(middle, long.signal[:, 3750:8750], atol=0.5e-3 + 1e-5)


def test_a_short_recording_is_padded_with_missing_samples(tmp_path: Path) -> None:
    store = store_of(tmp_path / "s", make_recording(500, 7.0))
    missing = np.isnan(store.signal(np.array([0]))[0])
    assert not missing[:, :3500].any()
    assert missing[:, 3500:].all()
    assert store.rows[0].duration == 7.0


def test_leads_that_were_not_recorded_are_marked_and_missing(tmp_path: Path) -> None:
    three = select_leads(make_recording(), ("I", "II", "V2"))
    store = store_of(tmp_path / "s", three)
    assert store.rows[0].leads == "111111010000"
    assert np.isnan(store.signal(np.array([0]))[0, 6]).all()


def test_relative_units_are_kept_and_no_limb_lead_is_computed(tmp_path: Path) -> None:
    two = with_signal(np.array(make_recording().signal[:2]), units="relative")
    store = store_of(tmp_path / "s", two)
    assert store.rows[0].units == "relative"
    assert store.rows[0].leads == "110000000000"


def test_recordings_are_brought_to_the_stores_rate(tmp_path: Path) -> None:
    recording = make_recording(500, 10.0)
    store = store_of(tmp_path / "s", recording, settings=IngestSettings(fs=100))
    expected = resample(recording, 100).signal
    np.testing.assert_allclose(store.signal(np.array([0]))[0], expected, atol=0.5e-3 + 1e-6)


def test_bad_files_are_left_out_and_listed_with_their_reason(
    write_record: Write, tmp_path: Path
) -> None:
    folder = tmp_path / "hospital"
    write_record("good", folder=folder)
    write_record("cut", folder=folder, record_line="cut 12 500 9999999")
    write_record("gone", folder=folder).with_suffix(".mat").unlink()
    (folder / "words.hea").write_bytes(b'this is, "no" header\r\n\x00\xff')
    write_record("slow", folder=folder, record_line="slow 12 1e30 5000")
    write_record("frank", np.ones((1, 9), np.int16), folder=folder, leads=("Vx",))
    store = ingest(FolderSource.find([folder]), tmp_path / "store", IngestSettings(fs=50))
    assert store.keys == ("hospital/good",)
    assert store.manifest.n_refused == 5
    reasons = {row["recording"]: row["reason"] for row in refused_of(store.path)}
    said = {"cut": "cut short", "gone": "No such file", "words": "cannot be understood",
            "slow": "make no recording", "frank": "none of the twelve standard leads"}  # fmt: skip
    assert set(reasons) == {f"hospital/{name}.hea" for name in said}
    for name, words in said.items():
        assert words in reasons[f"hospital/{name}.hea"]


def test_a_header_that_cannot_be_opened_is_left_out_and_listed(
    write_record: Write, tmp_path: Path
) -> None:
    write_record("good", folder=tmp_path / "in")
    (tmp_path / "in" / "folder.hea").mkdir()
    (tmp_path / "in" / "link.hea").symlink_to(tmp_path / "nowhere")
    store = ingest(FolderSource.find([tmp_path / "in"]), tmp_path / "s", IngestSettings(fs=50))
    assert [row["recording"] for row in refused_of(store.path)] == ["in/folder.hea", "in/link.hea"]


def test_a_folder_whose_headers_have_changed_is_another_source(
    write_record: Write, tmp_path: Path
) -> None:
    header = write_record(folder=tmp_path / "in")
    ingest(FolderSource.find([tmp_path / "in"]), tmp_path / "s", IngestSettings(fs=50))
    header.write_text(header.read_text().replace("426783006", "164889003"))
    with pytest.raises(StoreError, match="begun from other recordings"):
        ingest(FolderSource.find([tmp_path / "in"]), tmp_path / "s", IngestSettings(fs=50))


def test_settings_that_differ_from_those_a_store_was_begun_with_are_named(
    write_record: Write, tmp_path: Path
) -> None:
    write_record(folder=tmp_path / "in")
    source = FolderSource.find([tmp_path / "in"])
    ingest(source, tmp_path / "s", IngestSettings(fs=50))
    with pytest.raises(StoreError, match=r"\(settings.fs 50.0, not 100.0\)"):
        ingest(source, tmp_path / "s", IngestSettings(fs=100))


def test_a_source_without_one_readable_recording_is_refused_with_the_first_reason(
    write_record: Write, tmp_path: Path
) -> None:
    write_record("gone", folder=tmp_path / "in").with_suffix(".mat").unlink()
    with pytest.raises(StoreError, match=r"none of the 1 recordings.*gone.mat: No such file"):
        ingest(FolderSource.find([tmp_path / "in"]), tmp_path / "s", FIVE_SECONDS)


def test_recordings_of_one_name_get_distinct_ids(write_record: Write, tmp_path: Path) -> None:
    for place in ("a", "b", "c/deep"):
        write_record("A0001", folder=tmp_path / "in" / "georgia" / place)
    write_record("A0002", folder=tmp_path / "in" / "georgia" / "a")
    source = FolderSource.find([tmp_path / "in"])
    assert [header.record_id for header in source.headers] == [
        "georgia/a/A0001", "A0002", "georgia/b/A0001", "georgia/c/deep/A0001"
    ]  # fmt: skip
    store = ingest(source, tmp_path / "store", IngestSettings(fs=50))
    assert len(set(store.keys)) == 4


def test_a_folder_given_twice_is_refused_with_the_name(write_record: Write, tmp_path: Path) -> None:
    write_record(folder=tmp_path / "in")
    with pytest.raises(StoreError, match=r"two recordings would be called in/A0001"):
        FolderSource.find([tmp_path / "in", tmp_path / "in"])


@pytest.mark.parametrize(("name", "said"), [("nowhere", "is not a folder"), ("", "no WFDB header")])
def test_a_place_without_records_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        FolderSource.find([tmp_path / name])


@pytest.mark.parametrize(
    ("path", "source"),
    [("training/georgia/g1/E1.hea", "georgia"), ("data/PTB-XL/g1/HR1.hea", "ptb-xl"),
     ("mine/ward/X.hea", "mine"), ("X.hea", "unknown"), ("georgia/ningbo/X.hea", "ningbo")],
)  # fmt: skip
def test_a_source_is_the_challenges_when_a_folder_has_its_name(path: str, source: str) -> None:
    assert source_of(path) == source


@pytest.mark.parametrize(
    ("source", "record_id", "ecg_id"),
    [("ptb-xl", "HR00001", 1), ("ptb-xl", "00001_lr", 1), ("ptb-xl", "records500/00001_hr", 1),
     ("ptb-xl_zscored", "Z00001", 1), ("PTB_XL", "21837_lr", 21837), ("ptb-xl", "HR123456", None),
     ("georgia", "E00001", None), ("ptb", "S0001", None)],
)  # fmt: skip
def test_the_ptbxl_number_is_found_in_every_copy(
    source: str, record_id: str, ecg_id: int | None
) -> None:
    recording = make_recording(50, 1.0)
    named = Recording(recording.signal, 50.0, recording.leads, record_id, source)
    assert ptbxl_ecg_id(named) == ecg_id


def test_one_and_two_workers_write_the_same_bytes(tmp_path: Path) -> None:
    source = MadeSource(ingesting.PART_SIZE + 5)
    ingest(source, tmp_path / "one", FIVE_SECONDS)
    ingest(source, tmp_path / "two", FIVE_SECONDS, LocalEngine(2))
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


@pytest.mark.usefixtures("small_parts")
def test_an_ingest_goes_on_where_it_was_and_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MadeSource(22)
    whole = ingest(source, tmp_path / "whole", FIVE_SECONDS)
    with monkeypatch.context() as patched:
        patched.setattr(ingesting, "finish_store", lambda *_: None)
        with pytest.raises(StoreError, match="not a finished store"):
            ingest(source, tmp_path / "s", FIVE_SECONDS)
    (tmp_path / "s" / "part-00003.jsonl").unlink()
    (tmp_path / "s" / ".signal-00003.npy.77.partial").write_bytes(b"left by a kill")
    kept = (tmp_path / "s" / "part-00000.jsonl").stat().st_mtime_ns
    seen: list[tuple[int, int]] = []

    def look(*n: int) -> None:
        assert (tmp_path / "s" / "part-00000.jsonl").stat().st_mtime_ns == kept
        seen.append(n)

    ingest(source, tmp_path / "s", FIVE_SECONDS, on_progress=look)
    assert seen == [(18, 22), (22, 22)]
    assert bytes_of(tmp_path / "s") == bytes_of(whole.path)


@pytest.mark.usefixtures("small_parts")
def test_a_store_without_its_manifest_is_made_again_the_same(tmp_path: Path) -> None:
    whole = ingest(MadeSource(9), tmp_path / "s", FIVE_SECONDS)
    before = bytes_of(whole.path)
    (whole.path / "manifest.json").unlink()
    ingest(MadeSource(9), tmp_path / "s", FIVE_SECONDS)
    assert bytes_of(whole.path) == before


@pytest.mark.usefixtures("small_parts")
def test_a_finished_store_is_returned_without_reading_again(tmp_path: Path) -> None:
    store = ingest(MadeSource(9), tmp_path / "s", FIVE_SECONDS)
    times = {path: path.stat().st_mtime_ns for path in store.path.iterdir()}
    assert ingest(MadeSource(9), tmp_path / "s", FIVE_SECONDS).rows == store.rows
    assert {path: path.stat().st_mtime_ns for path in store.path.iterdir()} == times


@pytest.mark.usefixtures("small_parts")
def test_a_part_without_one_good_recording_leaves_no_shard(tmp_path: Path) -> None:
    wrong = with_signal(np.full((12, 5000), np.nan))
    recordings = [make_recording(seed=i) for i in range(4)] + [wrong] * 4
    store = store_of(tmp_path / "s", *recordings)
    assert [shard.file for shard in store.manifest.shards] == ["signal-00000.npy"]
    assert sorted(path.name for path in store.path.glob("*.npy")) == ["signal-00000.npy"]


def test_a_damaged_part_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(ingesting, "finish_store", lambda *_: None)
        with pytest.raises(StoreError):
            ingest(MadeSource(9), tmp_path / "s", FIVE_SECONDS)
    part = tmp_path / "s" / "part-00000.jsonl"
    part.write_bytes(part.read_bytes().replace(b'"n_windows"', b'"n_widows"'))
    with pytest.raises(StoreError, match=r"part-00000.jsonl is damaged"):
        ingest(MadeSource(9), tmp_path / "s", FIVE_SECONDS)


@pytest.mark.parametrize(
    ("source", "settings"),
    [(MadeSource(9, seed=1), FIVE_SECONDS), (MadeSource(9), IngestSettings(fs=50, duration=4))],
    ids=["other recordings", "other settings"],
)
def test_a_folder_begun_otherwise_is_refused(
    tmp_path: Path, source: MadeSource, settings: IngestSettings
) -> None:
    ingest(MadeSource(9), tmp_path / "s", FIVE_SECONDS)
    with pytest.raises(StoreError, match="begun from other recordings or with other settings"):
        ingest(source, tmp_path / "s", settings)


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match="exists and is not a store"):
        ingest(MadeSource(9), tmp_path, FIVE_SECONDS)
    assert bytes_of(tmp_path) == {"thesis.txt": b"years of work"}


def test_an_ingest_killed_before_its_first_file_can_be_run_again(tmp_path: Path) -> None:
    (tmp_path / ".ingest.json.77.partial").write_text("{")
    assert len(ingest(MadeSource(3), tmp_path, FIVE_SECONDS).rows) == 3
