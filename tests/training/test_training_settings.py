"""Presets and changes to them."""

import pytest

from leadlens.errors import ConfigError
from leadlens.models.loss_settings import BceSettings, DoubleSoftF1Settings, FocalSettings
from leadlens.models.settings import InceptionTimeSettings, PaperInceptionSettings
from leadlens.training.settings import PRESETS, TrainingSettings, preset


def test_the_paper_preset_is_the_published_training() -> None:
    settings = preset("paper")
    assert settings.model == PaperInceptionSettings(n_filters=64)
    assert (settings.loss.name, settings.normalisation, settings.lead_set) == (
        "double_soft_f1",
        "microvolt",
        "12",
    )
    assert (settings.batch_size, settings.learning_rate, settings.epochs) == (30, 1e-3, 15)
    assert (settings.schedule, settings.threshold) == ("published_steps", 0.5)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_comes_back_from_its_own_json(name: str) -> None:
    settings = preset(name)
    assert TrainingSettings.model_validate_json(settings.model_dump_json()) == settings


def test_the_small_preset_multiplies_a_fifteenth_of_inception_time() -> None:
    def multiplications(model: object) -> int:
        assert isinstance(model, InceptionTimeSettings)
        n, joined = model.n_filters, model.n_filters * (len(model.kernels) + 1)
        sizes = [12] + [joined] * (model.depth - 1)
        return sum(2 * size * n + n * n * sum(model.kernels) for size in sizes)

    full, small = (multiplications(preset(name).model) for name in ("inception_time", "small"))
    assert full / small > 15


def test_a_change_replaces_one_setting_and_leaves_the_others() -> None:
    changed = preset("paper").model_copy(update={"loss": BceSettings()})
    assert preset("paper", {"loss": "bce"}) == changed


def test_a_change_of_the_networks_size_keeps_the_presets_network() -> None:
    small = preset("small").model
    assert preset("small", {"model": {"depth": 2}}).model == small.model_copy(update={"depth": 2})


def test_a_change_of_the_loss_keeps_the_presets_loss() -> None:
    remembering = DoubleSoftF1Settings(memory=0.9)
    assert preset("paper", {"loss": {"memory": 0.9}}).loss == remembering
    assert preset("paper", {"loss": {"name": "double_soft_f1", "memory": 0.9}}).loss == remembering
    assert preset("paper", {"loss": {"name": "focal", "gamma": 1}}).loss == FocalSettings(gamma=1)


def test_another_network_starts_from_its_own_defaults() -> None:
    changed = preset("small", {"model": {"name": "paper_inception"}})
    assert changed.model == PaperInceptionSettings()


def test_an_unknown_preset_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'huge'.*small, resnet, inception_time, best, paper"):
        preset("huge")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("loss", "vocal"),
        ("loss", {"memory": 0.5}),
        ("epochs", 0),
        ("batch_size", 1),
        ("learning_rate", -1.0),
        ("lead_set", "5"),
        ("schedule", "cosine"),
        ("threshold", 1.0),
        ("epoch", 3),
        ("model", {"name": "vgg"}),
        ("model", {"name": "resnet", "kernel": 8}),
        ("model", {"name": "inception_time", "kernels": []}),
    ],
)
def test_a_setting_that_is_not_allowed_is_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"'small'.*{key}"):
        preset("small", {key: value})
