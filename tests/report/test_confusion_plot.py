"""Confusion plots: the colours' scale, and what nobody has."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from drawn import fill

from leadlens.errors import ConfigError
from leadlens.evaluation.confusion import Confusion
from leadlens.report.confusion_plot import confusion_plot


def drawn(given: list[float]) -> ET.Element:
    shares = np.array([given])
    confusion = Confusion(("AF",), shares, np.full(shares.shape, 8))
    return ET.fromstring(confusion_plot(confusion, "c"))


def test_a_share_has_the_same_colour_in_every_confusion() -> None:
    one, other = drawn([0.5, 0.1]), drawn([0.5, 0.9])
    assert fill(one, "c-cell-0-0").tolist() == fill(other, "c-cell-0-0").tolist()
    assert fill(one, "c-cell-0-1").sum() > fill(other, "c-cell-0-1").sum()


def test_a_confusion_of_nobody_is_refused() -> None:
    nobody = Confusion(("AF",), np.full((1, 2), np.nan), np.zeros((1, 2), int))
    with pytest.raises(ConfigError, match="no recording has any of 1 diagnoses"):
        confusion_plot(nobody)
