"""Person: age and sex as the numbers that a network is told."""

from typing import Final

import numpy as np
from jaxtyping import Float32

PERSON_FEATURES: Final = ("(age - 50) / 25", "age is known", "female", "male")


def person_features(age: float | None, sex: str | None) -> Float32[np.ndarray, " feature"]:
    """Return what a network is told of a person, as PERSON_FEATURES name it.

    Args:
        age: years; None where unknown.
        sex: "female" or "male"; anything else is unknown.

    Returns:
        (4,); the first is 0 where the age is unknown, the others are 0 or 1.
    """
    scaled = 0.0 if age is None else (age - 50.0) / 25.0
    return np.array([scaled, age is not None, sex == "female", sex == "male"], np.float32)
