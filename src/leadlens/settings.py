"""Checked settings: pydantic's verdict in the user's own words."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from leadlens.errors import ConfigError

Settings = TypeVar("Settings", bound=BaseModel)


def checked(
    kind: type[Settings],
    values: dict[str, Any],
    where: str,
    options: Mapping[str, str] = MappingProxyType({}),
) -> Settings:
    """Return `values` as settings of this kind.

    `options` gives the settings that the user knows by another name.

    Raises:
        ConfigError: naming `where`, each faulty setting, and the user's own value.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_faults(error, options)}") from error


def differences(there: Any, here: Any, name: str = "") -> list[str]:
    """Return in words where two nested settings differ, as "name there, not here"."""
    if isinstance(there, dict) and isinstance(here, dict):
        prefix = f"{name}." if name else ""
        keys = sorted({*there, *here})
        return [text for key in keys
                for text in differences(there.get(key), here.get(key), prefix + key)]  # fmt: skip
    return [] if there == here else [f"{name} {there}, not {here}"]


def apply_changes(values: dict[str, Any], changes: tuple[str, ...]) -> dict[str, Any]:
    """Return nested `values` with "a.b=value" changes put in; the values are YAML.

    Raises:
        ConfigError: a change is not of that form.
    """
    changed = {key: dict(v) if isinstance(v, dict) else v for key, v in values.items()}
    for change in changes:
        keys, equals, text = change.partition("=")
        if not equals or not keys:
            raise ConfigError(f"--set {change!r}: write it as key=value, for example epochs=20")
        *parents, last = keys.split(".")
        place = changed
        for parent in parents:
            inner = dict(place.get(parent) or {}) if _is_place(place.get(parent)) else None
            if inner is None:
                raise ConfigError(f"--set {change!r}: '{parent}' holds a value, not settings")
            place[parent] = inner
            place = inner
        try:
            place[last] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {change!r}: '{text}' is not a YAML value") from error
    return changed


def _is_place(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def _faults(error: ValidationError, options: Mapping[str, str]) -> str:
    """Return what pydantic found, fault by fault, with the user's own value."""
    said = []
    for fault in error.errors():
        place = ".".join(str(part) for part in fault["loc"])
        place = options.get(place, place)
        given = fault["input"]
        value = f" (given: {given!r})" if isinstance(given, str | int | float | list) else ""
        message = fault["msg"].removeprefix("Value error, ")
        said.append(f"{place}: {message}{value}" if place else message)
    return "; ".join(said)
