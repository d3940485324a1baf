"""The error tree: everything leadlens raises on purpose.

LeadlensError           the root; the command line prints it without a traceback and exits with 2
  ReadError             a file cannot be read as an ECG
  SignalError           a recording does not allow what was asked of it
  ConfigError           settings that contradict each other, or that name something unknown
  StoreError            a store is missing, damaged, or does not fit the request
  FetchError            a data set cannot be fetched, whole and unchanged
  BundleError           a saved model is missing, damaged, or does not fit the input
  TrainingError         training cannot go on (a loss that is not a number, no data)
  LeakError             what is reported was also trained or tuned on
  MissingExtraError     an optional dependency is not installed
"""

from __future__ import annotations

import importlib
from types import ModuleType


class LeadlensError(Exception):
    """The root of every error that leadlens raises on purpose."""


class ReadError(LeadlensError):
    """A file that cannot be read as an ECG; the message names the file and the reason."""


class SignalError(LeadlensError):
    """A recording that does not allow what was asked of it."""


class ConfigError(LeadlensError):
    """Settings that contradict each other, or that name something unknown."""


class StoreError(LeadlensError):
    """A store that is missing, damaged, or does not fit the request."""


class FetchError(LeadlensError):
    """A data set that cannot be fetched; the message says what is kept and how to go on."""


class BundleError(LeadlensError):
    """A saved model that is missing, damaged, or does not fit the input."""


class TrainingError(LeadlensError):
    """Training that cannot go on."""


class LeakError(LeadlensError):
    """Recordings that are reported and were trained or tuned on; the message names some."""


class MissingExtraError(LeadlensError):
    """An optional dependency that is not installed; the message says how to install it."""


def require_extra(module: str, extra: str, purpose: str) -> ModuleType:
    """Return the imported `module`, or raise with the pip command that brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs the package '{module.split('.')[0]}': pip install 'leadlens[{extra}]'"
        ) from error


def choices(what: str, given: object, allowed: object) -> ConfigError:
    """Return the error for a value outside a closed list, naming the value and the list."""
    names = ", ".join(str(name) for name in allowed)  # type: ignore[attr-defined]
    return ConfigError(f"unknown {what} {given!r}: allowed values are {names}")
