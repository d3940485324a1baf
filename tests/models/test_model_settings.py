"""Settings of networks: what they read, and what they say of what they do not know."""

import json

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from leadlens.errors import ConfigError
from leadlens.models.registry import NETWORKS
from leadlens.models.settings import (
    NETWORK_NAMES,
    ImportedSettings,
    InceptionTimeSettings,
    ModelSettings,
    ResNetSettings,
    StateSpaceSettings,
    XResNetSettings,
)
from leadlens.settings import checked


class Holder(BaseModel):
    """Settings that hold a network's, as training's and a bundle's do."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: ModelSettings = InceptionTimeSettings()


def test_every_name_is_that_of_one_network() -> None:
    kinds = {Holder(model={"name": name}).model.__class__ for name in NETWORK_NAMES}
    assert kinds | {ImportedSettings} == set(NETWORKS)


@pytest.mark.parametrize(
    "settings",
    [
        InceptionTimeSettings(squeeze=4),
        XResNetSettings(depth=101, n_filters=(1, 2, 3, 4)),
        StateSpaceSettings(time_scales=(0.5, 2.0)),
        ImportedSettings(name="a.b:C", arguments={"sizes": [1, 2], "how": {"deep": None}}),
    ],
    ids=lambda each: each.name,
)
def test_settings_come_back_from_json_as_they_were(settings: ModelSettings) -> None:
    text = Holder(model=settings).model_dump_json()
    assert Holder.model_validate_json(text).model == settings
    assert Holder(model=json.loads(text)["model"]).model == settings


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"name": "vgg"}, "model: unknown name 'vgg': networks are paper_inception, .*ClassName"),
        ({"depth": 3}, "model: no 'name': networks are paper_inception"),
        ({"name": 3}, "model: unknown name 3: networks are"),
        ("resnet", "model: no 'name'"),
        ({"name": "resnet", "kernel": 4}, r"model\.resnet\.kernel: kernel 4 is even"),
        ({"name": "xresnet1d", "kernel": 4}, r"model\.xresnet1d\.kernel: kernel 4 is even"),
        ({"name": "xresnet1d", "depth": 34}, r"model\.xresnet1d\.depth: .*18, 50 or 101"),
        ({"name": "state_space", "kernels": [3]}, r"model\.state_space\.kernels: Extra inputs"),
        ({"name": "not a path:Net"}, r"model\.imported\.name: .*not a path:Net"),
        ({"name": "a.b:C", "depth": 3}, r"model\.imported\.depth: Extra inputs"),
    ],
)
def test_a_fault_is_told_with_its_place_and_the_users_value(model: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        checked(Holder, {"model": model}, "study.yaml")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ResNetSettings().kernel = 5
