"""Fetching from a web server that misbehaves: what arrives is whole, nothing else is called so."""

import email.utils
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from archive_server import (
    LARGE,
    QUICK,
    SMALL,
    ArchiveServer,
    Fault,
    assert_never_called_whole,
    assert_whole,
    sums_of,
)

from leadlens.data.fetching.crew import FetchProgress
from leadlens.data.fetching.fetch import Fetched
from leadlens.data.fetching.origins import PassingError
from leadlens.data.fetching.transfer import Patience, Tries
from leadlens.errors import FetchError

Fetch = Callable[..., Fetched]


@pytest.mark.parametrize("is_reset", [False, True], ids=["ended", "reset"])
def test_a_connection_cut_in_a_file_is_resumed_where_it_was(
    get: Fetch, server: ArchiveServer, tmp_path: Path, is_reset: bool
) -> None:
    server.faults[LARGE] = [Fault(cut=300_000, is_reset=is_reset), Fault(cut=200_000)]
    done = get()
    first, second, third = server.asked(LARGE)
    assert first.range is None
    # A reset may take away the last bytes on their way.
    assert int(second.range.strip("bytes=-")) in (range(1, 300_001) if is_reset else [300_000])
    assert second.if_range == third.if_range is not None
    assert int(third.range.strip("bytes=-")) > int(second.range.strip("bytes=-"))
    assert done.n_received == done.marker.n_bytes
    assert_whole(server, tmp_path)


