"""Files are whole or absent."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.errors import StoreError
from leadlens.files import (
    hash_file,
    hash_text,
    is_partial,
    read_json,
    write_json,
    write_text,
    written_beside,
)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with written_beside(path) as beside:
        beside.write_text("whole")
        assert not path.exists()
        assert is_partial(beside)
    assert path.read_text() == "whole"
    assert names_in(path.parent) == ["a.txt"]


def write_half(path: Path) -> None:
    with written_beside(path) as beside:
        beside.write_text("half")
        raise RuntimeError("the disk is full")


def test_a_failed_write_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="disk is full"):
        write_half(path)
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with written_beside(path) as first, written_beside(path) as second:
        first.write_text("whole")
        second.write_text("whole")
        assert first != second
        assert is_partial(first)
    assert path.read_text() == "whole"
    assert names_in(tmp_path) == ["a.txt"]


def test_a_reader_sees_the_old_file_or_the_new_one_never_a_part(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with path.open() as reader:
        write_text(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_a_file_called_like_a_partial_one_is_told_from_others() -> None:
    assert is_partial(Path("x/.signal-00000.npy.123.partial"))
    assert not any(is_partial(Path(name)) for name in ("a.partial", ".hidden", "signal-0.npy"))


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=_JSON)
def test_json_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    write_json(path, value)
    assert read_json(path) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_json_cannot_say_is_refused_and_writes_nothing(tmp_path: Path, value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "a.json", {"x": value})
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b'{"x": 1', b"\xff\xfe\x00", b"no"])
def test_a_damaged_json_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"a.json is damaged"):
        read_json(tmp_path / "a.json")


def test_a_missing_json_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"a.json: No such file"):
        read_json(tmp_path / "a.json")


def test_the_hash_of_a_file_is_sha256_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hash_file(tmp_path / "a") == hash_text("abc") == known
