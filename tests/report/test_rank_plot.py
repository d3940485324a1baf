"""Rank plots: names beside their ranks, of few and of many conditions, and what is refused."""

import xml.etree.ElementTree as ET
from itertools import combinations

import numpy as np
import pytest
from drawn import corners, said, size, words

from leadlens.errors import ConfigError
from leadlens.report.rank_plot import critical_difference


@pytest.mark.parametrize("n", [2, 7, 20])
@pytest.mark.parametrize("is_tied", [False, True])
def test_names_of_60_letters_stay_in_the_drawing_and_apart(n: int, is_tied: bool) -> None:
    names = tuple(f"condition {i} ".ljust(60, "x") for i in range(n))
    ranks = np.full(n, (n + 1) / 2) if is_tied else np.linspace(1, n, n)
    root = ET.fromstring(critical_difference(names, ranks, (tuple(range(n)),), 7, "r"))
    placed, (width, height) = words(root), size(root)
    assert sum("xxx" in word.text for word in placed) == n
    assert all(word.left >= 0 and word.right <= width for word in placed)
    assert all(word.size <= word.y <= height for word in placed)
    assert not any(one.overlaps(other) for one, other in combinations(placed, 2))


def test_each_name_stands_at_the_end_of_the_line_from_its_rank() -> None:
    names, ranks = ("a", "b", "c", "d", "e"), np.array([4.0, 1.5, 5.0, 1.5, 3.0])
    root = ET.fromstring(critical_difference(names, ranks, (), 7, "r"))
    placed = {word.text: word for word in words(root)}
    labels = [f"{names[i]}  {ranks[i]:.2f}" for i in (1, 3, 4)] + ["5.00  c", "4.00  a"]
    assert set(labels) <= set(placed)
    for label in labels:
        number = names.index(label.strip("0123456789. "))
        line, word = corners(root, f"r-rank-{number}"), placed[label]
        assert abs(line[-1, 1] - word.y) < 6
        assert line[0, 0] == pytest.approx(line[1, 0])
        assert min(abs(line[-1, 0] - word.left), abs(line[-1, 0] - word.right)) < 6


def test_bars_of_groups_that_overlap_have_heights_of_their_own() -> None:
    groups = ((0, 1), (1, 2))
    root = ET.fromstring(
        critical_difference(("a", "b", "c"), np.array([1.2, 2, 2.8]), groups, 7, "r")
    )
    first, second = (corners(root, f"r-group-{i}") for i in range(2))
    assert first[:, 0].max() > second[:, 0].min()
    assert second[0, 1] - first[0, 1] > 5


def test_one_source_is_not_called_sources() -> None:
    drawn = critical_difference(("a", "b"), np.array([1.0, 2.0]), (), 1)
    assert "mean rank over 1 source, 1 is best" in said(ET.fromstring(drawn))


@pytest.mark.parametrize("ranks", [[1.0, np.nan], [0.5, 2.0], [1.0, 2.5]])
def test_a_rank_that_cannot_be_is_refused(ranks: list[float]) -> None:
    with pytest.raises(ConfigError, match="lie between 1 and 2"):
        critical_difference(("a", "b"), np.array(ranks), (), 7)


@pytest.mark.parametrize("group", [(), (0,), (0, 5), (-1, 0)])
def test_a_group_of_conditions_that_are_not_there_is_refused(group: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="a group joins 2 or more of 2"):
        critical_difference(("a", "b"), np.array([1.0, 2.0]), (group,), 7)
