"""The plainest players, for tests of what they are not about: equal pieces, which need no beats."""

from typing import Any

from leadlens.explain.settings import ExplainSettings


def plain_settings(**changes: Any) -> ExplainSettings:
    """Return settings without waves and timing, for windows that need not be ECGs."""
    plain = {
        "pieces": "segments", "timing": False, "replacement": "isoelectric", "kernel_width": 0.25
    }  # fmt: skip
    return ExplainSettings(**{**plain, **changes})
