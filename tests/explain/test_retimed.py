"""Retimed ECGs: what an independent measurement finds in them."""

from functools import cache

import numpy as np
import pytest
import torch
from plain_settings import plain_settings
from torch import Tensor, nn

from leadlens.ecg.delineate import delineate
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.measurements import Measurements, measure
from leadlens.ecg.recording import Recording
from leadlens.explain.explainers import explainer
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.players import TIMING
from leadlens.explain.timing import REFERENCE_PR, REFERENCE_QTC, REFERENCE_RR
from leadlens.explain.waves import beats_of
from leadlens.explain.window import make_game
from leadlens.simulate import Batch, CohortSettings, programme_batch, recording_of

RATE, REGULARITY, PR, QT = (tuple(name != other for other in TIMING) for name in TIMING)
REGULAR = ("NSR", "SB", "STach", "SA", "IAVB", "LQT")
CHOSEN = plain_settings(timing=True, pieces="whole", lead_groups="frontal_or_chest")


@cache
def batch() -> Batch:
    chosen = CohortSettings(cohort="balanced", n_recordings=160, seed=5, noise="none")
    return programme_batch(chosen, np.arange(160))


@cache
def ecg(name: str) -> Recording:
    """Return the first recording with a label, and without an arrhythmia that it does not name."""
    others = {"AF", "AFL", "PR", "PVC", "PAC", "LBBB"} - {name}
    found = [row for row, names in enumerate(batch().truth.names) if name in names]
    return recording_of(batch(), next(r for r in found if not others & batch().truth.names[r]))


@cache
def game_of(name: str) -> Game:
    recording = ecg(name)
    return make_game(recording.signal, recording.leads, recording.fs, recording.units, CHOSEN)


def retimed(name: str, state: tuple[bool, ...]) -> Recording:
    masks = np.array([[True, True, *state]])
    signal = game_of(name).windows(masks)[0].numpy()
    return Recording(signal, ecg(name).fs, STANDARD_LEADS, name)


@cache
def measured(name: str, state: tuple[bool, ...]) -> Measurements:
    return measure(retimed(name, state))


@cache
def recorded(name: str) -> Measurements:
    return measure(ecg(name))


@pytest.mark.parametrize("name", REGULAR)
def test_the_reference_rate_is_found(name: str) -> None:
    rr = np.median(measured(name, RATE).rr)
    assert rr == pytest.approx(REFERENCE_RR, rel=0.02 if name != "SA" else 0.05)
    assert measured(name, (False, False, True, True)).heart_rate == pytest.approx(75.0, rel=0.005)


@pytest.mark.parametrize("name", ["AF", "PAC"])
def test_an_irregular_rhythm_keeps_its_pattern_at_another_rate(name: str) -> None:
    old, new = recorded(name).rr, measured(name, RATE).rr
    n = min(len(old), len(new)) - 1
    np.testing.assert_allclose(new[:n], old[:n] * REFERENCE_RR / np.median(old), atol=0.006)


@pytest.mark.parametrize("name", [*REGULAR, "AF", "PAC"])
def test_regularity_leaves_no_spread_of_rr(name: str) -> None:
    found = measured(name, REGULARITY)
    assert found.rr.std() < 0.003
    assert np.median(found.rr) == pytest.approx(np.median(recorded(name).rr), abs=0.004)


@pytest.mark.parametrize("name", [*REGULAR, "PAC"])
@pytest.mark.parametrize("state", [PR, (False, False, False, False)])
def test_the_reference_pr_is_found(name: str, state: tuple[bool, ...]) -> None:
    assert measured(name, state).pr == pytest.approx(REFERENCE_PR, abs=0.010)


@pytest.mark.parametrize("name", [*REGULAR, "PAC"])
@pytest.mark.parametrize("state", [QT, (False, False, False, False)])
def test_the_reference_qtc_is_found(name: str, state: tuple[bool, ...]) -> None:
    found = measured(name, state)
    qtc = found.qt / np.cbrt(np.median(found.rr))
    assert qtc == pytest.approx(REFERENCE_QTC, abs=0.015)


