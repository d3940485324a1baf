"""An ingest that was stopped goes on at the very recording."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from recordings import make_recording
from test_ingest import FIVE_SECONDS, MadeSource, bytes_of

from leadlens.data.ingest import IngestSettings, ingest, ingest_rates
from leadlens.ecg.recording import Recording
from leadlens.errors import StoreError

N, AT = 40, 27
RATES = (FIVE_SECONDS, IngestSettings(fs=25, duration=2))


@dataclass(frozen=True)
class WatchedSource(MadeSource):
    """Recordings of one to three windows; it tells what is read, and may be stopped."""

    stop_at: int = -1
    is_read: list[int] = field(default_factory=list)

    def load(self, position: int) -> Recording:
        """Return a recording, unless the run is stopped at it."""
        if position == self.stop_at:
            raise KeyboardInterrupt
        self.is_read.append(position)
        recording = super().load(position)
        n_seconds = 5 + 4 * (position % 3)
        return recording if n_seconds == 5 else make_recording(50, n_seconds, position)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A folder in which an ingest was stopped at recording 27 of a part of 40."""
    with pytest.raises(KeyboardInterrupt):
        ingest(WatchedSource(N, stop_at=AT), tmp_path / "s", FIVE_SECONDS)
    return tmp_path / "s"


def left(folder: Path, name: str) -> Path:
    """Return the one file that a stopped run has left of a kind."""
    (path,) = folder.glob(f".{name}-*.partial")
    return path


def read_again(folder: Path) -> list[int]:
    """Return which recordings a run reads that goes on, after it was seen to end as it must."""
    source = WatchedSource(N)
    store = ingest(source, folder, FIVE_SECONDS)
    whole = ingest(WatchedSource(N), folder.parent / "whole", FIVE_SECONDS)
    assert bytes_of(store.path) == bytes_of(whole.path)
    return source.is_read


def test_an_ingest_goes_on_at_the_recording_at_which_it_was_stopped(begun: Path) -> None:
    assert read_again(begun) == list(range(AT, N))


def test_what_was_stopped_twice_is_taken_over_twice(begun: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        ingest(WatchedSource(N, stop_at=AT + 5), begun, FIVE_SECONDS)
    assert len(list(begun.glob(".*.partial"))) == 2
    assert read_again(begun) == list(range(AT + 5, N))


def test_of_what_several_runs_left_the_most_is_taken(begun: Path) -> None:
    for name in ("part", "signal"):
        most = left(begun, name)
        least = most.with_name(most.name.replace(most.name.split(".")[-2], "0" * 16))
        least.write_bytes(most.read_bytes()[:3000])
    assert read_again(begun) == list(range(AT, N))


def torn_line(folder: Path) -> int:
    """Cut the journal in its last line."""
    left(folder, "part").write_bytes(left(folder, "part").read_bytes()[:-5])
    return AT - 1


def torn_samples(folder: Path) -> int:
    """Cut the last samples off, as a full disk or a power cut may."""
    left(folder, "signal").write_bytes(left(folder, "signal").read_bytes()[:-2])
    return AT - 1


def wrong_sample(folder: Path) -> int:
    """Change one bit in the samples of the second recording."""
    content = bytearray(left(folder, "signal").read_bytes())
    content[128 + 12 * 250 * 2 + 1000] ^= 1
    left(folder, "signal").write_bytes(content)
    return 1


def samples_lost(folder: Path) -> int:
    """Remove the samples."""
    left(folder, "signal").unlink()
    return 0


def journal_of_nothing(folder: Path) -> int:
    """Fill the journal with what is no journal."""
    left(folder, "part").write_bytes(b"\0" * 4096 + b"\n")
    return 0


@pytest.mark.parametrize(
    "damage", [torn_line, torn_samples, wrong_sample, samples_lost, journal_of_nothing]
)
def test_a_recording_whose_samples_or_journal_are_torn_is_read_again(
    begun: Path, damage: Callable[[Path], int]
) -> None:
    at = damage(begun)
    assert read_again(begun) == list(range(at, N))


def test_a_part_that_lacks_its_name_alone_is_not_read_again(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            ingest(WatchedSource(N), begun, FIVE_SECONDS)
    assert read_again(begun) == []


def test_a_part_killed_between_its_two_names_is_not_read_again(begun: Path) -> None:
    left(begun, "signal").rename(begun / "signal-00000.npy")
    assert read_again(begun) == list(range(AT, N))


def test_stores_of_two_rates_go_on_where_both_are(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    with pytest.raises(KeyboardInterrupt):
        ingest_rates(WatchedSource(N, stop_at=AT), folder, RATES)
    torn_line(folder / "25hz")
    source = WatchedSource(N)
    ingest_rates(source, folder, RATES)
    ingest_rates(WatchedSource(N), tmp_path / "whole", RATES)
    assert source.is_read == list(range(AT - 1, N))
    assert bytes_of(folder) == bytes_of(tmp_path / "whole")


def test_a_rate_that_is_added_to_a_stopped_ingest_is_read_from_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    with pytest.raises(KeyboardInterrupt):
        ingest_rates(WatchedSource(N, stop_at=AT), folder, RATES[:1])
    source = WatchedSource(N)
    ingest_rates(source, folder, RATES)
    ingest_rates(WatchedSource(N), tmp_path / "whole", RATES)
    assert source.is_read == list(range(N))
    assert bytes_of(folder) == bytes_of(tmp_path / "whole")


def test_what_is_left_of_other_recordings_is_not_taken_over(begun: Path) -> None:
    with pytest.raises(StoreError, match="begun from other recordings"):
        ingest(WatchedSource(N, seed=1), begun, FIVE_SECONDS)
