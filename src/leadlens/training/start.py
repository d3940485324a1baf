"""What a training starts from: weights drawn at random, or those of a model trained before."""

from pathlib import Path
from typing import Final

from torch import Tensor, nn

from leadlens.bundle import load_bundle
from leadlens.data.batches import Dataset
from leadlens.errors import ConfigError
from leadlens.models.person import WithPerson
from leadlens.training.settings import TrainingSettings

OF_CLASSES: Final = ("head", "network.head", "added")
"""Layers whose rows are diagnoses, in a network and in one that takes a person beside the ECG."""


def start_from(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put `weights` into a network, whose last layer they may lack, in place.

    A network that takes a person may start from one of the ECG alone.

    Raises:
        ConfigError: they are those of another network.
    """
    if isinstance(network, WithPerson) and not any(n.startswith("network.") for n in weights):
        network = network.network
    try:
        missing, unexpected = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise ConfigError(f"start: weights of another network: {error}") from error
    others = [name for name in missing if not _is_of_classes(name)] + list(unexpected)
    if others:
        raise ConfigError(
            f"start: weights of another network ({', '.join(others[:3])} do not match): "
            "start from a model of the same kind and size"
        )


def _is_of_classes(name: str) -> bool:
    """Return whether a weight has a row for each diagnosis."""
    return name.rpartition(".")[0] in OF_CLASSES


def starting_weights(
    start: Path | None, data: Dataset, settings: TrainingSettings
) -> dict[str, Tensor] | None:
    """Return the weights of the model in the folder `start`; None where there is none.

    Its last layer is cut to the diagnoses of `data`; one that it does not know leaves the whole
    layer to be drawn at random, unless the model is taken as it is.

    Args:
        start: the folder.
        data: what will be learned from.
        settings: how; with 0 epochs the model is taken as it is.

    Raises:
        ConfigError: the model has other leads, another rate or another scale than `data`, or is
            taken as it is and does not know all diagnoses.
        BundleError: there is no such model.
    """
    if start is None:
        return None
    bundle = load_bundle(start)
    config = bundle.config
    theirs = config.leads, config.fs, config.normalisation
    if theirs != (data.leads, data.store.fs, data.normalisation):
        raise ConfigError(
            f"{start} has {len(config.leads)} leads, {config.fs:g} Hz and scale "
            f"'{config.normalisation}'; this training has {len(data.leads)}, {data.store.fs:g} Hz "
            f"and '{data.normalisation}': start from a model with the same"
        )
    is_final = settings.epochs == 0
    if config.takes_person != settings.takes_person and (is_final or config.takes_person):
        raise ConfigError(
            f"{start} has takes_person={config.takes_person}, this training has not: set the same"
        )
    weights = bundle.model.state_dict()
    unknown = [code for code in data.classes if code not in config.classes]
    if unknown and is_final:
        raise ConfigError(
            f"{start} does not know {', '.join(unknown)}, and epochs=0 would not teach it: "
            "train for some epochs, or leave these diagnoses out"
        )
    if unknown:
        return {name: value for name, value in weights.items() if not _is_of_classes(name)}
    rows = [config.classes.index(code) for code in data.classes]
    return {name: value[rows] if _is_of_classes(name) else value for name, value in weights.items()}
