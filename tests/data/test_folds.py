"""Folds: groups stay whole, diagnoses are spread, and the file cannot change unseen."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from recordings import make_recording
from sklearn.model_selection import StratifiedKFold
from test_ingest import ListSource

from leadlens.data.folds import (
    FoldSettings,
    assign_folds,
    fold_numbers,
    groups_of,
    load_folds,
    make_folds,
    save_folds,
)
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import scored_codes
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError, StoreError

CLASSES = scored_codes()


def random_labels(n: int, n_classes: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random((n, n_classes)) < rng.uniform(0.01, 0.5, n_classes)


@settings(deadline=None)
@given(
    n=st.integers(1, 150),
    n_groups=st.integers(1, 150),
    n_classes=st.integers(1, 8),
    k=st.integers(2, 10),
    seed=st.integers(0, 10**6),
)
def test_no_group_is_ever_split(n: int, n_groups: int, n_classes: int, k: int, seed: int) -> None:
    drawn = np.random.default_rng(seed).integers(0, n_groups, n)
    groups = np.unique(drawn, return_inverse=True)[1]
    assume(groups.max() + 1 >= k)
    folds = assign_folds(random_labels(n, n_classes, seed), groups, k, seed)
    for group in range(groups.max() + 1):
        assert len(set(folds[groups == group])) == 1
    assert set(folds) == set(range(k))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), k=st.sampled_from([2, 5, 10]))
def test_folds_are_near_even_in_size_and_in_every_class(seed: int, k: int) -> None:
    labels = random_labels(600, 10, seed)
    folds = assign_folds(labels, np.arange(600), k, seed)
    sizes = np.bincount(folds, minlength=k)
    per_class = np.stack([labels[folds == fold].sum(axis=0) for fold in range(k)])
    # Measured on 3000 seeds: sizes deviate by at most 3.3 %, counts by at most 2 recordings.
    assert np.abs(sizes - 600 / k).max() <= 0.06 * 600 / k
    assert np.abs(per_class - labels.sum(axis=0) / k).max() <= 4


def test_a_class_with_as_many_recordings_as_folds_has_one_in_each() -> None:
    labels = random_labels(400, 5, 0)
    labels[:, 4] = False
    labels[:10, 4] = True
    folds = assign_folds(labels, np.arange(400), 10, 0)
    assert sorted(folds[:10]) == list(range(10))


def test_folds_of_large_groups_are_near_even_too() -> None:
    groups = np.sort(np.random.default_rng(0).integers(0, 200, 1000))
    groups = np.unique(groups, return_inverse=True)[1]
    labels = random_labels(1000, 6, 1)
    sizes = np.bincount(assign_folds(labels, groups, 5, 0))
    assert np.abs(sizes - 200).max() <= 20


def test_fewer_groups_than_folds_are_refused_with_both_numbers() -> None:
    with pytest.raises(
        ConfigError, match="5 folds need at least 5 groups of recordings: there are 3"
    ):
        assign_folds(np.zeros((6, 1), bool), np.array([0, 0, 1, 1, 2, 2]), 5, 0)


def test_the_same_seed_gives_the_same_folds_and_another_seed_others(small_store: Store) -> None:
    one, same, other = (
        make_folds(small_store, CLASSES, FoldSettings(k=4, seed=seed)) for seed in (1, 1, 2)
    )
    assert one.sha256 == same.sha256
    assert one == same
    assert one.sha256 != other.sha256


def test_folds_name_every_recording_of_the_store(small_store: Store) -> None:
    folds = make_folds(small_store, CLASSES, FoldSettings(k=4))
    numbers = fold_numbers(folds, small_store)
    assert list(folds.assignment) == list(small_store.keys)
    assert [folds.assignment[key] for key in small_store.keys] == numbers.tolist()
    assert set(numbers) == set(range(4))


@pytest.mark.parametrize("seed", [0, 42])
def test_label_combination_is_scikit_learns_stratified_k_fold(
    small_store: Store, seed: int
) -> None:
    chosen = FoldSettings(k=3, method="label_combination", seed=seed)
    ours = fold_numbers(make_folds(small_store, CLASSES, chosen), small_store)
    labels, _ = small_store.labels(CLASSES)
    combination = ["".join(str(int(x)) for x in row) for row in labels]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        splits = list(
            StratifiedKFold(3, shuffle=True, random_state=seed).split(labels, combination)
        )
    for fold, (_, test) in enumerate(splits):
        assert np.array_equal(np.flatnonzero(ours == fold), test)


def recording_named(record_id: str, source: str, seed: int, **known: object) -> Recording:
    made = make_recording(50, 5.0, seed)
    return replace(made, record_id=record_id, source=source, **known)  # type: ignore[arg-type]


def store_of(path: Path, *recordings: Recording) -> Store:
    return ingest(ListSource(recordings), path, IngestSettings(fs=50, duration=5))


def test_copies_of_one_ptbxl_ecg_are_one_group(tmp_path: Path) -> None:
    store = store_of(
        tmp_path / "s",
        recording_named("HR00001", "ptb-xl", 0),
        recording_named("00001_lr", "ptb-xl", 1),
        recording_named("Z00001", "ptb-xl_zscored", 2),
        recording_named("HR00002", "ptb-xl", 3),
        recording_named("E00001", "georgia", 4),
    )
    assert groups_of(store).tolist() == [0, 0, 0, 1, 2]


def test_the_same_waveform_under_two_names_and_gains_is_one_group(tmp_path: Path) -> None:
    one = recording_named("E1", "georgia", 0)
    other = replace(one, record_id="E2", signal=one.signal * np.float32(2))
    store = store_of(tmp_path / "s", one, recording_named("E3", "georgia", 1), other)
    assert groups_of(store).tolist() == [0, 1, 0]


def test_patients_are_groups_within_their_source_only(tmp_path: Path) -> None:
    store = store_of(
        tmp_path / "s",
        recording_named("A", "one", 0, patient="7"),
        recording_named("B", "one", 1, patient="7"),
        recording_named("C", "two", 2, patient="7"),
        recording_named("D", "one", 3, patient="8"),
    )
    assert groups_of(store).tolist() == [0, 0, 1, 2]


def test_spaces_in_a_source_or_patient_do_not_join_strangers(tmp_path: Path) -> None:
    store = store_of(
        tmp_path / "s",
        recording_named("A", "my data", 0, patient="Jane Doe"),
        recording_named("B", "my data", 1, patient="John Doe"),
        recording_named("C", "my other data", 2, patient="Jane\tDoe"),
        recording_named("D", "my data", 3, patient="Jane Doe"),
    )
    assert groups_of(store).tolist() == [0, 1, 2, 0]


def test_groups_that_share_a_member_are_joined(tmp_path: Path) -> None:
    # A and B share a patient, B and C a PTB-XL number: all three belong together.
    store = store_of(
        tmp_path / "s",
        recording_named("HR00001", "ptb-xl", 0, patient="7"),
        recording_named("HR00002", "ptb-xl", 1, patient="7"),
        recording_named("Z00002", "ptb-xl_zscored", 2),
        recording_named("Z00003", "ptb-xl_zscored", 3),
    )
    assert groups_of(store).tolist() == [0, 0, 0, 1]


def test_made_folds_keep_groups_together(tmp_path: Path) -> None:
    recordings = [recording_named(f"R{i}", "here", i, patient=f"P{i // 3}") for i in range(24)]
    store = store_of(tmp_path / "s", *recordings)
    folds = fold_numbers(make_folds(store, CLASSES, FoldSettings(k=4)), store)
    assert all(len(set(folds[i : i + 3])) == 1 for i in range(0, 24, 3))
    assert np.bincount(folds).tolist() == [6, 6, 6, 6]


@pytest.fixture
def fold_file(small_store: Store, tmp_path: Path) -> Path:
    """A fold file of the small store."""
    save_folds(make_folds(small_store, CLASSES, FoldSettings(k=4)), tmp_path / "folds.json")
    return tmp_path / "folds.json"


def test_saved_folds_come_back_the_same(small_store: Store, fold_file: Path) -> None:
    assert load_folds(fold_file, small_store) == make_folds(small_store, CLASSES, FoldSettings(k=4))


def test_a_fold_file_in_which_one_recording_was_moved_is_refused(
    small_store: Store, fold_file: Path
) -> None:
    content = json.loads(fold_file.read_text())
    key = small_store.keys[10]
    content["assignment"][key] = (content["assignment"][key] + 1) % 4
    fold_file.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=r"folds.json was changed"):
        load_folds(fold_file, small_store)


def test_a_fold_file_of_another_store_is_refused(fold_file: Path, tmp_path: Path) -> None:
    other = store_of(tmp_path / "s", *(recording_named(f"R{i}", "here", i) for i in range(5)))
    with pytest.raises(StoreError, match="made for another store"):
        load_folds(fold_file, other)


def test_a_fold_file_made_before_labels_were_corrected_is_refused(tmp_path: Path) -> None:
    recordings = [recording_named(f"R{i}", "here", i, codes=()) for i in range(4)]
    old = store_of(tmp_path / "old", *recordings)
    corrected = [replace(recordings[0], codes=("426783006",)), *recordings[1:]]
    new = store_of(tmp_path / "new", *corrected)
    save_folds(make_folds(old, CLASSES, FoldSettings(k=2)), tmp_path / "folds.json")
    assert old.keys == new.keys
    with pytest.raises(StoreError, match="its labels have changed"):
        load_folds(tmp_path / "folds.json", new)


@pytest.mark.parametrize("text", ["", "[]", '{"settings": {}}'])
def test_something_else_is_no_fold_file(small_store: Store, tmp_path: Path, text: str) -> None:
    (tmp_path / "folds.json").write_text(text)
    with pytest.raises(StoreError, match=r"folds.json"):
        load_folds(tmp_path / "folds.json", small_store)


def test_the_order_of_the_keys_in_the_file_does_not_matter(
    small_store: Store, fold_file: Path
) -> None:
    content = json.loads(fold_file.read_text())
    content["assignment"] = dict(reversed(content["assignment"].items()))
    fold_file.write_text(json.dumps(content))
    numbers = fold_numbers(load_folds(fold_file, small_store), small_store)
    made = make_folds(small_store, CLASSES, FoldSettings(k=4))
    assert np.array_equal(numbers, fold_numbers(made, small_store))


def test_recordings_that_take_no_part_are_in_no_fold_and_do_not_unbalance_the_others(
    small_store: Store,
) -> None:
    chosen = np.arange(0, len(small_store.keys), 2)
    folds = make_folds(small_store, CLASSES, FoldSettings(k=4), chosen)
    numbers = fold_numbers(folds, small_store)
    assert (numbers[1::2] == -1).all()
    counts = np.bincount(numbers[chosen], minlength=4)
    assert np.abs(counts - len(chosen) / 4).max() <= len(chosen) / 16


def test_more_label_combination_folds_than_recordings_are_refused(small_store: Store) -> None:
    settings = FoldSettings(k=5, method="label_combination")
    with pytest.raises(ConfigError, match="5 folds of 3 recordings"):
        make_folds(small_store, CLASSES, settings, np.arange(3))
