"""The surrogate against scikit-learn's ridge, on linear functions, and under noise."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from leadlens.explain.designs import make_design
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.surrogate import Surrogate, error_of_sums, fit_surrogate, make_surrogate

N_PLAYERS = 14


def design_of(kind: str, seed: int = 0) -> np.ndarray:
    return make_design(N_PLAYERS, ExplainSettings(design=kind, n_samples=90, seed=seed))


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
    masks = design_of(kind)
    logits = np.random.default_rng(1).normal(size=(len(masks), 3)) * 4 + 2
    weights = lime_weights(masks, width)
    expected = Ridge(alpha=ridge).fit(masks.astype(float), logits, sample_weight=weights)
    fit = fit_surrogate(make_surrogate(masks, ridge, width), logits)
    np.testing.assert_allclose(fit.values, expected.coef_, atol=1e-8)
    said = expected.predict(masks.astype(float))
    r2 = r2_score(logits, said, sample_weight=weights, multioutput="raw_values")
    # Adjusted for the number of players (Ezekiel).
    adjusted = 1 - (1 - r2) * (len(masks) - 1) / (len(masks) - N_PLAYERS - 1)
    np.testing.assert_allclose(fit.r2, adjusted, atol=1e-8)


def test_noise_has_nothing_explained_on_average() -> None:
    surrogate = make_surrogate(design_of("bernoulli"), 0.0, 2.0)
    noise = np.random.default_rng(6).normal(size=(len(surrogate.design), 4000))
    assert abs(fit_surrogate(surrogate, noise).r2.mean()) < 0.01


@pytest.mark.parametrize("kind", ["hadamard", "bernoulli"])
def test_a_linear_function_is_recovered_exactly(kind: str) -> None:
    masks = design_of(kind)
    slopes = np.random.default_rng(2).normal(size=(2, N_PLAYERS))
    fit = fit_surrogate(make_surrogate(masks, 0.0, 0.25), masks @ slopes.T + [5.0, -7.0])
    np.testing.assert_allclose(fit.values, slopes, atol=1e-9)
    np.testing.assert_allclose(fit.r2, 1.0, atol=1e-12)
    assert fit.standard_error.max() < 1e-8


def test_every_class_is_fitted_as_if_it_were_alone() -> None:
    masks = design_of("hadamard")
    logits = np.random.default_rng(3).normal(size=(len(masks), 4))
    surrogate = make_surrogate(masks, 1.0, 0.25)
    together = fit_surrogate(surrogate, logits)
    for column in range(4):
        alone = fit_surrogate(surrogate, logits[:, column : column + 1])
        np.testing.assert_allclose(together.values[column], alone.values[0], atol=1e-12)
        np.testing.assert_allclose(together.standard_error[column], alone.standard_error[0])


def test_logits_that_never_change_have_nothing_explained() -> None:
    masks = design_of("hadamard")
    fit = fit_surrogate(make_surrogate(masks, 1.0, 0.25), np.full((len(masks), 1), 3.0))
    np.testing.assert_allclose(fit.values, 0.0, atol=1e-9)
    assert fit.r2.tolist() == [0.0]


def noisy_fits(surrogate: Surrogate, noise_of: np.ndarray, n: int = 4000) -> tuple[np.ndarray, ...]:
    """Return errors and their stated sizes of `n` fits, for coefficients and for seven sums."""
    rng = np.random.default_rng(4)
    n_players = surrogate.design.shape[1] - 1
    slopes = rng.normal(size=n_players)
    truth = surrogate.design[:, 1:] @ slopes
    logits = truth[:, None] + noise_of[:, None] * rng.normal(size=(len(truth), n))
    fit = fit_surrogate(surrogate, logits)
    sums = np.kron(np.eye(7), np.ones(n_players // 7))
    return (
        fit.values - slopes,
        fit.standard_error,
        (fit.values - slopes) @ sums.T,
        error_of_sums(surrogate, fit, sums),
    )


@pytest.mark.parametrize("kind", ["hadamard", "bernoulli"])
def test_standard_errors_are_the_spread_under_noise_that_the_weights_stand_for(kind: str) -> None:
    surrogate = make_surrogate(design_of(kind), 0.0, 0.25)
    errors, said, sum_errors, sum_said = noisy_fits(surrogate, 0.5 / np.sqrt(surrogate.weights))
    np.testing.assert_allclose(np.sqrt((said**2).mean(axis=0)), errors.std(axis=0), rtol=0.06)
    np.testing.assert_allclose(
        np.sqrt((sum_said**2).mean(axis=0)), sum_errors.std(axis=0), rtol=0.06
    )


@pytest.mark.parametrize("kind", ["hadamard", "bernoulli"])
def test_intervals_of_two_standard_errors_hold_the_truth_under_plain_noise(kind: str) -> None:
    # The default design: 7 lead groups x 10 segments.
    surrogate = make_surrogate(make_design(70, ExplainSettings(design=kind)), 0.0, 0.25)
    errors, said, sum_errors, sum_said = noisy_fits(surrogate, np.full(len(surrogate.design), 0.5))
    for error, size in ((errors, said), (sum_errors, sum_said)):
        covered = (np.abs(error) < 1.96 * size).mean(axis=0)
        assert (covered > 0.91).all()
        assert (covered < 0.975).all()


def test_the_errors_of_single_players_are_those_of_their_trivial_sums() -> None:
    masks = design_of("bernoulli")
    surrogate = make_surrogate(masks, 1.0, 0.25)
    fit = fit_surrogate(surrogate, np.random.default_rng(5).normal(size=(len(masks), 3)))
    np.testing.assert_allclose(
        error_of_sums(surrogate, fit, np.eye(N_PLAYERS)), fit.standard_error, rtol=1e-12
    )
