"""Streams: draws that belong to a seed, a name, a recording and an attempt, and to nothing else."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from leadlens.simulate.streams import Streams, between, pick

INDEX = np.arange(2000)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**63),
    index=st.integers(0, 10**9),
    n_before=st.integers(0, 5),
    n_after=st.integers(0, 5),
)
def test_a_recording_draws_the_same_alone_and_among_others(
    seed: int, index: int, n_before: int, n_after: int
) -> None:
    others = index + 10**9 + np.arange(n_before + n_after)
    among = np.concatenate([others[:n_before], [index], others[n_before:]])
    alone, together = Streams(seed, np.array([index])), Streams(seed, among)
    for kind, name in (("uniform", "rhythm"), ("normal", "qrs"), ("normal", "f.normal")):
        one, all_of_them = (getattr(s, kind)(name, 6) for s in (alone, together))
        np.testing.assert_array_equal(all_of_them[n_before], one[0])


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_fewer_draws_are_the_first_of_more(kind: str) -> None:
    few, many = (getattr(Streams(5, INDEX[:9]), kind)("t", n) for n in (3, 40))
    np.testing.assert_array_equal(few, many[:, :3])
    both = Streams(5, INDEX[:9])
    np.testing.assert_array_equal(getattr(both, kind)("t", 40), many)
    np.testing.assert_array_equal(getattr(both, kind)("t", 3), few)


def test_what_one_stream_gives_does_not_depend_on_the_use_of_another() -> None:
    one, other = Streams(1, INDEX[:50]), Streams(1, INDEX[:50])
    other.uniform("RBBB", 3)
    other.normal("T", 300)
    other.take(np.array([4, 7])).uniform("QAb", 7)
    np.testing.assert_array_equal(one.normal("qrs", 27), other.normal("qrs", 27))
    np.testing.assert_array_equal(one.uniform("RBBB", 3), other.uniform("RBBB", 3))


def test_seed_name_recording_and_attempt_each_give_other_and_unrelated_draws() -> None:
    base = Streams(1, INDEX).normal("qrs", 4)
    others = {
        "seed": Streams(2, INDEX).normal("qrs", 4),
        "name": Streams(1, INDEX).normal("qrs2", 4),
        "recording": Streams(1, INDEX + len(INDEX)).normal("qrs", 4),
        "attempt": Streams(1, INDEX, np.ones_like(INDEX)).normal("qrs", 4),
        "neighbour": np.roll(base, 1, axis=0),
    }
    for what, drawn in others.items():
        assert not np.isin(drawn, base).any() or what == "neighbour"
        assert abs(np.corrcoef(base.ravel(), drawn.ravel())[0, 1]) < 0.04, what
    shifted = Streams(1, INDEX, INDEX).normal("qrs", 4)[1:]
    assert not np.isin(shifted, base).any()


def test_draws_are_uniform_and_normal_over_recordings_and_over_draws() -> None:
    for n_draws in (1, 40):
        uniform = Streams(3, INDEX).uniform("a", n_draws)
        normal = Streams(3, INDEX).normal("b", n_draws)
        assert uniform.min() >= 0.0
        assert uniform.max() < 1.0
        assert kstest(uniform.ravel(), "uniform").pvalue > 1e-4
        assert kstest(normal.ravel(), "norm").pvalue > 1e-4
        assert np.abs(np.corrcoef(normal[:, 0], normal[:, -1])[0, 1]) < 0.1 or n_draws == 1


@pytest.mark.parametrize("is_drawn_before", [True, False])
def test_a_part_of_the_recordings_draws_what_they_draw_in_the_whole(is_drawn_before: bool) -> None:
    rows = np.array([17, 3, 44])
    whole = Streams(9, INDEX[:60], INDEX[:60] % 3)
    expected = Streams(9, INDEX[:60], INDEX[:60] % 3).uniform("LBBB", 5)[rows]
    if is_drawn_before:
        whole.uniform("LBBB", 5)
    part = whole.take(rows)
    assert len(part) == 3
    np.testing.assert_array_equal(part.uniform("LBBB", 5), expected)
    np.testing.assert_array_equal(whole.take(rows).take(np.array([2])).uniform("LBBB", 5)[0],
                                  expected[2])  # fmt: skip


def test_changing_what_was_drawn_changes_no_later_answer() -> None:
    streams = Streams(9, INDEX[:6])
    first = streams.normal("wander", 4)
    kept = first.copy()
    first *= 0.0
    streams.take(INDEX[:6]).normal("wander", 4)[:] = 7.0
    np.testing.assert_array_equal(streams.normal("wander", 4), kept)


def test_uniform_and_normal_draws_of_one_name_do_not_mix() -> None:
    streams = Streams(9, INDEX)
    streams.normal("flutter", 2)
    assert streams.uniform("flutter", 2).min() >= 0.0
    streams.uniform("qrs.timing", 3)
    assert streams.normal("qrs", 3).min() < 0.0


def test_no_recordings_give_no_draws() -> None:
    streams = Streams(0, INDEX[:0])
    assert streams.uniform("a", 3).shape == (0, 3)
    assert streams.take(INDEX[:0]).normal("b", 2).shape == (0, 2)


def test_pick_takes_each_part_as_often_as_its_share_and_never_one_beyond() -> None:
    uniform = Streams(4, INDEX).uniform("pick", 10).ravel()
    shares = (0.5, 0.0, 0.3, 0.2)
    found = np.bincount(pick(uniform, shares), minlength=4) / len(uniform)
    np.testing.assert_allclose(found, shares, atol=0.02)
    assert found[1] == 0
    edge = pick(np.array([0.0, np.nextafter(1.0, 0.0)]), (1 / 3, 1 / 3, 1 / 3))
    assert edge.tolist() == [0, 2]


def test_between_spans_a_range_in_either_direction() -> None:
    np.testing.assert_allclose(between(np.array([0.0, 0.5]), -1.0, 3.0), [-1.0, 1.0])
    np.testing.assert_allclose(between(np.array([0.0, 0.25]), 4.0, 0.0), [4.0, 3.0])


def test_threads_that_draw_at_the_same_time_get_what_each_gets_alone() -> None:
    def draw(seed: int) -> np.ndarray:
        return np.concatenate([Streams(seed, INDEX[:300]).normal(f"s{k}", 20) for k in range(12)])

    alone = [draw(seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(draw, range(6)))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
