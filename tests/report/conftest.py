"""Attributions with chosen values, for what is drawn and said of them."""

from collections.abc import Callable

import numpy as np
import pytest
from plain_settings import plain_settings

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.explain.attribution import Attribution, Summed
from leadlens.explain.players import make_players
from leadlens.explain.waves import WAVES

AF, SB = "164889003", "426177001"
WAVE_OF = np.repeat(np.arange(len(WAVES)), 100)
"""Of a window of 6 s at 100 Hz: each wave for a second."""


@pytest.fixture
def attribution_of() -> Callable[..., Attribution]:
    """Return a function that makes an attribution of one class from its players' values."""

    def make(
        values: np.ndarray,
        errors: np.ndarray | float = 0.1,
        code: str = AF,
        r2: float = 0.9,
        **changes: object,
    ) -> Attribution:
        settings = plain_settings(**{"pieces": "waves", **changes})
        players = make_players(STANDARD_LEADS, 600, "mV", settings, WAVE_OF)
        value = np.asarray(values, float)[None]
        error = np.broadcast_to(np.asarray(errors, float), value.shape)
        sums = {
            kind: Summed(each.names, value @ each.matrix.T, np.sqrt(error**2 @ each.matrix.T))
            for kind, each in players.sums.items()
        }
        return Attribution(
            (code,), players, value, error, sums, np.array([r2]), np.array([2.0]), 256
        )

    return make
