"""Asked: which of a model's diagnoses are explained."""

import numpy as np
from jaxtyping import Float

from leadlens.bundle import Bundle
from leadlens.ecg.diagnoses import diagnosis
from leadlens.errors import ConfigError


def asked_codes(
    bundle: Bundle, logits: Float[np.ndarray, " class"], names: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the codes to explain: those named, else those given, else the most probable one.

    Args:
        bundle: the model.
        logits: what it says of the window.
        names: diagnoses (abbreviation or code).

    Raises:
        ConfigError: a name is no diagnosis, or none of the model's.
    """
    if names:
        return named_codes(bundle, names)
    given = given_codes(bundle, logits)
    return given or (bundle.config.classes[int(np.argmax(logits))],)


def named_codes(bundle: Bundle, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the codes of named diagnoses, each once.

    Raises:
        ConfigError: a name is no diagnosis, or none of the model's.
    """
    codes = {name: diagnosis(name).code for name in names}
    unknown = [name for name, code in codes.items() if code not in bundle.config.classes]
    if unknown:
        known = ", ".join(diagnosis(code).abbreviation for code in bundle.config.classes)
        raise ConfigError(f"the model does not know {', '.join(unknown)}: it knows {known}")
    return tuple(dict.fromkeys(codes.values()))


def given_codes(bundle: Bundle, logits: Float[np.ndarray, " class"]) -> tuple[str, ...]:
    """Return the codes that the model gives, above their thresholds."""
    probabilities = 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))
    given = probabilities > np.array(bundle.config.thresholds)
    return tuple(c for c, is_given in zip(bundle.config.classes, given, strict=True) if is_given)
