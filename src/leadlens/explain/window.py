"""One window of one ECG explained: the model frozen, the players found, the explainer asked."""

from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Float32

from leadlens.bundle import Bundle
from leadlens.ecg.delineate import Delineation
from leadlens.ecg.recording import Recording, Units
from leadlens.errors import ConfigError
from leadlens.explain.attribution import Attribution
from leadlens.explain.explainers import explainer
from leadlens.explain.frozen import freeze
from leadlens.explain.game import Game
from leadlens.explain.neutral import median_beat
from leadlens.explain.players import Players, make_players
from leadlens.explain.replacement import bridge, check_has_twin, isoelectric
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.timing import warps
from leadlens.explain.waves import beats_of, wave_at

N_MASKS: Final = 2048
"""For a single ECG: seed to seed, the ranks of waves and timings then agree by 0.9 and more."""


def explain_ecg(
    bundle: Bundle,
    recording: Recording,
    settings: ExplainSettings | None = None,
    window: int = 0,
    without: Float[np.ndarray, "lead time"] | None = None,
) -> Attribution:
    """Return why `bundle` says what it says of one window of `recording`.

    Args:
        bundle: the model.
        recording: the ECG.
        settings: method, players, replacement.
        window: which window of a long recording.
        without: as for `explain_window`.

    Raises:
        ConfigError: the recording has no such window, or the settings do not fit it.
        SignalError: the players need beats, and none is found.
    """
    bundle = bundle.for_person(recording.age, recording.sex)
    signal = window_of(bundle, recording, window)
    chosen = for_one_ecg(settings or ExplainSettings())
    return explain_window(bundle, signal, recording.units, chosen, without=without)


def for_one_ecg(settings: ExplainSettings) -> ExplainSettings:
    """Return the settings with as many masks as a single ECG gets where no number is asked for."""
    return settings if settings.n_samples else settings.model_copy(update={"n_samples": N_MASKS})


def window_of(
    bundle: Bundle, recording: Recording, window: int = 0
) -> Float32[np.ndarray, "lead time"]:
    """Return a window of `recording` as the model is shown it, in mV, NaN where missing.

    Raises:
        ConfigError: the recording has no such window.
    """
    windows = bundle.windows(recording)
    if not 0 <= window < len(windows):
        raise ConfigError(
            f"{recording.record_id} has {len(windows)} windows of "
            f"{bundle.config.duration:g} s: there is no window {window}"
        )
    return windows[window]


def explain_window(
    bundle: Bundle,
    signal: Float[np.ndarray, "lead time"],
    units: Units,
    settings: ExplainSettings,
    number: int = 0,
    beats: Delineation | None = None,
    without: Float[np.ndarray, "lead time"] | None = None,
    asked: tuple[str, ...] | None = None,
) -> Attribution:
    """Return the attribution of one window in mV (or relative units), NaN where missing.

    Args:
        bundle: the model.
        signal: the window with the model's leads at its rate.
        units: of the signal; the limb-lead equations are kept where they hold (mV).
        settings: method, players, replacement.
        number: of the ECG in a data set: neighbours get different designs.
        beats: its fiducial points, where they are known better than from the window itself.
        without: what takes the place of masked samples, instead of `settings.replacement`: the
            healthy twin of a simulated ECG.
        asked: codes of the diagnoses that are wanted, for an explainer that pays for each.

    Raises:
        ConfigError: the settings do not fit the model or the window.
        SignalError: the players need beats, and none is found.
    """
    model = freeze(bundle, signal, settings.precision)
    game = make_game(
        signal, bundle.config.leads, bundle.config.fs, units, settings, beats, without, model.like
    )
    return explainer(settings.method, asked)(model, game, settings, number)


def make_game(
    signal: Float[np.ndarray, "lead time"],
    leads: tuple[str, ...],
    fs: float,
    units: Units,
    settings: ExplainSettings,
    beats: Delineation | None = None,
    without: Float[np.ndarray, "lead time"] | None = None,
    like: torch.Tensor | None = None,
) -> Game:
    """Return a window as a game of the players in `settings`; `like` tells device and type."""
    if without is None:
        check_has_twin(settings)
    has_normal = settings.replacement == "median_beat" and without is None
    needs_beats = settings.pieces == "waves" or settings.timing or has_normal
    if needs_beats and beats is None:
        beats = beats_of(signal, leads, fs, units)
    wave_of = None if beats is None else wave_at(beats, fs, signal.shape[1])
    players = make_players(leads, signal.shape[1], units, settings, wave_of)
    chosen = [leads.index(row) for row in players.rows]
    rows = signal[chosen]
    if without is not None:
        replaced = without[chosen]
    else:
        replaced = _replacement(rows, players, units, settings, beats, fs)
    kind: dict[str, Any] = {} if like is None else {"dtype": like.dtype, "device": like.device}
    moved = warps(beats, fs, signal.shape[1]) if settings.timing and beats is not None else {}
    return Game(players, torch.as_tensor(rows, **kind), torch.as_tensor(replaced, **kind), moved)


def _replacement(
    rows: Float[np.ndarray, "row time"],
    players: Players,
    units: Units,
    settings: ExplainSettings,
    beats: Delineation | None,
    fs: float,
) -> Float[np.ndarray, "row time"]:
    """Return what takes the place of masked samples."""
    if settings.replacement == "bridge":
        return bridge(rows, players.piece_of)
    if settings.replacement == "median_beat":
        if beats is None:
            raise ConfigError("replacement 'median_beat' stands at the beats: give them")
        return median_beat(rows, players.rows, units, beats, fs)
    return isoelectric(rows, players.rows, units)
