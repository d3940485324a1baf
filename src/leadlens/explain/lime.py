"""LIME over lead x segment players: one ECG, all diagnoses, one set of forward passes."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Float32

from leadlens.bundle import Bundle
from leadlens.ecg.preprocess import apply_scale, scale_of
from leadlens.ecg.recording import Recording, Units
from leadlens.errors import ConfigError
from leadlens.explain.designs import N_DESIGNS, make_design
from leadlens.explain.players import Players, make_players, masked_windows
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.surrogate import Surrogate, error_of_sums, fit_surrogate, make_surrogate


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each player adds to each class' logit, in one window of one ECG.

    Attributes:
        classes: SNOMED CT codes.
        players: what was switched.
        values: (class, player) logits: for the diagnosis where positive, against it where negative.
        standard_error: (class, player).
        lead_importance: (class, group): the sum over a lead group's segments, signed.
        lead_error: (class, group): its standard error.
        r2: (class,): how much of the logits' changes under masking the surrogate explains.
        logits: (class,): of the unmasked window.
        n_forwards: forward passes used.
    """

    classes: tuple[str, ...]
    players: Players
    values: Float[np.ndarray, "class player"]
    standard_error: Float[np.ndarray, "class player"]
    lead_importance: Float[np.ndarray, "class group"]
    lead_error: Float[np.ndarray, "class group"]
    r2: Float[np.ndarray, " class"]
    logits: Float[np.ndarray, " class"]
    n_forwards: int


def explain_ecg(
    bundle: Bundle,
    recording: Recording,
    settings: ExplainSettings | None = None,
    window: int = 0,
) -> Attribution:
    """Return why `bundle` says what it says of one window of `recording`.

    Raises:
        ConfigError: the recording has no such window, or the settings do not fit it.
    """
    windows = bundle.windows(recording)
    if not 0 <= window < len(windows):
        raise ConfigError(
            f"{recording.record_id} has {len(windows)} windows of "
            f"{bundle.config.duration:g} s: there is no window {window}"
        )
    return explain_window(bundle, windows[window], recording.units, settings or ExplainSettings())


def explain_window(
    bundle: Bundle,
    signal: Float32[np.ndarray, "lead time"],
    units: Units,
    settings: ExplainSettings,
    design: int = 0,
) -> Attribution:
    """Return the attribution of one window in mV (or relative units), NaN where missing.

    Args:
        bundle: the model.
        signal: the window with the model's leads at its rate.
        units: of the signal; the limb-lead equations are kept where they hold (mV).
        settings: players, design, surrogate.
        design: the number of the design; cycle it over a data set.
    """
    players = make_players(bundle.config.leads, signal.shape[1], units, settings)
    masks, surrogate = _prepared(players.n_players, settings, design % N_DESIGNS)
    # The scale is the unmasked window's: taken again after masking, it would undo the mask.
    scale = scale_of(signal[None], bundle.config.normalisation)
    masked = masked_windows(signal, masks, players, settings, units)
    logits = bundle.logits_of_input(apply_scale(masked, scale))
    fit = fit_surrogate(surrogate, logits)
    sums = players.group_matrix
    return Attribution(
        classes=bundle.config.classes,
        players=players,
        values=fit.values,
        standard_error=fit.standard_error,
        lead_importance=fit.values @ sums.T,
        lead_error=error_of_sums(surrogate, fit, sums),
        r2=fit.r2,
        logits=logits[0].astype(np.float64),
        n_forwards=len(masks),
    )


@lru_cache(maxsize=2 * N_DESIGNS)
def _prepared(
    n_players: int, settings: ExplainSettings, design: int
) -> tuple[Bool[np.ndarray, "mask player"], Surrogate]:
    """Return masks and factored regression of a design, made once for all ECGs."""
    masks = make_design(n_players, settings, design)
    return masks, make_surrogate(masks, settings.ridge, settings.kernel_width)
