"""Losses as they are written in settings."""

import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from leadlens.errors import ConfigError
from leadlens.models.loss_settings import FocalSettings, LossSettings
from leadlens.settings import checked

NAMES = ("bce", "focal", "asymmetric", "soft_f1", "double_soft_f1", "bce_soft_f1", "challenge")


class Holder(BaseModel):
    """Something with a loss."""

    loss: LossSettings


def read(loss: object) -> Any:
    return checked(Holder, {"loss": loss}, "test")


@pytest.mark.parametrize("name", NAMES)
def test_a_bare_name_is_that_loss_with_its_defaults_and_is_written_so(name: str) -> None:
    holder = read(name)
    assert holder.loss.name == name
    assert holder == read({"name": name})
    assert json.loads(holder.model_dump_json()) == holder.model_dump() == {"loss": name}


def test_a_loss_with_other_values_is_written_with_all_of_them_and_comes_back() -> None:
    holder = read({"name": "focal", "gamma": 1})
    assert holder.loss == FocalSettings(gamma=1)
    written = {"loss": {"name": "focal", "gamma": 1.0, "alpha": None}}
    assert json.loads(holder.model_dump_json()) == written
    assert Holder.model_validate(written) == holder


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("vocal", r"loss: .*'vocal'.*'focal'"),
        (3, r"loss: .*"),
        ({"gamma": 1}, r"loss: .*'name'"),
        ({"name": "bce", "gamma": 1}, r"loss\.bce\.gamma: .*given: 1"),
        ({"name": "focal", "gamma": -1}, r"loss\.focal\.gamma: .*given: -1"),
        ({"name": "focal", "alpha": 1.0}, r"loss\.focal\.alpha: .*given: 1\.0"),
        ({"name": "asymmetric", "margin": 1.0}, r"loss\.asymmetric\.margin"),
        ({"name": "soft_f1", "memory": 1.0}, r"loss\.soft_f1\.memory: .*given: 1\.0"),
        ({"name": "bce_soft_f1", "weight": 1.5}, r"loss\.bce_soft_f1\.weight"),
    ],
)
def test_a_loss_that_makes_no_sense_is_refused_by_name_and_value(loss: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(loss)


def test_settings_of_losses_need_no_torch() -> None:
    code = "import sys, leadlens.models.loss_settings as _; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
