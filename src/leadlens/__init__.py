"""leadlens: train, evaluate and explain multi-label 12-lead ECG classifiers.

Nothing is imported here until it is asked for, so that `import leadlens` costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Recording": "leadlens.ecg.recording",
    "read": "leadlens.io",
    "CohortSettings": "leadlens.simulate",
    "simulate_cohort": "leadlens.simulate",
    "open_store": "leadlens.data.store",
    "load_bundle": "leadlens.bundle",
    "explain_ecg": "leadlens.explain.window",
    "LeadlensError": "leadlens.errors",
}

__all__ = [
    "CohortSettings",
    "LeadlensError",
    "Recording",
    "__version__",
    "explain_ecg",
    "load_bundle",
    "open_store",
    "read",
    "simulate_cohort",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'leadlens' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
