"""LIME's local regression against scikit-learn's ridge, and on functions known in closed form."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from leadlens.explain.neighbourhood import Neighbourhood

SHAPES = [(80, 30), (25, 30), (30, 31)]


def neighbourhood(n_draws: int, n_features: int, seed: int = 0) -> Neighbourhood:
    rng = np.random.default_rng(seed)
    return Neighbourhood(rng.normal(size=n_features), rng.normal(size=(n_draws, n_features)))


def points_of(near: Neighbourhood) -> np.ndarray:
    return np.vstack([near.instance, near.draws])


def lime_weights(points: np.ndarray) -> np.ndarray:
    """Return the root of exp(-d^2 / width^2), d the distance from the first point."""
    distance = np.linalg.norm(points - points[0], axis=1)
    width = 0.75 * np.sqrt(points.shape[1])
    return np.sqrt(np.exp(-(distance**2) / width**2))


def answers_to(points: np.ndarray) -> np.ndarray:
    """Return a function of the points that is not linear."""
    slopes = np.random.default_rng(9).normal(size=points.shape[1])
    return 1.0 / (1.0 + np.exp(-np.tanh(points) @ slopes))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_is_that_of_the_distance_from_the_instance(shape: tuple[int, int]) -> None:
    near = neighbourhood(*shape)
    np.testing.assert_allclose(near.weights, lime_weights(points_of(near)), atol=1e-12)
    assert near.weights[0] == 1.0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("penalty", [0.01, 1.0, 30.0])
def test_the_coefficients_are_those_of_scikit_learns_ridge(
    shape: tuple[int, int], penalty: float
) -> None:
    near = neighbourhood(*shape)
    points = points_of(near)
    answers = answers_to(points)
    expected = Ridge(alpha=penalty).fit(points, answers, sample_weight=lime_weights(points)).coef_
    np.testing.assert_allclose(near.ridge(answers, penalty), expected, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_features", [1, 8, 100])
def test_the_fit_is_a_ridge_on_the_features_with_the_largest_products(
    shape: tuple[int, int], n_features: int
) -> None:
    near = neighbourhood(*shape)
    points = points_of(near)
    answers, weights = answers_to(points), lime_weights(points)
    full = Ridge(alpha=0.01).fit(points, answers, sample_weight=weights)
    chosen = np.argsort(-np.abs(full.coef_ * near.instance))[:n_features]
    final = Ridge(alpha=1.0).fit(points[:, chosen], answers, sample_weight=weights)
    fit = near.fit(answers, n_features)
    assert set(fit.features) == set(chosen)
    assert len(fit.weights) == min(n_features, shape[1])
    place = {feature: k for k, feature in enumerate(chosen)}
    expected = final.coef_[[place[feature] for feature in fit.features]]
    np.testing.assert_allclose(fit.weights, expected, atol=1e-9)
    assert (np.diff(np.abs(fit.weights)) <= 0).all()
    r2 = final.score(points[:, chosen], answers, sample_weight=weights)
    assert fit.r2 == pytest.approx(r2, abs=1e-9)


def test_draws_of_single_precision_give_the_same_to_their_rounding() -> None:
    near = neighbourhood(60, 200)
    answers = answers_to(points_of(near))
    single = Neighbourhood(near.instance, near.draws.astype(np.float32))
    exact = near.ridge(answers, 0.01)
    np.testing.assert_allclose(single.ridge(answers, 0.01), exact, atol=1e-5 * np.abs(exact).max())


def test_a_linear_functions_weights_are_its_slopes() -> None:
    near = neighbourhood(4000, 12)
    slopes = np.random.default_rng(2).normal(size=12)
    fit = near.fit(points_of(near) @ slopes + 5.0, 12)
    np.testing.assert_allclose(fit.weights, slopes[fit.features], rtol=0.01)
    assert fit.r2 > 0.9999


def test_answers_that_never_change_have_no_weights() -> None:
    near = neighbourhood(50, 10)
    fit = near.fit(np.full(51, 0.25), 4)
    np.testing.assert_allclose(fit.weights, 0.0, atol=1e-12)
    assert fit.r2 == 0.0
