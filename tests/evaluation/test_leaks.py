"""Leaks: sets that share a recording are told, by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.errors import LeadlensError, LeakError
from leadlens.evaluation.leaks import check_apart

KEYS = st.sets(st.integers(0, 30).map(str))


@given(a=KEYS, b=KEYS)
def test_a_leak_is_raised_exactly_when_a_key_is_shared(a: set[str], b: set[str]) -> None:
    if a & b:
        with pytest.raises(LeakError):
            check_apart("tuned", a, "tested", b)
    else:
        check_apart("tuned", a, "tested", b)


def test_the_message_names_both_sets_and_three_recordings_at_most() -> None:
    keys = [f"A{number:04}" for number in range(1500)]
    with pytest.raises(LeadlensError) as told:
        check_apart("inner data", reversed(keys), "fold 3", keys[:1203])
    said = str(told.value)
    assert said.startswith("inner data and fold 3 share A0000, A0001, A0002 and 1,200 more: ")
    with pytest.raises(LeakError, match="share B1: "):
        check_apart("a", ["B1", "B2"], "b", iter(["B1"]))