@pytest.mark.parametrize("name", [*REGULAR, "PAC"])
@pytest.mark.parametrize("state", [RATE, REGULARITY, PR, QT])
def test_other_timings_and_the_qrs_stay(name: str, state: tuple[bool, ...]) -> None:
    old, new = recorded(name), measured(name, state)
    assert new.qrs_duration == pytest.approx(old.qrs_duration, abs=0.010)
    np.testing.assert_allclose(new.waves.peak_to_peak, old.waves.peak_to_peak, rtol=0.04, atol=0.03)
    if state != PR:
        assert new.pr == pytest.approx(old.pr, abs=0.010)
    if state in (REGULARITY, PR):
        assert new.qt == pytest.approx(old.qt, abs=0.012)


@pytest.mark.parametrize("name", ["SB", "STach", "AF"])
def test_every_qrs_is_copied_sample_by_sample(name: str) -> None:
    recording = ecg(name)
    beats = beats_of(recording.signal, recording.leads, recording.fs, recording.units)
    for state, warp in game_of(name).warps.items():
        signal = retimed(name, state).signal
        n_copied = 0
        for onset, end in zip(beats.qrs_onset, beats.qrs_offset, strict=True):
            first, last = int(np.ceil(onset * 500)), int(end * 500)
            for start in np.flatnonzero(warp.source == first):
                here = slice(start, start + last - first + 1)
                if here.stop > len(warp.source):
                    continue
                np.testing.assert_array_equal(warp.source[here], np.arange(first, last + 1))
                n_copied += 1
                level = signal[:, start] - recording.signal[:, first]
                expected = recording.signal[:, first : last + 1] + level[:, None]
                np.testing.assert_allclose(signal[:, here], expected, atol=1e-5)
        assert n_copied >= len(measured(name, state).rr)


class Rate(nn.Module):
    """A logit that is linear in the ventricular rate, found by delineation."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.1))

    def forward(self, windows: Tensor) -> Tensor:
        """Return the logit of each window."""
        distinct, which = torch.unique(windows, dim=0, return_inverse=True)
        beats = [
            delineate(Recording(each.numpy(), 500.0, STANDARD_LEADS, "window")) for each in distinct
        ]
        rates = [60.0 / float(np.median(np.diff(each.r_peak))) for each in beats]
        return self.weight * torch.tensor(rates)[which, None]


@pytest.mark.parametrize("name", ["SB", "STach"])
def test_a_model_of_the_rate_is_explained_by_the_rate(name: str) -> None:
    recording = ecg(name)
    game = make_game(
        recording.signal, STANDARD_LEADS, 500.0, "mV", CHOSEN, without=recording.signal
    )
    model = FrozenModel(Rate(), ("rate",), torch.zeros(12, 1), torch.ones(12, 1))
    said = explainer("exact_shapley")(model, game, plain_settings(method="exact_shapley"), 0)
    expected = 0.1 * (60.0 / float(np.median(recorded(name).rr)) - 75.0)
    share = said.values[0] / expected
    assert share[game.players.names.index("rate")] == pytest.approx(1.0, abs=0.03)
    assert np.abs(np.delete(share, game.players.names.index("rate"))).max() < 0.03


def test_f_waves_are_not_taken_for_p() -> None:
    assert np.isfinite(delineate(ecg("AF")).p_onset).any()
    np.testing.assert_array_equal(game_of("AF").warps[PR].source, np.arange(5000))


def test_flutter_is_not_taken_for_p() -> None:
    rows = [row for row, names in enumerate(batch().truth.names) if names == {"AFL"}]
    for row in rows:
        recording = recording_of(batch(), row)
        found = beats_of(recording.signal, recording.leads, recording.fs, recording.units)
        assert np.isfinite(delineate(recording).p_onset).any()
        assert np.isnan(found.p_onset).all()
    assert len(rows) > 2
