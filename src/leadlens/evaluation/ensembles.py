"""Ensembles: several models' probabilities as one."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64

from leadlens.errors import ConfigError


def average(
    probabilities: Sequence[Float[np.ndarray, "n class"]],
) -> Float64[np.ndarray, "n class"]:
    """Return the mean of the models' probabilities (the linear pool; Lakshminarayanan et al. 2017).

    Not of their logits: there a single model that says 0 or 1, as those trained for soft F1 do,
    overrules all others. The mean of calibrated models is too modest (Ranjan & Gneiting 2010), so
    calibrate it, not its members alone.
    """
    shapes = {said.shape for said in probabilities}
    if len(shapes) != 1:
        found = ", ".join(map(str, sorted(shapes))) or "none"
        raise ConfigError(f"an ensemble needs probabilities of one shape: {found} given")
    return np.stack(probabilities).astype(np.float64).mean(axis=0)
