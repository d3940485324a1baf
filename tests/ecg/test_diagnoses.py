"""The 30 diagnoses as data, labels, and the reward matrix."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.ecg.diagnoses import (
    GROUPS,
    diagnoses,
    diagnosis,
    encode_labels,
    merge_equivalent,
    reward_weights,
    scored_codes,
)
from leadlens.errors import ConfigError

CODES = scored_codes()
_SOME_CODES = st.lists(st.sampled_from(CODES), max_size=5).map(tuple)


def test_there_are_30_diagnoses_sorted_by_code_as_text() -> None:
    assert len(CODES) == 30
    assert list(CODES) == sorted(set(CODES))
    assert len({item.abbreviation for item in diagnoses()}) == 30
    assert {item.group for item in diagnoses()} == set(GROUPS)


@pytest.mark.parametrize(
    ("name", "count"), [("AF", 5255), ("NSR", 28971), ("AFL", 8374), ("SB", 18918), ("BBB", 522)]
)
def test_the_counts_of_the_sources_sum_to_the_published_total(name: str, count: int) -> None:
    assert diagnosis(name).count == count


def test_equivalence_goes_both_ways_and_joins_four_pairs() -> None:
    pairs = {
        frozenset((item.code, diagnosis(item.equivalent).code))
        for item in diagnoses()
        if item.equivalent
    }
    assert len(pairs) == 4
    for one, other in (sorted(pair) for pair in pairs):
        assert diagnosis(one).equivalent in (other, diagnosis(other).abbreviation)
        assert diagnosis(other).equivalent in (one, diagnosis(one).abbreviation)


def test_a_diagnosis_is_found_by_code_and_by_abbreviation() -> None:
    for item in diagnoses():
        assert diagnosis(item.code) is diagnosis(item.abbreviation) is item


def test_an_unknown_diagnosis_is_refused_with_the_list() -> None:
    with pytest.raises(ConfigError, match=r"diagnosis 'afib': allowed values are .*AF"):
        diagnosis("afib")


def test_the_reward_matrix_is_symmetric_with_1_on_its_diagonal_for_26_classes() -> None:
    names, weights = reward_weights()
    assert len(names) == 26
    assert np.array_equal(weights, weights.T)
    assert (np.diag(weights) == 1).all()
    assert weights.min() >= 0
    assert {part for name in names for part in name.split("|")} == {
        item.abbreviation for item in diagnoses()
    }


def test_the_reward_matrix_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        reward_weights()[1][0, 0] = 2


@pytest.mark.real_data
def test_counts_and_equivalents_are_those_of_the_challenge(real_data: Path) -> None:
    with (real_data / "challenge" / "diagnoses.csv").open(newline="") as file:
        official = {row["SNOMEDCTCode"]: row for row in csv.DictReader(file)}
    assert set(official) == set(CODES)
    sources = {"CPSC": "cpsc_2018", "CPSC_Extra": "cpsc_2018_extra", "PTB": "ptb",
               "StPetersburg": "st_petersburg_incart", "PTB_XL": "ptb-xl", "Georgia": "georgia",
               "Chapman_Shaoxing": "chapman_shaoxing", "Ningbo": "ningbo"}  # fmt: skip
    for code, row in official.items():
        ours = diagnosis(code)
        assert ours.abbreviation == row["Abbreviation"]
        assert ours.count == int(row["Total"])
        assert ours.counts == {name: int(row[column]) for column, name in sources.items()}


@pytest.mark.real_data
def test_the_reward_matrix_is_that_of_the_challenge(real_data: Path) -> None:
    with (real_data / "challenge" / "reward_weights.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    names, weights = reward_weights()
    place = {
        frozenset(diagnosis(p).code for p in name.split("|")): i for i, name in enumerate(names)
    }
    order = [place[frozenset(column.split("|"))] for column in header[1:]]
    assert sorted(order) == list(range(26))
    official = np.array([[float(cell) for cell in row[1:]] for row in rows])
    assert [row[0] for row in rows] == header[1:]
    assert np.array_equal(weights[np.ix_(order, order)], official)


@given(
    given_codes=st.lists(st.tuples(st.none() | _SOME_CODES, _SOME_CODES), min_size=1, max_size=6)
)
def test_labels_are_the_codes_and_unknown_where_nobody_looked(
    given_codes: list[tuple[tuple[str, ...] | None, tuple[str, ...]]],
) -> None:
    codes = [pair[0] for pair in given_codes]
    not_annotated = [pair[1] for pair in given_codes]
    labels, known = encode_labels(codes, not_annotated, CODES)
    for row, (present, unknown) in enumerate(given_codes):
        for column, code in enumerate(CODES):
            is_present = present is not None and code in present
            assert labels[row, column] == is_present
            expected = is_present or (present is not None and code not in unknown)
            assert known[row, column] == expected


def test_a_recording_that_nobody_annotated_is_unknown_in_every_class() -> None:
    labels, known = encode_labels([None, ()], [(), ()], CODES)
    assert not labels.any()
    assert known.tolist() == [[False] * 30, [True] * 30]


def test_codes_outside_the_classes_do_not_matter() -> None:
    labels, known = encode_labels([("1", "2")], [("3",)], ("2", "4"))
    assert labels.tolist() == [[True, False]]
    assert known.all()


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 recordings but 1 lists"):
        encode_labels([None, None], [()], CODES)


@given(seed=st.integers(0, 1000))
def test_equivalent_diagnoses_are_joined_by_or(seed: int) -> None:
    values = np.random.default_rng(seed).random((20, 30)) < 0.2
    merged, names = merge_equivalent(values, CODES)
    assert names == reward_weights()[0]
    for column, name in enumerate(names):
        members = [CODES.index(diagnosis(part).code) for part in name.split("|")]
        assert np.array_equal(merged[:, column], values[:, members].any(axis=1))


def test_half_of_an_equivalent_pair_keeps_the_pairs_name() -> None:
    codes = tuple(diagnosis(name).code for name in ("NSR", "RBBB"))
    values = np.array([[True, False], [False, True]])
    merged, names = merge_equivalent(values, codes)
    assert names == ("CRBBB|RBBB", "NSR")
    assert merged.tolist() == [[False, True], [True, False]]
