"""LIME's surrogate against scikit-learn's ridge, on linear functions, and under noise."""

import numpy as np
import pytest
from plain_settings import plain_settings
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from leadlens.explain.designs import Design, lime, make_design
from leadlens.explain.perturbation import estimates

N_PLAYERS = 14
EACH = np.eye(N_PLAYERS)


def masks_of(kind: str, n_players: int = N_PLAYERS) -> np.ndarray:
    chosen = {"design": kind, "n_samples": 90 if n_players < 40 else 512}
    return make_design(n_players, plain_settings(**chosen)).masks


def lime_weights(masks: np.ndarray, width: float) -> np.ndarray:
    """Return LIME's kernel: the root of exp(-d^2 / width^2), d the cosine distance from all-on."""
    ones = np.ones(masks.shape[1])
    norms = np.maximum(np.linalg.norm(masks.astype(float), axis=1), 1e-300)
    cosine = masks @ ones / (norms * np.linalg.norm(ones))
    weights = np.sqrt(np.exp(-((1.0 - cosine) ** 2) / width**2))
    return weights / weights.mean()


@pytest.mark.parametrize("kind", ["hadamard", "bernoulli"])
@pytest.mark.parametrize("ridge", [0.01, 1.0, 25.0])
@pytest.mark.parametrize("width", [0.25, 2.0])
def test_the_coefficients_are_those_of_scikit_learns_ridge(
    kind: str, ridge: float, width: float
) -> None:
    masks = masks_of(kind)
    logits = np.random.default_rng(1).normal(size=(len(masks), 3)) * 4 + 2
    weights = lime_weights(masks, width)
    expected = Ridge(alpha=ridge).fit(masks.astype(float), logits, sample_weight=weights)
    values, _, said_r2 = estimates(lime(masks, ridge, width), logits, EACH)
    np.testing.assert_allclose(values, expected.coef_, atol=1e-8)
    said = expected.predict(masks.astype(float))
    r2 = r2_score(logits, said, sample_weight=weights, multioutput="raw_values")
    # Adjusted for the number of players (Ezekiel).
    adjusted = 1 - (1 - r2) * (len(masks) - 1) / (len(masks) - N_PLAYERS - 1)
    np.testing.assert_allclose(said_r2, adjusted, atol=1e-8)


def test_noise_has_nothing_explained_on_average() -> None:
    design = lime(masks_of("bernoulli"), 0.0, 2.0)
    noise = np.random.default_rng(6).normal(size=(len(design.masks), 4000))
    assert abs(estimates(design, noise, EACH)[2].mean()) < 0.01


@pytest.mark.parametrize("kind", ["hadamard", "bernoulli"])
def test_a_linear_function_is_recovered_exactly(kind: str) -> None:
    masks = masks_of(kind)
    slopes = np.random.default_rng(2).normal(size=(2, N_PLAYERS))
    logits = masks @ slopes.T + [5.0, -7.0]
    values, errors, r2 = estimates(lime(masks, 0.0, 0.25), logits, EACH)
    np.testing.assert_allclose(values, slopes, atol=1e-9)
    np.testing.assert_allclose(r2, 1.0, atol=1e-12)
    assert errors.max() < 1e-8


def test_every_class_is_fitted_as_if_it_were_alone() -> None:
    masks = masks_of("hadamard")
    logits = np.random.default_rng(3).normal(size=(len(masks), 4))
    design = lime(masks, 1.0, 0.25)
    together = estimates(design, logits, EACH)
    for column in range(4):
        alone = estimates(design, logits[:, column : column + 1], EACH)
        for all_of_them, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(all_of_them[column], one[0], atol=1e-12)


def test_logits_that_never_change_have_nothing_explained() -> None:
    masks = masks_of("hadamard")
    values, _, r2 = estimates(lime(masks, 1.0, 0.25), np.full((len(masks), 1), 3.0), EACH)
    np.testing.assert_allclose(values, 0.0, atol=1e-9)
    assert r2.tolist() == [0.0]


def noisy_fits(design: Design, noise_of: np.ndarray, n: int = 4000) -> tuple[np.ndarray, ...]:
    """Return errors and their stated sizes of `n` fits, for coefficients and for seven sums."""
    rng = np.random.default_rng(4)
    n_players = design.masks.shape[1]
    slopes = rng.normal(size=n_players)
    truth = design.masks @ slopes
    logits = truth[:, None] + noise_of[:, None] * rng.normal(size=(len(truth), n))
    sums = np.kron(np.eye(7), np.ones(n_players // 7))
    values, errors, _ = estimates(design, logits, np.vstack([np.eye(n_players), sums]))
    off = values - np.concatenate([slopes, sums @ slopes])
    return off[:, :n_players], errors[:, :n_players], off[:, n_players:], errors[:, n_players:]


@pytest.mark.parametrize("kind", ["hadamard", "bernoulli"])
def test_standard_errors_are_the_spread_under_noise_that_the_weights_stand_for(kind: str) -> None:
    design = lime(masks_of(kind), 0.0, 0.25)
    errors, said, sum_errors, sum_said = noisy_fits(design, 0.5 / np.sqrt(design.weights))
    np.testing.assert_allclose(np.sqrt((said**2).mean(axis=0)), errors.std(axis=0), rtol=0.06)
    np.testing.assert_allclose(
        np.sqrt((sum_said**2).mean(axis=0)), sum_errors.std(axis=0), rtol=0.06
    )


@pytest.mark.parametrize("kind", ["hadamard", "bernoulli"])
def test_intervals_of_two_standard_errors_hold_the_truth_under_plain_noise(kind: str) -> None:
    # The default design: 7 lead groups x 10 segments.
    design = lime(masks_of(kind, 70), 0.0, 0.25)
    errors, said, sum_errors, sum_said = noisy_fits(design, np.full(len(design.masks), 0.5))
    for error, size in ((errors, said), (sum_errors, sum_said)):
        covered = (np.abs(error) < 1.96 * size).mean(axis=0)
        assert (covered > 0.91).all()
        assert (covered < 0.975).all()
