"""Explainers by name; all have one signature, a user's own too."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Final, cast

from leadlens.errors import ConfigError, choices
from leadlens.explain.attribution import Attribution
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.perturbation import perturb
from leadlens.explain.settings import ExplainSettings

Explainer = Callable[[FrozenModel, Game, ExplainSettings, int], Attribution]
"""Takes the model, the window and its players, the settings, and the number of the ECG."""

PERTURBATION: Final = ("lime", "shapley", "kernel_shap", "exact_shapley", "occlusion")
GRADIENT: Final = {
    "integrated_gradients": "leadlens.explain.gradients:integrated_gradients",
    "deeplift": "leadlens.explain.deeplift:deeplift",
    "grad_cam": "leadlens.explain.gradients:grad_cam",
    "cam": "leadlens.explain.cam:cam",
}
EXPLAINERS: Final[dict[str, str | Explainer]] = {
    **dict.fromkeys(PERTURBATION, perturb),
    **GRADIENT,
    "paper_lime": "leadlens.explain.paper_lime:paper_lime",
}
"""An explainer, or where it is: what needs an extra is imported when it is asked for."""
BY_DIAGNOSIS: Final = ("paper_lime",)
"""Explainers that pay for each diagnosis anew, and take which of them are asked for."""
LEAD_BLIND: Final = ("cam", "grad_cam")
"""Explainers that know when, not in which lead: all lead groups get the same."""


def explainer(name: str, asked: tuple[str, ...] | None = None) -> Explainer:
    """Return the explainer called `name`, or the one at "package.module:function".

    Args:
        name: of the explainer.
        asked: codes of the diagnoses that are wanted, for one that pays for each (None: all).

    Raises:
        ConfigError: there is none.
        MissingExtraError: its package is not installed.
    """
    found = EXPLAINERS.get(name, name)
    if not isinstance(found, str):
        return found
    module, colon, function = found.partition(":")
    if not colon:
        raise choices("explainer", name, tuple(EXPLAINERS))
    try:
        made = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"explainer {name}: {error}") from error
    is_narrowed = asked is not None and name in BY_DIAGNOSIS
    return cast(Explainer, partial(made, asked=asked) if is_narrowed else made)
