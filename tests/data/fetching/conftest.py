"""A server to fetch from, and an impatient way to do it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archive_server import QUICK, TEST_ARCHIVE, ArchiveServer, make_files, served

from leadlens.data.fetching.fetch import Fetched, fetch
from leadlens.data.fetching.web import HttpOrigin


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    """A server with six small files and a large one."""
    with served(make_files(n_large=1, size=1 << 20)) as server:
        yield server


@pytest.fixture
def get(server: ArchiveServer, tmp_path: Path) -> Callable[..., Fetched]:
    """Return a function that fetches the server's files into a folder, impatiently."""

    def run(only: tuple[str, ...] = (), timeout: float = 0.4, **settings: object) -> Fetched:
        origin = HttpOrigin(server.url, timeout)
        values = {"patience": QUICK, "connections": 1, **settings}
        return fetch(TEST_ARCHIVE, tmp_path / "out", origin, only, **values)

    return run
