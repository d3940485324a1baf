"""Evidence for exchanged electrodes, from the covariance of the leads alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_ingest import ListSource

from leadlens.data.audit import audit_store
from leadlens.data.audit.electrodes import (
    EXCHANGES,
    Exchange,
    chest_evidence,
    limb_evidence,
    limb_matrix,
    power,
    usual_covariance,
)
from leadlens.data.audit.quality import scrambled
from leadlens.data.audit.traits import traits_of
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.simulate import CohortSettings, simulate_cohort

ARMS = (1, 0, 2)


def test_exchanged_arms_turn_lead_one_over_and_make_two_of_three() -> None:
    expected = np.eye(8)
    expected[:2, :2] = [[-1.0, 0.0], [-1.0, 1.0]]
    np.testing.assert_allclose(limb_matrix(ARMS), expected, atol=1e-12)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_power_of_the_leads_does_not_depend_on_where_the_cables_lie(
    exchange: Exchange,
) -> None:
    matrix = limb_matrix(exchange.lies_on)
    moved = matrix @ usual_covariance() @ matrix.T
    np.testing.assert_allclose(power(moved), power(usual_covariance()))


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_usual_ecg_speaks_against_an_exchange_and_an_exchanged_one_for_it(
    exchange: Exchange,
) -> None:
    column = EXCHANGES.index(exchange)
    matrix = limb_matrix(exchange.lies_on)
    both = np.stack([usual_covariance(), matrix @ usual_covariance() @ matrix.T])
    as_usual, exchanged = limb_evidence(both)[:, column]
    assert as_usual < 0 < exchange.evidence < exchanged


def test_a_flat_chest_lead_leaves_evidence_about_the_limbs_but_none_about_the_chest() -> None:
    matrix = limb_matrix(ARMS)
    covariance = matrix @ usual_covariance() @ matrix.T
    covariance[4], covariance[:, 4] = 0.0, 0.0
    assert limb_evidence(covariance[None])[0, 0] > EXCHANGES[0].evidence
    assert chest_evidence(covariance[None])[0] == 0.0


def test_limb_leads_that_are_flat_or_stand_alone_give_no_evidence() -> None:
    flat, alone = usual_covariance().copy(), usual_covariance().copy()
    flat[0], flat[:, 0] = 0.0, 0.0
    alone[2:], alone[:, 2:] = 0.0, 0.0
    assert not limb_evidence(np.stack([flat, alone])).any()


def test_one_lead_upside_down_is_not_scrambled_but_leads_that_are_all_one_are() -> None:
    items = simulate_cohort(CohortSettings(n_recordings=40, seed=12, fs=100.0))
    signal = np.stack([item.signal for item in items]).astype(np.float32)
    inverted = signal * np.where(np.arange(12) == 3, -1.0, 1.0)[:, None].astype(np.float32)
    one = np.repeat(signal[:, 1:2], 12, axis=1)
    rate = np.full(40, 100.0)
    assert not scrambled(traits_of(inverted, 100.0, rate)).any()
    assert scrambled(traits_of(one, 100.0, rate)).all()


def test_two_copies_without_a_common_moving_lead_are_told_without_a_gain(tmp_path: Path) -> None:
    (item,) = simulate_cohort(CohortSettings(n_recordings=1, seed=3, fs=100.0))
    quiet = np.zeros_like(item.signal)
    quiet[:, ::50] = 0.001
    rows = tuple(replace(item, signal=quiet, record_id=name, patient=name) for name in "ab")
    found = audit_store(ingest(ListSource(rows), tmp_path / "store", IngestSettings(fs=100.0)))
    assert not any("times the amplitude" in finding.sentence for finding in found.findings)
