"""Folds by source, and folds that are given: pure, whole groups, or refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import make_recording
from test_ingest import ListSource

from leadlens.data.folding.counts import count_folds
from leadlens.data.folding.groups import split_groups
from leadlens.data.folding.settings import Fold, folds_tested
from leadlens.data.folding.sources import source_folds
from leadlens.data.folds import (
    FoldFile,
    FoldSettings,
    assign_folds,
    fold_numbers,
    groups_of,
    load_folds,
    make_folds,
    participants,
    save_folds,
)
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.store import Store
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError, ReadError
from leadlens.settings import checked

SINUS, FIBRILLATION = "426783006", "164889003"
CLASSES = (SINUS, FIBRILLATION)


def recording(record_id: str, source: str, seed: int, **known: object) -> Recording:
    codes = (CLASSES[seed % 2],)
    named = {"record_id": record_id, "source": source, "codes": codes, **known}
    return replace(make_recording(50, 5.0, seed), **named)  # type: ignore[arg-type]


def store_of(path: Path, *recordings: Recording) -> Store:
    return ingest(ListSource(recordings), path, IngestSettings(fs=50, duration=5))


@pytest.fixture
def three_sources(tmp_path: Path) -> Store:
    """Four recordings each of three sources; the last of each has a patient of its own."""
    made = [
        recording(f"{source[0]}{i}", source, 4 * number + i)
        for number, source in enumerate(("ningbo", "georgia", "ptb-xl"))
        for i in range(4)
    ]
    return store_of(tmp_path / "three", *made)


def by_source(store: Store, **values: object) -> FoldFile:
    return make_folds(store, CLASSES, FoldSettings(method="by_source", **values))  # type: ignore[arg-type]


def as_given(store: Store, **values: object) -> FoldFile:
    return make_folds(store, CLASSES, FoldSettings(method="given", **values))  # type: ignore[arg-type]


@st.composite
def dealt(draw: st.DrawFn) -> tuple[list[str], np.ndarray]:
    """Return sources and groups of some recordings; groups may span sources."""
    n = draw(st.integers(2, 60))
    sources = draw(st.lists(st.sampled_from("abcd"), min_size=n, max_size=n))
    groups = draw(st.lists(st.integers(0, n), min_size=n, max_size=n))
    return sources, np.array(groups)


def keeper_of(sources: list[str], groups: np.ndarray) -> Callable[[int], str]:
    """Return a function from a group to the source with most of it, of equals the first."""

    def keeper(group: int) -> str:
        inside = sorted(s for s, g in zip(sources, groups, strict=True) if g == group)
        return max(inside, key=inside.count)

    return keeper


@settings(deadline=None)
@given(dealt())
def test_folds_by_source_split_no_group_and_mix_no_sources(
    drawn: tuple[list[str], np.ndarray],
) -> None:
    sources, groups = drawn
    try:
        folds, names = source_folds(sources, groups)
    except ConfigError:
        # Refused only where one and the same source keeps every group.
        assert len(set(map(keeper_of(sources, groups), set(groups.tolist())))) == 1
        return
    assert split_groups(groups, folds) == ()
    assert sorted(set(folds.tolist()) - {-1}) == list(range(len(names)))
    for source, fold in zip(sources, folds, strict=True):
        assert fold == -1 or names[fold] == source
    for group in set(groups.tolist()):
        # No group is lost, and one within a source is kept whole.
        inside = folds[groups == group]
        assert {names[fold] for fold in inside if fold >= 0} == {keeper_of(sources, groups)(group)}
        if len({s for s, g in zip(sources, groups, strict=True) if g == group}) == 1:
            assert inside.min() >= 0


@settings(deadline=None)
@given(groups=st.lists(st.integers(0, 20), min_size=2, max_size=60), seed=st.integers(0, 99))
def test_stratified_folds_split_no_group_as_split_groups_sees_it(
    groups: list[int], seed: int
) -> None:
    compact = np.unique(groups, return_inverse=True)[1]
    k = min(3, int(compact.max()) + 1)
    labels = np.random.default_rng(seed).random((len(groups), 2)) < 0.3
    assert split_groups(compact, assign_folds(labels, compact, k, seed)) == ()


@settings(deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 3)), min_size=1, max_size=50),
)
def test_split_groups_are_those_with_two_folds(pairs: list[tuple[int, int]]) -> None:
    groups, folds = (np.array(part) for part in zip(*pairs, strict=True))
    found = split_groups(groups, folds)
    expected = {g for g in set(groups.tolist()) if len(set(folds[groups == g]) - {-1}) > 1}
    assert {int(groups[one]) for one, _ in found} == expected
    assert len(found) == len(expected)
    for one, other in found:
        assert groups[one] == groups[other]
        assert folds[one] != folds[other]


def test_a_fold_by_source_is_the_source(three_sources: Store) -> None:
    made = by_source(three_sources)
    assert made.names == ("georgia", "ningbo", "ptb-xl")
    assert made.folds == (Fold(0, "georgia"), Fold(1, "ningbo"), Fold(2, "ptb-xl"))
    for key, fold in made.assignment.items():
        assert key.startswith(made.names[fold])
    assert len(made.assignment) == 12
    assert (made.left_out, made.n_split_groups, made.warnings) == ({}, 0, ())


def test_of_a_group_in_two_sources_only_the_larger_part_is_kept_and_the_rest_counted(
    tmp_path: Path,
) -> None:
    twin = recording("N1", "ningbo", 1, patient="7")
    store = store_of(
        tmp_path / "s",
        recording("G0", "georgia", 0),
        replace(twin, record_id="G1", source="georgia", patient=None),
        twin,
        recording("N2", "ningbo", 2, patient="7"),
        recording("N3", "ningbo", 3),
    )
    made = by_source(store)
    # The patient has two recordings in Ningbo and, by its waveform, one in Georgia.
    assert made.assignment == {"georgia/G0": 0, "ningbo/N1": 1, "ningbo/N2": 1, "ningbo/N3": 1}
    assert made.left_out == {"of a group that stays with another source": 1}
    numbers = fold_numbers(made, store)
    assert split_groups(groups_of(store), numbers) == ()


def test_a_source_of_copies_has_no_fold_and_that_is_said(tmp_path: Path) -> None:
    store = store_of(
        tmp_path / "s",
        recording("G0", "georgia", 0),
        recording("HR00001", "ptb-xl", 1),
        recording("Z00001", "ptb-xl_zscored", 2),
    )
    made = by_source(store)
    assert made.names == ("georgia", "ptb-xl")
    (warning,) = made.warnings
    assert "ptb-xl_zscored has no fold" in warning


def test_one_source_is_refused_by_name(tmp_path: Path) -> None:
    store = store_of(tmp_path / "s", *(recording(f"G{i}", "georgia", i) for i in range(3)))
    with pytest.raises(ConfigError, match="two sources or more: there is georgia"):
        by_source(store)


@pytest.fixture
def with_folds(tmp_path: Path) -> Store:
    """Six recordings of three patients; the index gives the first five a fold."""
    made = [
        recording(f"A{i}", "here", i, patient=f"P{i // 2}", fold=None if i == 5 else 8 + i // 2)
        for i in range(6)
    ]
    return store_of(tmp_path / "given", *made)


def test_given_folds_are_the_indexs_and_who_has_none_takes_no_part(with_folds: Store) -> None:
    made = as_given(with_folds)
    assert fold_numbers(made, with_folds).tolist() == [8, 8, 9, 9, 10, -1]
    assert made.left_out == {"without a fold": 1}
    assert [fold.label for fold in made.folds] == ["8", "9", "10"]
    assert made.n_split_groups == 0
    everyone = np.arange(6)
    assert participants(with_folds, made.settings, everyone).tolist() == [0, 1, 2, 3, 4]


def test_an_unused_fold_takes_no_part_and_is_counted(with_folds: Store) -> None:
    made = as_given(with_folds, unused=(9,))
    assert fold_numbers(made, with_folds).tolist() == [8, 8, -1, -1, 10, -1]
    assert made.left_out == {"without a fold": 1, "in fold 9, which is not used": 2}
    with pytest.raises(ConfigError, match="unused names 3"):
        as_given(with_folds, unused=(3,))


def test_a_store_without_given_folds_is_refused_with_the_ways_to_have_some(
    three_sources: Store,
) -> None:
    with pytest.raises(ConfigError, match=r"has a fold of its own.*--labels.*record,fold"):
        as_given(three_sources)


Write = Callable[[str], Path]


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """Return a function that writes a table of folds."""

    def write(text: str) -> Path:
        (tmp_path / "mine.csv").write_text(text)
        return tmp_path / "mine.csv"

    return write


def test_a_users_table_gives_folds_by_id_or_by_source_and_id(
    with_folds: Store, table: Write
) -> None:
    file = table("record,fold,remark\nA0,1,x\nhere/A1,1,\nA2,2,\nA3,2.0,\nA4,,\n")
    made = as_given(with_folds, file=file)
    assert fold_numbers(made, with_folds).tolist() == [1, 1, 2, 2, -1, -1]
    assert made.left_out == {"without a fold": 2}
    assert made.file_sha256 != ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("record,fold\nA0,1\nX9,2\n", r"mine.csv, line 3: there is no recording 'X9' in .*given"),
        ("record,fold\nA0,1\nhere/A0,2\n", "line 3: a second row for the recording 'here/A0'"),
        ("record,fold\nA0,one\n", "line 2: the fold 'one' is no whole number from 0 on"),
        ("record,fold\nA0,-1\n", "line 2: the fold '-1'"),
        ("record,fold\nA0,1.5\n", "line 2: the fold '1.5'"),
        ("record,fold\nA0,\n", "gives no recording a fold"),
        ("record,fold\nA0,1\nA1,1\n", "fewer than two folds"),
    ],
)
def test_a_table_that_makes_no_folds_is_refused_with_its_line(
    with_folds: Store, table: Write, text: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        as_given(with_folds, file=table(text))


def test_a_table_without_a_column_of_folds_is_refused(with_folds: Store, table: Write) -> None:
    with pytest.raises(ReadError, match="lacks the column fold"):
        as_given(with_folds, file=table("record,codes\nA0,AF\n"))


def test_a_table_that_splits_a_group_is_refused_with_two_of_its_recordings(
    with_folds: Store, table: Write
) -> None:
    file = table("record,fold\nA0,1\nA1,2\nA2,1\n")
    with pytest.raises(
        ConfigError, match=r"1 groups .* such as here/A0 \(fold 1\) and here/A1 \(fold 2\)"
    ):
        as_given(with_folds, file=file)


def test_a_split_that_is_allowed_is_counted_and_warned_of_in_the_file(
    with_folds: Store, table: Write
) -> None:
    made = as_given(with_folds, file=table("record,fold\nA0,1\nA1,2\nA2,1\n"), allow_split=True)
    assert made.n_split_groups == 1
    (warning,) = made.warnings
    assert "may be too good" in warning


@settings(deadline=None, max_examples=50)
@given(folds=st.lists(st.integers(-1, 3), min_size=6, max_size=6), allowed=st.booleans())
def test_given_folds_never_split_a_group_unsaid(
    tmp_path_factory: pytest.TempPathFactory, folds: list[int], allowed: bool
) -> None:
    base = tmp_path_factory.getbasetemp() / "property"
    store = store_of(
        base / "store", *(recording(f"A{i}", "here", i, patient=f"P{i // 2}") for i in range(6))
    )
    lines = [f"A{i},{fold if fold >= 0 else ''}" for i, fold in enumerate(folds)]
    (base / "mine.csv").write_text("\n".join(["record,fold", *lines]) + "\n")
    split = sum(0 <= folds[i] != folds[i + 1] >= 0 for i in (0, 2, 4))
    try:
        made = as_given(store, file=base / "mine.csv", allow_split=allowed)
    except ConfigError:
        assert len(set(folds) - {-1}) < 2 or (split and not allowed)
        return
    assert made.n_split_groups == split
    assert bool(made.warnings) == bool(split)
    assert fold_numbers(made, store).tolist() == folds


def test_a_fold_file_serves_another_study_as_it_is(with_folds: Store, tmp_path: Path) -> None:
    made = make_folds(with_folds, CLASSES, FoldSettings(k=3))
    save_folds(made, tmp_path / "folds.json")
    again = as_given(with_folds, file=tmp_path / "folds.json")
    assert again.assignment == made.assignment


def test_a_fold_file_of_other_recordings_is_refused(
    with_folds: Store, three_sources: Store, tmp_path: Path
) -> None:
    save_folds(make_folds(three_sources, CLASSES, FoldSettings(k=3)), tmp_path / "folds.json")
    with pytest.raises(ConfigError, match=r"names 12 recordings that .* does not hold"):
        as_given(with_folds, file=tmp_path / "folds.json")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"method": "by_source", "k": 5}, "k 5 with method 'by_source'.*leave k out"),
        ({"method": "given", "k": 10}, "k 10 with method 'given'"),
        ({"file": "x.csv"}, "'file' is for method 'given', not 'stratified'"),
        ({"method": "by_source", "allow_split": True}, "'allow_split' is for method 'given'"),
        ({"unused": [9]}, "'unused' is for method 'given'"),
        ({"tested": []}, "'tested' names no fold"),
        ({"method": "by_hospital"}, "by_hospital"),
    ],
)
def test_settings_of_another_method_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        checked(FoldSettings, values, "folds")


@pytest.mark.parametrize("method", ["stratified", "label_combination"])
def test_ten_folds_are_made_where_nothing_else_is_said(method: str) -> None:
    assert FoldSettings(method=method).k == 10  # type: ignore[arg-type]


def test_tested_folds_are_named_by_number_or_source() -> None:
    folds = (Fold(0, "georgia"), Fold(1, "ptb-xl"))
    chosen = FoldSettings(method="by_source", tested=("ptb-xl",))
    assert folds_tested(chosen, folds) == (Fold(1, "ptb-xl"),)
    numbers = tuple(Fold(n) for n in range(1, 11))
    assert folds_tested(FoldSettings(method="given", tested=(10,)), numbers) == (Fold(10),)
    with pytest.raises(ConfigError, match=r"names 'ningbo'.*there are georgia, ptb-xl"):
        folds_tested(FoldSettings(method="by_source", tested=("ningbo",)), folds)


def test_the_deviation_of_a_class_is_that_of_its_worst_fold() -> None:
    labels = np.array([[1, 0], [1, 0], [0, 0], [0, 0], [1, 0], [0, 0]], bool)
    counts = count_folds(labels, np.array([0, 0, 0, 1, 1, -1]))
    assert counts.sizes.tolist() == [3, 2]
    assert counts.positives.tolist() == [[2, 0], [1, 0]]
    # 3 of 5 have the class: 1.8 are expected among 3, 1.2 among 2.
    assert counts.deviations()[0] == pytest.approx(0.2 / 1.2)
    assert np.isnan(counts.deviations()[1])
    assert counts.size_deviation() == pytest.approx(0.2)


def test_the_fold_file_says_how_far_each_class_is_from_even(three_sources: Store) -> None:
    made = make_folds(three_sources, CLASSES, FoldSettings(k=3))
    assert made.n_split_groups == 0
    assert made.deviation == {SINUS: 0.0, FIBRILLATION: 0.0}


def test_a_fold_file_made_before_more_was_kept_can_still_be_read(
    three_sources: Store, tmp_path: Path
) -> None:
    made = make_folds(three_sources, CLASSES, FoldSettings(k=3))
    content = made.model_dump(mode="json")
    old = {name: content[name] for name in ("classes", "index_sha256", "assignment", "sha256")}
    old["settings"] = {"k": 3, "method": "stratified", "seed": 42}
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert load_folds(tmp_path / "old.json", three_sources).assignment == made.assignment
