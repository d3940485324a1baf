"""Settings: faults in the user's own words, changes put in by path."""

import copy
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from leadlens.errors import ConfigError
from leadlens.settings import apply_changes, checked


class Inner(BaseModel):
    """Settings within settings."""

    model_config = ConfigDict(extra="forbid")
    rate: float = Field(default=0.1, gt=0)


class Example(BaseModel):
    """Settings of a test."""

    model_config = ConfigDict(extra="forbid")
    epochs: int = Field(default=1, ge=1)
    inner: Inner = Inner()

    @field_validator("epochs")
    @classmethod
    def _not_13(cls, epochs: int) -> int:
        if epochs == 13:
            raise ValueError("13 brings bad luck")
        return epochs


def test_good_values_become_settings() -> None:
    settings = checked(Example, {"epochs": 5, "inner": {"rate": 2}}, "here")
    assert (settings.epochs, settings.inner.rate) == (5, 2.0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"epochs": 0}, r"study.yaml: epochs: .*greater than or equal to 1 \(given: 0\)"),
        ({"epochs": "many"}, r"epochs: .*valid integer.* \(given: 'many'\)"),
        ({"inner": {"rate": -2.5}}, r"inner\.rate: .*greater than 0 \(given: -2\.5\)"),
        ({"epoch": 3}, r"epoch: Extra inputs are not permitted \(given: 3\)"),
        ({"epochs": 13}, r"epochs: 13 brings bad luck \(given: 13\)"),
        ({"inner": "fast"}, r"inner: .* \(given: 'fast'\)"),
    ],
)
def test_a_fault_names_the_place_the_setting_and_the_given_value(
    values: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        checked(Example, values, "study.yaml")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"epochs: .*; inner\.rate: "):
        checked(Example, {"epochs": 0, "inner": {"rate": 0}}, "here")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("a=2", {"a": 2, "b": {"c": 1}}),
        ("b.c=2.5", {"a": 1, "b": {"c": 2.5}}),
        ("b.d=true", {"a": 1, "b": {"c": 1, "d": True}}),
        ("e.f.g=x", {"a": 1, "b": {"c": 1}, "e": {"f": {"g": "x"}}}),
        ("a=[1, two]", {"a": [1, "two"], "b": {"c": 1}}),
        ("a={x: 1}", {"a": {"x": 1}, "b": {"c": 1}}),
        ("a=k=v", {"a": "k=v", "b": {"c": 1}}),
        ("a=", {"a": None, "b": {"c": 1}}),
        ("a='5'", {"a": "5", "b": {"c": 1}}),
    ],
)
def test_a_change_is_put_in_by_its_path_as_yaml(change: str, expected: dict[str, Any]) -> None:
    assert apply_changes({"a": 1, "b": {"c": 1}}, (change,)) == expected


def test_later_changes_win_and_reach_into_earlier_ones() -> None:
    assert apply_changes({}, ("a={x: 1}", "a.y=2", "a.x=3")) == {"a": {"x": 3, "y": 2}}


def test_settings_that_are_empty_in_the_file_can_be_filled() -> None:
    assert apply_changes({"model": None}, ("model.name=x",)) == {"model": {"name": "x"}}


def test_changes_leave_the_values_given_as_they_were() -> None:
    values: dict[str, Any] = {"a": {"b": {"c": {"d": 1}}}, "e": [1]}
    before = copy.deepcopy(values)
    apply_changes(values, ("a.b.c.d=2", "a.b.x=1", "e=2", "a.y=1"))
    assert values == before


@pytest.mark.parametrize(
    ("change", "said"),
    [("epochs", "write it as key=value"), ("=3", "write it as key=value"), ("", "write it as"),
     ("a.b=1", "'a' holds a value, not settings"), ("l.b=1", "'l' holds a value"),
     ("x=[1", r"'\[1' is not a YAML value")],
)  # fmt: skip
def test_a_change_that_makes_no_sense_is_refused_as_it_was_written(change: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        apply_changes({"a": 1, "l": [2]}, (change,))
    assert repr(change) in str(caught.value)
