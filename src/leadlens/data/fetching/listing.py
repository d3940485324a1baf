"""What an archive holds: files and hashes, from SHA256SUMS.txt, md5sums.txt or Zenodo."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final
from urllib.parse import urlsplit

from leadlens.errors import ConfigError, FetchError

SHA256SUMS: Final = "SHA256SUMS.txt"
MD5SUMS: Final = "md5sums.txt"
ALGORITHM_OF: Final = {SHA256SUMS: "sha256", MD5SUMS: "md5"}
RESERVED: Final = ("fetched.json", ".fetch")
"""Names in the root of a fetched folder that are ours."""
PARTIAL: Final = ".partial"
VERSION_OF_PARTIAL: Final = PARTIAL + ".version"

N_DIGITS: Final = {"sha256": 64, "md5": 32}
# PhysioNet writes one space between hash and path, sha256sum two, or a space and a star.
_LINE: Final = re.compile(r"([0-9a-fA-F]+)(?: [ *]?|\t)(\S.*)")


@dataclass(frozen=True)
class Entry:
    """One file of an archive.

    Attributes:
        path: below the archive's folder, with forward slashes.
        algorithm: sha256 or md5.
        digest: its hash in lower-case hexadecimal digits.
        size: in bytes, where the archive tells it.
        url: its own address, where it is not `path` below the archive's.
    """

    path: str
    algorithm: str
    digest: str
    size: int | None = None
    url: str | None = None


@dataclass(frozen=True)
class Listing:
    """The files of an archive, and the text of their hashes that is kept beside them."""

    name: str
    text: str
    entries: tuple[Entry, ...]


def parse_sums(text: str, name: str) -> tuple[Entry, ...]:
    """Return the entries of a listing called `name` (SHA256SUMS.txt or md5sums.txt), by path.

    Raises:
        FetchError: a line is not of that form, or names a file outside the folder.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.rstrip())
        if not found:
            raise FetchError(f"{name}, line {number} is not a hash and a path: {line[:80]!r}")
        if str(PurePosixPath(found[2])) != name:
            # A listing that lists itself was made while it was written.
            entries.append(_entry(found[2], ALGORITHM_OF[name], found[1], name))
    return _checked(entries, name)


def parse_zenodo(text: str, name: str) -> tuple[Entry, ...]:
    """Return the entries of the answer of Zenodo's records API for the address `name`.

    Raises:
        FetchError: it is not such an answer, or names a file outside the folder.
    """
    try:
        files = json.loads(text)["files"]
        entries = [_zenodo_entry(file, name) for file in files]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FetchError(
            f"{name} did not answer with a Zenodo record's files ({error!r}): it may have moved; "
            "give another place with --from"
        ) from error
    return _checked(entries, name)


def _zenodo_entry(file: dict[str, Any], name: str) -> Entry:
    """Return one of Zenodo's files: key, size, checksum ("md5:...") and links.self."""
    algorithm, _, digest = str(file["checksum"]).partition(":")
    entry = _entry(str(file["key"]), algorithm, digest, name)
    url = str(file["links"]["self"])
    if urlsplit(url).scheme != urlsplit(name).scheme:
        raise FetchError(f"{name} gives {url!r} as the address of {entry.path}")
    return Entry(entry.path, algorithm, entry.digest, int(file["size"]), url)


def format_sums(entries: Iterable[Entry]) -> str:
    """Return a listing that `sha256sum -c` or `md5sum -c` reads."""
    return "".join(f"{entry.digest}  {entry.path}\n" for entry in entries)


def select(entries: tuple[Entry, ...], patterns: tuple[str, ...]) -> tuple[Entry, ...]:
    """Return the entries that match any of the patterns; all where there is none.

    Raises:
        ConfigError: a pattern matches nothing.
    """
    for pattern in patterns:
        if not any(fnmatchcase(entry.path, pattern) for entry in entries):
            raise ConfigError(
                f"--only {pattern!r} matches none of {len(entries):,} files; there are, for "
                f"example, {', '.join(_examples(entries))}"
            )
    return tuple(entry for entry in entries if is_matched(entry.path, patterns))


def is_matched(path: str, patterns: tuple[str, ...]) -> bool:
    """Return whether `path` matches any of the patterns (`*` also matches a slash), or none is."""
    return not patterns or any(fnmatchcase(path, pattern) for pattern in patterns)


def _examples(entries: tuple[Entry, ...]) -> list[str]:
    """Return a few paths, each from another folder."""
    by_folder: dict[str, str] = {}
    for entry in entries:
        by_folder.setdefault(str(PurePosixPath(entry.path).parent), entry.path)
    return list(by_folder.values())[:3]


def _entry(path: str, algorithm: str, digest: str, name: str) -> Entry:
    """Return an entry whose path stays in the folder and whose hash is one."""
    posix, windows = PurePosixPath(path), PureWindowsPath(path)
    leaves = posix.is_absolute() or ".." in posix.parts or windows.drive or "\\" in path
    if leaves or not posix.parts:
        raise FetchError(f"{name} lists {path!r}, which leaves the folder: nothing was fetched")
    if not path.isprintable():
        raise FetchError(f"{name} lists {path!r}, a name with characters that cannot be printed")
    is_ours = posix.parts[0].lower() in RESERVED or str(posix) in ALGORITHM_OF
    if is_ours or posix.name.endswith((PARTIAL, VERSION_OF_PARTIAL)):
        raise FetchError(f"{name} lists {path!r}, a name that leadlens keeps for itself")
    if algorithm not in N_DIGITS:
        known = ", ".join(N_DIGITS)
        raise FetchError(f"{name} has {algorithm!r} hashes: leadlens can check {known}")
    if not re.fullmatch(rf"[0-9a-fA-F]{{{N_DIGITS[algorithm]}}}", digest):
        raise FetchError(f"{name} gives {digest[:80]!r} as the {algorithm} hash of {path}")
    return Entry(str(posix), algorithm, digest.lower())


def _checked(entries: list[Entry], name: str) -> tuple[Entry, ...]:
    """Return the entries sorted by path, each once."""
    by_path: dict[str, Entry] = {}
    for entry in entries:
        if by_path.setdefault(entry.path, entry).digest != entry.digest:
            raise FetchError(f"{name} lists {entry.path} twice, with different hashes")
    if not by_path:
        raise FetchError(f"{name} lists no files")
    return tuple(by_path[path] for path in sorted(by_path))
