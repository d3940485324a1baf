"""The error tree."""

import importlib
import json

import pytest

from leadlens import errors
from leadlens.errors import ConfigError, LeadlensError, MissingExtraError, choices, require_extra

TREE = [value for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, Exception)]  # fmt: skip


def test_every_error_of_the_package_is_a_leadlens_error() -> None:
    assert len(TREE) == 10
    assert all(issubclass(error, LeadlensError) for error in TREE)


def test_every_error_is_described_in_the_tree() -> None:
    assert all(error.__name__ in (errors.__doc__ or "") for error in TREE)


def test_a_package_that_is_installed_is_given() -> None:
    assert require_extra("json", "formats", "reading") is json


def test_a_package_that_is_missing_is_named_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", fail)
    said = r"plotting needs the package 'matplotlib': pip install 'leadlens\[report\]'"
    with pytest.raises(MissingExtraError, match=said):
        require_extra("matplotlib.pyplot", "report", "plotting")


def test_a_value_outside_a_list_is_told_with_the_list() -> None:
    error = choices("fruit", "nut", ("apple", "pear"))
    assert isinstance(error, ConfigError)
    assert str(error) == "unknown fruit 'nut': allowed values are apple, pear"