def test_a_fetch_that_ended_in_a_file_is_resumed_by_the_next(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults[LARGE] = [Fault(cut=400_000)] + [Fault(status=500)] * 4
    with pytest.raises(FetchError, match="500 Internal Server Error, 4 times in a row"):
        get()
    assert_never_called_whole(tmp_path, LARGE)
    server.requests.clear()
    seen: list[FetchProgress] = []
    done = get(on_progress=seen.append)
    assert [request.range for request in server.asked(LARGE)] == ["bytes=400000-"]
    assert seen[-1].n_bytes == done.marker.n_bytes
    assert_whole(server, tmp_path)


def test_a_file_that_changed_meanwhile_is_never_spliced(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    new = server.files[LARGE][::-1]
    server.faults[LARGE] = [Fault(cut=400_000)] + [Fault(status=500)] * 4
    with pytest.raises(FetchError):
        get()
    server.files[LARGE] = new
    del server.files["SHA256SUMS.txt"]
    server.files["SHA256SUMS.txt"] = sums_of(server.files)
    get()
    # The server sent the whole new file: nothing was thrown away after a wrong hash.
    assert len(server.asked(LARGE)) == 6
    assert_whole(server, tmp_path)


@pytest.mark.parametrize("has_etags", [False, True])
def test_a_server_without_ranges_or_versions_gives_whole_files(
    get: Fetch, server: ArchiveServer, tmp_path: Path, has_etags: bool
) -> None:
    server.has_etags = has_etags
    server.faults[LARGE] = [Fault(cut=400_000), Fault(ignores_range=True, cut=500_000)]
    server.always[LARGE] = Fault(ignores_range=True)
    get()
    asked = [request.range for request in server.asked(LARGE)]
    assert asked == [None, "bytes=400000-" if has_etags else None,
                     "bytes=500000-" if has_etags else None]  # fmt: skip
    assert_whole(server, tmp_path)


def test_a_file_that_only_lacked_its_renaming_is_not_fetched_again(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults[LARGE] = [Fault(cut=400_000)] + [Fault(status=500)] * 4
    with pytest.raises(FetchError):
        get()
    partial = tmp_path / "out" / (LARGE + ".partial")
    partial.write_bytes(server.files[LARGE])
    assert get().n_received < 10_000
    assert_whole(server, tmp_path)


def test_a_partial_file_longer_than_the_file_is_thrown_away(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults[LARGE] = [Fault(cut=400_000)] + [Fault(status=500)] * 4
    with pytest.raises(FetchError):
        get()
    (tmp_path / "out" / (LARGE + ".partial")).write_bytes(bytes(2 << 20))
    get()
    assert_whole(server, tmp_path)


def test_a_partial_file_of_an_unknown_version_is_not_resumed_nor_counted(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    partial = tmp_path / "out" / (LARGE + ".partial")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(server.files[LARGE][:500_000])
    seen: list[FetchProgress] = []
    done = get(on_progress=seen.append)
    assert [request.range for request in server.asked(LARGE)] == [None]
    assert seen[-1].n_bytes == done.n_received == done.marker.n_bytes
    assert_whole(server, tmp_path)


def test_wrong_bytes_are_fetched_again(get: Fetch, server: ArchiveServer, tmp_path: Path) -> None:
    server.faults[LARGE] = [Fault(is_wrong=True)]
    server.faults[SMALL] = [Fault(is_wrong=True)]
    get()
    assert len(server.asked(LARGE)) == len(server.asked(SMALL)) == 2
    assert_whole(server, tmp_path)


def test_bytes_that_stay_wrong_are_refused_and_the_rest_is_fetched(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    server.always[SMALL] = Fault(is_wrong=True)
    with pytest.raises(FetchError, match=rf"{SMALL} \(came 2 times with another hash") as told:
        get()
    assert "8 of 9 files are in" in str(told.value)
    assert_never_called_whole(tmp_path, SMALL)
    assert not list((tmp_path / "out").rglob("*.partial*"))
    assert (tmp_path / "out" / LARGE).exists()


def test_a_length_that_is_announced_too_short_does_not_pass(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    server.always[LARGE] = Fault(length=1000)
    with pytest.raises(FetchError, match="another hash"):
        get()
    assert_never_called_whole(tmp_path, LARGE)
    server.always.clear()
    get()
    assert_whole(server, tmp_path)


def test_a_stall_is_noticed_and_resumed(get: Fetch, server: ArchiveServer, tmp_path: Path) -> None:
    server.faults[LARGE] = [Fault(stall=300_000)]
    started = time.monotonic()
    get(timeout=0.3)
    assert 0.3 <= time.monotonic() - started < 30
    assert [request.range for request in server.asked(LARGE)] == [None, "bytes=300000-"]
    assert_whole(server, tmp_path)


def test_a_server_that_only_stalls_is_given_up(get: Fetch, server: ArchiveServer) -> None:
    server.always[SMALL] = Fault(stall=0)
    with pytest.raises(FetchError, match=r"nothing came for 0.1 s, 4 times in a row.*again"):
        get(timeout=0.1)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(
    get: Fetch, server: ArchiveServer, tmp_path: Path, status: int
) -> None:
    server.faults[SMALL] = [Fault(status=status)] * 3
    get()
    assert len(server.asked(SMALL)) == 4
    assert_whole(server, tmp_path)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_not_asked_again(get: Fetch, server: ArchiveServer, status: int) -> None:
    server.always[SMALL] = Fault(status=status)
    with pytest.raises(FetchError, match=rf"does not give {SMALL} \({status} "):
        get()
    assert len(server.asked(SMALL)) == 1


def test_many_refusals_end_the_fetch(get: Fetch, server: ArchiveServer) -> None:
    for path in server.files:
        if path != "SHA256SUMS.txt":
            server.always[path] = Fault(status=403)
    with pytest.raises(FetchError, match="403 Forbidden"):
        get()
    assert len(server.requests) == 1 + 5


def test_retry_after_is_obeyed_by_every_connection(get: Fetch, server: ArchiveServer) -> None:
    server.faults["RECORDS"] = [Fault(status=429, headers={"Retry-After": "1"})]
    server.answer_pause = 0.15
    seen: list[FetchProgress] = []
    get(connections=2, on_progress=seen.append, timeout=3.0)
    told = server.asked("RECORDS")[0].time
    # One file was under way on the other connection; then both were still.
    assert len([r for r in server.requests if told < r.time < told + 0.1]) <= 1
    assert not [r for r in server.requests if told + 0.2 < r.time < told + 0.95]
    assert any(p.note == "429 Too Many Requests: trying again in 1 s" for p in seen)


def test_retry_after_may_be_a_date(get: Fetch, server: ArchiveServer) -> None:
    date = email.utils.formatdate(time.time() + 2, usegmt=True)
    server.faults[SMALL] = [Fault(status=503, headers={"Retry-After": date})]
    started = time.monotonic()
    get()
    assert 0.8 <= time.monotonic() - started < 30


def test_a_server_that_wants_to_be_left_alone_is(get: Fetch, server: ArchiveServer) -> None:
    server.faults[SMALL] = [Fault(status=429, headers={"Retry-After": "86400"})]
    with pytest.raises(FetchError, match=r"again only in 86,400 s"):
        get()
    assert len(server.asked(SMALL)) == 1


def test_the_waits_double_and_are_not_all_the_same() -> None:
    waits = []
    for _ in range(50):
        tries = Tries(Patience(attempts=5, first_wait=1.0))
        waits.append([tries.failed(PassingError("busy")) for _ in range(4)])
    for number, column in enumerate(zip(*waits, strict=True)):
        assert all(2**number / 2 <= wait <= 2**number for wait in column)
        assert len(set(column)) > 40


def test_a_file_that_always_moves_on_is_never_given_up(
    get: Fetch, server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults[LARGE] = [Fault(cut=90_000)] * 11
    get()
    assert len(server.asked(LARGE)) == 12
    assert_whole(server, tmp_path)


def test_a_kept_connection_that_has_ended_is_renewed_without_a_wait(
    get: Fetch, server: ArchiveServer
) -> None:
    server.ends_quietly = True
    started = time.monotonic()
    get(patience=replace(QUICK, first_wait=60.0))
    assert time.monotonic() - started < 50
    assert len({request.connection for request in server.requests}) == len(server.requests)
