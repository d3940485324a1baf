"""Listings of archives, and the table of those we know."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.data.fetching.archives import ARCHIVES, PHYSIONET, ZENODO, find_archive
from leadlens.data.fetching.listing import format_sums, is_matched, parse_sums, parse_zenodo, select
from leadlens.errors import ConfigError, FetchError

HASH = "ab" * 32
RECORD = "https://zenodo.org/api/records/1"


def zenodo(**changes: object) -> str:
    file = {
        "key": "a.zip",
        "size": 3,
        "checksum": "md5:" + "0" * 32,
        "links": {"self": f"{RECORD}/files/a.zip/content"},
    }
    return json.dumps({"files": [{**file, **changes}]})


@pytest.mark.parametrize("between", [" ", "  ", " *", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_the_ways_to_write_a_line_are_read(between: str, end: str) -> None:
    (entry,) = parse_sums(f"{HASH.upper()}{between}a folder/b c.mat{end}", "SHA256SUMS.txt")
    assert (entry.path, entry.digest, entry.algorithm) == ("a folder/b c.mat", HASH, "sha256")


@given(
    paths=st.sets(
        st.from_regex(
            r"[A-Za-z0-9_-][A-Za-z0-9_. -]{0,8}(/[A-Za-z0-9_-]{1,8}){0,3}", fullmatch=True
        )
        .map(str.strip)
        .filter(lambda path: ".partial" not in path and not path.endswith(".")),
        min_size=1,
    )
)
def test_a_listing_that_is_written_is_read_back(paths: set[str]) -> None:
    text = "".join(f"{HASH} {path}\n" for path in paths)
    entries = parse_sums(text, "SHA256SUMS.txt")
    assert [entry.path for entry in entries] == sorted(paths)
    assert parse_sums(format_sums(entries), "SHA256SUMS.txt") == entries


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lists no files"),
        ("# nothing\n\n", "lists no files"),
        (f"{HASH} a\nno hash\n", "line 2 is not a hash and a path: 'no hash'"),
        (f"{HASH[:-1]} a\n", "as the sha256 hash of a"),
        (f"{HASH} a\n{'00' * 32} a\n", "lists a twice, with different hashes"),
        (f"{HASH} a.partial\n", "a name that leadlens keeps for itself"),
        (f"{HASH} fetched.json\n", "a name that leadlens keeps for itself"),
        (f"{HASH} a\x07b\n", "characters that cannot be printed"),
    ],
)
def test_a_listing_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(FetchError, match=re.escape(said)):
        parse_sums(text, "SHA256SUMS.txt")


def test_a_listing_that_lists_itself_is_read_without_itself() -> None:
    entries = parse_sums(f"{HASH} SHA256SUMS.txt\n{HASH} ./a\n", "SHA256SUMS.txt")
    assert [entry.path for entry in entries] == ["a"]


def test_zenodo_tells_sizes_and_addresses() -> None:
    (entry,) = parse_zenodo(zenodo(), RECORD)
    assert (entry.path, entry.algorithm, entry.size) == ("a.zip", "md5", 3)
    assert entry.url == f"{RECORD}/files/a.zip/content"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html>", "did not answer with a Zenodo record's files"),
        ("{}", "did not answer with a Zenodo record's files"),
        ('{"files": [{"key": "a"}]}', "did not answer with a Zenodo record's files"),
        (zenodo(key="../a"), "leaves the folder"),
        (zenodo(checksum="crc32:00"), "'crc32' hashes: leadlens can check sha256, md5"),
        (zenodo(links={"self": "http://elsewhere/a"}), "gives 'http://elsewhere/a'"),
        (zenodo(links={"self": "file:///etc/passwd"}), "gives 'file:///etc/passwd'"),
    ],
)
def test_an_answer_that_is_not_zenodos_is_refused(text: str, said: str) -> None:
    with pytest.raises(FetchError, match=re.escape(said)):
        parse_zenodo(text, RECORD)


def test_patterns_choose_files_and_a_star_goes_through_folders() -> None:
    paths = ("training/georgia/g1/E1.hea", "training/cpsc_2018/g1/A1.hea",
             "training/cpsc_2018_extra/g1/Q1.hea")  # fmt: skip
    entries = parse_sums("".join(f"{HASH} {path}\n" for path in paths), "SHA256SUMS.txt")
    found = select(entries, find_archive("cpsc-2018").only)
    assert [entry.path for entry in found] == [paths[1]]
    assert len(select(entries, ("*/georgia/*", "*/Q1.hea"))) == 2
    assert select(entries, ()) == entries
    assert is_matched("anything", ())


def test_every_archive_says_where_it_is_and_whom_to_cite() -> None:
    assert len({archive.name for archive in ARCHIVES}) == len(ARCHIVES)
    for archive in ARCHIVES:
        assert find_archive(archive.name.upper()) == archive
        is_physionet = archive.url.startswith(PHYSIONET)
        assert is_physionet or re.fullmatch(ZENODO + r"\d+", archive.url)
        if is_physionet:
            assert archive.url.endswith(f"/{archive.version}/")
            assert "Goldberger" in archive.citation
        assert archive.licence in ("CC BY 4.0", "ODC-By 1.0")
        assert re.search(r"doi 10\.\d+/\S+", archive.citation)
        # 12 leads of 2 bytes: none is smaller than 10 s at 100 Hz a recording.
        assert archive.n_bytes > archive.n_recordings * 24_000


def test_an_unknown_archive_is_told_with_the_names() -> None:
    with pytest.raises(ConfigError, match=r"unknown data set 'ptbxl'.*challenge-2021.*ptb-xl"):
        find_archive("ptbxl")
