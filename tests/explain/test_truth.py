"""Truth scores on maps whose scores are known by hand, and the twin as replacement."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from plain_settings import plain_settings
from torch import Tensor, nn

from leadlens.bundle import Bundle, BundleConfig
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.errors import ConfigError
from leadlens.explain.attribution import Attribution, Summed
from leadlens.explain.players import TIMING, Players, make_players
from leadlens.explain.truth import (
    RIGHT_TIMING,
    Interval,
    TruthScore,
    lift,
    lift_difference,
    model_truth,
    score,
    timing_share,
)
from leadlens.models.settings import ResNetSettings
from leadlens.simulate import Batch, CohortSettings, Evidence, evidence_for, programme_batch
from leadlens.simulate.cohort import clean_leads
from leadlens.simulate.evidence import KINDS, effect, twin_signal
from leadlens.simulate.torso import twelve_leads

N = 100
V1, V2 = STANDARD_LEADS.index("V1"), STANDARD_LEADS.index("V2")


def players_of(n_segments: int = 10, n_samples: int = N, timing: bool = False) -> Players:
    settings = plain_settings(n_segments=n_segments, timing=timing)
    return make_players(STANDARD_LEADS, n_samples, "mV", settings)


def map_of(players: Players, values: np.ndarray) -> Attribution:
    full = values[None].astype(float)
    sums = {
        kind: Summed(each.names, full @ each.matrix.T, np.zeros((1, len(each.names))))
        for kind, each in players.sums.items()
    }
    zeros = np.zeros(1)
    return Attribution(("x",), players, full, np.zeros_like(full), sums, zeros, zeros, 1)


def evidence_in(mask: np.ndarray, name: str = "RBBB") -> Evidence:
    difference = mask.astype(np.float16)
    empty = np.zeros_like(mask)
    return Evidence(name, KINDS[name], difference, 1.0, mask, empty, empty)


def box(lead: int, start: int, stop: int) -> np.ndarray:
    mask = np.zeros((12, N), bool)
    mask[lead, start:stop] = True
    return mask


def owned(players: Players) -> np.ndarray:
    return np.bincount(players.owner.ravel(), minlength=players.n_players)


def test_a_perfect_map_has_the_highest_lift_there_is() -> None:
    players = players_of()
    values = np.array([float(name == "V1 [2]") for name in players.names])
    found = score(map_of(players, values), 0, evidence_in(box(V1, 20, 30)))
    assert (found.mass, found.rank, found.pointing, found.leads) == (1.0, 1.0, 1.0, 1.0)
    assert found.chance == 10 / 1200
    for of in ("mass", "rank", "pointing"):
        assert lift([[found]], of).value == pytest.approx(120.0, rel=1e-12)


@pytest.mark.parametrize("n_segments", [1, 3, 7, 10])
def test_a_uniform_map_has_lift_1_to_the_last_digit(n_segments: int) -> None:
    players = players_of(n_segments)
    rng = np.random.default_rng(n_segments)
    mask = rng.random((12, N)) < 0.3
    found = score(map_of(players, 3.0 * owned(players)), 0, evidence_in(mask))
    for of in ("mass", "rank", "pointing"):
        one = lift([[found]], of)
        assert (one.value, one.low, one.high) == (1.0, 1.0, 1.0)


def test_a_map_of_the_wrong_lead_has_lift_0() -> None:
    players = players_of()
    values = np.array([float(name == "V2 [2]") for name in players.names])
    found = score(map_of(players, values), 0, evidence_in(box(V1, 20, 30)))
    assert (found.mass, found.rank, found.pointing) == (0.0, 0.0, 0.0)
    # V1 lies level with the five other leads, and below V2.
    assert found.leads == pytest.approx((5 * 0.5) / 6)


def test_a_players_value_is_shared_evenly_among_its_samples() -> None:
    # V1 [0] holds a quarter of its value in the mask; V2 [0] nothing.
    players = players_of(5)
    values = np.array([{"V1 [0]": 3.0, "V2 [0]": 1.0}.get(name, -5.0) for name in players.names])
    found = score(map_of(players, values), 0, evidence_in(box(V1, 0, 5)))
    assert found.mass == pytest.approx(3.0 * 0.25 / 4.0)
    # The 5 highest samples are of the 20 of V1 [0], of which 5 are in the mask.
    assert found.rank == pytest.approx(0.25)
    assert found.pointing == pytest.approx(0.25)


def test_evidence_against_the_diagnosis_is_no_evidence_for_it() -> None:
    players = players_of()
    values = np.array([{"V1 [2]": 1.0, "V2 [5]": -9.0}.get(name, 0.0) for name in players.names])
    assert score(map_of(players, values), 0, evidence_in(box(V1, 20, 30))).mass == 1.0


def test_a_map_without_positive_values_tells_as_much_as_a_uniform_one() -> None:
    players = players_of()
    found = score(map_of(players, -np.ones(players.n_players)), 0, evidence_in(box(V1, 20, 30)))
    assert found.is_empty
    for of in ("mass", "rank", "pointing"):
        assert lift([[found]], of).value == pytest.approx(1.0, rel=1e-12)


def test_evidence_of_another_diagnosis_is_no_miss() -> None:
    players = players_of()
    values = np.array([{"V1 [2]": 1.0, "V2 [2]": 3.0}.get(name, 0.0) for name in players.names])
    said, mine = map_of(players, values), evidence_in(box(V1, 20, 30))
    other = evidence_in(box(V2, 20, 30), "TInv")
    assert score(said, 0, mine).mass == pytest.approx(0.25)
    alone = score(said, 0, mine, [other])
    assert alone.mass == 1.0
    assert alone.chance == 10 / 1190


def test_where_two_diagnoses_share_evidence_it_counts() -> None:
    players = players_of()
    values = np.array([float(name == "V1 [2]") for name in players.names])
    mine = evidence_in(box(V1, 20, 30))
    same = score(map_of(players, values), 0, mine, [evidence_in(box(V1, 20, 30), "TInv")])
    assert (same.mass, same.chance) == (1.0, 10 / 1200)


def test_a_rate_that_covers_the_whole_ecg_takes_nothing_out() -> None:
    players = players_of()
    values = np.arange(float(players.n_players))
    said, mine = map_of(players, values), evidence_in(box(V1, 20, 30))
    everywhere = evidence_in(np.ones((12, N), bool), "SB")
    assert score(said, 0, mine, [everywhere]) == score(said, 0, mine)


def test_shuffled_is_the_mean_mass_over_all_places_of_the_values() -> None:
    settings = plain_settings(pieces="waves")
    wave_of = np.repeat(np.arange(6), [5, 10, 15, 20, 20, 30])
    players = make_players(STANDARD_LEADS, N, "mV", settings, wave_of)
    mask = box(V1, 10, 35) | box(0, 0, 12)
    found = [
        score(map_of(players, np.eye(players.n_players)[k]), 0, evidence_in(mask))
        for k in range(players.n_players)
    ]
    assert found[0].shuffled == pytest.approx(np.mean([one.mass for one in found]))
    assert found[0].shuffled > found[0].chance


def test_lead_auc_weighs_pairs_by_how_much_more_evidence_one_has() -> None:
    players = players_of(1)
    mask = box(V1, 0, 30) | box(V2, 0, 10)
    values = np.array([{"V1 [0]": 1.0, "V2 [0]": 2.0}.get(name, 0.0) for name in players.names])
    # V1 over V2 (20) is wrong, V1 over 5 others (30 each) and V2 over them (10 each) right.
    found = score(map_of(players, values), 0, evidence_in(mask))
    assert found.leads == pytest.approx(200 / 220)


def test_lift_is_a_ratio_of_means_within_and_a_mean_over_diagnoses() -> None:
    players = players_of()
    values = np.array([float(name == "V1 [2]") for name in players.names])
    said = map_of(players, values)
    right = score(said, 0, evidence_in(box(V1, 20, 30)))
    wrong = score(said, 0, evidence_in(box(V2, 20, 50)))
    within = lift([[right, wrong]])
    assert within.value == pytest.approx(0.5 / (20 / 1200))
    assert lift([[right], [wrong]]).value == pytest.approx(60.0)
    assert within.low == pytest.approx(0.0)
    assert within.high == pytest.approx(120.0)


def test_a_difference_of_lifts_is_taken_ecg_by_ecg() -> None:
    players = players_of()
    rng = np.random.default_rng(0)
    found: dict[str, list[TruthScore]] = {"one": [], "other": []}
    for start in range(0, 90, 10):
        ecg = evidence_in(box(V1, start, start + 10))
        values = rng.random(players.n_players)
        # The other has the same values but for a little less where the evidence is.
        lead_piece = np.array([name == f"V1 [{start // 10}]" for name in players.names])
        found["one"].append(score(map_of(players, values), 0, ecg))
        found["other"].append(score(map_of(players, values - 0.05 * lead_piece), 0, ecg))
    one, other = [found["one"]], [found["other"]]
    more = lift_difference(one, other)
    assert more.value == pytest.approx(lift(one).value - lift(other).value)
    # The ECGs differ far more than the methods do.
    assert 0 < more.low < more.high < (lift(one).high - lift(one).low) / 4
    assert lift_difference(one, one) == Interval(0.0, 0.0, 0.0)
    with pytest.raises(ConfigError, match="on the same ECGs"):
        lift_difference(one, [found["other"][1:]])


def test_evidence_of_another_length_is_refused() -> None:
    players = players_of(n_samples=50)
    with pytest.raises(ConfigError, match="evidence of 100 samples for a window of 50"):
        score(map_of(players, np.ones(players.n_players)), 0, evidence_in(box(V1, 20, 30)))


def test_an_ecg_without_evidence_is_refused() -> None:
    players = players_of()
    with pytest.raises(ConfigError, match="no evidence of RBBB"):
        score(map_of(players, np.ones(70)), 0, evidence_in(np.zeros((12, N), bool)))


def test_the_right_timing_players_share_is_of_the_positive_timing_values() -> None:
    players = players_of(timing=True)
    values = np.full(players.n_players, 9.0)
    values[players.n_shapes :] = [3.0, 1.0, -4.0, 0.0]
    said = map_of(players, values)
    assert timing_share(said, 0, "SB") == pytest.approx(0.75)
    assert timing_share(said, 0, "AF") == pytest.approx(0.25)
    assert timing_share(said, 0, "IAVB") == 0.0
    values[players.n_shapes :] = -1.0
    assert timing_share(map_of(players, values), 0, "IAVB") == 0.25


def test_every_timing_diagnosis_has_a_timing_player() -> None:
    assert {name for name, kinds in KINDS.items() if "timing" in kinds} == set(RIGHT_TIMING)
    assert set(RIGHT_TIMING.values()) == set(TIMING)


def test_a_shape_or_an_explanation_without_timing_has_no_timing_share() -> None:
    players = players_of()
    with pytest.raises(ConfigError, match="unknown timing diagnosis 'RBBB'"):
        timing_share(map_of(players, np.ones(70)), 0, "RBBB")
    with pytest.raises(ConfigError, match="no timing players"):
        timing_share(map_of(players, np.ones(70)), 0, "SB")


@pytest.fixture(scope="module")
def pair() -> Batch:
    settings = CohortSettings(
        cohort="pairs", diagnosis="RBBB", n_recordings=2, seed=4, fs=N, noise="none"
    )
    return programme_batch(settings, np.array([0]))


def test_an_ecg_without_its_effect_is_its_twin(pair: Batch) -> None:
    clean = twelve_leads(clean_leads(pair, pair.programme, 0))
    np.testing.assert_allclose(
        clean - effect(pair, 0, "RBBB"), twin_signal(pair, 0, "RBBB"), atol=1e-6
    )


def test_the_effect_is_where_the_evidence_is(pair: Batch) -> None:
    # Without a high-pass the evidence is the size of the effect.
    slow = replace(pair, devices=replace(pair.devices, high_pass=np.zeros(1)))
    found, change = evidence_for(slow, 0, "RBBB"), np.abs(effect(slow, 0, "RBBB"))
    np.testing.assert_allclose(
        found.difference.astype(float), np.minimum(change / found.scale, 1), atol=2e-3
    )
    assert change[found.mask].sum() > 0.9 * change.sum()


class Sum(nn.Module):
    """The logit is the weighted sum over all leads and samples."""

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.from_numpy(weights.astype(np.float32)))

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logit."""
        return (signal.mean(dim=2) @ self.weights)[:, None]


def test_what_a_linear_model_uses_is_its_weights_times_the_effect(pair: Batch) -> None:
    weights = np.random.default_rng(0).normal(size=12)
    config = BundleConfig(
        model=ResNetSettings(), leads=STANDARD_LEADS, fs=float(N), duration=10.0,
        resampling="polyphase", normalisation="millivolt", classes=(diagnosis("RBBB").code,),
        thresholds=(0.5,), trained_on={}, training={}, weights_sha256="", leadlens_version="",
    )  # fmt: skip
    change = effect(pair, 0, "RBBB")
    signal = twelve_leads(clean_leads(pair, pair.programme, 0))
    bundle = Bundle(Path("nowhere"), config, Sum(weights))
    said = model_truth(bundle, signal, change, plain_settings(pieces="waves"))
    parts = weights * change.mean(axis=1, dtype=np.float64)
    expected = [parts[:6].sum(), *parts[6:]]
    np.testing.assert_allclose(said.values[0], expected, atol=1e-5)
    assert np.abs(expected).max() > 1e-3
